import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { CannedRefusal } from './canned-refusal.ts'

/** Answers that a client has not read yet; more than that, and it is left to the ordinary way. */
const unreadBytesMax = 16_384

interface Connection {
  /** A request is being read or answered, or somebody cannot tell. */
  isBusy: boolean
  /** The parser holds no beginning of another request: what came last was one whole request, and was all it saw. */
  isClean: boolean
  /** Requests that the chunk fed last turned out to hold; undefined before the first. */
  begun: number | undefined
}

/** What is seen of a request without parsing it in earnest. */
export interface Glimpse {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  /** Of the page that sent it, if a browser did. */
  readonly origin: string | undefined
}

export interface TurnstileOptions {
  /**
   * After so many answers in one turn of the event loop, whoever is answered is read no further in it. The loop reads
   * on as long as many connections have something to say, so clients that ask again at once would keep it from
   * everything else, from the replies to those who were let in above all.
   */
  readonly answersInTurnMax: number
  readonly refusal: CannedRefusal
  /** Whether this request is to be refused now. */
  readonly isShutTo: (request: Glimpse) => boolean
  readonly onRefused: (request: Glimpse, retryAfterSeconds: number) => void
}

/**
 * Answers requests on the socket, before they are parsed: what Node's HTTP server does for a request, before any code
 * of ours, costs several times as much as the answer. Only for connections on which somebody was turned away already,
 * and only for requests that stand whole and plain in one chunk, on a connection where nothing else is going on; all
 * others take the ordinary way. In doubt a connection is left alone for good: an answer that belongs to another
 * request would be worse than a slow one.
 */
export class EarlyRefusal {
  readonly #connections = new WeakMap<Socket, Connection>()
  readonly #leftAlone = new WeakSet<Socket>()
  /** Answers in the present turn of the event loop, and connections that are not read until it is over. */
  #answered = 0
  #resting: Socket[] = []
  readonly #options: TurnstileOptions

  constructor(options: TurnstileOptions) {
    this.#options = options
  }

  /** Stands before the connection from now on; its present request is answered in the ordinary way. */
  guard({ socket }: IncomingMessage, response: ServerResponse): void {
    if (this.#connections.has(socket) || this.#leftAlone.has(socket)) return
    const [parse, ...others] = socket.listeners('data')
    if (parse === undefined || others.length > 0) return
    const connection: Connection = { isBusy: true, isClean: false, begun: undefined }
    this.#connections.set(socket, connection)
    response.once('close', () => {
      connection.isBusy = false
    })
    const take = (chunk: Buffer) => {
      if (this.#take(socket, connection, chunk)) return
      // A listener makes Node hand over the bytes; without one it reads them for the parser alone.
      parse(chunk)
      if (this.#leftAlone.has(socket)) socket.on('data', parse as (chunk: Buffer) => void).off('data', take)
    }
    socket.on('data', take).off('data', parse as (chunk: Buffer) => void)
  }

  /** Called when a turn of the event loop is over in which somebody was asked about. */
  turnOver(): void {
    this.#answered = 0
    for (const socket of this.#resting.splice(0)) socket.resume()
  }

  /** Called for every request that took the ordinary way. */
  noteBegin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket)
    if (connection?.begun === undefined) return
    connection.begun++
    response.once('close', () => {
      if (connection.begun !== 1 || !request.complete) return
      connection.isBusy = false
      connection.isClean = true
    })
  }

  /** @returns whether the chunk was answered here */
  #take(socket: Socket, connection: Connection, chunk: Buffer): boolean {
    const glimpse = connection.isBusy ? undefined : glimpseOf(chunk)
    if (glimpse === undefined) {
      // Where requests begin and end is for the parser to know.
      this.#connections.delete(socket)
      this.#leftAlone.add(socket)
      return false
    }
    if (connection.isClean && socket.writableLength <= unreadBytesMax && this.#options.isShutTo(glimpse)) {
      this.#options.onRefused(glimpse, this.#options.refusal.sendOnSocket(socket, glimpse.origin))
      if (++this.#answered > this.#options.answersInTurnMax) this.#resting.push(socket.pause())
      return true
    }
    connection.isBusy = true
    connection.isClean = false
    connection.begun = 0
    return false
  }
}

/** Paths with escapes, and URLs with a host, may mean another path. */
const requestLine = /^(GET|PUT|PATCH|POST|DELETE|OPTIONS) (\/[\w.~/-]*)(?:\?[^\s#]*)? HTTP\/1\.1\r\n/
/** With any of these, or a line that goes on from the one before, it is not plain. */
const notPlain = /\r\n[ \t]|\r\n(?:transfer-encoding|upgrade|expect|connection|trailer|te)[ \t]*:/i
const contentLength = /\r\ncontent-length:[ \t]*(\d{1,5})[ \t]*(?=\r\n)/gi
const authorizationHeader = /\r\nauthorization:[ \t]*([^\r\n]*)\r\n/i
const originHeader = /\r\norigin:[ \t]*([^\r\n\t ]*)[ \t]*\r\n/i

/** @returns undefined unless the chunk is one request, all of it and nothing else */
export function glimpseOf(chunk: Buffer): Glimpse | undefined {
  const text = chunk.toString('latin1')
  const line = requestLine.exec(text)
  if (line === null) return undefined
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = text.slice(0, end + 2)
  if (notPlain.test(head)) return undefined
  const [length, ...others] = head.match(contentLength) ?? []
  if (others.length > 0) return undefined
  const bodyBytes = length === undefined ? 0 : Number(/\d+/.exec(length)?.[0])
  if (length === undefined && /content-length/i.test(head)) return undefined
  if (text.length !== end + 4 + bodyBytes) return undefined
  const [, method = '', path = ''] = line
  return {
    method,
    path,
    authorization: authorizationHeader.exec(head)?.[1],
    origin: originHeader.exec(head)?.[1],
  }
}
