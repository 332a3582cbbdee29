/** Whether `int32` writes the number exactly. */
export function fits32Bits(value: number): boolean {
  return (value | 0) === value
}

/** Bytes that grow as they are written, little-endian. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** Makes room for so many more bytes. @returns where they begin */
  #claim(count: number): number {
    const start = this.#length
    const end = start + count
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, 2 * this.#bytes.length))
      this.#bytes.copy(grown, 0, 0, start)
      this.#bytes = grown
    }
    this.#length = end
    return start
  }

  uint8(value: number): void {
    const at = this.#claim(1)
    this.#bytes[at] = value
  }

  uint32(value: number): void {
    const at = this.#claim(4)
    this.#bytes.writeUInt32LE(value, at)
  }

  int32(value: number): void {
    const at = this.#claim(4)
    this.#bytes.writeInt32LE(value, at)
  }

  /** Whole numbers beyond 32 bits, exact up to 2^53. */
  float64(value: number): void {
    const at = this.#claim(8)
    this.#bytes.writeDoubleLE(value, at)
  }

  /** At most 255 characters of ASCII. */
  shortText(text: string): void {
    const at = this.#claim(1 + text.length)
    this.#bytes[at] = text.length
    this.#bytes.write(text, at + 1, 'latin1')
  }

  longText(text: string): void {
    const count = Buffer.byteLength(text)
    const at = this.#claim(4 + count)
    this.#bytes.writeUInt32LE(count, at)
    this.#bytes.write(text, at + 4, 'utf8')
  }

  /** Sets what was written at `at` with `uint32`. */
  patchUint32(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at)
  }

  /** Copies what was written and begins again, for as long as its buffer is of a usual size. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafe(keptBytesMax)
    return taken
  }
}

const keptBytesMax = 256 * 1024
