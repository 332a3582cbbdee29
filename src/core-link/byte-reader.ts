/** A peer sent what the protocol does not know. The link to it cannot go on. */
export class ProtocolBroken extends Error {
  override readonly name = 'ProtocolBroken'
}

/** Reads what a `ByteWriter` wrote. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length
  }

  /** @throws ProtocolBroken if there are not so many */
  #claim(count: number): number {
    const start = this.#at
    this.#at = start + count
    if (this.#at > this.#bytes.length) throw new ProtocolBroken('a message ends too early')
    return start
  }

  uint8(): number {
    const at = this.#claim(1)
    return this.#bytes[at] ?? 0
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#claim(4))
  }

  int32(): number {
    return this.#bytes.readInt32LE(this.#claim(4))
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#claim(8))
  }

  shortText(): string {
    const count = this.uint8()
    const at = this.#claim(count)
    return this.#bytes.toString('latin1', at, at + count)
  }

  longText(): string {
    const count = this.uint32()
    const at = this.#claim(count)
    return this.#bytes.toString('utf8', at, at + count)
  }

  /** @throws ProtocolBroken if it is no JSON */
  json(): unknown {
    const text = this.longText()
    try {
      return JSON.parse(text) as unknown
    } catch (cause) {
      throw new ProtocolBroken('a message is not JSON', { cause })
    }
  }
}
