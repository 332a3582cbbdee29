import type { TableFile } from './tables.ts'

type Kind = 'users' | 'courses' | 'classes'

/** What a load of OneRoster files leaves out. */
export class Skipped {
  readonly #users = new Map<string, number>()
  readonly #gone: Readonly<Record<Kind, Set<string>>> = {
    users: new Set(),
    courses: new Set(),
    classes: new Set(),
  }
  #deleted = 0
  #referring = 0
  /** Students who are loaded, but cannot log in. */
  logins = 0

  /** @param why a role, or what else keeps a user out */
  user(why: string): void {
    this.#users.set(why, (this.#users.get(why) ?? 0) + 1)
  }

  /**
   * The same file without rows that are to be deleted, which are counted, and without those that refer to such a row.
   * @param kind what others may refer to
   * @param references columns that hold a sourcedId, and of what
   */
  deleted<Cells extends object, Row>(
    table: TableFile<Cells, Row>,
    kind?: Kind,
    references: Readonly<Record<string, Kind>> = {},
  ): TableFile<Cells, Row> {
    return {
      ...table,
      takes: (cellOf) => {
        if (table.takes?.(cellOf) === false) return false
        const isOwn = isDeleted(cellOf)
        if (isOwn) this.#deleted++
        else if (Object.entries(references).some(([column, of]) => this.#gone[of].has(cellOf(column))))
          this.#referring++
        else return true
        if (kind !== undefined) this.#gone[kind].add(cellOf('sourcedId'))
        return false
      },
    }
  }

  /** One line; empty where nothing was left out. */
  toString(): string {
    const users = [...this.#users].map(([why, count]) => `${count} ${why}`)
    const counts = [
      ...(users.length > 0 ? [`users ${users.join(', ')}`] : []),
      ...(this.#deleted > 0 ? [`rows to be deleted ${this.#deleted}`] : []),
      ...(this.#referring > 0 ? [`rows that refer to those ${this.#referring}`] : []),
    ]
    const lines = counts.length > 0 ? [`skipped: ${counts.join('; ')}`] : []
    if (this.logins > 0) lines.push(`students who are not enabled and cannot log in: ${this.logins}`)
    return lines.join('; ')
  }
}

/** The same file without rows that are to be deleted. */
export function withoutDeleted<Cells extends object, Row>(
  table: TableFile<Cells, Row>,
): TableFile<Cells, Row> {
  return { ...table, takes: (cellOf) => table.takes?.(cellOf) !== false && !isDeleted(cellOf) }
}

function isDeleted(cellOf: (column: string) => string): boolean {
  return cellOf('status').toLowerCase() === 'tobedeleted'
}
