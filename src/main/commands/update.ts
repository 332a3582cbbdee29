import { hashPassword } from '../../gateway/auth/password-hashes.ts'
import {
  compareRows,
  type ComparedTable,
  describeDifferences,
  isHash,
  removalRefusal,
  type RowDifferences,
  rowName,
} from '../../registry/compare-rows.ts'
import type { CheckedFiles } from '../../registry/check-table.ts'
import type { LinedTable } from '../../registry/checked-table.ts'
import { isNotBefore } from '../../registry/fields.ts'
import { Findings } from '../../registry/file-findings.ts'
import type { CourseRow, StudentRow } from '../../registry/rows.ts'
import { LoadRefused, type LoadRow } from '../../store/bulk-load.ts'
import type { Database } from '../../store/database.ts'
import { openRegistryReader } from '../../store/export-rows.ts'
import { type RegistryUpdate, updateRegistry } from '../../store/registry-update.ts'
import { CommandFailed } from '../service-process.ts'

export interface UpdateWish {
  readonly dryRun: boolean
  /** What the files do not name is removed. */
  readonly removeMissing: boolean
  /** So many rows of each table; a tenth if absent. */
  readonly removeAtMost: number | undefined
  readonly withoutPasswords: boolean
  /** Differences of each kind that are listed. */
  readonly shownMax: number
}

const tables = ['departments', 'staff', 'students', 'courses'] as const
const causesMax = 20
const windowColumns = ['enrollment_start_time', 'enrollment_end_time'] as const

/** A table's file, and how it differs from what is there. */
interface Compared {
  readonly table: ComparedTable
  readonly file: LinedTable<object>
  readonly differences: RowDifferences<object>
}

/**
 * Makes the registry what the files say, in one transaction: what is new is added, what they say otherwise is changed, and
 * only if asked what they do not name is removed.
 * @throws RegistryFileError naming, by line, what cannot be; nothing is changed then
 */
export async function updateFromFiles(
  database: Database,
  checked: CheckedFiles,
  wish: UpdateWish & { readonly journal: string | undefined },
  onHashed: (done: number) => void,
): Promise<void> {
  await hashNewPasswords(database, checked, wish, onHashed)
  await updateRegistry(database, wish, async (update) => {
    const compared: Compared[] = []
    for (const table of tables) {
      const file: LinedTable<object> | undefined = checked.lined(table)
      if (file === undefined) continue
      compared.push({ table, file, differences: await compareRows(table, file, update.rows(table)) })
    }
    for (const { table, differences } of compared) {
      const shown = { shownMax: wish.shownMax, removes: wish.removeMissing }
      for (const line of describeDifferences(table, differences, shown)) print(line)
    }
    refuse(compared, wish)
    const ended = wish.removeMissing ? await removeMissing(update, compared) : 0
    if (ended > 0) print(`places that end with those who are removed: ${ended}`)
    await refuseHarm(update, compared)
    await write(update, compared)
    if (wish.removeMissing) await remove(update, compared, ['departments'])
    const touchesSeats = update.touched.some((table) => table === 'courses' || table === 'students')
    const seated = touchesSeats ? await update.seatThoseWhoWait() : 0
    if (seated > 0) print(`students who waited and have a seat now: ${seated}`)
  })
  print(wish.dryRun ? 'dry run: nothing was written' : 'the campus is as the files say')
}

/** Only of accounts that have none: each takes a while. */
async function hashNewPasswords(
  database: Database,
  checked: CheckedFiles,
  { dryRun }: UpdateWish,
  onHashed: (done: number) => void,
): Promise<void> {
  if (checked.plainPasswords === 0) return
  const withPassword = { staff: new Set<number>(), students: new Set<number>() }
  const reader = await openRegistryReader(database)
  try {
    for (const table of ['staff', 'students'] as const) {
      for await (const { id, password } of reader.rows<{ id: number; password: string }>(table)) {
        if (isHash(password)) withPassword[table].add(id)
      }
    }
  } finally {
    await reader.close()
  }
  // A hash that nobody's password has: a dry run shows the same differences, and is soon over.
  const hash = dryRun ? async () => '$dry run' : hashPassword
  await checked.hashPasswords(hash, onHashed, (table, id) => !withPassword[table].has(id))
}

function refuse(compared: readonly Compared[], wish: UpdateWish): void {
  const findings = new Findings(causesMax)
  const refusals: string[] = []
  for (const { table, file, differences } of compared) {
    const [lacks] = file.neededByNew
    for (const { line, row, mayLogIn } of differences.added) {
      const name = rowName(table, row)
      if (lacks !== undefined) {
        findings.add({ file: file.file, line, reason: `${name} is new, and the file has no column ${lacks}` })
      }
      if (mayLogIn && !wish.withoutPasswords && 'password' in row && !isHash(row.password)) {
        findings.add({
          file: file.file,
          line,
          reason: `${name} is new and has no password; or --without-passwords`,
        })
      }
    }
    const refusal = wish.removeMissing ? removalRefusal(table, differences, wish.removeAtMost) : undefined
    if (refusal !== undefined) refusals.push(refusal)
  }
  findings.throwIfAny()
  const last = refusals.pop()
  if (last !== undefined) throw new CommandFailed(`${last}; nothing was changed`, refusals)
}

/** What a decision would refuse is refused here too: nobody loses a place by a file. */
async function refuseHarm(update: RegistryUpdate, compared: readonly Compared[]): Promise<void> {
  const findings = new Findings(causesMax)
  const taken = await update.takenPlaces()
  for (const { table, file, differences } of compared) {
    if (table === 'students') refuseWindows(file, differences, findings)
    if (table !== 'courses') continue
    for (const { line, row, before, columns } of differences.changed) {
      const group = row as CourseRow
      const old = before as CourseRow
      const {
        registered = 0,
        extra = 0,
        waiting = 0,
      } = taken.get(`${group.course_id}/${group.group_id}`) ?? {}
      const says = (name: string) => columns.some((column) => column.name === name)
      const fault = (column: string, reason: string) =>
        findings.add({ file: file.file, line, column, reason })
      if (says('capacity') && group.capacity < registered - extra) {
        fault('capacity', `is ${group.capacity}, below the ${registered - extra} seats that are taken`)
      }
      const capacity = says('capacity') ? group.capacity : old.capacity
      const left = Math.max(0, waiting - Math.max(0, capacity - registered))
      if (says('reserve_capacity') && group.reserve_capacity < left) {
        fault('reserve_capacity', `is ${group.reserve_capacity}, below the ${left} who wait`)
      }
      if (says('status') && old.status === 'cancelled')
        fault('status', 'is another one, but the group was cancelled for good')
      if (says('status') && group.status === 'cancelled' && registered + waiting > 0) {
        fault(
          'status',
          `is cancelled, and ${registered + waiting} hold places; enrollment sync cancels it on record`,
        )
      }
    }
  }
  findings.throwIfAny()
}

/** A file may say one end of a window, and leave the other as it is. */
function refuseWindows(
  { file }: LinedTable<object>,
  { changed }: RowDifferences<object>,
  findings: Findings,
): void {
  for (const { line, row, before, columns } of changed) {
    const moved = windowColumns.filter((column) => columns.some(({ name }) => name === column))
    const bound = <Column extends (typeof windowColumns)[number]>(column: Column) =>
      ((moved.includes(column) ? row : before) as StudentRow)[column]
    const [start, end] = [bound('enrollment_start_time'), bound('enrollment_end_time')]
    const [column] = moved
    if (column === undefined || end === null || !isNotBefore(start, end)) continue
    findings.add({ file, line, column, reason: `leads to a window from ${start} to ${end}, which is none` })
  }
}

/** Those who may hold places, or refer to others, first. @returns how many places end */
async function removeMissing(update: RegistryUpdate, compared: readonly Compared[]): Promise<number> {
  return await remove(update, compared, ['courses', 'students', 'staff'])
}

async function remove(
  update: RegistryUpdate,
  compared: readonly Compared[],
  which: readonly ComparedTable[],
): Promise<number> {
  let ended = 0
  for (const table of which) {
    const missing = compared.find((one) => one.table === table)?.differences.missing ?? []
    ended += await update.remove(table, missing)
  }
  return ended
}

async function write(update: RegistryUpdate, compared: readonly Compared[]): Promise<void> {
  for (const { table, file, differences } of compared) {
    await update.change(
      table,
      differences.changed.map(({ row, columns }) => ({
        row: row as LoadRow<typeof table>,
        columns: columns.flatMap(({ name }) => (name === 'class_time' ? ['class_time', 'meetings'] : [name])),
      })),
    )
    try {
      await update.insert(
        table,
        differences.added.map(({ row }) => row as LoadRow<typeof table>),
      )
    } catch (error) {
      if (!(error instanceof LoadRefused) || error.row === undefined) throw error
      // It counts the new rows only.
      const where = `${file.file} line ${differences.added[error.row - 1]?.line}`
      throw new CommandFailed(`${where}: ${error.message}; nothing was loaded`, [], error)
    }
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
