import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingsAsMarkdown, settingsAsText } from './config-help.ts'
import { type Config, settings } from './config.ts'
import { isLoopback } from './config-values.ts'
import { readConfig } from './read-config.ts'
import { complaintOf } from '../testing/complaint-of.ts'

const defaults: Config = {
  databaseUrl: undefined,
  rabbitmqAddress: undefined,
  oldRabbitmqAddress: undefined,
  listen: { protocol: 'tcp', host: '127.0.0.1', port: 8080 },
  listenCertificate: undefined,
  listenKey: undefined,
  coreAddresses: undefined,
  coreListen: undefined,
  jwtSecrets: undefined,
  staffScope: 'department',
  forceAdd: 'department',
  courseUnitsMax: 60,
  dataFolder: './data',
  campus: undefined,
  windowMs: 3_600_000,
  ack: 'confirm',
  allowSampleAccounts: false,
  logLevel: undefined,
  metrics: undefined,
  metricsForClients: false,
  shutdownMs: 10_000,
  corsOrigins: false,
  trustProxy: false,
  replyDeadlineMs: 10_000,
  mailboxMax: 1024,
  commitRecordsMax: 16_384,
  commitBytesMax: 33_554_432,
  batchRecordsMax: 2000,
  batchBytesMax: 1_048_576,
  backlogBytesMax: 268_435_456,
  keysBytesMax: 402_653_184,
  clockSkewMaxMs: 2000,
  queueSettleMs: 5000,
  warmUpMs: 2000,
  loginConcurrency: 2,
  loginWaitingMax: 512,
  loginWaitMs: 5000,
  loginFailuresPerAccount: { count: 10, perMs: 300_000 },
  loginSlowMs: 2_000,
  loginFailuresPerAddress: { count: 1000, perMs: 300_000 },
  sessionMs: 43_200_000,
  studentRate: { count: 10, perMs: 1000 },
  studentBurst: 20,
  staffRate: { count: 50, perMs: 1000 },
  staffBurst: 200,
  eventStreamsMax: 10_000,
  eventStreamsPerCaller: 5,
  batcherPrefetch: 64,
  batcherRecordsMax: 5000,
}

const variables = Object.values(settings).map((entry) => entry.variable)

test('with nothing set, every documented default holds', () => {
  assert.deepEqual(readConfig({}), defaults)
  assert.deepEqual(readConfig({ PATH: '/bin', HOME: '/root', ENROLLMENT_WINDOW: undefined }), defaults)
})

test('an empty value is refused, so that a database address gone missing does not start an embedded one', () => {
  for (const variable of variables) {
    if (variable === 'GIN_MODE') continue
    const error = complaintOf({ [variable]: '' })
    assert.equal(error.variable, variable)
    assert.match(error.message, / is empty: unset it, or set it to /)
  }
})

test('a certificate without its key, or a key without its certificate, is refused by the name of what is missing', () => {
  const [certificate, key] = [{ ENROLLMENT_LISTEN_CERT: 'c.pem' }, { ENROLLMENT_LISTEN_KEY: 'k.pem' }]
  assert.match(
    complaintOf(certificate).message,
    /^ENROLLMENT_LISTEN_KEY is not set, and ENROLLMENT_LISTEN_CERT is/,
  )
  assert.match(complaintOf(key).message, /^ENROLLMENT_LISTEN_CERT is not set, and ENROLLMENT_LISTEN_KEY is/)
  assert.equal(readConfig({ ...certificate, ...key }).listenKey, 'k.pem')
})

test('a value that would break the line is quoted and cut', () => {
  assert.match(complaintOf({ ENROLLMENT_WINDOW: 'one\nhour' }).message, /"one\\nhour"/)
  assert.ok(complaintOf({ ENROLLMENT_WINDOW: 'x'.repeat(10_000) }).message.length < 300)
})

test('an unknown name with our prefix is refused, and a near miss is told the right name', () => {
  const suggestions = {
    ENROLLMENT_WINDOWS: 'ENROLLMENT_WINDOW',
    ENROLMENT_WINDOW: 'ENROLLMENT_WINDOW',
    enrollment_window: 'ENROLLMENT_WINDOW',
    ENROLLMENT_BATCH_RECORD_MAX: 'ENROLLMENT_BATCH_RECORDS_MAX',
    ENROLLMENTS_ACK: 'ENROLLMENT_ACK',
    ENROLLMENT_LOGLEVEL: 'ENROLLMENT_LOG_LEVEL',
  }
  for (const [name, right] of Object.entries(suggestions)) {
    const error = complaintOf({ [name]: '1h' })
    assert.equal(error.variable, name)
    assert.ok(error.message.endsWith(`did you mean ${right}?`), error.message)
  }
  assert.match(complaintOf({ ENROLLMENT_UNHEARD_OF_THING: '1' }).message, /see enrollment --help/)
  assert.match(complaintOf({ 'ENROLLMENT_\n': '1' }).message, /^"ENROLLMENT_\\n" is not a variable/)
})

test('the older name GIN_MODE is accepted whatever it says, and means nothing', () => {
  for (const text of ['release', 'debug', '']) assert.deepEqual(readConfig({ GIN_MODE: text }), defaults)
})

test('LISTEN_PROTOCOL=unix takes a socket path and nothing else', () => {
  const at = (path: string) => ({ LISTEN_PROTOCOL: 'unix', LISTEN_ADDRESS: path })
  assert.deepEqual(readConfig(at('/run/e.sock')).listen, { protocol: 'unix', path: '/run/e.sock' })
  assert.deepEqual(readConfig(at('e.sock')).listen, { protocol: 'unix', path: 'e.sock' })
  assert.match(
    complaintOf({ LISTEN_PROTOCOL: 'unix' }).message,
    /^LISTEN_ADDRESS is not set: it wants a socket path/,
  )
  for (const wrong of [':8080', '127.0.0.1:8080', '/run/', '/a\0b', `/${'x'.repeat(103)}`]) {
    assert.equal(complaintOf(at(wrong)).variable, 'LISTEN_ADDRESS')
  }
})

test('bounds that contradict one another are refused', () => {
  const pairs = [
    [
      'ENROLLMENT_BATCH_RECORDS_MAX',
      { ENROLLMENT_BATCH_RECORDS_MAX: '200', ENROLLMENT_COMMIT_RECORDS_MAX: '100' },
    ],
    [
      'ENROLLMENT_BATCH_BYTES_MAX',
      { ENROLLMENT_BATCH_BYTES_MAX: '2MiB', ENROLLMENT_COMMIT_BYTES_MAX: '1MiB' },
    ],
    ['ENROLLMENT_COMMIT_BYTES_MAX', { ENROLLMENT_COMMIT_BYTES_MAX: '1GiB' }],
  ] as const
  for (const [variable, env] of pairs) assert.equal(complaintOf(env).variable, variable)
})

test('the configuration cannot be changed once it is read', () => {
  const config = readConfig({ CORE_ADDRESS: 'a:1,b:2' })
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.listen) && Object.isFrozen(config.studentRate))
  assert.ok(Object.isFrozen(config.coreAddresses) && Object.isFrozen(config.coreAddresses?.[0]))
})

test('only addresses that no other machine can reach count as loopback', () => {
  for (const text of ['127.0.0.1:1', '127.8.9.1:1', '[::1]:1', 'localhost:1'])
    assert.ok(isLoopback(readConfig({ LISTEN_ADDRESS: text }).listen), text)
  for (const text of [
    ':1',
    '0.0.0.0:1',
    '[::]:1',
    '10.0.0.1:1',
    '127.example.com:1',
    'localhost.example.com:1',
  ]) {
    assert.ok(!isLoopback(readConfig({ LISTEN_ADDRESS: text }).listen), text)
  }
  assert.ok(isLoopback({ protocol: 'unix', path: '/run/e.sock' }))
})

test('help and docs/settings.md name every variable with its default', () => {
  const text = settingsAsText()
  const rows = settingsAsMarkdown().split('\n')
  assert.equal(rows.length, variables.length + 2)
  for (const [index, { variable, fallback, meaning }] of Object.values(settings).entries()) {
    assert.ok(
      text.includes(
        `  ${variable}${fallback === undefined ? '' : ` (default ${fallback})`}\n      ${meaning}`,
      ),
    )
    assert.ok(
      rows[index + 2]?.startsWith(
        `| \`${variable}\` | ${fallback === undefined ? '' : `\`${fallback}\``} | `,
      ),
    )
  }
})
