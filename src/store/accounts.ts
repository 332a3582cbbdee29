import type { Database } from './database.ts'

/** Changes of accounts are read this far back: longer than a token is good for, and clocks differ. */
export const rereadChangesMs = 2 * 3_600_000

export interface Account {
  readonly id: number
  /** As stored: argon2id or bcrypt. */
  readonly passwordHash: string
  readonly department: number
}

/** An account that changed, as it is now. */
export interface ChangedAccount {
  readonly id: number
  readonly staff: boolean
  /** Milliseconds since the Unix epoch, by the database's clock. */
  readonly changedMs: number
  /** Null if the account is gone, or has no password. */
  readonly passwordTag: string | null
  readonly department: number | null
}

/** What a staff member asks for: a student's password, by its hash. */
export interface PasswordChange {
  readonly student: number
  readonly passwordHash: string
  readonly staff: number
  /** The request's id, as it stands in the logs. */
  readonly request: string
  readonly note: string | undefined
  readonly key: string | undefined
  /** Of all that was asked but the password. */
  readonly requestHash: string
}

const select = 'SELECT id, password AS "passwordHash", department_id AS department FROM'
const byId = { staff: `${select} staff WHERE id = $1`, students: `${select} students WHERE id = $1` }
/** Somebody's number may be another's code: the code counts. */
const byCode = {
  staff: `${select} staff WHERE code = $1 OR id = $2 ORDER BY code = $1 DESC NULLS LAST LIMIT 1`,
  students: `${select} students WHERE code = $1 OR id = $2 ORDER BY code = $1 DESC NULLS LAST LIMIT 1`,
}
const numbersByCode = {
  student: 'SELECT id FROM students WHERE code = $1',
  course: 'SELECT course_id AS id FROM courses WHERE code = $1 LIMIT 1',
}
const setPassword = 'SELECT set_student_password($1, $2, $3, $4, $5, $6, $7) AS result'
const selectChange = `
  SELECT password AS "passwordHash", request_hash AS "requestHash" FROM password_changes
  WHERE staff_id = $1 AND key = $2 AND at > now() - interval '24 hours'`

/** What transactions that had not ended before `next` write is read next time; the tag as tokens hold it. */
const selectChanged = `
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS next, coalesce(json_agg(account), '[]') AS changed
  FROM (
    SELECT staff, id, extract(epoch FROM changed_at) * 1000 AS "changedMs", department_id AS department,
      left(translate(encode(sha256(convert_to(password, 'UTF8')), 'base64'), '+/', '-_'), 12) AS "passwordTag"
    FROM account_epochs LEFT JOIN (
      SELECT true AS staff, id, password, department_id FROM staff
      UNION ALL SELECT false, id, password, department_id FROM students
    ) AS accounts USING (staff, id)
    WHERE xact >= $1::xid8 AND changed_at > now() - $2 * interval '1 millisecond'
  ) AS account`

/** One row for each scheme and cost of the stored hashes, the commonest first. */
const selectHashKinds = `
  SELECT kind FROM (SELECT password FROM staff UNION ALL SELECT password FROM students) AS stored,
    substring(password FROM '^(?:\\$2[aby]\\$\\d\\d|\\$argon2[a-z]+(?:\\$v=\\d+)?\\$[^$]+)') AS kind
  WHERE kind IS NOT NULL GROUP BY kind ORDER BY count(*) DESC LIMIT 8`

function numberIn(text: string): number | null {
  const number = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(number) ? number : null
}

/** Who may log in, read from the tables each time, so that accounts added meanwhile can. */
export class DatabaseAccounts {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * @param who.id the number, or as text the code (or the number, without leading zeros)
   * @returns undefined when there is no such account. Rejects when the database cannot be reached.
   */
  async findAccount(who: {
    readonly staff: boolean
    readonly id: number | string
  }): Promise<Account | undefined> {
    const { staff, id } = who
    const table = staff ? 'staff' : 'students'
    const [account] =
      typeof id === 'number'
        ? await this.#database.query<Account>(byId[table], [id])
        : await this.#database.query<Account>(byCode[table], [id, numberIn(id)])
    return account
  }

  /** The number of the student, or of the course, that has this code. Rejects when the database cannot be reached. */
  async numberOfCode(whose: 'student' | 'course', code: string): Promise<number | undefined> {
    const [row] = await this.#database.query<{ id: number }>(numbersByCode[whose], [code])
    return row?.id
  }

  /**
   * The accounts that changed since it was asked last.
   * @param since what was `next` then; if undefined, all that changed while tokens of before may be about
   */
  async changedSince(since: string | undefined): Promise<{ changed: ChangedAccount[]; next: string }> {
    const values = [since ?? '0', rereadChangesMs]
    const [row] = await this.#database.query<{ changed: ChangedAccount[]; next: string }>(
      selectChanged,
      values,
    )
    if (row === undefined) throw new Error('an aggregate is one row')
    return row
  }

  /** How the stored hashes begin, up to their cost: one for each scheme and cost. */
  async hashKinds(): Promise<string[]> {
    const rows = await this.#database.query<{ kind: string }>(selectHashKinds)
    return rows.map(({ kind }) => kind)
  }

  /** Sets it and notes who did, in one transaction. Rejects when the database cannot be reached. */
  async setStudentPassword(change: PasswordChange): Promise<'set' | 'no_such_student' | 'key_taken'> {
    const { student, passwordHash, staff, request, note, key, requestHash } = change
    const values = [student, passwordHash, staff, request, note ?? null, key ?? null, requestHash]
    const [row] = await this.#database.query<{ result: 'set' | 'no_such_student' | 'key_taken' }>(
      setPassword,
      values,
    )
    if (row === undefined) throw new Error('a function returns one row')
    return row.result
  }

  /** The change that this staff member's key came with in the last 24 hours. */
  async findPasswordChange(
    staff: number,
    key: string,
  ): Promise<Pick<PasswordChange, 'passwordHash' | 'requestHash'> | undefined> {
    const [change] = await this.#database.query<{ passwordHash: string; requestHash: string }>(selectChange, [
      staff,
      key,
    ])
    return change
  }
}
