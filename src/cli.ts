#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { settingsAsText } from './config/config-help.ts'
import { nearest } from './config/config-names.ts'
import type { Config } from './config/config.ts'
import { ConfigError, readConfig } from './config/read-config.ts'
import { CommandFailed } from './main/service-process.ts'
import { journalHelp, journalWishOf } from './main/commands/journal-options.ts'
import {
  backupHelp,
  exportHelp,
  exportWishOf,
  loadHelp,
  loadWishOf,
  migrateWishOf,
  restoreHelp,
  syncHelp,
  syncWishOf,
} from './main/commands/moving-options.ts'

type Options = NonNullable<ParseArgsConfig['options']>
type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

interface CliCommand {
  readonly summary: string
  /** Shown by `enrollment <command> --help` below the summary. */
  readonly help: string
  readonly options: Options
  /** It wants the name of a file behind it, which is in the values as `file`. */
  readonly wantsFile?: boolean
  /**
   * Loads its part of the program only now: help and a wrong variable are answered at once.
   * @returns the exit status; 0 when there is none
   */
  run(config: Config, values: Values): Promise<number | void>
}

const commands: Readonly<Record<string, CliCommand>> = {
  start: {
    summary: 'everything in one process, with its own PostgreSQL and a sample campus on the first start',
    help: `  npm start
  LISTEN_ADDRESS=127.0.0.1:9000 ENROLLMENT_DATA=/srv/enrollment enrollment start
  DATABASE_URL=postgres://… enrollment start
  ENROLLMENT_DATA=my-campus npm start -- --empty
Installs nothing else: PostgreSQL is in the package, its data stay in ENROLLMENT_DATA. DATABASE_URL and RABBITMQ_ADDRESS
name servers to use instead. --empty makes no sample campus: it waits until enrollment load has brought students and courses,
and serves those. It ends with what to try first. Ctrl-C stops it; everything is kept.`,
    options: { empty: { type: 'boolean' } },
    run: async (config, values) =>
      (await import('./main/commands/start.ts')).runStart(config, { empty: values['empty'] === true }),
  },
  server: {
    summary: 'REST and engine; leads, or stands by while another one leads',
    help: `  DATABASE_URL=postgres://… RABBITMQ_ADDRESS=amqp://… LISTEN_ADDRESS=:8080 enrollment server
  LISTEN_ADDRESS=:8443 ENROLLMENT_LISTEN_CERT=server.pem ENROLLMENT_LISTEN_KEY=server.key enrollment server
  LISTEN_PROTOCOL=unix LISTEN_ADDRESS=/run/enrollment/rest.sock enrollment server
Without RABBITMQ_ADDRESS it writes PostgreSQL by itself; with it, enrollment batcher must run too. It waits for both to be
there. GET /readyz tells a load balancer whether this one leads; a second one takes over when the first is gone.
Metrics are on http://127.0.0.1:9464/metrics. SIGTERM stops it cleanly, SIGHUP reads a renewed certificate.`,
    options: {},
    run: async (config) => (await import('./main/commands/server-and-batcher.ts')).runServer(config),
  },
  gateway: {
    summary: 'REST alone, in front of the engines at CORE_ADDRESS; any number of them',
    help: `  DATABASE_URL=postgres://… ENROLLMENT_CORE_LISTEN=unix:///run/enrollment/core.sock enrollment server
  DATABASE_URL=postgres://… CORE_ADDRESS=unix:///run/enrollment/core.sock enrollment gateway
Several engines, separated by commas, may stand in CORE_ADDRESS: it follows the one that leads.`,
    options: {},
    run: async (config) => (await import('./main/compose/core-part.ts')).runGateway(config),
  },
  batcher: {
    summary: "carries RabbitMQ's journal into PostgreSQL; a second one stands by",
    help: `  DATABASE_URL=postgres://… RABBITMQ_ADDRESS=amqp://… enrollment batcher
  ENROLLMENT_METRICS_ADDRESS=:9465 enrollment batcher
Both must be the same as the servers have. One of several gets messages, the others stand by. PostgreSQL may be away while
students enroll: it catches up. Metrics are on http://127.0.0.1:9465/metrics. SIGTERM stops it cleanly.`,
    options: {},
    run: async (config) => (await import('./main/commands/server-and-batcher.ts')).runBatcher(config),
  },
  migrate: {
    summary: 'brings the tables up to date',
    help: `  DATABASE_URL=postgres://… enrollment migrate
  DATABASE_URL=postgres://… RABBITMQ_ADDRESS=amqp://… enrollment migrate --switch-journal
  DATABASE_URL=postgres://… ENROLLMENT_OLD_RABBITMQ_ADDRESS=amqp://… enrollment migrate --switch-journal
Server and batcher do it by themselves where their database role may; so this is for roles that are kept apart.
--switch-journal names the journal of this environment (RabbitMQ, or none) as the one that feeds the database.
First stop every server, let the batcher drain the old queue to zero messages, and stop it: the switch asks the queue itself,
at ENROLLMENT_OLD_RABBITMQ_ADDRESS, and refuses while somebody leads or the queue holds anything.
--switch-journal --accept-loss gives up what the old queue held, if its broker is gone for good. It is kept on record.
A copy of a database (a restored dump, CREATE DATABASE … TEMPLATE, after pg_upgrade) is neither served nor written:
--moved says that it has taken the original's place, --new-campus that it is a campus of its own, named by
ENROLLMENT_CAMPUS (else anew), with queues and secrets of its own.`,
    options: {
      'switch-journal': { type: 'boolean' },
      'accept-loss': { type: 'boolean' },
      moved: { type: 'boolean' },
      'new-campus': { type: 'boolean' },
    },
    run: async (config, values) =>
      (await import('./main/commands/maintain.ts')).runMigrate(config, migrateWishOf(values)),
  },
  load: {
    summary: "adds a registrar's CSV files, or the sample campus, in one transaction",
    help: loadHelp,
    options: {
      departments: { type: 'string' },
      staff: { type: 'string' },
      students: { type: 'string' },
      courses: { type: 'string' },
      enrollments: { type: 'string' },
      oneroster: { type: 'string' },
      'staff-roles': { type: 'string' },
      sample: { type: 'boolean' },
      update: { type: 'boolean' },
      'remove-missing': { type: 'boolean' },
      'remove-at-most': { type: 'string' },
      show: { type: 'string' },
      'dry-run': { type: 'boolean' },
      'without-passwords': { type: 'boolean' },
      raw: { type: 'boolean' },
    },
    run: async (config, values) => {
      const wish = loadWishOf(values)
      return (await import('./main/commands/load.ts')).runLoad(config, wish)
    },
  },
  sync: {
    summary: "compares a registrar's files with a campus that is served, and sends the differences",
    help: syncHelp,
    options: {
      url: { type: 'string' },
      'token-file': { type: 'string' },
      students: { type: 'string' },
      courses: { type: 'string' },
      oneroster: { type: 'string' },
      apply: { type: 'boolean' },
      'remove-missing': { type: 'boolean' },
      'remove-at-most': { type: 'string' },
      show: { type: 'string' },
      raw: { type: 'boolean' },
    },
    run: async (config, values) =>
      (await import('./main/commands/sync.ts')).runSync(config, syncWishOf(values)),
  },
  export: {
    summary: "writes the registrar's files, or every decision, beside a running server or not",
    help: exportHelp,
    options: {
      to: { type: 'string' },
      'with-passwords': { type: 'boolean' },
      raw: { type: 'boolean' },
      decisions: { type: 'string' },
      format: { type: 'string' },
      from: { type: 'string' },
      until: { type: 'string' },
      overwrite: { type: 'boolean' },
    },
    run: async (config, values) => {
      const wish = exportWishOf(values)
      const { runExport, runExportDecisions } = await import('./main/commands/export.ts')
      return 'folder' in wish ? await runExport(config, wish) : await runExportDecisions(config, wish)
    },
  },
  backup: {
    summary: 'writes the whole campus into one file, beside a running server or not',
    help: backupHelp,
    options: { overwrite: { type: 'boolean' } },
    wantsFile: true,
    run: async (config, { file, overwrite }) => {
      const options = { overwrite: overwrite === true, version: version() }
      await (await import('./main/commands/backup.ts')).runBackup(config, String(file), options)
    },
  },
  restore: {
    summary: 'makes a new database of such a file',
    help: restoreHelp,
    options: {},
    wantsFile: true,
    run: async (config, { file }) =>
      (await import('./main/commands/backup.ts')).runRestore(config, String(file)),
  },
  journal: {
    summary:
      "shows what stops the batcher or was set aside, takes it out on record, and changes the messages' key",
    help: journalHelp,
    options: {
      show: { type: 'boolean' },
      body: { type: 'string' },
      'set-aside': { type: 'string' },
      why: { type: 'string' },
      by: { type: 'string' },
      'accept-loss': { type: 'boolean' },
      leader: { type: 'string' },
      'rotate-key': { type: 'boolean' },
      'drop-old-keys': { type: 'boolean' },
    },
    run: async (config, values) => {
      const wish = journalWishOf(values)
      await (await import('./main/commands/journal.ts')).runJournal(config, wish)
    },
  },
  verify: {
    summary: 'replays every decision and compares with the tables; exit status 1 on a difference',
    help: `  enrollment verify
  DATABASE_URL=postgres://… enrollment verify --json
Only reads, and may run beside a server. Without DATABASE_URL: the database of enrollment start. --json prints every
difference for a program.`,
    options: { json: { type: 'boolean' } },
    run: async (config, values) =>
      (await import('./main/commands/maintain.ts')).runVerify(config, { json: values['json'] === true }),
  },
  adopt: {
    summary: 'finds, and repairs on record, what an older system left in the tables',
    help: `  DATABASE_URL=postgres://… enrollment adopt --dry-run
  DATABASE_URL=postgres://… enrollment adopt --apply
--dry-run tells, row by row, what cannot stand as it is and what would become of it; --apply does that, as decisions on
record. Stop the servers first.`,
    options: { 'dry-run': { type: 'boolean' }, apply: { type: 'boolean' } },
    run: async (config, values) => {
      if ((values['dry-run'] === true) === (values['apply'] === true)) {
        throw new CommandFailed('enrollment adopt wants one of --dry-run and --apply')
      }
      return (await import('./main/commands/maintain.ts')).runAdopt(config, {
        apply: values['apply'] === true,
      })
    },
  },
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h' || word === 'help'
}

function helpOf(name: string, { summary, help, options, wantsFile }: CliCommand): string {
  const flags = Object.entries(options).map(([flag, { type }]) =>
    type === 'string' ? ` [--${flag} …]` : ` [--${flag}]`,
  )
  return `enrollment ${name}: ${summary}\n\nUsage: enrollment ${name}${wantsFile === true ? ' FILE' : ''}${flags.join('')}\n\n${help.trimEnd()}

enrollment --help lists the settings that come from the environment.
`
}

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `enrollment: a course enrollment engine

Usage: enrollment <command> [options]
${list.join('\n')}

  enrollment start                    try it out: everything in one process, with a sample campus
  enrollment load --help              examples of one command
  enrollment --version

Settings come from the environment:
${settingsAsText()}
`
}

/** The version in package.json. */
function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/**
 * A reader that has enough (`… | head`) and a terminal that was closed stop no work: `adopt --apply | true` adopts all.
 * Whatever else stops the output is said, once.
 */
function outliveReaders(): void {
  let isTold = false
  process.stderr.on('error', () => {})
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isTold || isReaderGone(error)) return
    isTold = true
    process.exitCode = 1
    process.stderr.write(`enrollment: standard output: ${error.message}\n`)
  })
}

function isReaderGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'EIO')
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || isHelp(name)) {
    const [topic] = rest
    if (name === 'help' && topic !== undefined) return await main([topic, '--help'])
    process.stdout.write(usage())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    process.stdout.write(`enrollment ${version()}\n`)
    return 0
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    const near = nearest(name, Object.keys(commands), Math.ceil(name.length / 3))
    const hint = near === undefined ? '' : `did you mean ${near}? `
    throw new CommandFailed(`there is no command ${name}; ${hint}enrollment --help lists them`)
  }
  const values = parse(name, command, rest)
  if (values['help'] === true) {
    process.stdout.write(helpOf(name, command))
    return 0
  }
  return (await command.run(readConfig(process.env), values)) ?? 0
}

function parse(name: string, { options, wantsFile = false }: CliCommand, args: string[]): Values {
  const refused = (reason: string) => new CommandFailed(`${reason}; see enrollment ${name} --help`)
  let values: Values
  let positionals: string[]
  try {
    const all = { ...options, help: { type: 'boolean', short: 'h' } } as const
    ;({ values, positionals } = parseArgs({ args, options: all, strict: true, allowPositionals: wantsFile }))
  } catch (error) {
    throw refused(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error))
  }
  const [file, another] = positionals
  if (wantsFile && values['help'] !== true && (file === undefined || another !== undefined)) {
    throw refused(`enrollment ${name} wants the name of one file`)
  }
  return { ...values, ...(file !== undefined && { file }) }
}

/** @returns undefined for a failure that wants a stack */
async function explain(error: unknown): Promise<CommandFailed | undefined> {
  if (error instanceof CommandFailed) return error
  if (error instanceof ConfigError) return new CommandFailed(error.message)
  return (await import('./main/expected-failure.ts')).expectedFailure(error)
}

outliveReaders()
try {
  const status = await main(process.argv.slice(2))
  process.exitCode ??= status
} catch (error) {
  // As a shell has it for a program that was ended by SIGPIPE.
  if (isReaderGone(error)) process.exitCode = 141
  else {
    const failure = await explain(error)
    if (failure === undefined) throw error
    for (const detail of failure.details) process.stderr.write(`${detail}\n`)
    process.stderr.write(`enrollment: ${failure.message}\n`)
    process.exitCode = 1
  }
}

// All is stopped and told. A connection whose peer has gone without a word must not keep the process.
setTimeout(() => process.exit(), 1000).unref()
