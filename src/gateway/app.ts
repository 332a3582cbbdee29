import { fastify, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { administrationRoutes } from './routes/administration-routes.ts'
import { type Gate, senderOf } from './auth/authentication.ts'
import { campusRoutes } from './routes/campus-routes.ts'
import { catalogRoute } from './routes/catalog-route.ts'
import { CannedRefusal } from './overload/canned-refusal.ts'
import { acceptCodes } from './routes/codes.ts'
import { realAddressesOf } from './client-address.ts'
import { Commands } from './routes/submit-commands.ts'
import { allowOrigins } from './cors.ts'
import { decisionRoutes } from './routes/decision-routes.ts'
import { describeRoutes, docsRoutes } from './routes/docs.ts'
import { HttpServer } from './http-server.ts'
import { answerClientError, answerErrors } from './replies/errors.ts'
import { EventHub } from './events/event-hub.ts'
import { EventTickets } from './events/event-tickets.ts'
import { eventRoutes } from './events/events-routes.ts'
import { defaultHttpLimits } from './limits.ts'
import { listRoutes } from './routes/list-routes.ts'
import { Login } from './auth/login.ts'
import { loginRoutes } from './auth/login-routes.ts'
import { Exposition } from '../metrics/exposition.ts'
import { GatewayMetrics } from './metrics.ts'
import { pageRoutes } from './routes/page-routes.ts'
import { passwordRoute } from './auth/password-route.ts'
import type { GatewayDeps } from './gateway-ports.ts'
import { sendProblem } from './replies/problems.ts'
import { requestNamer } from './request-ids.ts'
import { metricsRoute, serviceRoutes } from './routes/service-routes.ts'
import { staffRoutes } from './routes/staff-routes.ts'
import { StaffView } from './replies/staff-view.ts'
import { studentRoutes } from './routes/student-routes.ts'
import { routedUrl } from './routed-url.ts'
import { RetryHolds } from './overload/retry-holds.ts'
import { TokenBuckets } from './overload/token-buckets.ts'
import { keysOf, registerKeys } from './auth/token-keys.ts'
import { Tokens } from './auth/tokens.ts'
import { compileSerializer, compileValidator, readBodiesAsJson } from './replies/validation.ts'
import { defaultWaitingRoomLimits } from './overload/request-queue.ts'

const hourMs = 3_600_000
const usualCourseUnitsMax = 60

/**
 * Builds the REST gateway over an enrollment service. It listens to nothing yet: tests inject requests, and
 * `listen.ts` opens an address.
 */
export function buildGateway(deps: GatewayDeps): FastifyInstance {
  const { service, accounts, searchDecisions, limits, logger } = deps
  const now = () => deps.now()
  const retryHolds = new RetryHolds()
  let opened: Gate | undefined
  const studentOf = (authorization: string | undefined): number | undefined => {
    const caller = opened?.tokens.callerOf(authorization, now())
    return caller?.staff === false ? caller.id : undefined
  }
  const server = new HttpServer({
    http: deps.http ?? defaultHttpLimits,
    replyDeadlineMs: limits.replyDeadlineMs,
    certificate: deps.certificate,
    requestQueue: {
      limits: defaultWaitingRoomLimits,
      refusal: new CannedRefusal(deps.corsOrigins ?? false),
      now: () => performance.now(),
      isEngineFull: () => service.status().isFull,
      senderOf: (authorization) => (opened === undefined ? 'stranger' : senderOf(opened, authorization)),
      waitOf: (authorization) => {
        const student = studentOf(authorization)
        return student === undefined ? 0 : retryHolds.waitMs(student, now())
      },
      onTold: (authorization, seconds) => {
        const student = studentOf(authorization)
        if (student !== undefined) retryHolds.tell(student, now(), seconds)
      },
    },
  })
  const app = createServer(deps, server)
  const exposition = deps.exposition ?? new Exposition()
  const metrics = new GatewayMetrics(service, exposition, deps)
  metrics.showHttpServer(server)
  nameAnswers(app)
  if (deps.trustProxy !== false) believeAddressesOnly(app)
  demandHost(app)
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(compileSerializer)
  readBodiesAsJson(app)
  answerErrors(app, logger)
  measureLatency(app, metrics)
  if (logger.isLevelEnabled('debug')) logRequests(app, logger)
  allowOrigins(app, deps.corsOrigins ?? false)
  describeRoutes(app)
  registerKeys(app, deps.jwtSecrets)
  app.register((routes, _options, registered) => {
    const keys = keysOf(routes, deps.jwtSecrets)
    const gate: Gate = {
      tokens: new Tokens(keys, deps.sessionMs, deps.ended),
      requestsByStudent: new TokenBuckets(limits.studentRate, limits.studentBurst),
      requestsByStaff: new TokenBuckets(limits.staffRate, limits.staffBurst),
      bodyBytesMax: (deps.http ?? defaultHttpLimits).bodyBytesMax,
      now,
    }
    opened = gate
    const campusWide = deps.staffScope === 'all'
    const commands = new Commands({ service, metrics, logger, retryHolds, now })
    const view = new StaffView(service, campusWide)
    const login = new Login({ accounts, limits, logger, now, pause: deps.slowDown })
    metrics.showLogin(login)
    acceptCodes(routes, accounts, logger)
    loginRoutes(routes, { login, accounts, gate, logger })
    studentRoutes(routes, { service, commands, gate })
    catalogRoute(routes, { service, gate })
    campusRoutes(routes, { service, lists: deps.lists, gate })
    const seatsAnybody = deps.forceAdd === 'any'
    staffRoutes(routes, { commands, gate, view, campusWide, seatsAnybody })
    administrationRoutes(routes, {
      commands,
      gate,
      campusWide,
      view,
      unitsMax: deps.courseUnitsMax ?? usualCourseUnitsMax,
      windowMs: deps.windowMs ?? hourMs,
    })
    passwordRoute(routes, { commands, accounts, login, gate, campusWide, logger })
    decisionRoutes(routes, { service, searchDecisions, gate, view, logger })
    listRoutes(routes, { service, lists: deps.lists, gate, campusWide })
    const hub = new EventHub(service, now)
    deps.ended?.onNoted(() => hub.endThose((owner) => gate.tokens.isEnded(owner)))
    metrics.showEvents(hub)
    eventRoutes(routes, { service, hub, tickets: new EventTickets(keys), gate, campusWide, limits })
    pageRoutes(routes)
    serviceRoutes(routes, service)
    if (deps.metricsForClients !== false) metricsRoute(routes, exposition)
    docsRoutes(routes)
    registered()
  })
  return app
}

function createServer(
  { trustProxy, certificate, http = defaultHttpLimits }: GatewayDeps,
  server: HttpServer,
): FastifyInstance {
  const app = fastify({
    bodyLimit: http.bodyBytesMax,
    ...(certificate && { https: certificate }),
    rewriteUrl: ({ url = '' }) => routedUrl(url),
    serverFactory: (handle) => server.open(handle),
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // While closing, requests on open connections are still answered, by the engine's own state.
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: requestNamer(trustProxy),
    trustProxy: trustProxy === false ? false : [...trustProxy],
    clientErrorHandler: answerClientError,
    // Comes before any hook.
    frameworkErrors: (_error, { id }, reply) =>
      sendProblem(reply.header('x-request-id', id), 'malformed', { detail: 'The path is not a valid one.' }),
  })
  return app
}

/** Every answer names its request, as the log and its decision do. */
function nameAnswers(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
}

/** `request.ip` follows X-Forwarded-For through trusted proxies, whatever is written there. */
function believeAddressesOnly(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const forwardedFor = headers['x-forwarded-for']
    if (typeof forwardedFor === 'string') headers['x-forwarded-for'] = realAddressesOf(forwardedFor)
    done()
  })
}

/** HTTP/1.1 demands the header; Node would refuse in its own words. */
function demandHost(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { headers, httpVersion } = request.raw
    if (headers.host !== undefined || httpVersion !== '1.1') return done()
    sendProblem(reply, 'malformed', { detail: 'The Host header is missing.' })
  })
}

/** Each route measures its own answers, so that nothing is looked up per request. */
function measureLatency(app: FastifyInstance, metrics: GatewayMetrics): void {
  app.decorateRequest('startedAtMs', 0)
  app.decorateRequest('releasedAtMs', 0)
  app.addHook('onRequest', (request, _reply, done) => {
    request.startedAtMs = performance.now()
    done()
  })
  app.addHook('onRoute', (route) => {
    if (route.method === 'HEAD' || route.config?.problems === undefined) return
    const latency = metrics.routeLatency(`${String(route.method)} ${route.url}`)
    route.onSend = (request, reply, _payload, done) => {
      const nowMs = performance.now()
      latency.observe(reply.statusCode, (nowMs - request.startedAtMs) / 1000)
      if (request.releasedAtMs > 0) metrics.noteReply(request.releasedAtMs, nowMs)
      done()
    }
  })
}

/**
 * For looking into trouble. Usually requests are not logged one by one: decisions are on record, and failures are
 * logged where they happen. The query is left out: it names students.
 */
function logRequests(app: FastifyInstance, logger: Logger): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = `${request.method} ${request.routeOptions.url ?? '(none)'}`
    const tookMs = Math.round((performance.now() - request.startedAtMs) * 100) / 100
    logger.debug({ request: request.id, route, status: reply.statusCode, tookMs }, 'answered')
    done()
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** By the monotonic clock. */
    startedAtMs: number
    /** When its decision was released to be answered, by the same clock; 0 if none was. */
    releasedAtMs: number
  }
}
