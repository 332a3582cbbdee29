import { availableParallelism } from 'node:os'
import { hash as argon2id } from '@node-rs/argon2'
import type { Config } from '../../config/config.ts'
import { hashPassword } from '../../gateway/auth/password-hashes.ts'
import { checkFiles, type RegistryFiles } from '../../registry/check-files.ts'
import { checkOneRoster } from '../../registry/check-oneroster.ts'
import type { CheckedFiles } from '../../registry/check-table.ts'
import { Progress } from '../../registry/progress.ts'
import { nobodysPassword, type RegistryRows } from '../../registry/rows.ts'
import { sampleCampus, sampleHashCost } from '../../registry/sample-campus.ts'
import { type LoadedTable, LoadRefused, loadTables } from '../../store/bulk-load.ts'
import { markSample } from '../../store/campus-row.ts'
import { departmentIds, holdsRegistry, knownPeopleAndGroups } from '../../store/registry-queries.ts'
import { databaseOfTool, openCampus, type OpenCampus } from '../compose/open-campus.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'
import { updateFromFiles, type UpdateWish } from './update.ts'
import { withoutLeader } from '../compose/without-leader.ts'

const elapsed = (): number => performance.now()

function progress(label: string, total: number, unit: string): Progress {
  return new Progress(process.stderr, { label, total, unit, now: elapsed })
}

export interface LoadWish {
  readonly what: RegistryFiles | { readonly oneroster: string } | 'sample'
  /** Check everything, the database's own rules too, and write nothing. */
  readonly dryRun: boolean
  /** Take accounts without a password. */
  readonly withoutPasswords: boolean
  /** Take cells as they are, also an apostrophe before a formula. */
  readonly raw: boolean
  /** Roles of OneRoster whose users become staff; undefined: kinds of administrators. */
  readonly staffRoles?: readonly string[] | undefined
  /** Change what is there, instead of adding to it. */
  readonly update?: Pick<UpdateWish, 'removeMissing' | 'removeAtMost' | 'shownMax'> | undefined
}

/** `enrollment load`: adds a registrar's files, or the sample campus, in one transaction. */
export async function runLoad(config: Config, wish: LoadWish): Promise<void> {
  const host = new ServiceProcess('load', config, 'tool')
  await host.runToEnd(async () => {
    const campus = await openCampus(await databaseOfTool(config, host, 'load'), config, host)
    const { what } = wish
    const load = async () => {
      if (what === 'sample') await loadSample(campus)
      else await loadFiles(campus, what, { ...wish, courseUnitsMax: config.courseUnitsMax })
    }
    // Beside a server a dry run of what is only added holds nobody up; one of changes would.
    if (wish.dryRun && wish.update === undefined) await load()
    else await withoutLeader(campus, config, host, load)
  })
}

/** @throws CommandFailed if somebody's campus is in the database already */
export async function loadSample(campus: OpenCampus): Promise<void> {
  const { database } = campus
  if (await holdsRegistry(database)) {
    throw new CommandFailed(
      'this database holds a campus already; the sample campus wants an empty one: set DATABASE_URL or ENROLLMENT_DATA to it',
    )
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
  await loadRows(campus, rows, { dryRun: false })
}

async function loadFiles(
  campus: OpenCampus,
  what: Exclude<LoadWish['what'], 'sample'>,
  { dryRun, ...bounds }: Omit<LoadWish, 'what'> & { readonly courseUnitsMax: number },
): Promise<void> {
  let checking: Progress | undefined
  const { update } = bounds
  const options = {
    forChanging: update !== undefined,
    departmentsInDatabase: () => departmentIds(campus.database),
    knownInDatabase: () => knownPeopleAndGroups(campus.database),
    ...bounds,
    onBytes: (read: number, total: number) => {
      checking ??= progress('checking', total, 'bytes')
      checking.update(read)
    },
  }
  const { files, checked, skipped } =
    'oneroster' in what
      ? await checkOneRoster(what.oneroster, options)
      : { files: what, checked: await checkFiles(what, options), skipped: undefined }
  checking?.finish()
  if (skipped !== undefined) process.stdout.write(`${skipped}\n`)
  if (update !== undefined) {
    const { database, row } = campus
    const hashing = progress('hashing passwords', checked.plainPasswords, 'at most')
    const wish = { ...update, dryRun, journal: row.journal, withoutPasswords: bounds.withoutPasswords }
    try {
      await updateFromFiles(database, checked, wish, (done) => hashing.update(done))
    } catch (error) {
      throw error instanceof LoadRefused ? await explained(error, files, checked) : error
    }
    return
  }
  if (dryRun) await checked.hashPasswords(async () => nobodysPassword)
  else await hashPasswords(checked)
  let seated = 0
  try {
    seated = (await loadRows(campus, checked, { dryRun })).seated
  } catch (error) {
    throw error instanceof LoadRefused ? await explained(error, files, checked) : error
  }
  const counts = Object.entries(withoutEmpty(checked)).map(
    ([table, { count }]) => `${count} ${namesOf(table)}`,
  )
  const moved =
    seated === 0 ? '' : `; ${seated} who waited beside a free seat ${dryRun ? 'would have' : 'have'} it`
  const done = dryRun ? 'dry run: these files can be loaded' : 'loaded'
  process.stdout.write(`${done}: ${counts.join(', ')}${moved}${dryRun ? '; nothing was written' : ''}\n`)
}

function namesOf(table: string): string {
  return table === 'enrolled_courses' ? 'enrollments' : table === 'courses' ? 'course groups' : table
}

async function hashPasswords(checked: CheckedFiles): Promise<void> {
  if (checked.plainPasswords === 0) return
  const cores = `accounts on ${availableParallelism()} cores`
  const hashing = progress('hashing passwords', checked.plainPasswords, cores)
  await checked.hashPasswords(hashPassword, (done) => hashing.update(done))
  hashing.finish()
}

async function loadRows(
  { database, row: { journal } }: OpenCampus,
  rows: RegistryRows,
  { dryRun }: { readonly dryRun: boolean },
): Promise<{ readonly seated: number }> {
  let bar: { table: LoadedTable; progress: Progress } | undefined
  const loaded = await loadTables(database, withoutEmpty(rows), {
    dryRun,
    journal,
    onProgress: (table, done) => {
      if (bar?.table !== table) {
        bar?.progress.finish()
        bar = { table, progress: progress(table, rows[table].count, 'rows') }
      }
      bar.progress.update(done)
    },
  })
  bar?.progress.finish()
  return loaded
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

/** What the database does not take, by the line of the file that brought it. */
async function explained(
  error: LoadRefused,
  files: RegistryFiles,
  checked: CheckedFiles,
): Promise<CommandFailed> {
  const { table, row, key } = error
  const name = table === 'enrolled_courses' ? 'enrollments' : table
  const file = files[name as keyof RegistryFiles] ?? table
  const line = await checked.lineOf(table as LoadedTable, { row, key })
  const where = line === undefined ? file : `${file} line ${line}`
  return new CommandFailed(`${where}: ${error.message}; nothing was loaded`, [], error)
}
