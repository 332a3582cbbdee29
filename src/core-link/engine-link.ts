import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Command } from '../../actors/messages/commands.ts'
import { refusalCodes } from '../../actors/messages/refusals.ts'
import { describeError } from '../engine/describe-error.ts'
import type { SeatBoard } from '../engine/seat-board.ts'
import type { EngineStatus, Outcome, SubmitOptions, Unavailable } from '../engine/service.ts'
import { ByteReader, ProtocolBroken } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Callable } from './calls.ts'
import { writeCommand } from './command-codec.ts'
import type { CoreAddress } from './core-listener.ts'
import { FrameReader, frameHeaderBytes } from './frames.ts'
import { isNoCoreLink, isWrongSecret, tlsOfGateway } from './link-security.ts'
import { SeatMirror } from './seat-feed.ts'
import { readDecided, readUnavailable } from './outcome-codec.ts'
import {
  frameToGatewayBytesMax,
  framesToEngine,
  type Hello,
  pendingMax,
  protocolVersion,
  type Refused,
  toEngine,
  toGateway,
} from './protocol.ts'
import { endOnSilence } from './silence.ts'

export interface EngineLinkOptions {
  readonly campus: string
  /** Of the tokens; over TCP one of them must be the engine's. */
  readonly secrets: readonly [string, ...string[]]
  /** For the engine's log. */
  readonly gateway: string
  /** Called for every change of what `status` says but its numbers. */
  readonly onChange: (link: EngineLink) => void
}

interface PendingCommand {
  readonly command: Command
  readonly options: SubmitOptions
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (bug: Error) => void
}

interface PendingCall {
  readonly command: undefined
  readonly resolve: (answer: unknown) => void
  readonly reject: (bug: Error) => void
}

const outcomeUnknown: Unavailable = { kind: 'unavailable', code: 'outcome_unknown' }
const notLeading: Unavailable = { kind: 'unavailable', code: 'not_leading' }
const busy: Unavailable = { kind: 'unavailable', code: 'busy' }

/** An engine that says nothing for so long is taken for gone; it says something every second. */
const silenceMsMax = 5000
const beatIntervalMs = 1000
const connectTimeoutMs = 3000
const retryMs = { first: 50, most: 1000 }
/** Commands in so many bytes that the socket has not taken are more than the engine keeps up with. */
const unsentBytesMax = 4 * 1024 * 1024
const writerBytes = 16 * 1024
const noCoreLink =
  "what answers there is REST or something else, no core link: CORE_ADDRESS wants the engine's ENROLLMENT_CORE_LISTEN, not its LISTEN_ADDRESS"

/**
 * The gateway's end of the link to one engine. It connects, and again whenever the connection is lost, until it
 * is closed; requests of one turn of the event loop go in one frame.
 *
 * A request that was sent is never sent again: when the connection is lost, the outcome of such a command is
 * unknown, and one that was not sent was surely not done.
 */
export class EngineLink {
  readonly address: CoreAddress
  readonly #options: EngineLinkOptions
  readonly #writer = new ByteWriter(writerBytes)
  /** In the order in which they came. */
  readonly #pending = new Map<number, PendingCommand | PendingCall>()
  readonly #mirror = new SeatMirror()
  #socket: Socket | undefined
  #frames = new FrameReader(frameToGatewayBytesMax)
  #status: EngineStatus | undefined
  #detail = 'connecting'
  #nextId = 0
  /** So many of the newest requests are in the writer still. */
  #unsent = 0
  #secretIndex = 0
  #retryMs = retryMs.first
  #closed = false
  #timer: NodeJS.Timeout | undefined

  constructor(address: CoreAddress, options: EngineLinkOptions) {
    this.address = address
    this.#options = options
    this.#connect()
  }

  /** What the engine said of itself last; undefined while there is no connection. */
  get status(): EngineStatus | undefined {
    return this.#status
  }

  /** Why there is no connection, for people. */
  get detail(): string {
    return this.#detail
  }

  /** Whether commands go here: the engine leads, as far as it has told. */
  get leads(): boolean {
    return this.#status?.state === 'leading'
  }

  /** The board of seats of the term that the engine leads; undefined if it leads none, or has yet to send it. */
  get seats(): SeatBoard | undefined {
    const { board } = this.#mirror
    return this.leads && board?.term === this.#status?.term ? board : undefined
  }

  #connect(): void {
    const { address } = this
    const { campus, gateway, secrets } = this.#options
    const secret = secrets[this.#secretIndex % secrets.length] ?? secrets[0]
    const isTcp = address.protocol === 'tcp'
    const socket = isTcp
      ? connectTls({ host: address.host, port: address.port, ...tlsOfGateway(secret) })
      : connectTcp(address.path)
    this.#socket = socket
    this.#frames = new FrameReader(frameToGatewayBytesMax)
    socket.setNoDelay(true)
    const noAnswer = new Error('it does not answer')
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(noAnswer))
    socket.once(isTcp ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0)
      endOnSilence(socket, silenceMsMax, noAnswer)
      const hello: Hello = {
        protocol: protocolVersion,
        campus,
        refusals: Object.keys(refusalCodes),
        gateway,
      }
      this.#write(() => {
        this.#writer.uint8(toEngine.hello)
        this.#writer.longText(JSON.stringify(hello))
      })
    })
    socket.on('data', (chunk) => this.#take(socket, chunk))
    let why = 'the engine hung up'
    socket.on('error', (error) => {
      why = isNoCoreLink(error) ? noCoreLink : describeError(error)
      if (!isWrongSecret(error)) return
      why = 'the engine has another secret (JWT_SECRET)'
      this.#secretIndex++
    })
    socket.once('close', () => this.#lose(why))
  }

  #lose(why: string): void {
    const wasRefused = this.#status === undefined && this.#detail.startsWith('refused')
    this.#socket = undefined
    this.#status = undefined
    this.#mirror.forget()
    if (!wasRefused || why !== 'the engine hung up') this.#detail = why
    clearTimeout(this.#timer)
    this.#writer.take()
    const pending = [...this.#pending.values()]
    const sent = pending.length - this.#unsent
    this.#pending.clear()
    this.#unsent = 0
    this.#options.onChange(this)
    for (const [index, { command, resolve }] of pending.entries()) {
      resolve(command !== undefined && index < sent ? outcomeUnknown : notLeading)
    }
    if (this.#closed) return
    this.#timer = setTimeout(() => this.#connect(), this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, retryMs.most)
  }

  #take(socket: Socket, chunk: Buffer): void {
    try {
      if (this.#status === undefined && chunk.toString('latin1', 0, 5) === 'HTTP/')
        throw new Error(noCoreLink)
      for (const frame of this.#frames.push(chunk)) {
        const messages = new ByteReader(frame)
        while (messages.hasMore) this.#read(messages)
      }
    } catch (error) {
      socket.destroy(error as Error)
    }
  }

  #read(from: ByteReader): void {
    const kind = from.uint8()
    switch (kind) {
      case toGateway.progress:
        this.#progress(from.uint32(), from.float64(), from.float64())
        return
      case toGateway.decided: {
        const { command, options, resolve } = this.#commandAnswered(from.uint32())
        resolve(readDecided(from, command, options))
        return
      }
      case toGateway.unavailable: {
        const { resolve } = this.#answered(from.uint32())
        resolve(readUnavailable(from))
        return
      }
      case toGateway.answer: {
        const { resolve } = this.#answered(from.uint32())
        // What an engine of ours sends needs no checking, once it has proved to be one.
        ;(resolve as (answer: unknown) => void)(from.json())
        return
      }
      case toGateway.failed:
        this.#answered(from.uint32()).reject(
          new Error('the request failed in the engine, whose log says why'),
        )
        return
      case toGateway.seats:
        this.#mirror.readState(from)
        return
      case toGateway.shown:
        this.#mirror.readShown(from)
        return
      case toGateway.shownUnusual:
        this.#mirror.readUnusual(from)
        return
      case toGateway.status:
        this.#hear(from.json() as EngineStatus)
        return
      case toGateway.welcome:
        this.#retryMs = retryMs.first
        this.#beat()
        return
      case toGateway.refused:
        this.#detail = `refused: ${(from.json() as Refused).why}`
        this.#retryMs = retryMs.most
        return
      default:
        throw new ProtocolBroken(`there is no message ${kind}`)
    }
  }

  #answered(id: number): PendingCommand | PendingCall {
    const pending = this.#pending.get(id)
    if (pending === undefined) throw new ProtocolBroken(`an answer to ${id}, which waits for none`)
    this.#pending.delete(id)
    return pending
  }

  #commandAnswered(id: number): PendingCommand {
    const pending = this.#answered(id)
    if (pending.command === undefined) throw new ProtocolBroken(`a decision for ${id}, which is no command`)
    return pending
  }

  /** Before the replies of a frame: what they tell is durable, and the status says so from now on. */
  #progress(term: number, confirmedSeq: number, appliedSeq: number): void {
    const status = this.#status
    if (status === undefined || status.term !== term) return
    this.#status = { ...status, confirmedSeq, appliedSeq }
  }

  #hear(status: EngineStatus): void {
    const before = this.#status
    this.#status = status
    this.#detail = ''
    if (before?.state !== status.state || before.detail !== status.detail) this.#options.onChange(this)
  }

  #beat(): void {
    this.#timer = setTimeout(() => {
      this.#write(() => this.#writer.uint8(toEngine.beat))
      this.#beat()
    }, beatIntervalMs)
  }

  /** Sends a command, once. Rejects if it failed by a bug in the engine. */
  submit(command: Command, options: SubmitOptions): Promise<Outcome> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.resolve(refusal)
    return new Promise((resolve, reject) => {
      const id = this.#expect({ command, options, resolve, reject })
      this.#write(() => writeCommand(this.#writer, id, command, options))
    })
  }

  /** Asks for something that changes nothing. */
  call(method: Callable, ...args: readonly unknown[]): Promise<unknown> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.resolve(refusal)
    return new Promise((resolve, reject) => {
      const id = this.#expect({ command: undefined, resolve, reject })
      this.#write(() => {
        this.#writer.uint8(toEngine.call)
        this.#writer.uint32(id)
        this.#writer.longText(JSON.stringify([method, ...args]))
      })
    })
  }

  #refusal(): Unavailable | undefined {
    if (this.#status === undefined) return notLeading
    const unsentBytes = this.#socket?.writableLength ?? 0
    return this.#pending.size >= pendingMax || unsentBytes > unsentBytesMax ? busy : undefined
  }

  #expect(pending: PendingCommand | PendingCall): number {
    const id = this.#nextId
    this.#nextId = (id + 1) % 2 ** 32
    this.#pending.set(id, pending)
    this.#unsent++
    return id
  }

  /** Adds a message to the frame that leaves when this turn of the event loop is over. */
  #write(message: () => void): void {
    const writer = this.#writer
    const isFirst = writer.length === 0
    if (isFirst) writer.uint32(0)
    message()
    if (writer.length > framesToEngine.flushBytes) this.#flush()
    else if (isFirst) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const writer = this.#writer
    // Of a connection that is ending nothing more is read: what is in the writer was surely not done.
    if (writer.length === 0 || this.#socket?.writable !== true) return
    writer.patchUint32(0, writer.length - frameHeaderBytes)
    const frame = writer.take()
    this.#unsent = 0
    this.#socket.write(frame)
  }

  /** Hangs up for good; requests that wait are answered as when the connection is lost. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }
}
