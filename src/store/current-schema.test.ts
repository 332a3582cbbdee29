import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { replacedTables } from '../../kit/replaced-tables.ts'
import { migrate } from './migrate.ts'
import { createTables, type TestTables } from './testing/tables.ts'

const dump = join(import.meta.dirname, '../../schema/current-schema.sql')

/** Everything that a migration can make, one text each. */
const describeSchema = `
  SELECT format('column %s.%s %s %s %s', table_name, column_name, udt_name, is_nullable, column_default) AS line
  FROM information_schema.columns WHERE table_schema = 'public'
  UNION ALL
  SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    -- What may not be NULL is said by the columns; only the names of these differ, and that by version.
    AND contype <> 'n'
  UNION ALL
  SELECT format('index %s', pg_get_indexdef(indexrelid)) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
  WHERE relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL
  SELECT format('function %s %s %s %s', proname, prosecdef, proconfig, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  ORDER BY line`

/** Both lack what the other has, line by line. */
async function assertSame(actual: TestTables, expected: TestTables, hint?: string): Promise<void> {
  const [mine, wanted] = await Promise.all(
    [actual, expected].map(async (tables) => (await tables.rows(describeSchema)).flat()),
  )
  const differences = {
    lacking: wanted?.filter((line) => mine?.includes(line) !== true),
    tooMany: mine?.filter((line) => wanted?.includes(line) !== true),
  }
  assert.deepEqual(
    differences,
    { lacking: [], tooMany: [] },
    hint && `${hint}: ${JSON.stringify(differences)}`,
  )
}

test('the schema shown for review is what the migrations make', async () => {
  const migrated = await createTables({ migrated: true })
  const shown = await createTables({ migrated: false })
  try {
    await shown.database.query(readFileSync(dump, 'utf8'))
    await assertSame(shown, migrated, 'to write it anew, see its first lines')
  } finally {
    await migrated.remove()
    await shown.remove()
  }
})

for (const times of ['TIMESTAMPTZ', 'TIMESTAMP'] as const) {
  test(`a database of the replaced system with ${times} ends in the same schema`, async () => {
    const migrated = await createTables({ migrated: true })
    const adopted = await createTables({ migrated: false })
    try {
      await adopted.database.query(replacedTables(times))
      await migrate(adopted.database)
      await assertSame(adopted, migrated)
    } finally {
      await migrated.remove()
      await adopted.remove()
    }
  })
}
