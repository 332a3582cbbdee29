import type { Database } from './database.ts'

export interface Account {
  /** As stored: argon2id or bcrypt. */
  readonly passwordHash: string
  readonly department: number
}

const selectStaff = 'SELECT password AS "passwordHash", department_id AS department FROM staff WHERE id = $1'
const selectStudent =
  'SELECT password AS "passwordHash", department_id AS department FROM students WHERE id = $1'

/** Who may log in, read from the tables each time, so that accounts added meanwhile can. */
export class DatabaseAccounts {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** @returns undefined when there is no such account. Rejects when the database cannot be reached. */
  async findAccount(who: { readonly staff: boolean; readonly id: number }): Promise<Account | undefined> {
    const [account] = await this.#database.query<Account>(who.staff ? selectStaff : selectStudent, [who.id])
    return account
  }
}
