import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Certificate } from './certificate.ts'
import { type HttpLimits, idleMarginMs } from './limits.ts'
import { Pipelines } from './pipelines.ts'
import { RequestQueue, type RequestQueueDeps } from './overload/request-queue.ts'

export interface DoorOptions {
  readonly http: HttpLimits
  readonly replyDeadlineMs: number
  /** Serve over TLS with this one. */
  readonly certificate: Certificate | undefined
  readonly requestQueue: RequestQueueDeps
}

/** How much of a connection's bytes Node takes at a time, in either direction, before it waits for the other side. */
const highWaterMark = 16_384
/** How often it is looked how much clients leave unread. */
const unsentLookMs = 500

/**
 * What clients connect to: bounded in connections, in how long they may be idle, in how many requests wait, one behind
 * the other or for time, and in what they leave unread.
 */
export class HttpServer {
  readonly #options: DoorOptions
  /** One for each address that is listened on. */
  readonly #queues: RequestQueue[] = []
  readonly #pipelines: Pipelines[] = []
  readonly #sockets = new Set<Socket>()
  #connections = 0
  #connectionsRefused = 0
  #unreadCut = 0

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** Connections closed because too many of their requests waited, or too much of their answers, so far. */
  get connectionsCut(): number {
    return this.#pipelines.reduce((sum, { cut }) => sum + cut, this.#unreadCut)
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections
  }

  /** Connections closed at once because there were too many, so far. */
  get connectionsRefused(): number {
    return this.#connectionsRefused
  }

  /** Requests that wait in line. */
  get waiting(): number {
    return this.#queues.reduce((sum, { length }) => sum + length, 0)
  }

  /** Requests turned away for want of time or room, so far. */
  get turnedAway(): number {
    return this.#queues.reduce((sum, { turnedAway }) => sum + turnedAway, 0)
  }

  /** A server that hands requests to `handle` when there is time for them. */
  open(handle: (request: IncomingMessage, response: ServerResponse) => void): Server {
    const { http, replyDeadlineMs, certificate, requestQueue } = this.#options
    const options = {
      requireHostHeader: false,
      highWaterMark,
      keepAliveTimeout: http.keepAliveTimeoutMs,
      requestTimeout: http.requestTimeoutMs,
      headersTimeout: http.headersTimeoutMs,
      // Node looks for overdue requests at intervals, every 30 s if not told.
      connectionsCheckingInterval: Math.ceil(http.headersTimeoutMs / 4),
    }
    const queue = new RequestQueue(handle, requestQueue)
    this.#queues.push(queue)
    const pipelines = new Pipelines((request, response) => queue.enter(request, response), http.pipelinedMax)
    this.#pipelines.push(pipelines)
    const enter = (request: IncomingMessage, response: ServerResponse) => {
      queue.noteArrival(request, response)
      pipelines.enter(request, response)
    }
    const server =
      certificate === undefined
        ? createHttpServer(options, enter)
        : createHttpsServer({ ...options, ...certificate, handshakeTimeout: http.headersTimeoutMs }, enter)
    server.setTimeout(replyDeadlineMs + idleMarginMs)
    server.maxConnections = http.connectionsMax
    server.on('drop', () => this.#connectionsRefused++)
    server.on('connection', (socket) => {
      this.#connections++
      socket.once('close', () => this.#connections--)
    })
    this.#watchUnsent(server)
    return server
  }

  /** What one client leaves unread is bounded by what one answer holds; this is the bound for all of them. */
  #watchUnsent(server: Server): void {
    const { http, certificate } = this.#options
    // Over TLS the answers wait above the connection itself.
    server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    const timer = setInterval(() => this.#cutUnread(http.unsentBytesMax), unsentLookMs)
    timer.unref()
    server.once('close', () => clearInterval(timer))
  }

  #cutUnread(bytesMax: number): void {
    let unsent = 0
    for (const socket of this.#sockets) unsent += socket.writableLength
    if (unsent <= bytesMax) return
    for (const socket of [...this.#sockets].toSorted((a, b) => b.writableLength - a.writableLength)) {
      if (unsent <= bytesMax) return
      unsent -= socket.writableLength
      this.#unreadCut++
      socket.destroy()
    }
  }
}
