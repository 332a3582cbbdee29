import { copyIntegersOut } from './copy.ts'
import { type Database, endQuietly } from './database.ts'

const selectHoldsRegistry = `
  SELECT EXISTS (SELECT FROM departments) OR EXISTS (SELECT FROM students) OR EXISTS (SELECT FROM courses) AS holds`
const selectCanBeServed = 'SELECT EXISTS (SELECT FROM students) AND EXISTS (SELECT FROM courses) AS can'
/** The servers, one of whom leads; with the direct journal those at the address of the session that holds the lock. An address
 * of another role's session is not shown to everybody. */
const selectLeader = `
  SELECT term, to_char(judged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') AS since, (
    SELECT string_agg(DISTINCT application_name || CASE
      WHEN client_addr IS NOT NULL THEN ' at ' || host(client_addr) WHEN client_port = -1 THEN ' on this host' ELSE '' END, ' or ')
    FROM pg_stat_activity AS server
    WHERE datname = current_database() AND application_name IN ('enrollment server', 'enrollment start', 'enrollment adopt')
      AND pid <> pg_backend_pid() AND (journal <> 'direct' OR EXISTS (
        SELECT FROM pg_stat_activity AS holder
        WHERE holder.datname = server.datname AND holder.application_name = 'enrollment leader'
          AND holder.client_addr IS NOT DISTINCT FROM server.client_addr))) AS who
  FROM campus, journal_position LEFT JOIN leaders USING (leader, term)`
const selectStudentIds = 'SELECT id FROM students'
const selectRoom = `
  SELECT course_id, group_id, capacity, (SELECT count(*) FROM enrolled_courses AS place
    WHERE place.course_id = courses.course_id AND place.group_id = courses.group_id AND NOT (reserved OR extra_seat)),
    (status = 'cancelled')::int
  FROM courses`
const selectDepartmentIds = 'SELECT id FROM departments'

/** Whether anybody's departments, students or courses are in the database. */
export async function holdsRegistry(database: Database): Promise<boolean> {
  const [row] = await database.query<{ holds: boolean }>(selectHoldsRegistry)
  return row?.holds === true
}

/** Whether there is somebody to enroll, and something to enroll in. */
export async function canBeServed(database: Database): Promise<boolean> {
  const [row] = await database.query<{ can: boolean }>(selectCanBeServed)
  return row?.can === true
}

/** Who leads now, for people: the term, since when, and the connections to this database that can be its own. */
export async function describeLeader(database: Database): Promise<string> {
  const [row] = await database.query<{ term: number; since: string | null; who: string | null }>(selectLeader)
  const term = row?.since ? `term ${row.term} since ${row.since}` : 'its first term begins'
  return `${row?.who ?? 'it has no connection to this database'} (${term})`
}

export async function departmentIds(database: Database): Promise<ReadonlySet<number>> {
  const rows = await database.query<{ id: number }>(selectDepartmentIds)
  return new Set(rows.map((row) => row.id))
}

interface Room {
  readonly capacity: number
  /** Seats that are taken. */
  registered: number
  readonly isCancelled: boolean
}

/** Whom and what an enrollments file may name. */
export async function knownPeopleAndGroups(database: Database): Promise<{
  students: Set<number>
  /** By `<course>/<group>`. */
  groups: Map<string, Room>
}> {
  const client = await database.connect()
  try {
    const students = new Set<number>()
    await copyIntegersOut(client, selectStudentIds, ([id = 0]) => students.add(id))
    const groups = new Map<string, Room>()
    await copyIntegersOut(client, selectRoom, ([course, group, capacity = 0, registered = 0, isCancelled]) =>
      groups.set(`${course}/${group}`, { capacity, registered, isCancelled: isCancelled === 1 }),
    )
    return { students, groups }
  } finally {
    await endQuietly(client)
  }
}
