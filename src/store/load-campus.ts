import { Campus } from '../../actors/campus.ts'
import type { CourseGroup } from '../../actors/course.ts'
import { canBeNamed } from '../../actors/rules/set-aside.ts'
import { AdoptionNeeded, type LoadedCampus, type LoadOptions, type Position } from '../engine/ports.ts'
import { copyIntegersOut } from './copy.ts'
import type { Client } from './database.ts'
import { loadKeys } from './load-keys.ts'
import { readFindings, stopsService } from './table-findings.ts'
import { type GroupRow, groupFromRow, selectGroups, selectStudents, studentFromIntegers } from './profiles.ts'
import { SetAsideCount, type SetAsideRows } from './row-faults.ts'

export const selectPosition = 'SELECT leader, term, seq, at_ms AS "atMs" FROM journal_position'
const selectPlacesAreUnique = `
  SELECT EXISTS (
    SELECT FROM pg_index WHERE indexrelid = to_regclass('enrolled_courses_once') AND indisunique AND indisvalid
  ) AS are`
const selectDepartments = 'SELECT id FROM departments'
const placeColumns = `
  student_id, course_id, group_id, CASE WHEN reserved THEN coalesce(reserve_order, id) END AS reserve_order, id,
  CASE WHEN extra_seat THEN 1 END AS extra_seat`
const selectPlaces = `SELECT ${placeColumns} FROM enrolled_courses`
/**
 * Where rows repeat one another, a seat counts before a reserve place, then the lower order. Ascending by row,
 * so that of a student's seats in several groups the older comes first: adoption keeps it.
 */
const selectPlacesOnce = `
  SELECT * FROM (
    SELECT DISTINCT ON (student_id, course_id, group_id) ${placeColumns} FROM enrolled_courses
    ORDER BY student_id, course_id, group_id, reserved, coalesce(reserve_order, id), id
  ) AS once ORDER BY id`
export interface CampusLoading extends LoadOptions {
  /** Whose campus it must be: the position is (`leader`, 0). */
  readonly leader: string
  /** How long a window without an end lasts. */
  readonly windowMs: number
  /** Called with the rows that cannot be served, of each kind once; with none, too. */
  readonly onSetAside: (rows: readonly SetAsideRows[]) => void
}

/**
 * Builds the campus from the tables as the client's transaction sees them. Rows become objects as they come
 * off the wire: no result is held in full.
 */
export async function loadCampusIn(client: Client, loading: CampusLoading): Promise<LoadedCampus> {
  const position = (await client.query<Position>(selectPosition)).rows[0]
  if (position === undefined) throw new Error('journal_position has lost its row')
  if (position.leader !== loading.leader || position.seq !== 0) {
    throw new Error(
      `leader ${loading.leader} cannot load: PostgreSQL is at ${position.leader}, seq ${position.seq}`,
    )
  }
  const campus = new Campus()
  await copyIntegersOut(client, selectDepartments, ([id]) => {
    if (id !== undefined) campus.departments.add(id)
  })
  const setAside = new SetAsideCount()
  await loadGroups(client, campus, setAside)
  await copyIntegersOut(client, selectStudents, (row) => {
    const profile = studentFromIntegers(row, loading.windowMs)
    if (profile.faults !== undefined) {
      setAside.student(profile)
      // Numbers that JSON does not hold may become one.
      if (campus.students.has(profile.id)) return
    }
    campus.addStudent(profile)
  })
  const placesFit = await loadPlaces(client, campus, loading, setAside)
  if (!placesFit) await refuseIfAdoptionNeeded(client, loading)
  loading.onSetAside(
    await setAside.read(async (select) => (await client.query<{ value: string }>(select)).rows),
  )
  return { campus, position, keys: await loadKeys(client, loading) }
}

async function loadGroups(client: Client, campus: Campus, setAside: SetAsideCount): Promise<void> {
  const { rows } = await client.query<GroupRow>(selectGroups)
  for (const row of rows) {
    const profile = groupFromRow(row)
    setAside.group(profile)
    campus.addGroup(profile)
  }
}

interface Waiting {
  readonly student: number
  readonly group: CourseGroup
  readonly order: number
  readonly row: number
}

/** @returns whether the places are such as decisions can lead to, as far as one pass can tell */
async function loadPlaces(
  client: Client,
  campus: Campus,
  loading: LoadOptions,
  setAside: SetAsideCount,
): Promise<boolean> {
  const { rows } = await client.query<{ are: boolean }>(selectPlacesAreUnique)
  const unique = rows[0]?.are === true
  let fit = unique
  const waiting: Waiting[] = []
  const inOrder = !unique || loading.evenIfAdoptionNeeded === true
  await copyIntegersOut(client, inOrder ? selectPlacesOnce : selectPlaces, (row) => {
    // By index: millions of rows pass here, and destructuring would cost half as much again.
    const studentId = row[0] ?? 0
    const courseId = row[1] ?? 0
    const order = row[3]
    const group = campus.findGroup(courseId, row[2] ?? 0)
    const student = campus.students.get(studentId)
    if (group === undefined || student === undefined) {
      fit = false
      return
    }
    if (order === undefined) {
      if (student.placeIn(courseId) !== undefined) fit = false
      campus.place(studentId, group, undefined, row[5] === 1)
    } else if (canBeNamed(studentId)) {
      // Nobody else can be moved up: no record could say so. Such a row stays where it is.
      if (setAside.place(order, row[4] ?? 0)) setGroupAside(campus, group, 'reserve_order')
      waiting.push({ student: studentId, group, order, row: row[4] ?? 0 })
    }
  })
  // In the queue's order, so that each goes to the end of its queue.
  waiting.sort((a, b) => a.order - b.order || a.row - b.row)
  for (const { student, group, order } of waiting) {
    if (campus.student(student).placeIn(group.course) !== undefined) fit = false
    campus.place(student, group, order)
  }
  return fit
}

function setGroupAside(campus: Campus, group: CourseGroup, column: string): void {
  const { profile } = group
  group.become({ ...profile, faults: [...new Set([...(profile.faults ?? []), column])] })
  campus.hasFaults = true
}

async function refuseIfAdoptionNeeded(client: Client, loading: CampusLoading): Promise<void> {
  const stopping = (await readFindings(client)).filter(stopsService)
  const adoptable = stopping.every(({ kind }) => kind !== 'unusable')
  if (stopping.length === 0 || (adoptable && loading.evenIfAdoptionNeeded === true)) return
  throw new AdoptionNeeded(stopping.map(({ text }) => text))
}
