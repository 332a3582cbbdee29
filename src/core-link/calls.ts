import type { EnrollmentService } from '../engine/service.ts'

/** What a gateway may ask besides submitting commands. None of it changes anything. */
const callable = [
  'dryRun',
  'studentView',
  'catalog',
  'roster',
] as const satisfies readonly (keyof EnrollmentService)[]

export type Callable = (typeof callable)[number]

export function isCallable(method: unknown): method is Callable {
  return (callable as readonly unknown[]).includes(method)
}
