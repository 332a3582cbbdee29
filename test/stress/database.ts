import pg from 'pg'
import type { HeldPlace } from './campus.ts'
import type { Caller, Decision, Effect, Leg, Reason, Tables } from './history.ts'

/** What the audit reads, and the places that are held before: by statements of its own. */
export class StressDatabase {
  readonly #client: pg.Client

  private constructor(client: pg.Client) {
    this.#client = client
  }

  static async open(url: string): Promise<StressDatabase> {
    const client = new pg.Client({ connectionString: url })
    // The server may be stopped under it, at the end.
    client.on('error', () => {})
    await client.connect()
    return new StressDatabase(client)
  }

  async close(): Promise<void> {
    await this.#client.end()
  }

  /** Rows as an older tool writes them: their ids give the queue's order. */
  async hold(places: readonly HeldPlace[]): Promise<void> {
    for (const { student, course, group, reserved } of places) {
      await this.#client.query(
        'INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved) VALUES ($1, $2, $3, $4)',
        [course, group, student, reserved],
      )
    }
  }

  async position(): Promise<{ readonly term: number; readonly seq: number }> {
    const { rows } = await this.#client.query<{ term: number; seq: number }>(
      'SELECT term, seq::int FROM journal_position',
    )
    return rows[0] ?? { term: 0, seq: 0 }
  }

  async tables(): Promise<Tables> {
    const groups = await this.#client.query<Tables['groups'][number]>(
      'SELECT course_id AS course, group_id AS "group", capacity, reserve_capacity AS "reserveCapacity" FROM courses',
    )
    const students = await this.#client.query<Tables['students'][number]>(
      'SELECT id::float8, remaining_actions AS remaining FROM students',
    )
    const places = await this.#client.query<{
      student: number
      course: number
      group: number
      order: number | null
      isExtra: boolean
    }>(
      `SELECT student_id::float8 AS student, course_id AS course, group_id AS "group",
         CASE WHEN reserved THEN coalesce(reserve_order, id)::int END AS "order", extra_seat AS "isExtra"
       FROM enrolled_courses`,
    )
    return {
      groups: groups.rows,
      students: students.rows,
      places: places.rows.map((place) => ({ ...place, order: place.order ?? undefined })),
    }
  }

  async decisions(): Promise<Decision[]> {
    const { rows } = await this.#client.query<DecisionRow>(
      `SELECT term, seq::int, (extract(epoch FROM at) * 1000)::float8 AS at, actor_role, actor_id::float8,
         student_id::float8, legs,
         effects, reasons, remaining, key
       FROM decisions ORDER BY term, seq`,
    )
    return rows.map((row) => ({
      term: row.term,
      seq: row.seq,
      at: Math.round(row.at),
      actor: { role: row.actor_role, id: row.actor_id },
      student: row.student_id ?? undefined,
      legs: row.legs,
      effects: row.effects ?? undefined,
      reasons: row.reasons ?? undefined,
      remaining: row.remaining ?? undefined,
      key: row.key ?? undefined,
    }))
  }

  /** What was never applied because somebody else led, or found no row to change: there should be none. */
  async leftovers(): Promise<{ readonly voids: number; readonly orphans: number }> {
    const { rows } = await this.#client.query<{ voids: number; orphans: number }>(
      `SELECT (SELECT count(*)::int FROM void_records) AS voids,
         (SELECT count(*)::int FROM orphaned_effects) AS orphans`,
    )
    return rows[0] ?? { voids: 0, orphans: 0 }
  }
}

interface DecisionRow {
  readonly term: number
  readonly seq: number
  readonly at: number
  readonly actor_role: Caller['role']
  readonly actor_id: number
  readonly student_id: number | null
  readonly legs: Leg[]
  readonly effects: Effect[] | null
  readonly reasons: Reason[] | null
  readonly remaining: number | null
  readonly key: string | null
}
