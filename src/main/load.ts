import { availableParallelism } from 'node:os'
import { hash as argon2id } from '@node-rs/argon2'
import type { Config } from '../config.ts'
import { checkFiles, type RegistryFiles } from '../registry/check-files.ts'
import { Progress } from '../registry/progress.ts'
import type { RegistryRows } from '../registry/rows.ts'
import { sampleCampus, sampleHashCost } from '../registry/sample-campus.ts'
import { type LoadedTable, LoadRefused, loadTables } from '../store/bulk-load.ts'
import { markSample } from '../store/campus-row.ts'
import { departmentIds, holdsRegistry } from '../store/registry-queries.ts'
import { databaseOfTool, openCampus, type OpenCampus } from './open-campus.ts'
import { CommandFailed, ServiceProcess } from './service-process.ts'

const elapsed = (): number => performance.now()
/** What OWASP's password storage cheat sheet asks for, as `src/gateway/passwords.ts` has it. */
const hashCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

function progress(label: string, total: number, unit: string): Progress {
  return new Progress(process.stderr, { label, total, unit, now: elapsed })
}

/** `enrollment load`: adds a registrar's files, or the sample campus, in one transaction. */
export async function runLoad(config: Config, what: RegistryFiles | 'sample'): Promise<void> {
  const host = new ServiceProcess('load', config, 'tool')
  await host.runToEnd(async () => {
    const campus = await openCampus(await databaseOfTool(config, host, 'load'), config, host)
    if (what === 'sample') await loadSample(campus)
    else await loadFiles(campus, what)
  })
}

/** @throws CommandFailed if somebody's campus is in the database already */
export async function loadSample(campus: OpenCampus): Promise<void> {
  const { database } = campus
  if (await holdsRegistry(database)) {
    throw new CommandFailed('this database holds a campus already; the sample campus wants an empty one')
  }
  const hashing = progress('sample campus: passwords', 1060, 'accounts')
  const rows = await sampleCampus({
    nowMs: Date.now(),
    hash: (plain) => argon2id(plain, sampleHashCost),
    onHashed: (done) => hashing.update(done),
  })
  hashing.finish()
  // First, so that a load that is cut off never leaves sample accounts that are not known as such.
  await markSample(database)
  await loadRows(campus, rows)
}

async function loadFiles(campus: OpenCampus, files: RegistryFiles): Promise<void> {
  let checking: Progress | undefined
  const checked = await checkFiles(files, {
    departmentsInDatabase: () => departmentIds(campus.database),
    onBytes: (read, total) => {
      checking ??= progress('checking', total, 'bytes')
      checking.update(read)
    },
  })
  checking?.finish()
  if (checked.plainPasswords > 0) {
    const hashing = progress(
      'hashing passwords',
      checked.plainPasswords,
      `accounts on ${availableParallelism()} cores`,
    )
    await checked.hashPasswords(
      (plain) => argon2id(plain, hashCost),
      (done) => hashing.update(done),
    )
    hashing.finish()
  }
  try {
    await loadRows(campus, checked)
  } catch (error) {
    throw error instanceof LoadRefused ? new CommandFailed(refusalOf(error, files), [], error) : error
  }
}

async function loadRows({ database }: OpenCampus, rows: RegistryRows): Promise<void> {
  let bar: { table: LoadedTable; progress: Progress } | undefined
  await loadTables(database, withoutEmpty(rows), {
    onProgress: (table, done) => {
      if (bar?.table !== table) {
        bar?.progress.finish()
        bar = { table, progress: progress(table, rows[table].count, 'rows') }
      }
      bar.progress.update(done)
    },
  })
  bar?.progress.finish()
}

/** Only what the files hold is loaded, and noted as loaded. */
function withoutEmpty(rows: RegistryRows): Partial<RegistryRows> {
  const { departments, staff, students, courses, enrolled_courses } = rows
  return Object.fromEntries(
    Object.entries({ departments, staff, students, courses, enrolled_courses }).filter(
      ([, source]) => source.count > 0,
    ),
  )
}

/** Rows come in the order of the file's, after its header: line 2 is row 1, unless a field spans lines. */
function refusalOf(error: LoadRefused, files: RegistryFiles): string {
  const file = error.table in files ? files[error.table as keyof RegistryFiles] : error.table
  const key = Object.entries(error.key ?? {}).map(([column, value]) => `${column} ${value}`)
  const where = [error.row === undefined ? '' : `row ${error.row}`, ...key]
    .filter((part) => part !== '')
    .join(', ')
  return `${file}${where === '' ? '' : `: ${where}`}: ${error.message}; nothing was loaded`
}
