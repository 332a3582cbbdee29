import { type ExpectedCampus, WrongCampus } from '../engine/ports.ts'
import type { Database } from './database.ts'

export interface CampusRow {
  readonly id: string
  /** The only journal that may feed this database; undefined until a process claims it. */
  readonly journal: string | undefined
  /** Whose passwords everybody knows. */
  readonly isSample: boolean
}

/** Which database this is: the cluster's system identifier and the database's oid. Both survive a promotion. */
export const ownDatabaseId = `concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
  (SELECT oid FROM pg_database WHERE datname = current_database()))`
const insertCampus = `INSERT INTO campus (id, database_id) VALUES ($1, ${ownDatabaseId}) ON CONFLICT (only_row) DO NOTHING`
const selectCampus = 'SELECT id, journal, is_sample FROM campus'
const selectKnowsItself = `
  SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('campus') AND attname = 'database_id') AS knows`
const selectIdentity = `SELECT id, database_id AS known, ${ownDatabaseId} AS own FROM campus`
const claimCampusJournal = 'UPDATE campus SET journal = coalesce(journal, $1) RETURNING journal'
// The position's lock waits for a batch that is being applied.
export const lockPosition = 'SELECT 1 FROM journal_position FOR UPDATE'
const switchCampusJournal = `
  UPDATE campus SET journal = $2, journal_since_term = (SELECT term FROM journal_position)
  WHERE journal IS NOT DISTINCT FROM $1`
export const recordQueueLoss = `
  INSERT INTO accepted_losses (journal, leader, term, seq)
  SELECT coalesce(journal, 'none'), leader, term, seq FROM journal_position, campus RETURNING term, seq`
const selectIsQueueExpected = `
  SELECT EXISTS (SELECT FROM journal_position, campus WHERE term > journal_since_term) AS expected`
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

/** What the campus's row says of where it is. */
export interface Identity {
  readonly id: string
  /** Of the database that the row was made for; null in a row of an older version. */
  readonly known: string | null
  /** Of the database that the row is in. */
  readonly own: string
}

/** @throws WrongCampus if the row came here with a copy of the database */
export function refuseCopy({ id, known, own }: Identity): void {
  if (known === null || known === own) return
  throw new WrongCampus(
    `this database is a copy of campus ${id} (it was ${known}, here it is ${own}); if it takes the place of the ` +
      'original, run: enrollment migrate --moved; if both are to go on, run: enrollment migrate --new-campus',
  )
}

/**
 * Makes sure that this is the campus's own database, before anything is changed in it.
 * @throws WrongCampus if it is a copy
 */
export async function refuseCopied(database: Database): Promise<void> {
  const [table] = await database.query<{ knows: boolean }>(selectKnowsItself)
  if (table?.knows !== true) return
  const [identity] = await database.query<Identity>(selectIdentity)
  if (identity !== undefined) refuseCopy(identity)
}

/**
 * Makes sure that the row is no copy, and that of the campus and the journal that this process is configured for.
 * @throws WrongCampus if not
 */
export function refuseOther(
  row: Identity & { readonly journal: string | null },
  wanted: ExpectedCampus | undefined,
): void {
  refuseCopy(row)
  if (wanted === undefined) return
  if (row.id !== wanted.campus) {
    throw new WrongCampus(
      `this database is campus ${row.id}, not ${wanted.campus}; correct DATABASE_URL or ENROLLMENT_CAMPUS`,
    )
  }
  if (row.journal !== wanted.journal)
    throw new WrongCampus(otherJournal(row.journal ?? 'none', wanted.journal))
}

function otherJournal(is: string, wanted: string): string {
  return (
    `the journal of this database is ${is}, and this process is configured for ${wanted}; to switch, ` +
    'stop the servers, let a batcher drain the old journal, then run: enrollment migrate --switch-journal'
  )
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
  throw new WrongCampus(otherJournal(row.journal, identity))
}

/**
 * Makes `to` the journal from now on. Only safe once the old one is drained and nobody leads: what it still holds would
 * never be applied.
 * @throws WrongCampus if the journal is not `from` any more
 */
export async function switchJournal(
  database: Database,
  { from, to, evenIfLost }: { from: string | undefined; to: string; evenIfLost?: boolean },
): Promise<void> {
  await database.transaction(async (client) => {
    await client.query(lockPosition)
    if (evenIfLost === true) await client.query(recordQueueLoss)
    const { rowCount } = await client.query(switchCampusJournal, [from ?? null, to])
    if (rowCount !== 1) throw new WrongCampus('somebody else has switched the journal meanwhile')
  })
}

/** Whether terms came through the journal's queue already, so that it must be there. */
export async function isQueueExpected(database: Database): Promise<boolean> {
  const [row] = await database.query<{ expected: boolean }>(selectIsQueueExpected)
  return row?.expected === true
}

const moveHere = `
  UPDATE campus SET database_id = own FROM (SELECT database_id AS before, ${ownDatabaseId} AS own FROM campus) AS old
  RETURNING before, own`
/** Its own name, queues and secrets. What it decided stands; what comes now comes through another journal. */
const nameAnew = `
  UPDATE campus SET id = $1, database_id = ${ownDatabaseId}, journal = NULL, jwt_secret = NULL, journal_keys = DEFAULT,
    journal_since_term = (SELECT term FROM journal_position)`
const selectUsers = `
  SELECT DISTINCT application_name AS name FROM pg_stat_activity
  WHERE datname = current_database() AND application_name LIKE 'enrollment%' AND application_name <> $1`

/**
 * The database has taken the place of the one that it is a copy of, which is served no more.
 * @returns false if it was no copy
 */
export async function claimAsMoved(database: Database): Promise<boolean> {
  return database.transaction(async (client) => {
    await client.query(lockPosition)
    const { rows } = await client.query<{ before: string | null; own: string }>(moveHere)
    return rows[0] !== undefined && rows[0].before !== rows[0].own
  })
}

/**
 * Makes the copy a campus of its own, beside the original.
 * @throws WrongCampus if the name is the original's, or it may be the original itself: somebody uses it
 */
export async function claimAsNewCampus(database: Database, id: string): Promise<void> {
  await database.transaction(async (client) => {
    await client.query(lockPosition)
    const { rows } = await client.query<Identity>(selectIdentity)
    const [row] = rows
    if (row?.id === id) {
      throw new WrongCampus(`this database is campus ${id} already; name another one in ENROLLMENT_CAMPUS`)
    }
    const users = await client.query<{ name: string }>(selectUsers, [database.applicationName])
    // A copy of the server's files has the original's identity: only that nobody uses it tells it from that.
    if (users.rows.length > 0 && row?.known === row?.own) {
      const names = users.rows.map(({ name }) => name).join(', ')
      throw new WrongCampus(
        `this database is campus ${row?.id} itself, and in use (${names}); stop that first`,
      )
    }
    await client.query(nameAnew, [id])
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
