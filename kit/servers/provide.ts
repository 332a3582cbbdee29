import { randomUUID } from 'node:crypto'
import pg from 'pg'

/** A database of a test's own. */
export interface TestDatabase {
  readonly url: string
  /** Ends whatever sessions are left. */
  drop(): Promise<void>
}

function fromRunner(name: string): string {
  const value = process.env[name]
  if (value === undefined)
    throw new Error(`${name} is not set: run tests with npm test, which starts the servers.`)
  return value
}

/** Creates a copy of a database, as a restored dump is one. Ends whatever sessions the original has. */
export async function copyDatabase(original: string): Promise<TestDatabase> {
  const server = new URL(original)
  const template = server.pathname.slice(1)
  server.pathname = '/postgres'
  const client = new pg.Client({ connectionString: server.href })
  await client.connect()
  try {
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
      template,
    ])
  } finally {
    await client.end()
  }
  return await createDatabase(server.href, template)
}

/**
 * Creates an empty database on the PostgreSQL of this test run.
 * @param serverUrl another server's, of a superuser
 */
export async function createDatabase(
  serverUrl = fromRunner('TEST_DATABASE_URL'),
  template = 'template0',
): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const onServer = async (sql: string) => {
    const client = new pg.Client({ connectionString: serverUrl })
    await client.connect()
    try {
      await client.query(sql)
    } finally {
      await client.end()
    }
  }
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

/** The amqp:// address of the RabbitMQ of this test run. It is shared: a test uses a campus id of its own. */
export function rabbitAddress(): string {
  return fromRunner('TEST_RABBITMQ_ADDRESS')
}
