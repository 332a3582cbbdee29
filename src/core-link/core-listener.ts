import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { type CoreService, GatewayConnection } from './gateway-connection.ts'
import { isWrongSecret, tlsOfEngine } from './link-security.ts'

/** Where the two ends meet. */
export type CoreAddress =
  | { readonly protocol: 'tcp'; readonly host: string; readonly port: number }
  | { readonly protocol: 'unix'; readonly path: string }

/** One line for people, and how bad it is. */
export type LinkLog = (level: 'info' | 'warn' | 'error', line: string, error?: unknown) => void

export interface CoreListenerOptions {
  readonly service: CoreService
  readonly campus: string
  /** Of the tokens; a gateway over TCP must know one of them. */
  readonly secrets: readonly string[]
  readonly log: LinkLog
}

/** Gateways that may be connected. */
const connectionsMax = 256
/** Connections that have not shown yet that a gateway is behind them; for one more, the oldest of them is closed. */
const strangersMax = 64
/** A bound for what neither of these counts: connections that are being closed. */
const socketsMax = 2 * (connectionsMax + strangersMax)
/** How often gateways are told how far the engine is; while nothing changes, one time in `idleTicks`. */
const statusIntervalMs = 100
const idleTicks = 10

/** The engine's door for gateways. */
export class CoreListener {
  readonly #options: CoreListenerOptions
  readonly #connections = new Set<GatewayConnection>()
  /** Beneath them, and of those that have not shown yet that they know the secret. */
  readonly #sockets = new Set<Socket>()
  /** The oldest first: by their other end over TCP, because TLS puts a socket of its own on top. */
  readonly #strangers = new Map<Socket | string, Socket>()
  readonly #servers: Server[] = []
  readonly #ticker: NodeJS.Timeout
  #told = ''
  #ticks = 0

  constructor(options: CoreListenerOptions) {
    this.#options = options
    this.#ticker = setInterval(() => this.#tick(), statusIntervalMs)
    this.#ticker.unref()
  }

  /**
   * Opens one address. A Unix socket is for this user's processes only; over TCP a gateway must know a secret.
   * A stale socket file must be gone.
   * @returns the port or path
   */
  async listen(address: CoreAddress): Promise<number | string> {
    const accept = (socket: Socket) => this.#accept(socket)
    const server =
      address.protocol === 'unix'
        ? createServer(accept)
        : createTlsServer(tlsOfEngine(this.#options.secrets), accept)
    server.maxConnections = socketsMax
    server.on('connection', (socket) => this.#watch(socket))
    server.on('tlsClientError', (error: Error) => {
      const why = isWrongSecret(error) ? 'it does not know our secret (JWT_SECRET)' : error.message
      this.#options.log('warn', `turned a gateway away: ${why}`)
    })
    this.#servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      const opened = () => {
        server.off('error', reject)
        resolve()
      }
      if (address.protocol === 'tcp') {
        server.listen(address.port, address.host, opened)
        return
      }
      // The file is made with these rights, so there is no moment in which others could connect.
      const before = process.umask(0o177)
      try {
        server.listen(address.path, opened)
      } finally {
        process.umask(before)
      }
    })
    server.on('error', (error) => this.#options.log('error', 'the door for gateways failed', error))
    const bound = server.address()
    return typeof bound === 'object' && bound !== null ? bound.port : String(bound)
  }

  /** Silent connections take no gateway's place. */
  #watch(socket: Socket): void {
    this.#sockets.add(socket)
    const end = otherEndOf(socket)
    this.#strangers.set(end, socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#strangers.get(end) === socket) this.#strangers.delete(end)
    })
    if (this.#strangers.size <= strangersMax) return
    for (const [oldest, stranger] of this.#strangers) {
      this.#strangers.delete(oldest)
      stranger.destroy()
      return
    }
  }

  #accept(socket: Socket): void {
    const { service, campus, log } = this.#options
    if (this.#connections.size >= connectionsMax + strangersMax) {
      log('warn', `turned a gateway away: ${connectionsMax} are connected`)
      socket.destroy()
      return
    }
    let name = 'a gateway'
    const connection = new GatewayConnection(socket, {
      service,
      campus,
      onWelcome: (gateway) => {
        this.#strangers.delete(otherEndOf(socket))
        name = gateway
        log('info', `gateway ${name} connected`)
      },
      onBug: (error) => log('error', 'a request of a gateway failed in the engine', error),
    })
    this.#connections.add(connection)
    socket.on('error', (error) => log('warn', `the link to gateway ${name} broke: ${error.message}`))
    socket.once('close', () => {
      this.#connections.delete(connection)
      if (connection.welcomed) log('info', `gateway ${name} has gone`)
    })
  }

  /** Tells every gateway at once, when the engine's state has changed. */
  tellState(): void {
    for (const connection of this.#connections) if (connection.welcomed) connection.tellStatus()
  }

  #tick(): void {
    if (this.#connections.size === 0) return
    const status = JSON.stringify(this.#options.service.status())
    this.#ticks++
    if (status === this.#told && this.#ticks < idleTicks) return
    this.#told = status
    this.#ticks = 0
    this.tellState()
  }

  /** Accepts nobody more, and hangs up on everybody once what is answered by now has been sent. */
  async close(): Promise<void> {
    clearInterval(this.#ticker)
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    for (const connection of this.#connections) connection.end()
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, 1000)
    await Promise.all(closed)
    clearTimeout(cut)
  }
}

function otherEndOf(socket: Socket): Socket | string {
  const { remoteAddress, remotePort } = socket
  return remotePort === undefined ? socket : `${remoteAddress} ${remotePort}`
}
