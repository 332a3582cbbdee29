#!/usr/bin/env node
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { settingsAsText } from './config-help.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { runBatcher, runServer } from './main/commands.ts'
import { expectedFailure } from './main/expected-failure.ts'
import { runLoad } from './main/load.ts'
import { runAdopt, runMigrate, runVerify } from './main/maintain.ts'
import { runStart } from './main/start.ts'
import { CommandFailed } from './main/service-process.ts'
import { loadHelp } from './registry/load-help.ts'

type Options = NonNullable<ParseArgsConfig['options']>
type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

interface CliCommand {
  readonly summary: string
  /** Shown by `enrollment <command> --help` below the summary. */
  readonly help: string
  readonly options: Options
  /** @returns the exit status; 0 when there is none */
  run(config: Config, values: Values): Promise<number | void>
}

const commands: Readonly<Record<string, CliCommand>> = {
  start: {
    summary: 'everything in one process, with its own PostgreSQL and a sample campus on the first start',
    help: `  npm start
  LISTEN_ADDRESS=127.0.0.1:9000 enrollment start
Uses DATABASE_URL and RABBITMQ_ADDRESS instead of its own where they are set.`,
    options: {},
    run: (config) => runStart(config),
  },
  server: {
    summary: 'REST and engine; leads, or stands by while another one leads',
    help: `  DATABASE_URL=postgres://… RABBITMQ_ADDRESS=amqp://… enrollment server
Without RABBITMQ_ADDRESS it writes PostgreSQL by itself. SIGTERM stops it cleanly.`,
    options: {},
    run: (config) => runServer(config),
  },
  batcher: {
    summary: "carries RabbitMQ's journal into PostgreSQL; a second one stands by",
    help: '  DATABASE_URL=postgres://… RABBITMQ_ADDRESS=amqp://… enrollment batcher',
    options: {},
    run: (config) => runBatcher(config),
  },
  migrate: {
    summary: 'brings the tables up to date',
    help: `  DATABASE_URL=postgres://… enrollment migrate
--switch-journal names the journal of this environment (RabbitMQ, or none) as the one that feeds the database.
First stop every server, let the batcher drain the old queue to zero messages, and stop it.`,
    options: { 'switch-journal': { type: 'boolean' } },
    run: (config, values) => runMigrate(config, { switchJournal: values['switch-journal'] === true }),
  },
  load: {
    summary: "adds a registrar's CSV files, or the sample campus, in one transaction",
    help: `  enrollment load --departments D.csv --staff T.csv --students S.csv --courses C.csv
  enrollment load --sample
${loadHelp}`,
    options: {
      departments: { type: 'string' },
      staff: { type: 'string' },
      students: { type: 'string' },
      courses: { type: 'string' },
      sample: { type: 'boolean' },
    },
    run: (config, values) => runLoad(config, filesOf(values)),
  },
  verify: {
    summary: 'replays every decision and compares with the tables; exit status 1 on a difference',
    help: '  enrollment verify\n  enrollment verify --json',
    options: { json: { type: 'boolean' } },
    run: (config, values) => runVerify(config, { json: values['json'] === true }),
  },
  adopt: {
    summary: 'finds, and repairs on record, what an older system left in the tables',
    help: '  enrollment adopt --dry-run\n  enrollment adopt --apply',
    options: { 'dry-run': { type: 'boolean' }, apply: { type: 'boolean' } },
    run: (config, values) => {
      if ((values['dry-run'] === true) === (values['apply'] === true)) {
        throw new CommandFailed('enrollment adopt wants one of --dry-run and --apply')
      }
      return runAdopt(config, { apply: values['apply'] === true })
    },
  },
}

function filesOf(values: Values): Parameters<typeof runLoad>[1] {
  const files = Object.fromEntries(
    ['departments', 'staff', 'students', 'courses'].flatMap((table) =>
      typeof values[table] === 'string' ? [[table, values[table]]] : [],
    ),
  )
  const hasFiles = Object.keys(files).length > 0
  if (hasFiles === (values['sample'] === true)) {
    throw new CommandFailed('enrollment load wants files (--students F.csv, …) or --sample, and not both')
  }
  return hasFiles ? files : 'sample'
}

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `enrollment: a course enrollment engine

Usage: enrollment <command> [options]
${list.join('\n')}

enrollment <command> --help tells more. Configuration comes from the environment:
${settingsAsText()}
`
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === 'help') {
    process.stdout.write(usage())
    return name === undefined ? 2 : 0
  }
  const command = commands[name]
  if (command === undefined) {
    throw new CommandFailed(`there is no command ${name}; enrollment --help lists them`)
  }
  const { values } = parse(name, command, rest)
  if (values['help'] === true) {
    process.stdout.write(`enrollment ${name}: ${command.summary}\n\n${command.help}\n`)
    return 0
  }
  return (await command.run(readConfig(process.env), values)) ?? 0
}

function parse(name: string, command: CliCommand, args: string[]): { values: Values } {
  try {
    return parseArgs({ args, options: { ...command.options, help: { type: 'boolean' } }, strict: true })
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error)
    throw new CommandFailed(`${reason}; see enrollment ${name} --help`)
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const failure = error instanceof ConfigError ? new CommandFailed(error.message) : expectedFailure(error)
  if (failure === undefined) throw error
  for (const detail of failure.details) process.stderr.write(`${detail}\n`)
  process.stderr.write(`enrollment: ${failure.message}\n`)
  process.exitCode = 1
}
