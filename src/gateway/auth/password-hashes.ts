import { hash as hashArgon2, verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { argonMemoryKiBMax, argonPassesMax, bcryptCostMax } from '../../../schema/registry-limits.ts'

/** OWASP's first choice: 19 MiB, two passes, one lane. */
const argon2id = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** The kind of the hashes that `hashPassword` makes. */
export const newHashKind = '$argon2id$v=19$m=19456,t=2,p=1'

/**
 * The scheme and cost of a stored hash, which decide how much work a check is: `$2b$10`, or `$argon2id$v=19$m=…,t=…,p=…`.
 * The versions of bcrypt cost the same. Undefined for no known scheme, and for more work than a load accepts.
 */
export function hashKindOf(stored: string): string | undefined {
  const bcrypt = /^\$2[aby]\$(\d\d)(\$|$)/.exec(stored)
  if (bcrypt !== null) return Number(bcrypt[1]) <= bcryptCostMax ? `$2b$${bcrypt[1]}` : undefined
  const argon2 = /^\$argon2(?:id|i|d)(?:\$v=\d+)?\$m=(\d+),t=(\d+),p=\d+(?=\$|$)/.exec(stored)
  if (argon2 === null || Number(argon2[1]) > argonMemoryKiBMax || Number(argon2[2]) > argonPassesMax)
    return undefined
  return argon2[0]
}

/** A hash of this kind whose password nobody has. */
export function nobodysHash(kind: string): string {
  return kind.startsWith('$2')
    ? `${kind}$IHUHm5olG3oG.ApRO8oIm.RzLVCARIVOmzhdqQBSWFInuBkScj9eC`
    : `${kind}$SrGylgifMMzTQ+L8rzWBsw$qa6SXSoooyG9NEbhzafUalGHsO9FHTs96VevxY8/HH0`
}

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
