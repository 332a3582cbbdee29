import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Provenance } from './batcher-ports.ts'

/** What a message is. A signature of one kind is worth nothing on the other. */
export type SealedKind = 'journal' | 'notice'

/** The header of a message that carries the id of a key, a dot, and an HMAC-SHA256 in base64url. */
const header = 'enrollment-signature'

interface Key {
  readonly id: string
  readonly secret: string
}

/**
 * Signs what a campus sends through the broker, and tells what it has signed from what others publish. The keys are in the
 * database: the first signs, all verify.
 */
export class Seal {
  readonly #campus: string
  readonly #readKeys: () => Promise<readonly string[]>
  #keys: readonly Key[] = []

  constructor(campus: string, readKeys: () => Promise<readonly string[]>) {
    this.#campus = campus
    this.#readKeys = readKeys
  }

  /** Reads the keys, which may have been changed. @throws when the database cannot be reached */
  async refresh(): Promise<void> {
    const secrets = await this.#readKeys()
    this.#keys = secrets.map((secret) => ({ id: keyId(secret), secret }))
  }

  /** Whether they were ever read. */
  get hasKeys(): boolean {
    return this.#keys.length > 0
  }

  /** The headers to send a message with. */
  sign(kind: SealedKind, body: Buffer): Readonly<Record<string, string>> {
    const [first] = this.#keys
    if (first === undefined) throw new Error('the keys of the campus are read before anything is signed')
    return { [header]: `${first.id}.${this.#mac(first, kind, body).toString('base64url')}` }
  }

  /** Who wrote a message that came with these headers. */
  provenanceOf(kind: SealedKind, body: Buffer, headers: Readonly<Record<string, unknown>>): Provenance {
    const signature = headers[header]
    if (signature === undefined) return { origin: 'unsigned' }
    const [id, mac] = typeof signature === 'string' ? signature.split('.') : []
    const key = this.#keys.find((known) => known.id === id)
    if (key === undefined || mac === undefined) return { origin: 'forged' }
    const given = Buffer.from(mac, 'base64url')
    const right = this.#mac(key, kind, body)
    const isOurs = given.length === right.length && timingSafeEqual(given, right)
    return isOurs ? { origin: 'ours', signedWith: key.id } : { origin: 'forged' }
  }

  #mac({ secret }: Key, kind: SealedKind, body: Buffer): Buffer {
    return createHmac('sha256', secret).update(`${kind} ${this.#campus}\n`).update(body).digest()
  }
}

/** How a key is called where the key itself must not be seen. */
export function keyId(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 12)
}
