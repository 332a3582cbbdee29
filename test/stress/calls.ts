import type { Call, Reply } from '../../kit/load/http-client.ts'
import type { Leg, Reason, ShownGroup, ShownPlace } from './history.ts'

/** A command as the REST API takes it. */
export function callOf(
  legs: readonly Leg[],
  options: { readonly isPlan: boolean; readonly student: number | undefined },
): Call {
  const [leg] = legs
  if (leg === undefined) throw new Error('a command has a leg')
  if (options.isPlan) return { method: 'POST', path: '/student/plan', body: { legs: legs.map(planLeg) } }
  const where = { course_id: leg.course, ...('group' in leg && { group_id: leg.group }) }
  switch (leg.do) {
    case 'add': {
      const wish = leg.reserve === 'allow' ? {} : { reserve: leg.reserve }
      return { method: 'PUT', path: '/student/course', body: { ...where, ...wish } }
    }
    case 'move': {
      const wish = leg.allowReserve ? { allow_reserve: true } : {}
      return { method: 'PATCH', path: '/student/course', body: { ...where, ...wish } }
    }
    case 'drop':
      return { method: 'DELETE', path: `/student/course?course_id=${leg.course}` }
    case 'force_add':
      return { method: 'PUT', path: '/staff/force-std', body: { ...where, std_id: options.student } }
    case 'force_drop': {
      const query = `std_id=${options.student}&course_id=${leg.course}&group_id=${leg.group}`
      return { method: 'DELETE', path: `/staff/force-std?${query}` }
    }
    case 'set_capacity':
      return { method: 'PATCH', path: '/staff/capacity', body: { ...where, capacity: leg.capacity } }
  }
}

function planLeg(leg: Leg): unknown {
  switch (leg.do) {
    case 'add':
      return { add: { course_id: leg.course, group_id: leg.group, reserve: leg.reserve } }
    case 'move':
      return { move: { course_id: leg.course, group_id: leg.group, allow_reserve: leg.allowReserve } }
    case 'drop':
      return { drop: { course_id: leg.course } }
    case 'force_add':
    case 'force_drop':
    case 'set_capacity':
      throw new Error(`a plan has no ${leg.do}`)
  }
}

/** What a problem's body says, in the journal's own words. */
export interface Problem {
  readonly code: string
  readonly reasons: readonly Reason[]
}

interface ProblemBody {
  readonly code: string
  readonly reasons: readonly {
    readonly code: string
    readonly leg?: number
    readonly course_id?: number
    readonly group_id?: number
    readonly with?: { readonly course_id: number; readonly group_id: number }
    readonly more?: number
    readonly window?: { readonly from: string; readonly until: string }
  }[]
}

/** @throws if the reply is no problem as the API promises */
export function problemOf({ body, headers }: Reply): Problem {
  const { code, reasons } = JSON.parse(body) as ProblemBody
  if (headers['content-type'] !== 'application/problem+json') throw new Error('not a problem')
  if (typeof code !== 'string' || !Array.isArray(reasons)) throw new Error('not a problem')
  return {
    code,
    reasons: reasons.map((reason) => ({
      code: reason.code,
      ...(reason.leg !== undefined && { leg: reason.leg }),
      ...(reason.course_id !== undefined && { course: reason.course_id }),
      ...(reason.group_id !== undefined && { group: reason.group_id }),
      ...(reason.with && { with: { course: reason.with.course_id, group: reason.with.group_id } }),
      ...(reason.more !== undefined && { more: reason.more }),
      ...(reason.window && {
        window: { startMs: Date.parse(reason.window.from), endMs: Date.parse(reason.window.until) },
      }),
    })),
  }
}

interface CourseBody {
  readonly course_id: number
  readonly group_id: number
  readonly capacity: number
  readonly registered_count: number
  readonly reserved_count: number
}

export function placesShown({ body }: Reply): ShownPlace[] {
  const { data } = JSON.parse(body) as {
    data: { course: CourseBody; reserve_queue_position: number }[]
  }
  return data.map(({ course, reserve_queue_position }) => ({
    course: course.course_id,
    group: course.group_id,
    position: reserve_queue_position,
  }))
}

export function rosterShown({ body }: Reply): { registered: number[]; waiting: number[] } {
  const roster = JSON.parse(body) as { registered_students: number[]; reserved_queue_students: number[] }
  return { registered: roster.registered_students, waiting: roster.reserved_queue_students }
}

export function catalogShown({ body }: Reply): ShownGroup[] {
  const { courses } = JSON.parse(body) as { courses: CourseBody[] }
  return courses.map((course) => ({
    course: course.course_id,
    group: course.group_id,
    capacity: course.capacity,
    registered: course.registered_count,
    waiting: course.reserved_count,
  }))
}
