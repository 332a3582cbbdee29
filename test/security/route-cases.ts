import type { Sender } from '../../src/gateway/testing/gateway-fixture.ts'

/** Everybody who may ask. */
export const callers = {
  nobody: undefined,
  student: { student: 1 },
  'student of department 2': { student: 2 },
  staff: { staff: 60, department: 1 },
  'staff of department 2': { staff: 61, department: 2 },
} as const satisfies Record<string, Sender | undefined>
export type CallerName = keyof typeof callers

export type Line = `${'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST'} /${string}`
export interface Case {
  readonly line: Line
  readonly body?: unknown
  /** Who is let in; everybody else gets `401 unauthenticated` without a token, `403 wrong_role` with one. */
  readonly gets: Partial<Record<CallerName, string>>
}

export const bothStudents = (answer: string) => ({ student: answer, 'student of department 2': answer })
export const bothStaff = (own: string, other: string) => ({ staff: own, 'staff of department 2': other })
/** The token is checked before the schema: without one even a malformed request learns only that. */
export const withToken = (answer: string) => ({ ...bothStudents(answer), ...bothStaff(answer, answer) })
export const anyone = (answer: string) => ({ nobody: answer, ...withToken(answer) })
export const foreign = '403 other_department'
