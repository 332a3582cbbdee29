import type { AdoptLeg } from '../../actors/messages/commands.ts'
import { canBeNamed } from '../../actors/rules/set-aside.ts'
import { isClassTime, oddityOfClassTime, unpackClassTime } from '../../actors/rules/timetable.ts'
import { copyIntegersOut } from './copy.ts'
import { type Client, type Database, endQuietly } from './database.ts'
import { groupFromRow, type GroupRow, selectGroups, selectStudents, studentFromIntegers } from './profiles.ts'
import { describeSetAside, examplesMax, queueOrderMax, SetAsideCount } from './row-faults.ts'

interface Told {
  /** One line for people, naming the rows. */
  readonly text: string
}

/**
 * What the tables hold that no sequence of decisions leads to: the known bugs of the system that this one
 * replaces. `duplicate` and `several_groups` must be adopted before anybody is served; `unusable` rows must be
 * corrected by hand; the others are lived with until adoption settles them.
 */
export type Finding =
  | (Told & {
      readonly kind: 'duplicate'
      readonly student: number
      readonly course: number
      readonly group: number
      /** The row that counts (a seat before a reserve place, then the lower order), and ids of those that repeat it. */
      readonly keeps: number
      readonly rows: readonly number[]
    })
  | (Told & {
      readonly kind: 'several_groups'
      readonly student: number
      readonly course: number
      readonly groups: readonly number[]
    })
  | (Told & {
      readonly kind: 'over_capacity'
      readonly course: number
      readonly group: number
      readonly capacity: number
      readonly registered: number
    })
  | (Told & {
      readonly kind: 'waiting_beside_free_seat'
      readonly course: number
      readonly group: number
      /** Those who would get the free seats, first in the queue first. */
      readonly students: readonly number[]
    })
  | (Told & {
      /** Told only: nobody's seat is taken away for it. */
      readonly kind: 'overtaken'
      readonly student: number
      readonly course: number
      readonly group: number
    })
  /** Told only: the others are served, and staff or somebody with a database client corrects such rows. */
  | (Told & { readonly kind: 'set_aside' | 'class_time' | 'queue_order' })
  | (Told & { readonly kind: 'unusable' })

export type FindingKind = Finding['kind']

/** Whether the campus cannot be served while it stands. */
export function stopsService({ kind }: Finding): boolean {
  return kind === 'duplicate' || kind === 'several_groups' || kind === 'unusable'
}

const selectDuplicates = `
  SELECT student_id, course_id, group_id, array_agg(id ORDER BY reserved, coalesce(reserve_order, id), id) AS ids
  FROM enrolled_courses GROUP BY student_id, course_id, group_id HAVING count(*) > 1
  ORDER BY course_id, group_id, student_id`
const selectSeveralGroups = `
  SELECT student_id, course_id, array_agg(DISTINCT group_id ORDER BY group_id) AS groups
  FROM enrolled_courses GROUP BY student_id, course_id HAVING count(DISTINCT group_id) > 1
  ORDER BY course_id, student_id`
/** A student counts once per group: by the seat, if any row is one. */
const placesOnce = `
  SELECT student_id, course_id, group_id, bool_and(reserved) AS reserved, min(coalesce(reserve_order, id)) AS place,
    bool_or(extra_seat) AS extra_seat
  FROM enrolled_courses GROUP BY student_id, course_id, group_id`
const selectOverCapacity = `
  SELECT course_id, group_id, capacity, (count(*) FILTER (WHERE NOT extra_seat))::int AS registered
  FROM (${placesOnce}) AS places JOIN courses USING (course_id, group_id)
  WHERE NOT reserved GROUP BY course_id, group_id, capacity HAVING count(*) FILTER (WHERE NOT extra_seat) > capacity
  ORDER BY course_id, group_id`
const selectWaitingBesideFreeSeat = `
  SELECT course_id, group_id,
    (array_agg(student_id ORDER BY place) FILTER (WHERE reserved))[1:capacity - count(*) FILTER (WHERE NOT reserved)]
      AS students
  FROM (${placesOnce}) AS places JOIN courses USING (course_id, group_id)
  GROUP BY course_id, group_id, capacity
  HAVING count(*) FILTER (WHERE reserved) > 0 AND count(*) FILTER (WHERE NOT reserved) < capacity
  ORDER BY course_id, group_id`
/** Rows of the older system have no order but their id: a seat that came later than a waiting student's row. */
const selectOvertaken = `
  SELECT waiting.course_id, waiting.group_id, waiting.student_id, waiting.id AS since, count(*)::int AS later,
    min(seat.id) AS seat_row
  FROM enrolled_courses AS waiting JOIN enrolled_courses AS seat USING (course_id, group_id)
  WHERE waiting.reserved AND waiting.reserve_order IS NULL AND NOT seat.reserved AND seat.id > waiting.id
    AND NOT EXISTS (SELECT FROM enrolled_courses AS own WHERE own.student_id = waiting.student_id
      AND own.course_id = waiting.course_id AND own.group_id = waiting.group_id AND NOT own.reserved)
  GROUP BY waiting.course_id, waiting.group_id, waiting.student_id, waiting.id
  ORDER BY waiting.course_id, waiting.group_id, waiting.id`
const selectUnusable = `
  SELECT format('row %s of enrolled_courses: no such student (%s) or course group (%s, %s)',
    place.id, place.student_id, place.course_id, place.group_id) AS text
  FROM enrolled_courses AS place LEFT JOIN students ON students.id = place.student_id
    LEFT JOIN courses USING (course_id, group_id)
  WHERE students.id IS NULL OR courses.name IS NULL`

/** Those that other programs made up; ours count from 1. */
const selectQueueOrders = `
  SELECT coalesce(reserve_order, id), id FROM enrolled_courses
  WHERE reserved AND coalesce(reserve_order, id) NOT BETWEEN 0 AND ${queueOrderMax} ORDER BY id`

interface PlaceRow {
  readonly student_id: number
  readonly course_id: number
  readonly group_id: number
}

/** Everything that adoption would settle or that somebody must correct, on a connection of its own. */
export async function findings(database: Database): Promise<Finding[]> {
  const client = await database.connect()
  try {
    return await readFindings(client)
  } finally {
    await endQuietly(client)
  }
}

/** The same, as the client's transaction sees the tables. */
export async function readFindings(client: Client): Promise<Finding[]> {
  return [
    ...(await readUnusable(client)),
    ...(await readRows(client)),
    ...(await readDuplicates(client)).map(byHandIfNameless),
    ...(await readSeveralGroups(client)).map(byHandIfNameless),
    ...(await readOverCapacity(client)),
    ...(await readWaiting(client)),
    ...(await readOvertaken(client)),
  ]
}

async function readUnusable(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<{ text: string }>(selectUnusable)
  return rows.map(({ text }) => ({ kind: 'unusable', text: `${text}: correct it by hand` }))
}

/** No record can say what adoption would do about a student or course whose number it cannot hold. */
function byHandIfNameless(finding: Finding): Finding {
  const { student, course } = finding as Partial<Record<'student' | 'course', number>>
  if ([student, course].every((id) => id === undefined || canBeNamed(id))) return finding
  return { kind: 'unusable', text: `${finding.text}: correct it by hand` }
}

/** Rows that cannot be served, or are read otherwise than they stand: a line for each kind. */
async function readRows(client: Client): Promise<Finding[]> {
  const setAside = new SetAsideCount()
  await copyIntegersOut(client, selectStudents, (row) => setAside.student(studentFromIntegers(row, 0)))
  const { rows: groups } = await client.query<GroupRow>(selectGroups)
  for (const row of groups) setAside.group(groupFromRow(row))
  const early: number[] = []
  await copyIntegersOut(client, selectQueueOrders, ([order = 0, row = 0]) => {
    if (!setAside.place(order, row)) early.push(row)
  })
  const rows = await setAside.read(async (select) => (await client.query<{ value: string }>(select)).rows)
  const found: Finding[] = rows.map((kind) => ({ kind: 'set_aside', text: describeSetAside(kind) }))
  const packed = groups.filter(({ meetings, class_time }) => meetings === null && isClassTime(class_time))
  for (const [oddity, told] of Object.entries(oddClassTimes)) {
    const odd = packed.filter(({ class_time }) => oddityOfClassTime(class_time) === oddity)
    if (odd.length > 0)
      found.push({ kind: 'class_time', text: told(odd.length, someOf(odd, classTimeInWords)) })
  }
  if (early.length > 0) {
    const text =
      `${early.length} row${early.length === 1 ? '' : 's'} of enrolled_courses with a reserve_order below 0 ` +
      `${early.length === 1 ? 'waits' : 'wait'} in that order, before those with another: ${someOf(early, (row) => `row ${row}`)}`
    found.push({ kind: 'queue_order', text })
  }
  return found
}

const oddClassTimes = {
  bit_21: (count: number, some: string) =>
    `${count} class_time of courses ${count === 1 ? 'has' : 'have'} bit 21, which is no hour of a day, and ${count === 1 ? 'is' : 'are'} ` +
    `read without it; a day may be missing: ${some}`,
  ends_first: (count: number, some: string) =>
    `${count} class_time of courses ${count === 1 ? 'ends' : 'end'} before or as ${count === 1 ? 'it begins' : 'they begin'}, read as ` +
    `an end on the next day, or as no time at all if both are the same: ${some}`,
} as const

function classTimeInWords({ course_id, group_id, class_time }: GroupRow): string {
  const [first] = unpackClassTime(class_time)
  const clock = (minute: number) => `${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, '0')}`
  const hours = first === undefined ? 'no day' : `${clock(first.startMinute)}-${clock(first.endMinute)}`
  return `course ${course_id} group ${group_id} (${class_time}: ${hours})`
}

function someOf<Item>(items: readonly Item[], name: (item: Item) => string): string {
  const named = items.slice(0, examplesMax).map(name).join(', ')
  return items.length > examplesMax ? `${named}, and ${items.length - examplesMax} more` : named
}

async function readDuplicates(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<PlaceRow & { ids: number[] }>(selectDuplicates)
  return rows.map(
    ({ student_id: student, course_id: course, group_id: group, ids: [keeps = 0, ...surplus] }) => ({
      kind: 'duplicate',
      student,
      course,
      group,
      keeps,
      rows: surplus,
      text: `student ${student} is in course ${course} group ${group} ${surplus.length + 1} times: row ${keeps} stays, ${surplus.length === 1 ? `row ${surplus[0]} goes` : `rows ${surplus.join(', ')} go`}`,
    }),
  )
}

async function readSeveralGroups(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<PlaceRow & { groups: number[] }>(selectSeveralGroups)
  return rows.map(({ student_id: student, course_id: course, groups }) => ({
    kind: 'several_groups',
    student,
    course,
    groups,
    text: `student ${student} is in several groups of course ${course}: ${groups.join(', ')}`,
  }))
}

async function readOverCapacity(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<PlaceRow & { capacity: number; registered: number }>(selectOverCapacity)
  return rows.map(({ course_id: course, group_id: group, capacity, registered }) => ({
    kind: 'over_capacity',
    course,
    group,
    capacity,
    registered,
    text: `course ${course} group ${group} holds ${registered} students in ${capacity} seats`,
  }))
}

async function readWaiting(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<PlaceRow & { students: number[] }>(selectWaitingBesideFreeSeat)
  return rows.map(({ course_id: course, group_id: group, students }) => ({
    kind: 'waiting_beside_free_seat',
    course,
    group,
    students,
    text: `course ${course} group ${group} has free seats, and yet these wait: ${students.join(', ')}`,
  }))
}

async function readOvertaken(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<PlaceRow & { since: number; later: number; seat_row: number }>(
    selectOvertaken,
  )
  return rows.map(
    ({ student_id: student, course_id: course, group_id: group, since, later, seat_row: seatRow }) => ({
      kind: 'overtaken',
      student,
      course,
      group,
      text:
        `student ${student} waits in course ${course} group ${group} since row ${since}, and ${later} got a seat there ` +
        `later, the first by row ${seatRow}: no seat is taken away for it`,
    }),
  )
}

/** One leg per course that has something to settle. */
export function adoptLegs(found: readonly Finding[]): AdoptLeg[] {
  const byCourse = new Map<number, { student: number; group: number; rows: readonly number[] }[]>()
  for (const finding of found) {
    if (!('course' in finding) || finding.kind === 'overtaken' || !canBeNamed(finding.course)) continue
    const duplicates = byCourse.get(finding.course) ?? []
    byCourse.set(finding.course, duplicates)
    if (finding.kind !== 'duplicate') continue
    duplicates.push({ student: finding.student, group: finding.group, rows: finding.rows })
  }
  return [...byCourse].map(([course, duplicates]) => ({ do: 'adopt', course, duplicates }))
}
