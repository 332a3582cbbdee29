import { hashSync } from '@node-rs/bcrypt'
import { Client } from 'pg'
import { goRequest, Wire, type WireAnswer } from './wire.ts'

/** The benchmark of the replaced system, said again: the same statements, the same requests in the same order. */
export interface BenchmarkStudent {
  readonly id: number
  readonly password: string
  readonly picks: readonly { readonly course: number; readonly group: number }[]
}

export interface BenchmarkReply {
  readonly student: number
  readonly course: number
  readonly group: number
  readonly status: number
  /** Of a refusal, as far as it was read. */
  readonly body: string
}

const picksPerStudent = 7

/** A small generator with a seed, so that a failure can be had again. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % sides
  }
}

/** Empties the tables of students and their courses, adds `count` students, and lets each pick 7 groups. */
export async function setUpStudents(
  databaseUrl: string,
  { count, firstId = 1, seed }: { readonly count: number; readonly firstId?: number; readonly seed: number },
): Promise<BenchmarkStudent[]> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('TRUNCATE TABLE students, enrolled_courses')
    await client.query('BEGIN')
    const passwords = new Map<number, string>()
    for (let id = firstId; id < firstId + count; id++) {
      const password = (0x10000000 + id).toString(16)
      passwords.set(id, password)
      await client.query(
        "INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id, entry_year, gender) VALUES ($1,$2,now(),255,12,40,99,'male')",
        [id, hashSync(password, { cost: 4 })],
      )
    }
    await client.query('COMMIT')
    const { rows } = await client.query<{ course: number; group: number }>(
      'SELECT course_id AS course, group_id AS "group" FROM courses',
    )
    const roll = dice(seed)
    return [...passwords].map(([id, password]) => ({
      id,
      password,
      picks: Array.from({ length: picksPerStudent }, () => rows[roll(rows.length)] as (typeof rows)[number]),
    }))
  } finally {
    await client.end()
  }
}

/** Logs in all students, one after another, over one connection. @returns tokens by student */
export async function authorize(
  url: string,
  students: readonly BenchmarkStudent[],
): Promise<Map<number, string>> {
  const { host } = new URL(url)
  const wire = await Wire.open(url)
  const tokens = new Map<number, string>()
  for (const { id, password } of students) {
    const body = `{"user":${id},"password":"${password}","staff":false}`
    const answer = await wire.exchange(goRequest({ method: 'POST', path: '/login', host, body }))
    if (answer.status !== 200) throw new Error(`cannot log in student ${id}: ${answer.status} ${answer.body}`)
    tokens.set(id, (JSON.parse(answer.body) as { token: string }).token)
  }
  wire.close()
  return tokens
}

/** All students at once, each one course after another. */
export async function register(
  url: string,
  students: readonly BenchmarkStudent[],
  tokens: ReadonlyMap<number, string>,
): Promise<BenchmarkReply[]> {
  const replies = await Promise.all(
    students.map((student) => registerOne(url, student, tokens.get(student.id))),
  )
  return replies.flat()
}

/** Go's client keeps a connection only when the whole body was read, which the benchmark does not do for refusals. */
async function registerOne(
  url: string,
  { id, picks }: BenchmarkStudent,
  token: string | undefined,
): Promise<BenchmarkReply[]> {
  const { host } = new URL(url)
  const replies: BenchmarkReply[] = []
  let wire: Wire | undefined
  for (const { course, group } of picks) {
    wire ??= await Wire.open(url)
    const body = `{"course_id":${course},"group_id":${group}}`
    const request = goRequest({ method: 'PUT', path: '/student/course', host, token, body })
    let answer: WireAnswer = await wire.exchange(request)
    // A slow machine turns some away, for sure and for a moment; the benchmark counts them, and a student presses again.
    while (answer.status === 503 && answer.body.includes('"busy"')) {
      wire.close()
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get('retry-after'))))
      wire = await Wire.open(url)
      answer = await wire.exchange(request)
    }
    replies.push({ student: id, course, group, status: answer.status, body: answer.body })
    if (answer.body === '') continue
    wire.close()
    wire = undefined
  }
  wire?.close()
  return replies
}
