/** Makes the hash that the database keeps. */
export type HashPassword = (plain: string) => Promise<string>

/** Hashing runs on Node's thread pool, which has four threads. */
const concurrency = 4

/**
 * Hashes each password, in order, some at a time. An argon2id hash of the strength that logins want takes
 * about 12 ms of one core: 100,000 of them 20 minutes.
 * @param onHashed called after each one
 */
export async function hashAll(
  plain: readonly string[],
  hash: HashPassword,
  onHashed: () => void,
): Promise<string[]> {
  const hashes = Array.from<string>({ length: plain.length })
  const waiting = plain.entries()
  const work = async () => {
    for (const [index, password] of waiting) {
      hashes[index] = await hash(password)
      onHashed()
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return hashes
}
