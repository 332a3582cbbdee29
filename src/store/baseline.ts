import type { Client } from './database.ts'

const selectNeedsBaseline = `
  SELECT NOT EXISTS (SELECT FROM baseline)
    OR EXISTS (SELECT FROM baseline_courses WHERE status IS NULL)
    OR EXISTS (SELECT FROM baseline_students WHERE max_units IS NULL)
    OR EXISTS (SELECT FROM outside_changes WHERE absorbed_by_term IS NULL) AS needed`
const deleteBaseline = `
  DELETE FROM baseline; DELETE FROM baseline_places; DELETE FROM baseline_courses; DELETE FROM baseline_students`
/** One statement, so one snapshot: the changes marked are those that the baseline holds, no more and no less. */
const insertBaseline = `
  WITH places AS (
    INSERT INTO baseline_places (student_id, course_id, group_id, reserve_order, extra_seat)
    SELECT student_id, course_id, group_id, CASE WHEN reserved THEN coalesce(reserve_order, id) END, extra_seat
    FROM enrolled_courses
  ), groups AS (
    INSERT INTO baseline_courses (course_id, group_id, capacity, status, reserve_capacity, lecturer, notes, exam_time,
      exam_minutes, class_time, meetings)
    SELECT course_id, group_id, capacity, status, reserve_capacity, lecturer, notes, exam_time,
      exam_minutes, class_time, meetings FROM courses
  ), people AS (
    INSERT INTO baseline_students (id, remaining_actions, max_units, enrollment_start_time, enrollment_end_time)
    SELECT id, remaining_actions, max_units, enrollment_start_time, enrollment_end_time FROM students
  ), absorbed AS (
    UPDATE outside_changes SET absorbed_by_term = $1 WHERE absorbed_by_term IS NULL
  )
  INSERT INTO baseline (term) VALUES ($1)`
/** These read whole tables, unlike the folding statements that the session is tuned for. */
const readWholeTables = 'SET LOCAL enable_seqscan = on'
const readByKeys = 'SET LOCAL enable_seqscan = off'

/** Takes a new baseline at the beginning of a term, if there is none or the tables were changed from outside since. */
export async function takeBaselineIfNeeded(client: Client, term: number): Promise<void> {
  const { rows } = await client.query<{ needed: boolean }>(selectNeedsBaseline)
  if (rows[0]?.needed !== true) return
  await client.query(`${readWholeTables}; ${deleteBaseline}`)
  await client.query(insertBaseline, [term])
  await client.query(readByKeys)
}

/** Takes it between two terms, for the one to come; before the first term there is nothing to compare. */
export async function takeBaselineOfNextTerm(client: Client): Promise<void> {
  const { rows } = await client.query<{ term: number }>('SELECT term FROM journal_position')
  const term = rows[0]?.term ?? 0
  if (term === 0) return
  await client.query(deleteBaseline)
  await client.query(insertBaseline, [term + 1])
}
