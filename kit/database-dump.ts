import { createHash } from 'node:crypto'
import { stateLines } from '../actors/campus-digest.ts'
import { loadState } from '../src/audit/audit-state.ts'
import { openAuditReader } from '../src/store/audit-reader.ts'
import { type Database } from '../src/store/database.ts'

/** SHA-256 of everything that decisions decide, as the tables hold it. */
export async function stateDigest(database: Database): Promise<string> {
  const reader = await openAuditReader(database)
  try {
    const { campus } = await loadState(reader.tables)
    const hash = createHash('sha256')
    for (const line of stateLines(campus)) hash.update(`${line}\n`)
    return hash.digest('hex')
  } finally {
    await reader.close()
  }
}

const registryTables = ['departments', 'staff', 'students', 'courses'] as const

/** Every row of the registry, every column, one text each. */
export async function registryLines(database: Database): Promise<string[]> {
  const lines: string[] = []
  for (const table of registryTables) {
    const rows = await database.query<{ line: string }>(
      `SELECT '${table} ' || registry::text AS line FROM ${table} AS registry ORDER BY 1`,
    )
    lines.push(...rows.map(({ line }) => line))
  }
  return lines
}
