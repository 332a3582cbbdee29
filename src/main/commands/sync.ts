import { readFile } from 'node:fs/promises'
import type { Config } from '../../config/config.ts'
import { checkFiles, type RegistryFiles } from '../../registry/check-files.ts'
import { checkOneRoster } from '../../registry/check-oneroster.ts'
import type { CheckedFiles } from '../../registry/check-table.ts'
import { type LinedRow, type LinedTable } from '../../registry/checked-table.ts'
import {
  type ChangedRow,
  compareRows,
  type ComparedTable,
  describeDifferences,
  removalRefusal,
  type RowDifferences,
  rowName,
} from '../../registry/compare-rows.ts'
import { Progress } from '../../registry/progress.ts'
import { CampusClient } from './campus-client.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'
import {
  cancellationOf,
  commandsOfChangedGroup,
  commandsOfChangedStudent,
  commandsOfNewGroup,
  commandsOfNewStudent,
  courseRowOf,
  type RowCommands,
  studentRowOf,
} from './sync-commands.ts'

export interface SyncWish {
  readonly what: RegistryFiles | { readonly oneroster: string }
  readonly url: string
  readonly tokenFile: string
  /** Send the differences; else they are only shown. */
  readonly apply: boolean
  /** Groups that the files do not name are cancelled. */
  readonly removeMissing: boolean
  readonly removeAtMost: number | undefined
  readonly shownMax: number
  readonly raw: boolean
}

/** A row to make so on the campus. */
interface Task extends RowCommands {
  /** For people: the file with its line, and the row. */
  readonly name: string
}

/**
 * `enrollment sync`: compares a registrar's files with a campus that is served, and sends the differences as staff commands.
 * A run that was cut is resumed by running it again: what was taken differs no more.
 * @returns the exit status: 1 if the campus is not, or with a dry run would not be, as the files say
 */
export async function runSync(config: Config, wish: SyncWish): Promise<number> {
  const host = new ServiceProcess('sync', config, 'tool')
  return await host.runToEnd(async () => {
    const token = (await readFile(wish.tokenFile, 'utf8')).trim()
    const checked = await checkedFilesOf(wish)
    const campus = new CampusClient(wish.url, token, host.signal)
    const tasks = await tasksOf(checked, campus, wish)
    const unsaid = tasks.filter((task) => task.unsaid.length > 0)
    for (const task of unsaid) {
      print(`cannot be sent: ${task.name}: ${task.unsaid.join(', ')}`)
    }
    if (unsaid.length > 0)
      print('what no staff command says, enrollment load --update does while nobody leads')
    const commands = tasks.reduce((sum, { calls }) => sum + calls.length, 0)
    if (!wish.apply) {
      print(`dry run: ${commands} commands would be sent; --apply sends them`)
      return unsaid.length === 0 ? 0 : 1
    }
    const refused = await sendAll(campus, tasks, commands)
    print(
      `sent: ${commands - refused} commands were taken, ${refused} were not, ${unsaid.length} rows need more`,
    )
    return refused + unsaid.length === 0 ? 0 : 1
  })
}

async function checkedFilesOf({ what, raw }: SyncWish): Promise<CheckedFiles> {
  const options = {
    forChanging: true,
    raw,
    knownInDatabase: () => Promise.reject(new Error('places are not compared')),
  }
  if (!('oneroster' in what)) return await checkFiles(what, options)
  const { checked, skipped } = await checkOneRoster(what.oneroster, options)
  if (skipped !== undefined) print(skipped)
  print('departments, staff and places are not compared: no staff command changes them by a file')
  return checked
}

/** Shows the differences of each table. @returns groups first, so that they are there; cancellations last */
async function tasksOf(checked: CheckedFiles, campus: CampusClient, wish: SyncWish): Promise<Task[]> {
  const tasks: Task[] = []
  const last: Task[] = []
  const groups = checked.lined('courses')
  if (groups !== undefined) {
    const there = (await campus.groups()).map(courseRowOf)
    const found = await compareRows('courses', groups, there)
    // A cancelled group is gone already.
    const missing = found.missing.filter(({ status }) => status !== 'cancelled')
    const differences = { ...found, missing }
    show('courses', differences, wish, wish.removeMissing)
    tasks.push(...tasksOfTable('courses', groups, differences, commandsOfNewGroup, commandsOfChangedGroup))
    if (wish.removeMissing) {
      const refusal = removalRefusal('courses', differences, wish.removeAtMost)
      if (refusal !== undefined) throw new CommandFailed(`${refusal}; nothing was sent`)
      for (const row of missing) {
        last.push({ name: rowName('courses', row), calls: [cancellationOf(row)], unsaid: [] })
      }
    }
  }
  const students = checked.lined('students')
  if (students !== undefined) {
    const there = (await campus.students()).map(studentRowOf)
    // No command takes the end of a window away.
    const differences = await compareRows(
      'students',
      students,
      there,
      (column, row) => column === 'enrollment_end_time' && row.enrollment_end_time === null,
    )
    show('students', differences, wish, false)
    tasks.push(
      ...tasksOfTable('students', students, differences, commandsOfNewStudent, commandsOfChangedStudent),
    )
    if (wish.removeMissing) {
      for (const row of differences.missing) {
        last.push({ name: rowName('students', row), calls: [], unsaid: ['no command removes a student'] })
      }
    }
  }
  return [...tasks, ...last]
}

function show(
  table: ComparedTable,
  differences: RowDifferences<object>,
  { shownMax }: SyncWish,
  removes: boolean,
): void {
  for (const line of describeDifferences(table, differences, { shownMax, removes })) print(line)
}

function tasksOfTable<Row extends object>(
  table: ComparedTable,
  { file, neededByNew }: LinedTable<Row>,
  { added, changed }: RowDifferences<Row>,
  ofNew: (lined: LinedRow<Row>) => RowCommands,
  ofChanged: (lined: ChangedRow<Row>) => RowCommands,
): Task[] {
  const name = ({ line, row }: LinedRow<Row>) => `${file} line ${line}: ${rowName(table, row)}`
  const [lacks] = neededByNew
  return [
    ...added.map((lined) => ({
      name: name(lined),
      ...(lacks === undefined
        ? ofNew(lined)
        : { calls: [], unsaid: [`it is new, and the file has no column ${lacks}`] }),
    })),
    ...changed.map((lined) => ({ name: name(lined), ...ofChanged(lined) })),
  ]
}

/** @returns how many commands were not taken */
async function sendAll(campus: CampusClient, tasks: readonly Task[], total: number): Promise<number> {
  const bar = new Progress(process.stderr, {
    label: 'sending',
    total,
    unit: 'commands',
    now: () => performance.now(),
  })
  let done = 0
  let refused = 0
  try {
    for (const { name, calls } of tasks) {
      for (const [index, { call, key }] of calls.entries()) {
        const refusal = await campus.send(call, key)
        bar.update(++done)
        if (refusal === undefined) continue
        print(`refused: ${name}: ${refusal.code}: ${refusal.detail}`)
        // What would follow needs this.
        refused += calls.length - index
        done += calls.length - index - 1
        break
      }
    }
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error))
    throw new CommandFailed(
      `${message}; ${done} of ${total} commands were sent: run it again to go on`,
      [],
      error,
    )
  }
  if (total > 0) bar.finish()
  return refused
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
