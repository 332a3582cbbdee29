import { hash as hashArgon2, verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'

/** OWASP's first choice: 19 MiB, two passes, one lane. */
const argon2id = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** What a wrong password is checked against before any stored hash was seen; nobody has its password. */
export const nobodysHash =
  '$argon2id$v=19$m=19456,t=2,p=1$SrGylgifMMzTQ+L8rzWBsw$qa6SXSoooyG9NEbhzafUalGHsO9FHTs96VevxY8/HH0'

/** Hashes a password for the tables: argon2id, off the main thread. */
export function hashPassword(password: string): Promise<string> {
  return hashArgon2(password, argon2id)
}

/** A stored hash that no scheme of ours made; the message does not hold it. */
export class UnknownHash extends Error {
  override readonly name = 'UnknownHash'
}

/**
 * Checks a password off the main thread.
 * @param stored argon2 or bcrypt (`$2a$`, `$2b$`, `$2y$`)
 * @throws UnknownHash if `stored` is neither, or cannot be read
 */
export async function verifyPassword(stored: string, password: string): Promise<boolean> {
  if (/^\$2[aby]\$\d\d\$/.test(stored)) return verifyBcrypt(password, stored)
  if (!/^\$argon2(id|i|d)\$/.test(stored))
    throw new UnknownHash('a stored password hash is of no known scheme')
  try {
    return await verifyArgon2(stored, password)
  } catch {
    // The cause is left out: its message may quote the hash.
    throw new UnknownHash('a stored argon2 hash cannot be read')
  }
}
