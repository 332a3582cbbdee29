import { isUtf8 } from 'node:buffer'

const newline = 10

/** Whether a file is UTF-8 all through, told piece by piece, and on which line it is not. */
export class EncodingCheck {
  #tail: Uint8Array = new Uint8Array()
  #line = 1
  #started = false

  /** @returns what is wrong, and the line, or undefined */
  check(chunk: Uint8Array): { line: number; reason: string } | undefined {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    const utf16 = !this.#started && startsAsUtf16(bytes)
    this.#started = true
    if (utf16) return { line: 1, reason: 'is UTF-16; save it as "CSV UTF-8"' }
    const cut = startOfIncompleteCharacter(bytes)
    this.#tail = bytes.subarray(cut)
    return this.#checkWhole(bytes.subarray(0, cut))
  }

  /** To be called after the last piece: a character may be cut short there. */
  end(): { line: number; reason: string } | undefined {
    return this.#checkWhole(this.#tail)
  }

  #checkWhole(bytes: Uint8Array): { line: number; reason: string } | undefined {
    const valid = isUtf8(bytes)
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(newline, start)
      const stop = end < 0 ? bytes.length : end + 1
      if (!valid && !isUtf8(bytes.subarray(start, stop))) {
        return { line: this.#line, reason: 'is not UTF-8; save the file as "CSV UTF-8"' }
      }
      if (end >= 0) this.#line++
      start = stop
    }
    return undefined
  }
}

function startsAsUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

/** A piece may end inside a character of 2 to 4 bytes. */
function startOfIncompleteCharacter(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte >= 0x80 && byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
