import { CopyRows, copyStreamIn } from '../../src/store/copy.ts'
import type { Database } from '../../src/store/database.ts'
import { endQuietly } from '../../src/store/database.ts'
import { type CampusSize, placesOf } from './bench-campus.ts'

const selectIndexes = `
  SELECT indexname AS name, indexdef AS definition FROM pg_indexes
  WHERE tablename = 'enrolled_courses' AND indexname <> 'enrolled_courses_pkey'`

/**
 * Gives each student so many places, as if they had enrolled before. Millions of them are copied without looking up
 * what they refer to, and indexed afterwards.
 */
export async function loadHeldPlaces(
  database: Database,
  size: CampusSize,
  perStudent: number,
): Promise<void> {
  const client = await database.connect({
    settings: {
      'enrollment.writer': 'bench',
      session_replication_role: 'replica',
      maintenance_work_mem: '256MB',
    },
  })
  try {
    const { rows: indexes } = await client.query<{ name: string; definition: string }>(selectIndexes)
    for (const { name } of indexes) await client.query(`DROP INDEX ${name}`)
    await copyStreamIn(
      client,
      'COPY enrolled_courses (course_id, group_id, student_id) FROM STDIN',
      chunksOf(size, perStudent),
    )
    for (const { definition } of indexes) await client.query(definition)
    await client.query('ANALYZE enrolled_courses')
  } finally {
    await endQuietly(client)
  }
}

async function* chunksOf(size: CampusSize, perStudent: number): AsyncGenerator<Buffer> {
  const rows = new CopyRows()
  for (let student = 1; student <= size.students; student++) {
    for (const course of placesOf(student, size.courses, perStudent)) rows.add([course, 1, student])
    yield* rows.takeFull()
  }
  rows.flush()
  yield* rows.takeFull()
}
