import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import pg from 'pg'
import { eventually } from '../../kit/eventually.ts'
import { CliProcess, runCli } from '../../kit/load/cli-process.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import { type CampusDatabase, createCampusDatabase } from '../../kit/campus-database.ts'
import { inShort } from '../../kit/rest-client.ts'

import { Keeper } from '../../kit/servers/keeper.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'
import { login, serveCampus, untilLogged } from './service.ts'

/** Values that stand for secrets: found in a log, they sing. */
const planted: string[] = []
function canary(what: string): string {
  const value = `canary-${what}-${randomUUID()}`
  planted.push(value)
  return value
}

const keeper = new Keeper('canaries', tmpdir())
const campus = `canaries-${randomUUID().slice(0, 8)}`
const databaseUser = `canary_${randomUUID().replaceAll('-', '')}`
const databasePassword = canary('database')
const jwtSecret = canary('jwt')
const password = canary('password')
/** A line of its own, if somebody wrote it as it is. */
const injected = 'injected"}\r\n{"level":60,"msg":"forged-line"}\r\n'
let created: CampusDatabase
let databaseUrl: string
let tracing: Readonly<Record<string, string>>

before(async () => {
  created = await createCampusDatabase({ campus })
  await created.database.query(`CREATE ROLE ${databaseUser} SUPERUSER LOGIN PASSWORD '${databasePassword}'`)
  await created.database.query('UPDATE students SET password = $1', [await hash(password, { cost: 4 })])
  await created.database.query('UPDATE staff SET password = $1', [canary('stored-hash')])
  await created.database.query('INSERT INTO staff (id, password, department_id) VALUES (77, $1, 1)', [
    await hash(password, { cost: 4 }),
  ])
  const url = new URL(created.url)
  url.username = databaseUser
  url.password = databasePassword
  databaseUrl = url.href
  tracing = {
    DATABASE_URL: databaseUrl,
    JWT_SECRET: `${jwtSecret},${canary('older-jwt')}`,
    ENROLLMENT_LOG_LEVEL: 'trace',
  }
})
after(async () => {
  await keeper.release()
  const server = new URL(created.url)
  server.pathname = '/postgres'
  const client = new pg.Client({ connectionString: server.href })
  await client.connect()
  await created.remove()
  await client.query(`DROP ROLE ${databaseUser}`)
  await client.end()
})

/** Nothing of what must stay secret, in any spelling that a log or a URL would give it. */
function assertSilent(written: string): void {
  for (const secret of planted) {
    const spellings = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]
    for (const spelling of spellings) assert.ok(!written.includes(spelling), `${spelling} in:\n${written}`)
  }
  // What the client library keeps of a connection, such as the key that cancels its statements.
  assert.doesNotMatch(written, /secretKey|connectionParameters|saslSession/)
}

/** One JSON object a line, with a level and a message. */
function assertLines(written: string): void {
  for (const line of written.trimEnd().split('\n')) {
    const entry = JSON.parse(line) as Record<string, unknown>
    assert.equal(typeof entry['level'], 'number', line)
    assert.equal(typeof entry['msg'], 'string', line)
    assert.notEqual(entry['msg'], 'forged-line')
  }
}

function logOf(process: CliProcess): string {
  return readFileSync(join(keeper.directory, `${process.command}.log`), 'utf8')
}

async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.end(bytes)
  return await text(socket).catch(() => '')
}

test('whatever goes wrong, server and batcher log no secret, and one JSON object a line', async () => {
  const broker = { RABBITMQ_ADDRESS: rabbitAddress() }
  const batcher = new CliProcess('batcher', { ...tracing, ...broker }, keeper)
  const { process, port, client, stop } = await serveCampus(keeper, { ...tracing, ...broker })
  const token = await login(client, 1, password)
  planted.push(token, token.slice(token.lastIndexOf('.') + 1))
  const body = { course_id: 102, group_id: 1 }
  assert.equal(inShort(await client.send('PUT /student/course', { token, body })), '204')

  const logins: unknown[] = [
    { user: 1, password: canary('wrong') },
    { user: 999, password: canary('nobody') },
    { user: 1, staff: true, password: canary('unreadable-hash') },
    { user: 1, password: `${canary('lines')}${injected}` },
    { user: canary('user'), password: canary('malformed') },
    { user: 1, password: canary('extra'), [canary('name')]: injected },
    `{"user":1,"password":"${canary('cut')}`,
    `{"__proto__":{"password":"${canary('proto')}"}}`,
    canary('no-json').repeat(1000),
  ]
  for (const attempt of logins) {
    const answer = await client.send('POST /login', { body: attempt })
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text)
  }
  const staff = await login(client, 77, password, true)
  planted.push(staff)
  const set = (given: unknown) =>
    client.send('PUT /staff/student-password', { token: staff, body: { std_id: 3, password: given } })
  assert.equal(inShort(await set(canary('set'))), '204')
  for (const given of [canary('long').repeat(9), [canary('list')], `${canary('set-lines')}\0`]) {
    assert.equal(inShort(await set(given)), '400 malformed')
  }
  const [stored] = await created.database.query<{ password: string }>(
    'SELECT password FROM students WHERE id = 3',
  )
  assert.match(stored?.password ?? '', /^\$argon2id\$/)
  planted.push(stored?.password ?? '')
  for (const headers of [
    { authorization: `Bearer ${canary('token')}` },
    { authorization: `Basic ${canary('basic')}` },
    { authorization: `Bearer ${token}`, 'idempotency-key': `${canary('key')} ${canary('key')}` },
  ]) {
    await client.send('GET /student/course', { headers })
  }
  await client.send(`GET /student/course?token=${canary('query')}%0d%0a${encodeURIComponent(injected)}`)
  await client.send(`GET /${canary('path')}%0d%0a`)
  await client.send(`GET /%zz${canary('undecodable')}`)
  await raw(port, `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${canary('bare')}\n${injected}\r\n\r\n`)
  await raw(port, `${canary('no-http')}\r\n${injected}\r\n\r\n`)

  // The database goes away under both, and comes back.
  const name = new URL(databaseUrl).pathname.slice(1)
  const server = new URL(created.url)
  server.pathname = '/postgres'
  const admin = new pg.Client({ connectionString: server.href })
  await admin.connect()
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS FALSE`)
  await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [
    databaseUser,
  ])
  await untilLogged(process, /connection was lost/)
  assert.equal(inShort(await client.send('POST /login', { body: { user: 1, password } })), '503 login_busy')
  assert.equal(
    inShort(await client.send('PUT /student/course', { token, body: { course_id: 101, group_id: 1 } })),
    '204',
  )
  await untilLogged(batcher, /ALARM database/)
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS TRUE`)
  await eventually(
    async () => (await client.send('POST /login', { body: { user: 1, password } })).status === 200,
  )
  await admin.end()

  await stop()
  await batcher.end('SIGTERM')
  for (const written of [logOf(process), logOf(batcher)]) {
    assertSilent(written)
    assertLines(written)
  }
})

test('a start that fails tells why in one line, and no secret in it', async () => {
  const wrong = new URL(databaseUrl)
  wrong.password = canary('wrong-database')
  const { host } = new URL(databaseUrl)
  const amqp = new URL(rabbitAddress())
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ['server', { DATABASE_URL: wrong.href }, /password authentication failed/],
    ['batcher', { DATABASE_URL: wrong.href, RABBITMQ_ADDRESS: amqp.href }, /password authentication failed/],
    [
      'server',
      { DATABASE_URL: `postgres://u:${canary('bad-escape')}%zz@${host}/x` },
      /DATABASE_URL is not a URL/,
    ],
    ['server', { DATABASE_URL: `${wrong.href}?sslmode=verify-full&sslrootcert=/nowhere` }, /no such file/],
    [
      'batcher',
      { RABBITMQ_ADDRESS: `amqp://u:${canary('broker-url')}@ho st` },
      /RABBITMQ_ADDRESS is not a URL/,
    ],
    ['server', { JWT_SECRET: canary('short').slice(0, 20) }, /JWT_SECRET has only 20 bytes/],
  ]
  const endings = cases.map(async ([command, environment, why]) => {
    const { ending, output, errors } = await runCli([command], {
      ...tracing,
      LISTEN_ADDRESS: '127.0.0.1:0',
      ...environment,
    })
    assert.equal(ending, 1, `${command} ${output} ${errors}`)
    const lines = errors.trimEnd().split('\n')
    assert.match(lines.pop() ?? '', why)
    // At this level a tool logs as well, to where it complains.
    if (lines.length > 0) assertLines(lines.join('\n'))
    assertSilent(output + errors)
  })
  await Promise.all(endings)
})

test('a broker that refuses is waited for without a word of its password', async () => {
  const refusing = new URL(rabbitAddress())
  refusing.password = canary('refused-by-broker')
  const absent = new URL(rabbitAddress())
  absent.port = String(await freePort())
  absent.password = canary('absent-broker')
  const waiting = [refusing, absent].flatMap((address) => {
    const environment = { ...tracing, LISTEN_ADDRESS: '127.0.0.1:0', RABBITMQ_ADDRESS: address.href }
    return ['start', 'batcher'].map((command) => new CliProcess(command, environment, keeper))
  })
  for (const process of waiting) {
    // Two of each command write to one log.
    await untilLogged(process, /waiting for RabbitMQ.*ACCESS_REFUSED/)
    await untilLogged(process, /waiting for RabbitMQ.*ECONNREFUSED/)
  }
  await Promise.all(waiting.map((process) => process.end('SIGTERM')))
  for (const process of waiting) assertSilent(logOf(process))
})
