import { randomUUID } from 'node:crypto'
import type { Effect, DecisionRecord } from '../../../actors/messages/records.ts'
import { type Database, openDatabase } from '../database.ts'
import { migrate } from '../migrate.ts'
import { BatcherTables } from '../table-store.ts'
import { ensureCampus } from '../campus-row.ts'
import type { TableStore } from '../../journal/batcher-ports.ts'
import { noLeader } from '../../engine/ports.ts'
import { createDatabase } from '../../../kit/servers/provide.ts'
import { pino } from 'pino'

export const silent = pino({ level: 'silent' })

export interface TestTables {
  readonly url: string
  readonly database: Database
  /** As the batcher writes them, over a connection of its own. */
  readonly batcher: BatcherTables
  /** The rows of a query as arrays of values. */
  rows(select: string, values?: readonly unknown[]): Promise<unknown[][]>
  remove(): Promise<void>
}

/** An empty database; `migrated` ones are named `test`. */
export async function createTables(options: { readonly migrated: boolean }): Promise<TestTables> {
  const created = await createDatabase()
  const database = await openDatabase(created.url, { logger: silent })
  if (options.migrated) {
    await migrate(database)
    await ensureCampus(database, { generated: 'test' })
  }
  const batcher = new BatcherTables(database)
  return {
    url: created.url,
    database,
    batcher,
    async rows(select, values = []) {
      return (await database.query(select, values)).map((row) => Object.values(row))
    },
    async remove() {
      await batcher.close()
      await database.close()
      await created.drop()
    },
  }
}

/** As if just migrated and filled. */
export async function resetTables(database: Database): Promise<void> {
  await database.query(
    `TRUNCATE departments, students, courses, enrolled_courses, decisions, leaders, void_records, orphaned_effects,
       baseline, baseline_places, baseline_courses, baseline_students, archived_decisions RESTART IDENTITY CASCADE`,
  )
  await database.query('UPDATE journal_position SET leader = $1, term = 0, seq = 0, at_ms = 0', [noLeader])
  await fillTables(database)
  await database.query('TRUNCATE outside_changes')
}

/** Departments 1 and 2; students 1 to 9 with 5 actions; courses 101 (groups 1, 2) and 102 (group 1), 3 seats each. */
async function fillTables(database: Database): Promise<void> {
  await database.query(`INSERT INTO departments (id, name) VALUES (1, 'Mathematics'), (2, 'Physics')`)
  await database.query(
    `INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id,
       entry_year, gender)
     SELECT id, 'hash', '2026-09-21 07:00', 20, 5, 1, 2024, 'female' FROM generate_series(1, 9) AS id`,
  )
  await database.query(
    `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
       exam_time, class_time, notes)
     VALUES (101, 1, 1, 'Calculus', 'Ada', 3, 3, 3, 'epoch', 0, ''),
            (101, 2, 1, 'Calculus', 'Emmy', 3, 3, 3, 'epoch', 0, ''),
            (102, 1, 2, 'Optics', 'Lise', 3, 3, 3, 'epoch', 0, '')`,
  )
}

/** Makes a fresh leader the current one. @returns who */
export async function takeTerm(tables: TableStore): Promise<string> {
  const leader = randomUUID()
  const batch = await tables.begin()
  await batch.recordMarker({ leader, after: batch.position.leader, judgement: 'accepted' })
  await batch.commit()
  return leader
}

/** Applies one batch with these effects, a record each. */
export async function applyEffects(tables: TableStore, ...effects: readonly Effect[]): Promise<void> {
  const batch = await tables.begin()
  await batch.apply(
    effects.map((effect, index) => recordWith(batch.position.seq + 1 + index, { effects: [effect] })),
  )
  await batch.commit()
}

/** A decision about student 1 and course 101, unless said otherwise. */
export function recordWith(
  seq: number,
  unusual: Partial<DecisionRecord> &
    ({ effects: DecisionRecord['effects'] } | { reasons: DecisionRecord['reasons'] }),
): DecisionRecord {
  return {
    seq,
    at: 1_790_000_000_000 + seq,
    actor: { role: 'student', id: 1 },
    student: 1,
    legs: [{ do: 'add', course: 101, group: 1, reserve: 'allow' }],
    remaining: 5,
    ...unusual,
  } as DecisionRecord
}

export const seat = (student: number, course = 101, group = 1): Effect => ({
  type: 'registered',
  student,
  course,
  group,
})
export const reserve = (student: number, order: number, course = 101, group = 1): Effect => ({
  type: 'reserved',
  student,
  course,
  group,
  order,
  position: 1,
})
export const left = (student: number, course = 101, group = 1): Effect => ({
  type: 'left',
  student,
  course,
  group,
})
export const promoted = (student: number, course = 101, group = 1): Effect => ({
  type: 'promoted',
  student,
  course,
  group,
})
