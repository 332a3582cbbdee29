import type { Database } from './database.ts'

/** This process and the database disagree about which campus or which journal it is. */
export class WrongCampus extends Error {
  override readonly name = 'WrongCampus'
}

export interface CampusRow {
  readonly id: string
  /** The only journal that may feed this database; undefined until a process claims it. */
  readonly journal: string | undefined
  /** Whose passwords everybody knows. */
  readonly isSample: boolean
}

const insertCampus = 'INSERT INTO campus (id) VALUES ($1) ON CONFLICT (only_row) DO NOTHING'
const selectCampus = 'SELECT id, journal, is_sample FROM campus'
const claimCampusJournal = 'UPDATE campus SET journal = coalesce(journal, $1) RETURNING journal'
// The position's lock waits for a batch that is being applied.
const lockPosition = 'SELECT 1 FROM journal_position FOR UPDATE'
const switchCampusJournal = `
  UPDATE campus SET journal = $1 FROM (SELECT journal AS before FROM campus) AS old RETURNING old.before`
const keepJwtSecret = 'UPDATE campus SET jwt_secret = coalesce(jwt_secret, $1) RETURNING jwt_secret'
const selectJwtSecret = 'SELECT jwt_secret FROM campus'
const selectJournalKeys = 'SELECT journal_keys FROM campus'
const insertJournalKey = 'UPDATE campus SET journal_keys = ARRAY[$1::text] || journal_keys'
const selectSigning = `
  SELECT journal_keys[1] AS key, journal,
    (SELECT signed_with FROM leaders JOIN journal_position USING (leader)) AS signed_with
  FROM campus`
const keepFirstJournalKey = 'UPDATE campus SET journal_keys = journal_keys[1:1]'
const markCampusSample = 'UPDATE campus SET is_sample = TRUE'

/**
 * The campus that this database is, named now if it has no name yet (which the owner of the tables may do).
 * @param wanted.configured what the operator says it is, if they do
 * @param wanted.generated a fresh name, like `campus-1f3a9c2b`
 * @throws WrongCampus when the database is another campus than the configured one
 */
export async function ensureCampus(
  database: Database,
  wanted: { readonly configured?: string | undefined; readonly generated: string },
): Promise<CampusRow> {
  let campus = await findCampus(database)
  if (campus === undefined) {
    await database.query(insertCampus, [wanted.configured ?? wanted.generated])
    campus = await readCampus(database)
  }
  if (wanted.configured !== undefined && wanted.configured !== campus.id) {
    throw new WrongCampus(
      `this database is campus ${campus.id}, not ${wanted.configured}; correct DATABASE_URL or ENROLLMENT_CAMPUS`,
    )
  }
  return campus
}

/** @throws if the database was not migrated or never named */
export async function readCampus(database: Database): Promise<CampusRow> {
  const campus = await findCampus(database)
  if (campus === undefined) throw new Error('the database names no campus yet')
  return campus
}

async function findCampus(database: Database): Promise<CampusRow | undefined> {
  const [row] = await database.query<{ id: string; journal: string | null; is_sample: boolean }>(selectCampus)
  return row && { id: row.id, journal: row.journal ?? undefined, isSample: row.is_sample }
}

/**
 * Makes `identity` the journal that feeds this database, if none does yet.
 * @throws WrongCampus when another one does
 */
export async function claimJournal(database: Database, identity: string): Promise<void> {
  const [row] = await database.query<{ journal: string }>(claimCampusJournal, [identity])
  if (row === undefined) throw new Error('the database names no campus yet')
  if (row.journal === identity) return
  throw new WrongCampus(
    `the journal of this database is ${row.journal}, and this process is configured for ${identity}; to switch, ` +
      'stop the servers, let a batcher drain the old journal, then run: enrollment migrate --switch-journal',
  )
}

/**
 * Makes `identity` the journal from now on. Only safe once the old one is drained: what it still holds would
 * never be applied.
 * @returns the journal before
 */
export async function switchJournal(database: Database, identity: string): Promise<string | undefined> {
  return database.transaction(async (client) => {
    await client.query(lockPosition)
    const { rows } = await client.query<{ before: string | null }>(switchCampusJournal, [identity])
    return rows[0]?.before ?? undefined
  })
}

/** The key that signs tokens, made by `create` once and kept, so that every server agrees on it. */
export async function jwtSecret(database: Database, create: () => string): Promise<string> {
  const [kept] = await database.query<{ jwt_secret: string | null }>(selectJwtSecret)
  if (kept?.jwt_secret) return kept.jwt_secret
  // Two processes at once: the row's lock lets one write, and the other reads what it wrote.
  const [row] = await database.query<{ jwt_secret: string }>(keepJwtSecret, [create()])
  if (row === undefined) throw new Error('the database names no campus yet')
  return row.jwt_secret
}

/** The keys of what this campus sends through the broker: the first signs, all verify. */
export async function readJournalKeys(database: Database): Promise<readonly string[]> {
  const [row] = await database.query<{ journal_keys: string[] }>(selectJournalKeys)
  if (row === undefined) throw new Error('the database names no campus yet')
  return row.journal_keys
}

/** Has the campus sign with another key from each leader's next term on; the ones before still verify. */
export async function addJournalKey(database: Database, key: string): Promise<void> {
  await database.query(insertJournalKey, [key])
}

/**
 * Forgets all keys but the one that signs.
 * @param isSignedBy whether a key is the one of that id
 * @returns false, and forgets none, while the leader's term was signed with another key
 */
export async function dropOldJournalKeys(
  database: Database,
  isSignedBy: (key: string, id: string | null) => boolean,
): Promise<boolean> {
  return database.transaction(async (client) => {
    await client.query(lockPosition)
    const { rows } = await client.query<{ key: string; journal: string | null; signed_with: string | null }>(
      selectSigning,
    )
    const [row] = rows
    if (row === undefined) return false
    if (row.journal !== 'direct' && !isSignedBy(row.key, row.signed_with)) return false
    await client.query(keepFirstJournalKey)
    return true
  })
}

/** Notes that the accounts are sample ones, so that nobody serves them to the world by mistake. */
export async function markSample(database: Database): Promise<void> {
  await database.query(markCampusSample)
}
