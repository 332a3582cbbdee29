import type { LinedRow, LinedTable } from './checked-table.ts'
import { time } from './fields.ts'
import { type CourseRow, nobodysPassword, type RegistryRows } from './rows.ts'
import { classTimeText } from './written-tables.ts'

/** The tables whose files are compared with what is there. Places are decisions, and no file's. */
export type ComparedTable = Exclude<keyof RegistryRows, 'enrolled_courses'>

export interface ChangedRow<Row> extends LinedRow<Row> {
  readonly before: Row
  /** Each column that the file says otherwise, as people read it. */
  readonly columns: readonly { readonly name: string; readonly from: string; readonly to: string }[]
}

/** How a file and what is there differ. */
export interface RowDifferences<Row> {
  readonly added: readonly LinedRow<Row>[]
  readonly changed: readonly ChangedRow<Row>[]
  /** There, and not in the file. */
  readonly missing: readonly Row[]
  readonly same: number
  /** Rows that are there. */
  readonly there: number
}

const keys: Readonly<Record<ComparedTable, readonly string[]>> = {
  departments: ['id'],
  staff: ['id'],
  students: ['id'],
  courses: ['course_id', 'group_id'],
}
const compared: Readonly<Record<ComparedTable, readonly string[]>> = {
  departments: ['name'],
  staff: ['password', 'department_id', 'code'],
  students: [
    'password',
    'enrollment_start_time',
    'enrollment_end_time',
    'max_units',
    'remaining_actions',
    'department_id',
    'entry_year',
    'gender',
    'code',
  ],
  courses: [
    'for_department',
    'name',
    'lecturer',
    'units',
    'capacity',
    'reserve_capacity',
    'class_time',
    'exam_time',
    'exam_minutes',
    'sex_lock',
    'notes',
    'status',
    'code',
  ],
}
const times = new Set(['enrollment_start_time', 'enrollment_end_time', 'exam_time'])
/** OneRoster has a name of its own for these. */
const saidAs: Readonly<Record<string, readonly string[]>> = {
  name: ['name', 'full_name'],
  password: ['password', 'password_plain', 'enabled'],
}

/** What a row is called: `student 7`, `course 401 group 2`. */
export function rowName(table: ComparedTable, row: object): string {
  if (table === 'courses') {
    const { course_id, group_id } = row as CourseRow
    return `course ${course_id} group ${group_id}`
  }
  const noun = { departments: 'department', staff: 'staff member', students: 'student', courses: '' }[table]
  return `${noun} ${String(Reflect.get(row, 'id'))}`
}

/**
 * Compares what a file says with the rows that are there. A column that the file lacks is not compared; a plain password
 * counts only where there is none.
 * @param there rows as an export has them
 * @param ignores a column that says nothing in this row of the file
 */
export async function compareRows<Row extends object>(
  table: ComparedTable,
  file: LinedTable<Row>,
  there: AsyncIterable<Row> | Iterable<Row>,
  ignores: (column: string, row: Row) => boolean = () => false,
): Promise<RowDifferences<Row>> {
  const key = (row: Row) => keys[table].map((column) => String(Reflect.get(row, column))).join('/')
  const left = new Map<string, Row>()
  for await (const row of there) left.set(key(row), row)
  const count = left.size
  const said = compared[table].filter((column) =>
    (saidAs[column] ?? [column]).some((name) => file.said.has(name)),
  )
  const added: LinedRow<Row>[] = []
  const changed: ChangedRow<Row>[] = []
  let same = 0
  for await (const lined of file.rows()) {
    const before = left.get(key(lined.row))
    if (before === undefined) {
      added.push(lined)
      continue
    }
    left.delete(key(lined.row))
    const columns = said.flatMap((name) => {
      if (ignores(name, lined.row)) return []
      if (name === 'password') return passwordChange(lined, before)
      const [from, to] = [textOf(name, before), textOf(name, lined.row)]
      return from === to ? [] : [{ name, from, to }]
    })
    if (columns.length === 0) same++
    else changed.push({ ...lined, before, columns })
  }
  return { added, changed, missing: [...left.values()], same, there: count }
}

/** In place of a hash that is there and not known; whatever a file says of it is no difference. */
export const unknownHash = '$'

/** Whether somebody can log in: what is no hash is nobody's password. */
export function isHash(password: unknown): boolean {
  return typeof password === 'string' && password.startsWith('$')
}

/** Hashes stay out of what people read. */
function passwordChange({ row, plain }: LinedRow<object>, before: object) {
  const [is, was] = [Reflect.get(row, 'password'), Reflect.get(before, 'password')] as unknown[]
  if (was === unknownHash) return []
  const isOther = plain === '' ? is !== nobodysPassword && is !== '' && is !== was : !isHash(was)
  return isOther ? [{ name: 'password', from: isHash(was) ? 'one' : 'none', to: 'the file’s' }] : []
}

function textOf(column: string, row: object): string {
  if (column === 'class_time') return String(classTimeText(row as CourseRow))
  const value = Reflect.get(row, column) as string | number | null | undefined
  if (value === null || value === undefined) return ''
  const text = String(value)
  // A database writes microseconds and their zeros in its own way.
  return times.has(column) ? time.read(text) : text
}

/** The counts of a table, and the first rows of each kind, for people. */
export function describeDifferences(
  table: ComparedTable,
  { added, changed, missing, same }: RowDifferences<object>,
  { shownMax, removes }: { readonly shownMax: number; readonly removes: boolean },
): string[] {
  const what = table === 'courses' ? 'course groups' : table
  const kept = removes ? 'to be removed' : 'not in the file (they stay)'
  const lines = [
    `${what}: ${added.length} new, ${changed.length} changed, ${missing.length} ${kept}, ${same} the same`,
  ]
  const list = <Item>(items: readonly Item[], describe: (item: Item) => string) => {
    for (const item of items.slice(0, shownMax)) lines.push(`  ${describe(item)}`)
    if (items.length > shownMax) lines.push(`  and ${items.length - shownMax} more`)
  }
  list(added, ({ line, row }) => `new: ${rowName(table, row)} (line ${line})`)
  list(
    changed,
    ({ line, row, columns }) =>
      `changed: ${rowName(table, row)} (line ${line}): ${columns.map(({ name, from, to }) => `${name} ${quoted(from)} -> ${quoted(to)}`).join(', ')}`,
  )
  if (removes) list(missing, (row) => `removed: ${rowName(table, row)}`)
  return lines
}

function quoted(text: string): string {
  if (text === '') return 'nothing'
  if (/^[\w.:+-]+$/.test(text)) return text
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

/** At most this share of a table is removed unless somebody says that more is meant. */
const removedShareMax = 0.1

/** @returns why so many rows are not removed; undefined = they may be */
export function removalRefusal(
  table: ComparedTable,
  { missing, there }: Pick<RowDifferences<unknown>, 'missing' | 'there'>,
  removeAtMost: number | undefined,
): string | undefined {
  const count = missing.length
  if (count <= (removeAtMost ?? there * removedShareMax)) return undefined
  const bound = removeAtMost === undefined ? '10 % of them' : `the ${removeAtMost} of --remove-at-most`
  return `${table}: ${count} of ${there} are not in the file, more than ${bound}; if that is meant, add --remove-at-most ${count}`
}
