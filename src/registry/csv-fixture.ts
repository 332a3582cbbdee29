import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { checkFiles, type RegistryFiles } from './check-files.ts'
import type { CheckedFiles } from './check-table.ts'
import { type Finding, RegistryFileError } from './file-findings.ts'

export const argon =
  '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9Jr8x0Vw0p3xqj0l2l7b3m4sY6fC1kq0u5aX8yZ7vWE'
export const bcrypt = `$2a$10$${'N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'.slice(0, 53)}`

export const departments = 'id,name\n1,Physics\n2,"Arts, Crafts"\n'
export const studentHeader =
  'id,password_plain,enrollment_start_time,max_units,remaining_actions,department_id,entry_year,gender'
export const student = (id: number) => `${id},secret-${id},2026-09-01T07:00:00+03:30,20,12,1,1402,female`
export const courseHeader =
  'course_id,group_id,for_department,name,lecturer,units,capacity,reserve_capacity,class_time,exam_time,exam_minutes,sex_lock,notes'
export const course =
  '40103,1,1,Optics,Ada Lovelace,3,40,10,Sat 09:00-10:30; Mon 09:00-10:30,2027-01-10T08:00Z,120,,'

/** A folder for this process's files. */
export const folder = mkdtempSync(join(tmpdir(), 'registry-'))
after(() => {
  rmSync(folder, { recursive: true })
})

export type Contents = { [Table in keyof RegistryFiles]?: string | Uint8Array }

export async function write(contents: Contents): Promise<RegistryFiles> {
  const files: Record<string, string> = {}
  for (const [table, content] of Object.entries(contents)) {
    files[table] = join(folder, `${table}.csv`)
    await writeFile(files[table], content)
  }
  return files
}

export const nobodyInDatabase = async () => ({ students: new Set<number>(), groups: new Map() })

export async function check(contents: Contents, inDatabase: readonly number[] = []): Promise<CheckedFiles> {
  return checkFiles(await write(contents), {
    departmentsInDatabase: async () => new Set(inDatabase),
    knownInDatabase: nobodyInDatabase,
  })
}

export async function faultsOf(
  contents: Contents,
  inDatabase: readonly number[] = [],
): Promise<readonly Finding[]> {
  const error = await check(contents, inDatabase).then(
    () => assert.fail('the files were accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof RegistryFileError, String(error))
  for (const { file } of error.findings) assert.ok(error.message.includes(file))
  return error.findings
}

export async function rowsOf<Row>(source: { rows: Iterable<Row> | AsyncIterable<Row> }): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of source.rows) rows.push(row)
  return rows
}

/** A student file of one row with the cell of `column` replaced, or a column added. */
export function studentsWith(column: string, cell: string): string {
  const names = studentHeader.split(',')
  const cells = student(7).split(',')
  const index = names.indexOf(column)
  if (index >= 0) cells[index] = cell
  else {
    names.push(column)
    cells.push(cell)
  }
  return `${names.join(',')}\n${cells.join(',')}\n`
}

export function coursesWith(column: string, cell: string): string {
  const cells = course.split(',')
  cells[courseHeader.split(',').indexOf(column)] = cell
  return `${courseHeader}\n${cells.join(',')}\n`
}
