import {
  amqpUrl,
  anything,
  byteSize,
  campusId,
  coreAddresses,
  duration,
  folder,
  jwtSecrets,
  metricsAddress,
  oneOf,
  pemFile,
  postgresUrl,
  rate,
  type Setting,
  setting,
  tcpListenAddress,
  trustedProxies,
  webOrigins,
  wholeNumber,
  yesOrNo,
} from './config-values.ts'
import { int16Max } from '../../schema/registry-limits.ts'

/** Every variable that is read, by the field of `Config` that it sets. Sizes are per process. */
export const settings = {
  databaseUrl: setting(
    'DATABASE_URL',
    postgresUrl,
    undefined,
    'PostgreSQL to use. Without it: the embedded one, in ENROLLMENT_DATA.',
    true,
  ),
  rabbitmqAddress: setting(
    'RABBITMQ_ADDRESS',
    amqpUrl,
    undefined,
    'RabbitMQ that carries the journal. Without it: the direct journal, in PostgreSQL.',
    true,
  ),
  oldRabbitmqAddress: setting(
    'ENROLLMENT_OLD_RABBITMQ_ADDRESS',
    amqpUrl,
    undefined,
    'RabbitMQ that `enrollment migrate --switch-journal` leaves: its queue is asked whether it is empty. Others ignore it.',
    true,
  ),
  listenProtocol: setting(
    'LISTEN_PROTOCOL',
    oneOf('tcp', 'unix'),
    'tcp',
    'Whether LISTEN_ADDRESS is a host and port or a socket path.',
  ),
  listen: setting(
    'LISTEN_ADDRESS',
    tcpListenAddress,
    '127.0.0.1:8080',
    'Where to serve; :8080 is port 8080 of every interface. With LISTEN_PROTOCOL=unix a socket path, no default.',
  ),
  listenCertificate: setting(
    'ENROLLMENT_LISTEN_CERT',
    pemFile,
    undefined,
    'Certificate, with those that lead to its authority, for TLS on LISTEN_ADDRESS. SIGHUP reads it anew. Without it: plain HTTP.',
  ),
  listenKey: setting('ENROLLMENT_LISTEN_KEY', pemFile, undefined, 'The key of that certificate.'),
  coreAddresses: setting(
    'CORE_ADDRESS',
    coreAddresses,
    undefined,
    'Engines that `enrollment gateway` stands before; requests go to the one that leads. Others ignore it.',
  ),
  coreListen: setting(
    'ENROLLMENT_CORE_LISTEN',
    coreAddresses,
    undefined,
    'Where a server accepts gateways of their own: sockets for processes of its own user, TCP for those that know JWT_SECRET. Without it: nowhere.',
  ),
  jwtSecrets: setting(
    'JWT_SECRET',
    jwtSecrets,
    undefined,
    'HS256 keys: the first signs, all verify. Without it: made once and kept in the database.',
    true,
  ),
  staffScope: setting(
    'STAFF_SCOPE',
    oneOf('department', 'all'),
    'department',
    'Whose courses and students staff may see and change: those of their department, or all.',
  ),
  forceAdd: setting(
    'ENROLLMENT_FORCE_ADD',
    oneOf('department', 'any'),
    'department',
    'Whose students staff may seat by force in a course of their department: those of their department, or any.',
  ),
  courseUnitsMax: setting(
    'ENROLLMENT_COURSE_UNITS_MAX',
    wholeNumber(1, int16Max),
    '60',
    'Most units that a course may count, where staff add one and where files are loaded.',
  ),
  ginMode: setting(
    'GIN_MODE',
    anything,
    undefined,
    'Accepted and ignored; set for the system that this one replaces.',
  ),

  dataFolder: setting('ENROLLMENT_DATA', folder, './data', 'Where the embedded PostgreSQL keeps its data.'),
  campus: setting(
    'ENROLLMENT_CAMPUS',
    campusId,
    undefined,
    'Name of this campus in the database, in queues and messages. Without it: made once and kept in the database.',
  ),
  windowMs: setting(
    'ENROLLMENT_WINDOW',
    duration('1m', '366d'),
    '1h',
    'How long an enrollment window lasts for students who have no end time.',
  ),
  ack: setting(
    'ENROLLMENT_ACK',
    oneOf('confirm', 'applied'),
    'confirm',
    'When a decision is answered: once the journal has confirmed it, or once PostgreSQL has applied it.',
  ),
  allowSampleAccounts: setting(
    'ENROLLMENT_ALLOW_SAMPLE_ACCOUNTS',
    yesOrNo,
    'no',
    'Serve the sample campus, whose passwords everybody knows, beyond loopback.',
  ),
  logLevel: setting(
    'ENROLLMENT_LOG_LEVEL',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    undefined,
    'Least severity that is logged. Without it: info by services, warn by commands that talk to a person.',
  ),
  metrics: setting(
    'ENROLLMENT_METRICS_ADDRESS',
    metricsAddress,
    undefined,
    'Where Prometheus finds this process. Without it: 127.0.0.1, port 9464 (server, start), 9465 (batcher) or 9466 (gateway), if it is free.',
  ),
  metricsForClients: setting(
    'ENROLLMENT_METRICS_FOR_CLIENTS',
    yesOrNo,
    'no',
    'Whether /metrics is served on LISTEN_ADDRESS too, where clients reach it.',
  ),
  shutdownMs: setting(
    'ENROLLMENT_SHUTDOWN',
    duration('1s', '10m'),
    '10s',
    'How long a clean stop may take before the process ends all the same.',
  ),
  corsOrigins: setting(
    'ENROLLMENT_CORS_ORIGINS',
    webOrigins,
    'no',
    'Web pages on other origins that may call the API from a browser. Other clients are not concerned.',
  ),
  trustProxy: setting(
    'ENROLLMENT_TRUST_PROXY',
    trustedProxies,
    'no',
    "Load balancers whose X-Forwarded-For tells a client's address, for the limits per address.",
  ),

  replyDeadlineMs: setting(
    'ENROLLMENT_REPLY_DEADLINE',
    duration('100ms', '5m'),
    '10s',
    'How long a request waits for its decision to be durable before it is answered outcome_unknown.',
  ),
  mailboxMax: setting(
    'ENROLLMENT_MAILBOX_MAX',
    wholeNumber(1, 1_000_000),
    '1024',
    'Commands that may wait for one course or one student; one more is answered busy.',
  ),
  commitRecordsMax: setting(
    'ENROLLMENT_COMMIT_RECORDS_MAX',
    wholeNumber(1, 1_000_000),
    '16384',
    'Decisions that may wait for the journal; beyond, commands are answered busy.',
  ),
  commitBytesMax: setting(
    'ENROLLMENT_COMMIT_BYTES_MAX',
    byteSize('64KiB', '4GiB'),
    '32MiB',
    'The same bound in bytes of journal messages.',
  ),
  batchRecordsMax: setting(
    'ENROLLMENT_BATCH_RECORDS_MAX',
    wholeNumber(1, 100_000),
    '2000',
    'Decisions in one journal message.',
  ),
  batchBytesMax: setting(
    'ENROLLMENT_BATCH_BYTES_MAX',
    byteSize('64KiB', '4MiB'),
    '1MiB',
    'Size of one journal message; brokers refuse those above 16 MiB.',
  ),
  backlogBytesMax: setting(
    'ENROLLMENT_BACKLOG_BYTES_MAX',
    byteSize('1MiB', '64GiB'),
    '256MiB',
    'Decisions that the journal holds and PostgreSQL has not applied; beyond, commands are answered busy.',
  ),
  keysBytesMax: setting(
    'ENROLLMENT_KEYS_BYTES_MAX',
    byteSize('1MiB', '16GiB'),
    '384MiB',
    'Idempotency keys of the last 24 hours in memory, about 300 bytes each; older ones beyond are looked up in PostgreSQL.',
  ),
  clockSkewMaxMs: setting(
    'ENROLLMENT_CLOCK_SKEW_MAX',
    duration('100ms', '1h'),
    '2s',
    "How far a server's clock and PostgreSQL's may be apart; beyond, it does not lead.",
  ),
  queueSettleMs: setting(
    'ENROLLMENT_QUEUE_SETTLE',
    duration('0s', '5m'),
    '5s',
    'How long a journal queue that was just declared is left alone; a broker killed earlier can lose it.',
  ),
  warmUpMs: setting(
    'ENROLLMENT_WARM_UP',
    duration('0s', '1m'),
    '2s',
    'How long a server, gateway or batcher works on a campus of its own making before it is ready, so that its code is compiled; 0s: not at all.',
  ),

  loginConcurrency: setting(
    'ENROLLMENT_LOGIN_CONCURRENCY',
    wholeNumber(1, 64),
    '2',
    'Passwords that are checked at the same time.',
  ),
  loginWaitingMax: setting(
    'ENROLLMENT_LOGIN_WAITING_MAX',
    wholeNumber(1, 100_000),
    '512',
    'Logins that may wait for that; one more is answered login_busy.',
  ),
  loginWaitMs: setting(
    'ENROLLMENT_LOGIN_WAIT',
    duration('100ms', '1m'),
    '5s',
    'How long a login may wait before it is answered login_busy.',
  ),
  loginFailuresPerAccount: setting(
    'ENROLLMENT_LOGIN_FAILURES_PER_ACCOUNT',
    rate(1_000_000),
    '10/5m',
    'Failed logins of one account from one address before further ones are slowed down.',
  ),
  loginSlowMs: setting(
    'ENROLLMENT_LOGIN_SLOW',
    duration('0s', '30s'),
    '2s',
    'How long such a login waits before its password is checked. The account is never closed.',
  ),
  loginFailuresPerAddress: setting(
    'ENROLLMENT_LOGIN_FAILURES_PER_ADDRESS',
    rate(1_000_000),
    '1000/5m',
    'Failed logins of one client address, which a whole campus may share, before further ones are answered too_many_requests; not for accounts that were logged in to from there.',
  ),
  sessionMs: setting(
    'ENROLLMENT_SESSION',
    duration('1m', '31d'),
    '12h',
    'How long a login is good for, with all its refreshes; then one logs in again.',
  ),
  studentRate: setting(
    'ENROLLMENT_STUDENT_RATE',
    rate(1_000_000),
    '10/s',
    'Requests of one student before further ones are answered too_many_requests; a plan counts once for each leg.',
  ),
  studentBurst: setting(
    'ENROLLMENT_STUDENT_BURST',
    wholeNumber(1, 1_000_000),
    '20',
    'Requests that a student may send at once before ENROLLMENT_STUDENT_RATE counts.',
  ),
  staffRate: setting(
    'ENROLLMENT_STAFF_RATE',
    rate(1_000_000),
    '50/s',
    'Requests of one staff member before further ones are answered too_many_requests.',
  ),
  staffBurst: setting(
    'ENROLLMENT_STAFF_BURST',
    wholeNumber(1, 1_000_000),
    '200',
    'Requests that a staff member may send at once before ENROLLMENT_STAFF_RATE counts.',
  ),
  eventStreamsMax: setting(
    'ENROLLMENT_EVENT_STREAMS_MAX',
    wholeNumber(0, 100_000),
    '10000',
    'Streams of events that may be open; one more is answered busy. With 0 there are none.',
  ),
  eventStreamsPerCaller: setting(
    'ENROLLMENT_EVENT_STREAMS_PER_CALLER',
    wholeNumber(1, 100_000),
    '5',
    'Streams of events that one student or staff member may have open; one more is answered too_many_requests.',
  ),

  batcherPrefetch: setting(
    'ENROLLMENT_BATCHER_PREFETCH',
    wholeNumber(1, 10_000),
    '64',
    'Journal messages that the batcher takes before it acks. Keep it the same on all batchers of a campus.',
  ),
  batcherRecordsMax: setting(
    'ENROLLMENT_BATCHER_RECORDS_MAX',
    wholeNumber(1, 1_000_000),
    '5000',
    "Decisions in one of the batcher's transactions; a single larger message still goes whole.",
  ),
} as const

type Settings = typeof settings
type Value<S> =
  S extends Setting<infer T, infer Fallback> ? (Fallback extends string ? T : T | undefined) : never

/** What the environment says, checked and typed. Times are in milliseconds (`…Ms`), sizes in bytes. */
export type Config = {
  readonly [Field in Exclude<keyof Settings, 'listenProtocol' | 'ginMode'>]: Value<Settings[Field]>
}
