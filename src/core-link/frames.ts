import { ProtocolBroken } from './byte-reader.ts'

/** Length of what follows, in front of every frame. */
export const frameHeaderBytes = 4

/** Puts a stream of bytes together to frames: a length, and as many bytes of messages. */
export class FrameReader {
  readonly #bytesMax: number
  #rest: Buffer[] = []
  #restBytes = 0
  /** Of the frame that is arriving, header included; unknown until its header is there. */
  #wanted = frameHeaderBytes

  /** @param bytesMax longest frame that is accepted, without its header */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /**
   * Takes what has arrived.
   * @returns the frames that are complete now, without their headers
   * @throws ProtocolBroken for one that is too long
   */
  push(chunk: Buffer): Buffer[] {
    this.#rest.push(chunk)
    this.#restBytes += chunk.length
    if (this.#restBytes < this.#wanted) return []
    let bytes = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest)
    const frames: Buffer[] = []
    this.#wanted = frameHeaderBytes
    while (bytes.length >= frameHeaderBytes) {
      const length = bytes.readUInt32LE(0)
      if (length > this.#bytesMax) throw new ProtocolBroken(`a frame of ${length} bytes is too long`)
      this.#wanted = frameHeaderBytes + length
      if (bytes.length < this.#wanted) break
      frames.push(bytes.subarray(frameHeaderBytes, this.#wanted))
      bytes = bytes.subarray(this.#wanted)
      this.#wanted = frameHeaderBytes
    }
    this.#rest = bytes.length > 0 ? [bytes] : []
    this.#restBytes = bytes.length
    return frames
  }
}
