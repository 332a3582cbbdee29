import type { Database } from './database.ts'

const selectHoldsRegistry = `
  SELECT EXISTS (SELECT FROM departments) OR EXISTS (SELECT FROM students) OR EXISTS (SELECT FROM courses) AS holds`
const selectDepartmentIds = 'SELECT id FROM departments'

/** Whether anybody's departments, students or courses are in the database. */
export async function holdsRegistry(database: Database): Promise<boolean> {
  const [row] = await database.query<{ holds: boolean }>(selectHoldsRegistry)
  return row?.holds === true
}

export async function departmentIds(database: Database): Promise<ReadonlySet<number>> {
  const rows = await database.query<{ id: number }>(selectDepartmentIds)
  return new Set(rows.map((row) => row.id))
}
