import { createServer, request as httpRequest } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { CannedRefusal } from '../overload/canned-refusal.ts'
import { RequestQueue, type RequestQueueDeps } from '../overload/request-queue.ts'

/** A server whose time stands still unless a test moves it, and that answers when a test says so. */
export class Fixture {
  nowMs = 1000
  isEngineFull = false
  readonly told: string[] = []
  /** By their Authorization; everybody else is a student. */
  readonly senders = new Map<string, 'staff' | 'stranger'>()
  readonly waits = new Map<string, number>()
  readonly begun: string[] = []
  onBegin = (): void => {}
  /** How long each request takes of the process's time. */
  costMs = 0
  queue!: RequestQueue
  port = 0
  /** The server's end of the latest connection. */
  socket!: Socket
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  async open(limits: Partial<RequestQueueDeps['limits']> = {}): Promise<this> {
    this.queue = new RequestQueue(
      (request, response) => {
        this.begun.push(`${request.method} ${request.url}`)
        this.nowMs += this.costMs
        this.onBegin()
        request.resume().once('end', () => response.end('served'))
      },
      {
        limits: {
          waitMaxMs: 100,
          burstMs: 2000,
          standingWaitMaxMs: 50,
          heldMaxMs: 20,
          turnMs: 10,
          othersMs: 3,
          lengthMax: 1000,
          answersInTurnMax: 500,
          ...limits,
        },
        refusal: new CannedRefusal([pageOrigin]),
        now: () => this.nowMs,
        isEngineFull: () => this.isEngineFull,
        senderOf: (authorization) => this.senders.get(authorization ?? '') ?? 'student',
        waitOf: (authorization) => this.waits.get(authorization ?? '') ?? 0,
        onTold: (authorization) => this.told.push(authorization ?? ''),
      },
    )
    const server = createServer((request, response) => {
      this.queue.noteArrival(request, response)
      this.queue.enter(request, response)
    })
    server.on('connection', (socket: Socket) => {
      this.socket = socket
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.#t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return this
  }

  async ask(path = '/student/course', method = 'PUT'): Promise<number> {
    return await new Promise((resolve, reject) => {
      const sent = httpRequest({ host: '127.0.0.1', port: this.port, path, method }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0))
      })
      sent.once('error', reject)
      sent.end()
    })
  }

  /** A connection that stays open, for requests written byte by byte. */
  async dial(): Promise<Line> {
    const socket = connect({ host: '127.0.0.1', port: this.port, noDelay: true })
    await new Promise((resolve) => socket.once('connect', resolve))
    this.#t.after(() => socket.destroy())
    return new Line(socket)
  }
}

export class Line {
  readonly #socket: Socket
  /** Status line and headers of the latest answer. */
  head = ''
  #received = ''
  #wake = (): void => {}

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString()
      this.#wake()
    })
  }

  write(text: string): void {
    this.#socket.write(text)
  }

  /** The next answer's status. */
  async answer(): Promise<number> {
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(this.#received.slice(0, end))?.[1] ?? 0)
      if (end >= 0 && this.#received.length >= end + 4 + length) {
        const status = Number(this.#received.slice(9, 12))
        this.head = this.#received.slice(0, end)
        this.#received = this.#received.slice(end + 4 + length)
        return status
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** Whose pages may call. */
export const pageOrigin = 'https://courses.example.edu'

/** A student's command as it goes over the wire. */
export const put = (body = '{"course_id":1}', more = '') =>
  `PUT /student/course HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`
