import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Certificate } from './certificate.ts'
import { type HttpLimits, idleMarginMs } from './limits.ts'
import { WaitingRoom, type WaitingRoomDeps } from './waiting-room.ts'

export interface DoorOptions {
  readonly http: HttpLimits
  readonly replyDeadlineMs: number
  /** Serve over TLS with this one. */
  readonly certificate: Certificate | undefined
  readonly waitingRoom: WaitingRoomDeps
}

/** What clients connect to: bounded in connections, in how long they may be idle, and in how many requests wait. */
export class Door {
  readonly #options: DoorOptions
  /** One for each address that is listened on. */
  readonly #rooms: WaitingRoom[] = []
  #connections = 0
  #connectionsRefused = 0

  constructor(options: DoorOptions) {
    this.#options = options
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
    return this.#rooms.reduce((sum, { length }) => sum + length, 0)
  }

  /** Requests turned away for want of time or room, so far. */
  get turnedAway(): number {
    return this.#rooms.reduce((sum, { turnedAway }) => sum + turnedAway, 0)
  }

  /** A server that hands requests to `handle` when there is time for them. */
  open(handle: (request: IncomingMessage, response: ServerResponse) => void): Server {
    const { http, replyDeadlineMs, certificate, waitingRoom } = this.#options
    const options = {
      requireHostHeader: false,
      keepAliveTimeout: http.keepAliveTimeoutMs,
      requestTimeout: http.requestTimeoutMs,
      headersTimeout: http.headersTimeoutMs,
      // Node looks for overdue requests at intervals, every 30 s if not told.
      connectionsCheckingInterval: Math.ceil(http.headersTimeoutMs / 4),
    }
    const room = new WaitingRoom(handle, waitingRoom)
    this.#rooms.push(room)
    const enter = (request: IncomingMessage, response: ServerResponse) => room.enter(request, response)
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
    return server
  }
}
