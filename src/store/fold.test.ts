import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openClient } from './database.ts'
import { prepareSession } from './fold.ts'
import { createTables, silent, type TestTables } from './testing/tables.ts'

let db: TestTables

before(async () => {
  db = await createTables({ migrated: true })
})
after(() => db.remove())

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly Plans?: readonly PlanNode[]
}

function* nodesOf(node: PlanNode): Generator<PlanNode> {
  yield node
  for (const child of node.Plans ?? []) yield* nodesOf(child)
}

const bigTables = ['enrolled_courses', 'students', 'courses']

const statements = [
  'fold_places(1)',
  'fold_capacities(1)',
  'fold_actions(1)',
  'fold_groups(1)',
  'fold_students(1)',
  'delete_duplicates',
]

for (const statement of statements) {
  test(`${statement} reaches every row by its key, even if the tables were empty when they were last looked at`, async () => {
    await db.database.query(`ANALYZE ${bigTables.join(', ')}`)
    const client = await openClient(db.url, { logger: silent })
    try {
      await client.query(prepareSession)
      const { rows } = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
        `EXPLAIN (FORMAT JSON) EXECUTE ${statement}`,
      )
      const scans = rows
        .flatMap((row) => row['QUERY PLAN'])
        .flatMap(({ Plan }) => [...nodesOf(Plan)])
        .filter(
          (node) => node['Node Type'].includes('Scan') && bigTables.includes(node['Relation Name'] ?? ''),
        )
      assert.ok(scans.length > 0)
      for (const scan of scans) assert.ok(scan['Index Cond'], `reads a whole table: ${JSON.stringify(scan)}`)
    } finally {
      await client.end()
    }
  })
}
