import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { settings } from '../../src/config/config.ts'
import { type Ended, enrollment, type Environment, processKeeper } from '../../kit/command-line.ts'
import { createProcessCampus, type ProcessCampus } from './process-fixture.ts'

/** It says one line on stderr, nothing on stdout, and exits with 1. */
function assertOneLine(ended: Ended, pattern: RegExp): void {
  assert.deepEqual({ code: ended.code, stdout: ended.stdout }, { code: 1, stdout: '' }, ended.stderr)
  assert.match(ended.stderr, /^enrollment: [^\n]+\n$/)
  assert.match(ended.stderr, pattern)
}

const malformed: Readonly<Record<string, readonly string[]>> = {
  DATABASE_URL: ['mysql://localhost/x', 'postgres://localhost', ''],
  RABBITMQ_ADDRESS: ['localhost:5672', 'amqp://a:b@/'],
  ENROLLMENT_OLD_RABBITMQ_ADDRESS: ['localhost:5672'],
  LISTEN_PROTOCOL: ['udp'],
  LISTEN_ADDRESS: ['8080', '127.0.0.1:99999', '/run/enrollment.sock'],
  CORE_ADDRESS: ['127.0.0.1:1,,127.0.0.1:2'],
  JWT_SECRET: ['short', `${'x'.repeat(32)},short`],
  STAFF_SCOPE: ['everything'],
  ENROLLMENT_FORCE_ADD: ['everybody'],
  ENROLLMENT_COURSE_UNITS_MAX: ['0'],
  ENROLLMENT_DATA: [''],
  ENROLLMENT_CAMPUS: ['Main Campus'],
  ENROLLMENT_WINDOW: ['60', '400d'],
  ENROLLMENT_ACK: ['maybe'],
  ENROLLMENT_ALLOW_SAMPLE_ACCOUNTS: ['true'],
  ENROLLMENT_LOG_LEVEL: ['verbose'],
  ENROLLMENT_CORE_LISTEN: ['127.0.0.1'],
  ENROLLMENT_LISTEN_CERT: [''],
  ENROLLMENT_LISTEN_KEY: [''],
  ENROLLMENT_METRICS_ADDRESS: ['9464', 'on'],
  ENROLLMENT_METRICS_FOR_CLIENTS: ['perhaps'],
  ENROLLMENT_EVENT_STREAMS_MAX: ['none'],
  ENROLLMENT_EVENT_STREAMS_PER_CALLER: ['none'],
  ENROLLMENT_CORS_ORIGINS: ['everybody'],
  ENROLLMENT_SHUTDOWN: ['0s'],
  ENROLLMENT_TRUST_PROXY: ['everybody'],
  ENROLLMENT_REPLY_DEADLINE: ['1ms'],
  ENROLLMENT_MAILBOX_MAX: ['0'],
  ENROLLMENT_COMMIT_RECORDS_MAX: ['-1'],
  ENROLLMENT_COMMIT_BYTES_MAX: ['32'],
  ENROLLMENT_BATCH_RECORDS_MAX: ['1e3', '99999'],
  ENROLLMENT_BATCH_BYTES_MAX: ['16MiB'],
  ENROLLMENT_BACKLOG_BYTES_MAX: ['1MB'],
  ENROLLMENT_CLOCK_SKEW_MAX: ['0s'],
  ENROLLMENT_KEYS_BYTES_MAX: ['1'],
  ENROLLMENT_QUEUE_SETTLE: ['soon'],
  ENROLLMENT_WARM_UP: ['2'],
  ENROLLMENT_LOGIN_CONCURRENCY: ['65'],
  ENROLLMENT_LOGIN_WAITING_MAX: ['many'],
  ENROLLMENT_LOGIN_WAIT: ['5'],
  ENROLLMENT_LOGIN_SLOW: ['1h'],
  ENROLLMENT_SESSION: ['1s'],
  ENROLLMENT_LOGIN_FAILURES_PER_ACCOUNT: ['10'],
  ENROLLMENT_LOGIN_FAILURES_PER_ADDRESS: ['0/5m'],
  ENROLLMENT_STUDENT_RATE: ['10/fortnight'],
  ENROLLMENT_STUDENT_BURST: ['1.5'],
  ENROLLMENT_STAFF_RATE: ['10/fortnight'],
  ENROLLMENT_STAFF_BURST: ['1.5'],
  ENROLLMENT_BATCHER_PREFETCH: ['0x10'],
  ENROLLMENT_BATCHER_RECORDS_MAX: ['0'],
}

const commands = [['start'], ['server'], ['batcher'], ['migrate'], ['load', '--sample'], ['verify']]

test('every variable is tried here with what it does not want', () => {
  const variables = Object.values(settings).map(({ variable }) => variable)
  assert.deepEqual(
    variables.filter((variable) => variable !== 'GIN_MODE').toSorted(),
    Object.keys(malformed).toSorted(),
  )
})

describe('a malformed value stops every command with one line that names it', { concurrency: 4 }, () => {
  Object.entries(malformed).forEach(([variable, values], index) => {
    for (const value of values) {
      test(`${variable}=${value}`, async () => {
        const command = commands[index % commands.length] ?? []
        assertOneLine(await enrollment(command, { [variable]: value }), new RegExp(`: ${variable} `))
      })
    }
  })

  test('an unknown name with our prefix, and what it was meant to be', async () => {
    const ended = await enrollment(['server'], { ENROLLMENT_LOGLEVEL: 'info' })
    assertOneLine(ended, /ENROLLMENT_LOGLEVEL .*did you mean ENROLLMENT_LOG_LEVEL\?/)
  })

  test('a secret that is malformed is not repeated', async () => {
    const secret = 'tooshortsecret'
    for (const name of ['JWT_SECRET', 'DATABASE_URL', 'RABBITMQ_ADDRESS']) {
      const ended = await enrollment(['server'], { [name]: secret })
      assertOneLine(ended, new RegExp(`: ${name} `))
      assert.ok(!ended.stderr.includes(secret))
    }
  })
})

test('a command that does not exist, or is used wrongly, is told in one line', async () => {
  assertOneLine(await enrollment(['serve']), /no command serve/)
  assertOneLine(await enrollment(['toString']), /no command toString/)
  assertOneLine(await enrollment(['server', '--port=1']), /--port/)
  assertOneLine(await enrollment(['load']), /--students .*--sample/)
  assertOneLine(await enrollment(['adopt']), /--dry-run and --apply/)
  assertOneLine(await enrollment(['server']), /server needs DATABASE_URL/)
  assertOneLine(
    await enrollment(['batcher'], { DATABASE_URL: 'postgres://a:b@127.0.0.1/c' }),
    /RABBITMQ_ADDRESS/,
  )
  const help = await enrollment(['--help'])
  assert.equal(help.code, 0)
  for (const { variable } of Object.values(settings))
    assert.match(help.stdout, new RegExp(`^ {2}${variable}`, 'm'))
})

describe('what the database or the machine does not have is told in one line', () => {
  let campus: ProcessCampus
  let environment: Environment
  before(async () => {
    campus = await createProcessCampus()
    // Waiting is told in the log; these are no cases of waiting.
    environment = { ...campus.environment, ENROLLMENT_LOG_LEVEL: 'silent', LISTEN_ADDRESS: '127.0.0.1:0' }
  })
  after(() => campus.remove())

  test('a wrong password, and a database that does not exist', async () => {
    const url = new URL(campus.url)
    url.password = 'wrong'
    assertOneLine(
      await enrollment(['server'], { ...environment, DATABASE_URL: url.href }),
      /password authentication failed.*; correct user or password in DATABASE_URL/,
    )
    const other = new URL(campus.url)
    other.pathname = '/no_such_database'
    assertOneLine(
      await enrollment(['batcher'], { ...environment, DATABASE_URL: other.href }),
      /"no_such_database" does not exist; make it \(createdb\)/,
    )
  })

  test('a database that is another campus', async () => {
    const ended = await enrollment(['server'], { ...environment, ENROLLMENT_CAMPUS: 'elsewhere' })
    assertOneLine(
      ended,
      /this database is campus process-\w+, not elsewhere; correct DATABASE_URL or ENROLLMENT_CAMPUS/,
    )
  })

  test('an address where somebody else serves, and one that is not ours', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const LISTEN_ADDRESS = `127.0.0.1:${port}`
    assertOneLine(
      await enrollment(['server'], { ...environment, LISTEN_ADDRESS }),
      /another process serves on .*: stop it, or set LISTEN_ADDRESS/,
    )
    taken.close()
    const path = join(processKeeper().directory, 'no-socket')
    writeFileSync(path, 'a note')
    const socket = { LISTEN_PROTOCOL: 'unix', LISTEN_ADDRESS: path }
    assertOneLine(
      await enrollment(['server'], { ...environment, ...socket }),
      /no-socket is there already .*: set LISTEN_ADDRESS/,
    )
  })

  test('a journal that is not the one which feeds the database, and how to switch', async () => {
    const { RABBITMQ_ADDRESS, ...direct } = environment
    assert.ok(RABBITMQ_ADDRESS !== undefined)
    await campus.database.query(`UPDATE campus SET journal = 'direct'`)
    for (const command of ['server', 'batcher']) {
      assertOneLine(
        await enrollment([command], environment),
        /journal of this database is direct.*configured for rabbitmq.*enrollment migrate --switch-journal/,
      )
    }
    const switched = await enrollment(['migrate', '--switch-journal'], environment)
    assert.equal(switched.code, 0, switched.stderr)
    assert.match(switched.stdout, /^journal: direct -> rabbitmq \S+ \S+$/m)
    assertOneLine(
      await enrollment(['server'], direct),
      /journal of this database is rabbitmq.*configured for direct/,
    )
  })
})
