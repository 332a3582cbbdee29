import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import {
  type DecisionsQuery,
  decisionsQuery,
  type DecisionsReply,
  decisionsReply,
  ownDecisionsQuery,
} from '../../../schema/rest-decisions.ts'
import { type EnrollmentService, refusalIn } from '../../engine/service.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { secured } from './docs.ts'
import {
  type DecisionCursor,
  type DecisionPage,
  DecisionsAway,
  type DecisionSearch,
  type FoundDecision,
  type SearchDecisions,
} from '../gateway-ports.ts'
import { commonProblems, sendProblem, unavailableProblems } from '../replies/problems.ts'
import { foundDecisionReplyOf, ownDecisionReplyOf } from '../replies/representations.ts'
import type { StaffView } from '../replies/staff-view.ts'
import type { TokenHolder } from '../auth/tokens.ts'

const pageSize = 50
const int32Max = 2_147_483_647
/** Decisions that are written out in one go, before those who enroll have their turn. */
const sliceRecords = 20
/** The database is a moment behind the journal; longer than this is not waited for. */
const applyWaitMs = { most: 1_500, poll: 20 }

export interface DecisionRoutesDeps {
  readonly service: EnrollmentService
  readonly searchDecisions: SearchDecisions
  readonly gate: Gate
  readonly view: StaffView
  readonly logger: Logger
}

/** Who did what when, yes or no, and why: read from the database, not from memory. */
export function decisionRoutes(app: FastifyInstance, deps: DecisionRoutesDeps): void {
  const { service, searchDecisions, gate, view, logger } = deps
  /** Whose search is not answered yet: each may have one. */
  const searching = { staff: new Set<number>(), students: new Set<number>() }
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  routes.get(
    '/student/decisions',
    {
      onRequest: admit(gate, 'student'),
      config: { problems: [...commonProblems, 'wrong_role', ...unavailableProblems] },
      schema: {
        tags: ['student'],
        security: secured,
        operationId: 'ownDecisions',
        summary: 'What was decided about you, and why',
        description:
          'Newest first, page by page: what you asked for and what staff did for you, with every reason; of what others did, only what it brought you.',
        querystring: ownDecisionsQuery,
        response: { 200: decisionsReply },
      },
    },
    async (request, reply) => {
      const { id } = request.user
      return await oneAtATime(searching.students, id, reply, async () => {
        const refusal = refusalIn(service.status().state)
        if (refusal !== undefined) return sendProblem(reply, refusal)
        const before = placeOf(request.query.cursor, reply)
        if (before === 'malformed') return undefined
        const { limit = pageSize } = request.query
        const found = await find({ about: { student: id }, ...(before && { before }), limit }, reply)
        if (found === undefined) return undefined
        const { page, upToDate } = found
        const decisions = page.decisions
          .map((one) => ownDecisionReplyOf(one, id))
          .filter(({ legs, effects }) => legs.length + effects.length > 0)
        return { decisions, next: page.hasMore ? nextOf(page.decisions) : null, up_to_date: upToDate }
      })
    },
  )
  routes.get(
    '/staff/decisions',
    {
      onRequest: admit(gate, 'staff'),
      config: {
        problems: [
          ...commonProblems,
          'wrong_role',
          'other_department',
          'no_such_student',
          'no_such_course',
          ...unavailableProblems,
        ],
      },
      schema: {
        tags: ['staff'],
        security: secured,
        operationId: 'decisions',
        summary: 'Who did what when, yes or no, and why',
        description:
          'About one student, or about one group. Newest first, page by page. Of other departments’ students, what is about your courses alone: a page may hold fewer decisions than were asked for.',
        querystring: decisionsQuery,
        response: { 200: decisionsReply },
      },
    },
    async (request, reply) => {
      const { query, user } = request
      return await oneAtATime(searching.staff, user.id, reply, () => answer(user, query, reply))
    },
  )

  async function answer(user: TokenHolder, query: DecisionsQuery, reply: FastifyReply) {
    const { student_id, course_id, group_id, from, to, cursor, limit = pageSize } = query
    const range = {
      ...(from !== undefined && { fromMs: momentOf(from) }),
      ...(to !== undefined && { toMs: momentOf(to) }),
    }
    if (Object.values(range).some(Number.isNaN)) {
      return sendProblem(reply, 'malformed', {
        detail: '"from" and "to" are moments of the calendar.',
      })
    }
    const before = placeOf(cursor, reply)
    if (before === 'malformed') return undefined
    const about = aboutWhat(student_id, course_id, group_id)
    const visible =
      'student' in about
        ? await view.student(user, about.student, reply)
        : await view.roster(user, about.course, about.group, reply)
    if (visible === undefined) return undefined
    const found = await find({ about, ...range, ...(before && { before }), limit }, reply)
    if (found === undefined) return undefined
    const { page, upToDate } = found
    const student = 'student' in about ? about.student : undefined
    const decisions: DecisionsReply['decisions'] = []
    for (const [index, { term, record }] of page.decisions.entries()) {
      if (index > 0 && index % sliceRecords === 0) await nextTurn()
      const shown = await view.shownDecision(user, record, student)
      if (shown !== undefined) decisions.push(foundDecisionReplyOf(term, shown))
    }
    return { decisions, next: page.hasMore ? nextOf(page.decisions) : null, up_to_date: upToDate }
  }

  /** @returns undefined when it is answered already */
  async function find(
    search: DecisionSearch,
    reply: FastifyReply,
  ): Promise<{ readonly page: DecisionPage; readonly upToDate: boolean } | undefined> {
    const upToDate = await databaseCaughtUp(service)
    try {
      return { page: await searchDecisions(search), upToDate }
    } catch (err) {
      if (!(err instanceof DecisionsAway)) throw err
      logger.warn({ err, request: reply.request.id }, 'decisions could not be looked up')
      return sendProblem(reply, 'journal_unavailable', { detail: 'The database cannot be read now.' })
    }
  }
}

async function oneAtATime<Found>(
  searching: Set<number>,
  id: number,
  reply: FastifyReply,
  search: () => Promise<Found>,
): Promise<Found | undefined> {
  if (searching.has(id)) {
    return sendProblem(reply, 'too_many_requests', {
      detail: 'Your search before this one is not answered yet.',
    })
  }
  searching.add(id)
  try {
    return await search()
  } finally {
    searching.delete(id)
  }
}

function aboutWhat(
  student: number | undefined,
  course: number | undefined,
  group: number | undefined,
): DecisionSearch['about'] {
  if (student !== undefined) return { student }
  if (course === undefined || group === undefined) throw new Error('the schema demands a student or a group')
  return { course, group }
}

/** NaN for what no calendar has, such as a 13th month or a 30th of February. */
function momentOf(text: string): number {
  const ms = Date.parse(text)
  return Number.isNaN(ms) || new Date(ms).getUTCDate() !== Number(text.slice(8, 10)) ? Number.NaN : ms
}

/** @returns `malformed` when that is answered already */
function placeOf(cursor: string | undefined, reply: FastifyReply): DecisionCursor | undefined | 'malformed' {
  const place = cursor === undefined ? undefined : cursorOf(cursor)
  if (cursor === undefined || place !== undefined) return place
  sendProblem(reply, 'malformed', { detail: '"cursor" is none that a page ended with.' })
  return 'malformed'
}

function cursorOf(text: string): DecisionCursor | undefined {
  const [term = 0, seq = 0] = text.split('.').map(Number)
  return term <= int32Max && Number.isSafeInteger(seq) ? { term, seq } : undefined
}

function nextOf(found: readonly FoundDecision[]): string | null {
  const last = found.at(-1)
  return last === undefined ? null : `${last.term}.${last.record.seq}`
}

/** A staff member who was just told of a decision finds it, unless the database is far behind. */
export async function databaseCaughtUp(service: EnrollmentService): Promise<boolean> {
  const { state, confirmedSeq } = service.status()
  if (state !== 'leading') return false
  for (let waitedMs = 0; waitedMs < applyWaitMs.most; waitedMs += applyWaitMs.poll) {
    if (service.status().appliedSeq >= confirmedSeq) return true
    await sleep(applyWaitMs.poll)
  }
  return false
}
