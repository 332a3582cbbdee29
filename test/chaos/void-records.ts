import pg from 'pg'
import type { VoidRecord } from './verdict.ts'

/** Every record of a deposed leader that reached the journal, and was applied to nothing. */
export async function readVoids(databaseUrl: string): Promise<VoidRecord[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ record: VoidRecord }>('SELECT record FROM void_records')
    return rows.map(({ record }) => record)
  } finally {
    await client.end()
  }
}
