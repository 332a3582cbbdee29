import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import pg from 'pg'
import { eventually } from '../../kit/eventually.ts'
import { CliProcess, type Environment, runCli } from '../../kit/load/cli-process.ts'
import { serverAccount } from '../../src/embedded/account.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import { openDatabase } from '../../src/store/database.ts'
import { fillCampus, silent } from '../../kit/campus-database.ts'
import { inShort } from '../../kit/rest-client.ts'

import { Keeper } from '../../kit/servers/keeper.ts'
import { startPostgres } from '../../kit/servers/postgres.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { startNode, type TestRabbit } from '../../kit/servers/rabbit-node.ts'
import { installedRabbit, unpackedRabbit } from '../../kit/servers/rabbit-programs.ts'
import { canMakeCertificates, type Certificates, makeCertificates } from './certificates.ts'
import { login, serveCampus, untilLogged } from './service.ts'

const campus = `tls-${randomUUID().slice(0, 8)}`

async function startPostgresOverTls(t: TestContext, { certificate, key }: Certificates) {
  const postgres = await startPostgres({
    settings: { ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key },
  })
  t.after(() => postgres.remove())
  const { url } = await createDatabase(postgres.url)
  return url
}

/** A broker that speaks nothing but TLS to those who are not itself. */
async function startRabbitOverTls(t: TestContext, { authority, certificate, key }: Certificates) {
  const programs = installedRabbit() ?? (await unpackedRabbit(() => {}).catch(() => undefined))
  if (programs === undefined) return undefined
  const port = await freePort()
  const rabbit = await startNode(programs, {
    settings: [
      `listeners.ssl.1 = 127.0.0.1:${port}`,
      `ssl_options.cacertfile = ${authority}`,
      `ssl_options.certfile = ${certificate}`,
      `ssl_options.keyfile = ${key}`,
      '',
    ].join('\n'),
  })
  t.after(() => rabbit.remove())
  return { rabbit, port }
}

/** The broker's users of docs/security.md, each with what its process needs. */
async function addBrokerUsers(rabbit: TestRabbit): Promise<void> {
  const [lock, journal] = [`${campus}\\.leader`, `${campus}\\.journal`]
  for (const [user, configure, write, read] of [
    ['server', `^(${lock}|${journal})$`, '^amq\\.default$', `^${lock}$`],
    ['batcher', '^$', '^amq\\.default$', `^${journal}$`],
  ] as const) {
    await rabbit.control('add_user', user, `password-of-${user}`)
    await rabbit.control('set_permissions', '-p', '/', user, configure, write, read)
  }
  await rabbit.control('delete_user', 'guest')
}

async function query(
  url: string,
  sql: string,
  ssl: pg.ClientConfig['ssl'] = false,
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, ssl })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

test('server and batcher reach PostgreSQL and RabbitMQ over TLS, and nobody who cannot prove who it is', async (t) => {
  if (!(await canMakeCertificates())) {
    t.skip('NOT TESTED: there is no openssl to make certificates with')
    return
  }
  const keeper = new Keeper('tls', '/tmp')
  t.after(() => keeper.release())
  const account = serverAccount('/')
  const ours = await makeCertificates(join(keeper.directory, 'ours'), account)
  const others = await makeCertificates(join(keeper.directory, 'others'), account)
  // Its broker runs as ourselves, and PostgreSQL's key is PostgreSQL's.
  const forBroker = await makeCertificates(join(keeper.directory, 'broker'), undefined)

  const plainUrl = await startPostgresOverTls(t, ours)
  const secured = (authority: string, host = 'localhost'): string => {
    const url = new URL(plainUrl)
    url.hostname = host
    url.searchParams.set('sslmode', 'verify-full')
    url.searchParams.set('sslrootcert', authority)
    return url.href
  }
  const migrated = await runCli(['migrate'], {
    DATABASE_URL: secured(ours.authority),
    ENROLLMENT_CAMPUS: campus,
  })
  assert.equal(migrated.ending, 0, migrated.errors)
  const database = await openDatabase(plainUrl, { logger: silent })
  await fillCampus(database, 3)
  await database.query('UPDATE students SET password = $1', [await hash('pass-1234', { cost: 4 })])
  await database.close()

  const broker = await startRabbitOverTls(t, forBroker)
  if (broker === undefined) t.diagnostic('AMQP OVER TLS IS NOT TESTED: there is no RabbitMQ to start here')
  else await addBrokerUsers(broker.rabbit)
  const environmentOf = (user: 'server' | 'batcher', changed: Environment = {}): Environment => ({
    DATABASE_URL: secured(ours.authority),
    LISTEN_ADDRESS: '127.0.0.1:0',
    ...(broker !== undefined && {
      RABBITMQ_ADDRESS: `amqps://${user}:password-of-${user}@localhost:${broker.port}`,
      NODE_EXTRA_CA_CERTS: forBroker.authority,
    }),
    ...changed,
  })

  const batcher = broker && new CliProcess('batcher', environmentOf('batcher'), keeper)
  const served = await serveCampus(keeper, environmentOf('server'))
  const token = await login(served.client, 1, 'pass-1234')
  const body = { course_id: 101, group_id: 1 }
  assert.equal(inShort(await served.client.send('PUT /student/course', { token, body })), '204')
  await eventually(async () => (await query(plainUrl, 'SELECT FROM enrolled_courses')).length === 1)
  const sessions = await query(
    plainUrl,
    `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
     WHERE application_name LIKE 'enrollment%' AND backend_type = 'client backend'`,
  )
  assert.deepEqual(sessions, [{ ssl: true }])
  if (broker !== undefined) {
    const connections = await broker.rabbit.control('list_connections', '--no-table-headers', 'user', 'ssl')
    // A batcher opens a second one when it has something to tell the leader.
    const kinds = new Set(connections.trim().split('\n'))
    assert.deepEqual([...kinds].toSorted(), ['batcher\ttrue', 'server\ttrue'])
  }
  await served.stop()
  await batcher?.end('SIGTERM')

  const impostors: readonly (readonly [string, 'server' | 'batcher', Environment, RegExp])[] = [
    [
      'a PostgreSQL of another authority',
      'server',
      { DATABASE_URL: secured(others.authority) },
      /waiting for PostgreSQL.*certificate/,
    ],
    [
      'a PostgreSQL of another name',
      'server',
      { DATABASE_URL: secured(ours.authority, '127.0.0.1') },
      /waiting for PostgreSQL.*(altnames|cert)/i,
    ],
    ...(broker === undefined
      ? []
      : ([
          [
            'a broker of another authority',
            'server',
            { NODE_EXTRA_CA_CERTS: others.authority },
            /waiting for RabbitMQ.*certificate/,
          ],
          [
            'a broker of another name',
            'batcher',
            { RABBITMQ_ADDRESS: `amqps://batcher:password-of-batcher@127.0.0.1:${broker.port}` },
            /waiting for RabbitMQ.*(altnames|cert)/i,
          ],
        ] as const)),
  ]
  for (const [what, command, changed, refusal] of impostors) {
    const own = new Keeper('tls-impostor', '/tmp')
    t.after(() => own.release())
    const process = new CliProcess(command, environmentOf(command, changed), own)
    await untilLogged(process, refusal)
    assert.doesNotMatch(process.lastWords(1000), /engine leading|consuming/, what)
    await process.end('SIGTERM')
  }
})

test('sslmode=prefer and sslmode=allow mean what they mean to libpq, on pooled and dedicated connections', async (t) => {
  if (!(await canMakeCertificates())) {
    t.skip('NOT TESTED: there is no openssl to make certificates with')
    return
  }
  const keeper = new Keeper('tls-modes', '/tmp')
  t.after(() => keeper.release())
  const speaksTls = await startPostgresOverTls(
    t,
    await makeCertificates(join(keeper.directory, 'ours'), serverAccount('/')),
  )
  const plain = await startPostgres()
  t.after(() => plain.remove())
  const [{ hba_file: rules } = {}] = await query(speaksTls, 'SHOW hba_file')
  const letsIn = (ssl: false | { rejectUnauthorized: false }) =>
    query(speaksTls, 'SELECT 1', ssl).then(
      () => true,
      () => false,
    )
  const encrypted = { rejectUnauthorized: false } as const
  /** From now on lets in over TCP only who connects so. */
  const letInOnly = async (kind: 'hostssl' | 'hostnossl') => {
    await writeFile(String(rules), `local all all trust\n${kind} all all all scram-sha-256\n`)
    const refused = kind === 'hostssl' ? false : encrypted
    await query(speaksTls, 'SELECT pg_reload_conf()', refused)
    await eventually(async () => !(await letsIn(refused)))
  }
  const isEncrypted = async (url: string, mode: string): Promise<boolean[]> => {
    const database = await openDatabase(`${url}?sslmode=${mode}`, { logger: silent })
    try {
      const ask = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
      const client = await database.connect()
      const dedicated = await client.query<{ ssl: boolean }>(ask)
      await client.end()
      return [...(await database.query<{ ssl: boolean }>(ask)), ...dedicated.rows].map(({ ssl }) => ssl)
    } finally {
      await database.close()
    }
  }
  assert.deepEqual(await isEncrypted(plain.url, 'prefer'), [false, false])
  assert.deepEqual(await isEncrypted(plain.url, 'allow'), [false, false])
  // Nobody vouches for the certificate: `prefer` does not ask.
  assert.deepEqual(await isEncrypted(speaksTls, 'prefer'), [true, true])
  assert.deepEqual(await isEncrypted(speaksTls, 'allow'), [false, false])
  await assert.rejects(isEncrypted(plain.url, 'require'), /does not support SSL/)
  await letInOnly('hostssl')
  assert.deepEqual(await isEncrypted(speaksTls, 'allow'), [true, true])
  await letInOnly('hostnossl')
  assert.deepEqual(await isEncrypted(speaksTls, 'prefer'), [false, false])
})
