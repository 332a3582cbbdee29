import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, settings } from './config.ts'
import { readConfig } from './read-config.ts'
import { complaintOf } from '../testing/complaint-of.ts'

const key32 = '0123456789abcdef0123456789abcdef'
const otherKey = 'ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF'

/** What each variable may say, and what comes of it. */
const wellFormed: readonly (readonly [
  variable: string,
  text: string,
  field: keyof Config,
  value: unknown,
])[] = [
  ['DATABASE_URL', 'postgres://u:p@db:5432/campus', 'databaseUrl', 'postgres://u:p@db:5432/campus'],
  ['DATABASE_URL', 'postgresql://db/campus', 'databaseUrl', 'postgresql://db/campus'],
  ['DATABASE_URL', 'postgres://u@/c?host=/run/pg', 'databaseUrl', 'postgres://u@/c?host=/run/pg'],
  ['DATABASE_URL', 'postgres:///c?host=/run/pg', 'databaseUrl', 'postgres:///c?host=/run/pg'],
  ['RABBITMQ_ADDRESS', 'amqp://guest:guest@mq:5672/', 'rabbitmqAddress', 'amqp://guest:guest@mq:5672/'],
  ['RABBITMQ_ADDRESS', 'amqps://mq/%2Fcampus', 'rabbitmqAddress', 'amqps://mq/%2Fcampus'],
  ['ENROLLMENT_OLD_RABBITMQ_ADDRESS', 'amqp://old/north', 'oldRabbitmqAddress', 'amqp://old/north'],
  ['LISTEN_ADDRESS', ':8080', 'listen', { protocol: 'tcp', host: '', port: 8080 }],
  ['LISTEN_ADDRESS', '[::1]:80', 'listen', { protocol: 'tcp', host: '::1', port: 80 }],
  ['LISTEN_ADDRESS', 'campus.example:0', 'listen', { protocol: 'tcp', host: 'campus.example', port: 0 }],
  ['CORE_ADDRESS', 'a:1', 'coreAddresses', [{ protocol: 'tcp', host: 'a', port: 1 }]],
  ['ENROLLMENT_CORE_LISTEN', 'unix:///run/core', 'coreListen', [{ protocol: 'unix', path: '/run/core' }]],
  [
    'CORE_ADDRESS',
    'a:1, [::1]:2,unix:///run/core.sock',
    'coreAddresses',
    [
      { protocol: 'tcp', host: 'a', port: 1 },
      { protocol: 'tcp', host: '::1', port: 2 },
      { protocol: 'unix', path: '/run/core.sock' },
    ],
  ],
  ['JWT_SECRET', key32, 'jwtSecrets', [key32]],
  ['JWT_SECRET', `${key32},${otherKey}`, 'jwtSecrets', [key32, otherKey]],
  ['JWT_SECRET', 'é'.repeat(16), 'jwtSecrets', ['é'.repeat(16)]],
  ['STAFF_SCOPE', 'all', 'staffScope', 'all'],
  ['ENROLLMENT_FORCE_ADD', 'any', 'forceAdd', 'any'],
  ['ENROLLMENT_COURSE_UNITS_MAX', '32767', 'courseUnitsMax', 32_767],
  ['ENROLLMENT_DATA', '/var/lib/enrollment', 'dataFolder', '/var/lib/enrollment'],
  ['ENROLLMENT_CAMPUS', 'tehran-2026_fall', 'campus', 'tehran-2026_fall'],
  ['ENROLLMENT_WINDOW', '90m', 'windowMs', 5_400_000],
  ['ENROLLMENT_WINDOW', '3600s', 'windowMs', 3_600_000],
  ['ENROLLMENT_WINDOW', '1d2h3m4s5ms', 'windowMs', 93_784_005],
  ['ENROLLMENT_ACK', 'applied', 'ack', 'applied'],
  ['ENROLLMENT_ALLOW_SAMPLE_ACCOUNTS', 'yes', 'allowSampleAccounts', true],
  ['ENROLLMENT_LOG_LEVEL', 'silent', 'logLevel', 'silent'],
  ['ENROLLMENT_METRICS_ADDRESS', 'off', 'metrics', 'off'],
  ['ENROLLMENT_METRICS_ADDRESS', ':9100', 'metrics', { protocol: 'tcp', host: '', port: 9100 }],
  ['ENROLLMENT_METRICS_FOR_CLIENTS', 'yes', 'metricsForClients', true],
  ['ENROLLMENT_SHUTDOWN', '1m', 'shutdownMs', 60_000],
  [
    'ENROLLMENT_CORS_ORIGINS',
    'https://a.example, http://localhost:3000',
    'corsOrigins',
    ['https://a.example', 'http://localhost:3000'],
  ],
  ['ENROLLMENT_CORS_ORIGINS', '*', 'corsOrigins', '*'],
  [
    'ENROLLMENT_TRUST_PROXY',
    'loopback, 10.0.0.0/8,fd00::/8',
    'trustProxy',
    ['loopback', '10.0.0.0/8', 'fd00::/8'],
  ],
  ['ENROLLMENT_REPLY_DEADLINE', '100ms', 'replyDeadlineMs', 100],
  ['ENROLLMENT_MAILBOX_MAX', '1', 'mailboxMax', 1],
  ['ENROLLMENT_COMMIT_RECORDS_MAX', '1000000', 'commitRecordsMax', 1_000_000],
  ['ENROLLMENT_COMMIT_BYTES_MAX', '16MiB', 'commitBytesMax', 16_777_216],
  ['ENROLLMENT_BATCH_RECORDS_MAX', '1', 'batchRecordsMax', 1],
  ['ENROLLMENT_BATCH_BYTES_MAX', '65536B', 'batchBytesMax', 65_536],
  ['ENROLLMENT_BATCH_BYTES_MAX', '4MiB', 'batchBytesMax', 4_194_304],
  ['ENROLLMENT_BACKLOG_BYTES_MAX', '1GiB', 'backlogBytesMax', 1_073_741_824],
  ['ENROLLMENT_KEYS_BYTES_MAX', '1MiB', 'keysBytesMax', 1_048_576],
  ['ENROLLMENT_CLOCK_SKEW_MAX', '500ms', 'clockSkewMaxMs', 500],
  ['ENROLLMENT_QUEUE_SETTLE', '0s', 'queueSettleMs', 0],
  ['ENROLLMENT_WARM_UP', '500ms', 'warmUpMs', 500],
  ['ENROLLMENT_LOGIN_CONCURRENCY', '64', 'loginConcurrency', 64],
  ['ENROLLMENT_LOGIN_WAITING_MAX', '1', 'loginWaitingMax', 1],
  ['ENROLLMENT_LOGIN_WAIT', '1500ms', 'loginWaitMs', 1500],
  ['ENROLLMENT_LOGIN_SLOW', '0s', 'loginSlowMs', 0],
  ['ENROLLMENT_SESSION', '8h', 'sessionMs', 28_800_000],
  [
    'ENROLLMENT_LOGIN_FAILURES_PER_ACCOUNT',
    '3/1h30m',
    'loginFailuresPerAccount',
    { count: 3, perMs: 5_400_000 },
  ],
  ['ENROLLMENT_LOGIN_FAILURES_PER_ADDRESS', '50/m', 'loginFailuresPerAddress', { count: 50, perMs: 60_000 }],
  ['ENROLLMENT_STUDENT_RATE', '5/100ms', 'studentRate', { count: 5, perMs: 100 }],
  ['ENROLLMENT_STUDENT_BURST', '1', 'studentBurst', 1],
  ['ENROLLMENT_STAFF_RATE', '5/100ms', 'staffRate', { count: 5, perMs: 100 }],
  ['ENROLLMENT_STAFF_BURST', '1', 'staffBurst', 1],
  ['ENROLLMENT_EVENT_STREAMS_MAX', '0', 'eventStreamsMax', 0],
  ['ENROLLMENT_EVENT_STREAMS_PER_CALLER', '1', 'eventStreamsPerCaller', 1],
  ['ENROLLMENT_BATCHER_PREFETCH', '1', 'batcherPrefetch', 1],
  ['ENROLLMENT_BATCHER_RECORDS_MAX', '1', 'batcherRecordsMax', 1],
]

const durations = [
  ['10', 'has no unit'],
  ['1.5h', 'is not a duration'],
  ['1h 30m', 'is not a duration'],
  ['30m1h', 'is not a duration'],
  ['-1s', 'is not a duration'],
  ['1w', 'is not a duration'],
  ['9999d', 'is more than'],
] as const
const sizes = [
  ['1048576', 'has no unit'],
  ['1MB', 'is not a size'],
  ['1.5MiB', 'is not a size'],
  ['MiB', 'is not a size'],
  ['1B', 'is less than'],
  ['9999GiB', 'is more than'],
] as const
const numbers = [
  ['0', 'is less than 1'],
  ['-1', 'is not a whole number'],
  ['1.5', 'is not a whole number'],
  ['1e3', 'is not a whole number'],
  [' 1', 'is not a whole number'],
  ['0x10', 'is not a whole number'],
  ['99999999999999999999', 'is more than'],
] as const
const rates = [
  ['10', 'is not written as count/time'],
  ['10/', 'is not written as count/time'],
  ['/s', 'is not written as count/time'],
  ['0/s', 'is less than 1'],
  ['10/5', 'has no unit'],
  ['10/0s', 'is per no time'],
  ['10/2d', 'is per no time'],
  ['10/week', 'is not a duration'],
  ['9999999/s', 'is more than'],
] as const
const words = [
  ['maybe', 'is none of the choices'],
  ['ALL', 'is none of the choices'],
] as const

/** What each variable may not say, and the words of the complaint. */
const malformed: Record<string, readonly (readonly [text: string, complaint: string])[]> = {
  DATABASE_URL: [
    ['mysql://db/campus', 'does not begin with postgres://'],
    ['host=db user=u', 'does not begin with postgres://'],
    ['postgres://u:p/w@db/campus', 'is not a URL'],
    ['postgres://u:100%@db/campus', 'is not a URL'],
    ['postgres://db', 'names no database'],
    ['postgres://db:99999/campus', 'is not a URL'],
  ],
  RABBITMQ_ADDRESS: [
    ['localhost:5672', 'does not begin with amqp://'],
    ['amqp:///vhost', 'names no host'],
    ['amqp://u:100%@mq/', 'is not a URL'],
    ['amqp://mq:port/', 'is not a URL'],
  ],
  ENROLLMENT_OLD_RABBITMQ_ADDRESS: [['localhost:5672', 'does not begin with amqp://']],
  LISTEN_PROTOCOL: [['udp', 'is none of the choices']],
  LISTEN_ADDRESS: [
    ['8080', 'is not host:port'],
    ['127.0.0.1', 'is not host:port'],
    ['/run/enrollment.sock', 'is not host:port'],
    ['http://127.0.0.1:8080', 'is not host:port'],
    ['::1', 'is an IPv6 address without [ ]'],
    ['[::g]:80', 'has no IPv6 address in its [ ]'],
    ['[]:80', 'has no IPv6 address in its [ ]'],
    ['127.0.0.300:80', 'malformed IPv4'],
    ['127.0.0.1:65536', 'has a port outside'],
    ['a b:80', 'is not host:port'],
  ],
  CORE_ADDRESS: [
    [':8080', 'names no host'],
    ['a:0', 'has a port outside'],
    ['a:1,,b:2', 'has an empty item'],
    ['a:1,', 'has an empty item'],
    ['unix://run/core.sock', 'is not host:port'],
    ['unix:///run/', 'is a folder'],
    [`unix:///${'x'.repeat(103)}`, 'is 104 bytes long'],
  ],
  ENROLLMENT_CORE_LISTEN: [
    [':8080', 'names no host'],
    ['a:0', 'has a port outside'],
  ],
  JWT_SECRET: [
    ['too-short-and-never-to-be-shown', 'has only 31 bytes'],
    [`${key32},short`, 'has only 5 bytes in number 2 of its 2 secrets'],
    [`${key32},`, 'has only 0 bytes in number 2 of its 2 secrets'],
    [`${key32}, ${otherKey}`, 'has a space at an edge in number 2'],
  ],
  STAFF_SCOPE: words,
  ENROLLMENT_FORCE_ADD: words,
  ENROLLMENT_COURSE_UNITS_MAX: numbers,
  ENROLLMENT_LISTEN_CERT: [['ce\0rt', 'contains a NUL']],
  ENROLLMENT_LISTEN_KEY: [['ke\0y', 'contains a NUL']],
  ENROLLMENT_DATA: [['da\0ta', 'contains a NUL']],
  ENROLLMENT_CAMPUS: [
    ['Tehran', 'is not such a name'],
    ['-a', 'is not such a name'],
    ['a b', 'is not such a name'],
    ['a'.repeat(64), 'is not such a name'],
  ],
  ENROLLMENT_WINDOW: [...durations, ['59s', 'is less than 1m']],
  ENROLLMENT_ACK: words,
  ENROLLMENT_ALLOW_SAMPLE_ACCOUNTS: [...words, ['true', 'is none of the choices']],
  ENROLLMENT_LOG_LEVEL: words,
  ENROLLMENT_METRICS_ADDRESS: [
    ['on', 'is not host:port'],
    ['9464', 'is not host:port'],
    ['/run/metrics.sock', 'is not host:port'],
    ['127.0.0.1:65536', 'has a port outside'],
  ],
  ENROLLMENT_METRICS_FOR_CLIENTS: words,
  ENROLLMENT_SHUTDOWN: durations,
  ENROLLMENT_CORS_ORIGINS: [
    ['yes', 'no origin'],
    ['a.example', 'no origin'],
    ['https://a.example/', 'no origin'],
    ['https://a.example/page', 'no origin'],
    ['https://a.example,*', 'no origin'],
    ['HTTPS://A.example', 'no origin'],
  ],
  ENROLLMENT_TRUST_PROXY: [
    ['yes', 'no proxy address'],
    ['loopback,,10.0.0.1', 'no proxy address'],
    ['10.0.0.0/33', 'no proxy address'],
    ['10.0.0.0/8/8', 'no proxy address'],
    ['proxy.example', 'no proxy address'],
  ],
  ENROLLMENT_REPLY_DEADLINE: durations,
  ENROLLMENT_MAILBOX_MAX: numbers,
  ENROLLMENT_COMMIT_RECORDS_MAX: numbers,
  ENROLLMENT_COMMIT_BYTES_MAX: sizes,
  ENROLLMENT_BATCH_RECORDS_MAX: numbers,
  ENROLLMENT_BATCH_BYTES_MAX: [...sizes, ['5MiB', 'is more than 4MiB']],
  ENROLLMENT_BACKLOG_BYTES_MAX: sizes,
  ENROLLMENT_KEYS_BYTES_MAX: sizes,
  ENROLLMENT_CLOCK_SKEW_MAX: [...durations, ['99ms', 'is less than 100ms']],
  ENROLLMENT_QUEUE_SETTLE: durations,
  ENROLLMENT_WARM_UP: durations,
  ENROLLMENT_LOGIN_CONCURRENCY: numbers,
  ENROLLMENT_LOGIN_WAITING_MAX: numbers,
  ENROLLMENT_LOGIN_WAIT: durations,
  ENROLLMENT_LOGIN_SLOW: durations,
  ENROLLMENT_SESSION: durations,
  ENROLLMENT_LOGIN_FAILURES_PER_ACCOUNT: rates,
  ENROLLMENT_LOGIN_FAILURES_PER_ADDRESS: rates,
  ENROLLMENT_STUDENT_RATE: rates,
  ENROLLMENT_STUDENT_BURST: numbers,
  ENROLLMENT_STAFF_RATE: rates,
  ENROLLMENT_STAFF_BURST: numbers,
  ENROLLMENT_EVENT_STREAMS_MAX: numbers.filter(([text]) => text !== '0'),
  ENROLLMENT_EVENT_STREAMS_PER_CALLER: numbers,
  ENROLLMENT_BATCHER_PREFETCH: numbers,
  ENROLLMENT_BATCHER_RECORDS_MAX: numbers,
}

const variables = Object.values(settings).map((entry) => entry.variable)
const secretVariables: readonly string[] = [
  'DATABASE_URL',
  'RABBITMQ_ADDRESS',
  'ENROLLMENT_OLD_RABBITMQ_ADDRESS',
  'JWT_SECRET',
]

test('each variable sets its own field and no other', () => {
  for (const [variable, text, field, value] of wellFormed) {
    assert.deepEqual(
      readConfig({ [variable]: text }),
      { ...readConfig({}), [field]: value },
      `${variable}=${text}`,
    )
  }
  const tested = new Set(wellFormed.map(([variable]) => variable))
  const untested = variables.filter((variable) => !tested.has(variable))
  // These two go together only.
  const pair = ['ENROLLMENT_LISTEN_CERT', 'ENROLLMENT_LISTEN_KEY']
  assert.deepEqual(untested, ['LISTEN_PROTOCOL', ...pair, 'GIN_MODE'])
})

test('a malformed value stops the start with one line that names the variable and what it wants', () => {
  for (const [variable, cases] of Object.entries(malformed)) {
    for (const [text, complaint] of cases) {
      const error = complaintOf({ [variable]: text })
      assert.equal(error.variable, variable)
      assert.ok(error.message.startsWith(`${variable} `), error.message)
      assert.ok(error.message.includes(complaint), `${error.message} does not say: ${complaint}`)
      assert.ok(error.message.includes('it wants '), error.message)
    }
  }
  assert.deepEqual(
    variables.filter((variable) => !(variable in malformed)),
    ['GIN_MODE'],
  )
})

test('no complaint shows a secret', () => {
  for (const variable of secretVariables) {
    for (const [text] of malformed[variable] ?? []) {
      const { message } = complaintOf({ [variable]: text })
      assert.ok(!message.includes(text), message)
    }
  }
  assert.ok(!complaintOf({ DATABASE_URL: 'hunter2://x' }).message.includes('hunter2'))
  const { stack, cause } = complaintOf({ DATABASE_URL: 'postgres://u:hunter2@db:bad/x' })
  assert.ok(!`${stack} ${String(cause)}`.includes('hunter2'))
})
