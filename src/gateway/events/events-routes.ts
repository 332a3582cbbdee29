import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { Type } from 'typebox'
import { type EventsQuery, eventsQuery, ticketReply } from '../../../schema/events.ts'
import { noBody, noQuery } from '../../../schema/rest.ts'
import type { EnrollmentService } from '../../engine/service.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { refuseUnavailable } from '../routes/submit-commands.ts'
import { secured } from '../routes/docs.ts'
import type { EventHub } from './event-hub.ts'
import type { Watch } from './event-round.ts'
import { eventIdOf } from './event-text.ts'
import type { EventTickets } from './event-tickets.ts'
import type { GatewayLimits } from '../limits.ts'
import { commonProblems, sendProblem, unavailableProblems } from '../replies/problems.ts'
import type { Verified } from '../auth/tokens.ts'

export interface EventRoutesDeps {
  readonly service: EnrollmentService
  readonly hub: EventHub
  readonly tickets: EventTickets
  readonly gate: Gate
  /** Whether staff watch every department's courses. */
  readonly campusWide: boolean
  readonly limits: GatewayLimits
}

/** Live seats: a stream of server-sent events. */
export function eventRoutes(app: FastifyInstance, deps: EventRoutesDeps): void {
  const { service, hub, tickets, gate, campusWide, limits } = deps
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  const admitByHeader = admit(gate, 'either')
  app.addHook('preClose', (closed) => {
    hub.close()
    closed()
  })

  routes.get(
    '/events',
    {
      // A HEAD would open a stream that nobody can read.
      exposeHeadRoute: false,
      onRequest: admitUnlessByTicket,
      preHandler: admitByTicket,
      config: {
        problems: [
          ...commonProblems,
          'wrong_role',
          'other_department',
          'no_such_student',
          'no_such_course',
          'busy',
          ...unavailableProblems,
        ],
      },
      schema: {
        tags: ['events'],
        security: [...secured, { ticket: [] }],
        operationId: 'events',
        summary: 'Seats and queues as they change',
        description: eventsDescription,
        querystring: eventsQuery,
        response: {
          200: {
            description: 'Server-sent events, named `resync` and `changes`; the data of both is `EventData`.',
            content: {
              'text/event-stream': {
                schema: Type.String({
                  contentMediaType: 'application/json',
                  contentSchema: { $ref: 'EventData#' },
                }),
              },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { query, user } = request
      const watch = watchOf(user, query)
      const isAllowed = mayWatch(user, watch, reply) && (await canWatch(watch, reply))
      if (!isAllowed || isFull(user, reply)) return undefined
      const since = query.last_event_id ?? request.headers['last-event-id']
      // It may have ended while the engine was asked.
      if (gate.tokens.isEnded(user)) {
        return sendProblem(reply, 'unauthenticated', { detail: 'The account has changed; log in again.' })
      }
      const { raw } = reply.hijack()
      // Written as they are, without the frames of a chunked body: thousands of streams share the same bytes.
      raw.useChunkedEncodingByDefault = false
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        connection: 'close',
      })
      raw.flushHeaders()
      // Straight to the connection: the layer of HTTP above it would cost as much again for every message.
      const out = raw.socket ?? raw
      const stream = { owner: user, watch, out, end: () => void raw.end(), untilMs: user.expiresMs }
      hub.add(stream, typeof since === 'string' ? eventIdOf(since) : undefined)
      return undefined
    },
  )

  routes.post(
    '/events/tickets',
    {
      onRequest: admitByHeader,
      config: { problems: [...commonProblems] },
      schema: {
        tags: ['events'],
        security: secured,
        operationId: 'eventTicket',
        summary: 'Get a ticket for one stream of events',
        description:
          'For `EventSource` in browsers, which cannot send a token: `GET /events?ticket=…`. Good for one stream, opened within half a minute; the stream ends with the token that the ticket was asked with.',
        body: noBody,
        querystring: noQuery,
        response: { 200: ticketReply },
      },
    },
    (request, reply) => {
      reply.header('cache-control', 'no-store')
      return { ticket: tickets.issue(request.user, gate.now()), expires_in: tickets.lifetimeSeconds }
    },
  )

  function admitUnlessByTicket(
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void {
    if ((request.query as EventsQuery).ticket === undefined) admitByHeader(request, reply, done)
    else done()
  }

  /** Once the query is known to be well-formed: a ticket is good for one request. */
  function admitByTicket(
    request: FastifyRequest<{ Querystring: EventsQuery }>,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void {
    const { ticket } = request.query
    if (ticket === undefined) return done()
    const caller = tickets.redeem(ticket, gate.now())
    if (caller === undefined) {
      return sendProblem(reply, 'unauthenticated', {
        detail: 'The ticket is not valid, or not any more; get one from POST /events/tickets.',
      })
    }
    request.user = caller
    done()
  }

  /** What the caller has no right to is answered here. */
  function mayWatch(user: Verified, { department, courses, student }: Watch, reply: FastifyReply): boolean {
    if (!user.staff) return true
    if (student !== undefined) {
      sendProblem(reply, 'wrong_role', { detail: 'Only students hold places.' })
      return false
    }
    if (campusWide) return true
    const groups = courses.flatMap((course) => service.seats?.course(course) ?? [])
    const foreign = groups.find((group) => group.department !== user.department)
    if (foreign === undefined && (department === undefined || department === user.department)) return true
    sendProblem(reply, 'other_department', {
      detail: `${foreign === undefined ? `Department ${department}` : `Course ${foreign.course}`} is not yours.`,
    })
    return false
  }

  /** What does not exist, and an engine that cannot say how things stand, is answered here. */
  async function canWatch({ courses, student }: Watch, reply: FastifyReply): Promise<boolean> {
    // A group that nobody has: the engine says whether it answers at all.
    const shown = student === undefined ? await service.roster(0, 0) : await service.studentView(student)
    if (shown.kind === 'unavailable') {
      refuseUnavailable(reply, shown)
      return false
    }
    if (student !== undefined && shown.view === undefined) {
      sendProblem(reply, 'no_such_student')
      return false
    }
    const board = service.seats
    const missing = courses.find((course) => board?.course(course).length === 0)
    if (board === undefined || hub.isClosed) sendProblem(reply, 'not_leading')
    else if (missing !== undefined) {
      const detail = `There is no course ${missing}.`
      sendProblem(reply, 'no_such_course', {
        reasons: [{ code: 'no_such_course', detail, course_id: missing }],
      })
    } else return true
    return false
  }

  function isFull(user: Verified, reply: FastifyReply): boolean {
    if (hub.streamsOf(user) >= limits.eventStreamsPerCaller) {
      sendProblem(reply, 'too_many_requests', {
        detail: `You have ${limits.eventStreamsPerCaller} streams open already.`,
      })
    } else if (hub.size >= limits.eventStreamsMax) {
      sendProblem(reply, 'busy', { detail: 'Too many streams are open already.' })
    } else return false
    return true
  }
}

/** Without a filter, students watch their own places and staff their own department. */
function watchOf(user: Verified, { department, course_id, places }: EventsQuery): Watch {
  const courses = [...new Set(course_id?.split(',').map(Number) ?? [])]
  const isUnfiltered = department === undefined && course_id === undefined && places === undefined
  return {
    department: isUnfiltered && user.staff ? user.department : department,
    courses,
    student: places !== undefined || (isUnfiltered && !user.staff) ? user.id : undefined,
  }
}

const eventsDescription = `Filters add up: a department, courses, your own places. Without any, students get their own places and staff their own department.

The first event is \`resync\`: everything that the filter covers, as it stands. From then on \`changes\` come within 250 ms of the decisions behind them being durable, later only while the process has no time, many changes of one thing as one. An event says how things stand, so none of them need be kept: merge \`seats\` by course and group, \`places\` by course.

The id is the number of the term and of the last decision that is told. Sent back as \`Last-Event-ID\`, what came since is told; after a change of leader, or an absence too long, a \`resync\` comes instead. Streams end when the server stops or leads no more, when the token expires or the account changes, and for clients that do not read.`
