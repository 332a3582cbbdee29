import type { EnrollmentService } from '../../src/engine/service.ts'

export type ViewRequest =
  | { readonly of: 'student'; readonly student: number }
  | { readonly of: 'roster'; readonly course: number; readonly group: number }
  | { readonly of: 'catalog'; readonly department: number }

export function subjectOf(request: ViewRequest): string {
  switch (request.of) {
    case 'student':
      return `student ${request.student}`
    case 'roster':
      return `roster ${request.course}/${request.group}`
    case 'catalog':
      return `catalog ${request.department}`
  }
}

/** The view as text; undefined when none was shown. */
export async function readView(engine: EnrollmentService, request: ViewRequest): Promise<string | undefined> {
  switch (request.of) {
    case 'student': {
      const answer = await engine.studentView(request.student)
      if (answer.kind !== 'shown' || answer.view === undefined) return undefined
      const { remainingActions, places } = answer.view
      const held = places.map(({ group, position }) => `${group.course}/${group.group}:${position}`)
      return studentText(remainingActions, held)
    }
    case 'roster': {
      const answer = await engine.roster(request.course, request.group)
      if (answer.kind !== 'shown' || answer.view === undefined) return undefined
      return rosterText(answer.view.registered, answer.view.reserved, answer.view.extra)
    }
    case 'catalog': {
      const answer = await engine.catalog({ department: request.department })
      if (answer.kind !== 'shown') return undefined
      return (answer.view.groups ?? [])
        .map(({ course, group, capacity, registeredCount, reservedCount }) =>
          catalogText(`${course}/${group}`, capacity, registeredCount, reservedCount),
        )
        .join(' ')
    }
  }
}

/** @param held `course/group:position`, ascending by course */
export function studentText(remainingActions: number, held: readonly string[]): string {
  return `${remainingActions} actions; ${held.join(' ')}`
}

export function rosterText(
  registered: readonly number[],
  reserved: readonly number[],
  extra: readonly number[] = [],
): string {
  return `${registered.join(',')} | ${reserved.join(',')} | ${extra.join(',')}`
}

export function catalogText(name: string, capacity: number, registered: number, reserved: number): string {
  return `${name}=${capacity}:${registered}:${reserved}`
}
