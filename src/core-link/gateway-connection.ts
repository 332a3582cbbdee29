import type { Socket } from 'node:net'
import type { Command } from '../../actors/messages/commands.ts'
import { refusalCodes } from '../../actors/messages/refusals.ts'
import type { Asker, EnrollmentService, Outcome, SubmitOptions } from '../engine/service.ts'
import { ByteReader, ProtocolBroken } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { isCallable } from './calls.ts'
import { readJsonCommand, readStudentCommand, type ReadCommand } from './command-codec.ts'
import { FrameReader, frameHeaderBytes } from './frames.ts'
import { writeOutcome } from './outcome-codec.ts'
import { SeatFeed } from './seat-feed.ts'
import {
  framesToEngine,
  type Hello,
  pendingMax,
  protocolVersion,
  type Refused,
  toEngine,
  toGateway,
} from './protocol.ts'
import { endOnSilence } from './silence.ts'

const busy: Outcome = { kind: 'unavailable', code: 'busy' }
/** A connected gateway says who it is within this, and then something every second. */
const silenceMsMax = 10_000
/** A gateway that leaves so much unread is cut off. */
const unreadBytesMax = 128 * 1024 * 1024
/** A frame is sent before it is longer than about this. */
const flushBytes = 256 * 1024
const writerBytes = 64 * 1024

/** The engine, as its door needs it. */
export interface CoreService extends EnrollmentService {
  /** As `submit`, without a promise for each command. `asker` may be told before this returns. */
  deliver(command: Command, options: SubmitOptions, asker: Asker): void
}

export interface GatewayConnectionOptions {
  readonly service: CoreService
  readonly campus: string
  /** Called with a connection that is good, by the name that the gateway gave itself. */
  readonly onWelcome: (gateway: string) => void
  /** A command or a read failed by a bug. */
  readonly onBug: (bug: unknown) => void
}

/**
 * The engine's end of the link to one gateway. Reads frames of commands, hands them to the engine, and sends
 * back in one frame what is answered in one turn of the event loop.
 */
export class GatewayConnection {
  readonly #socket: Socket
  readonly #options: GatewayConnectionOptions
  readonly #frames = new FrameReader(framesToEngine.bytesMax)
  readonly #writer = new ByteWriter(writerBytes)
  readonly #seats = new SeatFeed(
    () => this.#begin(),
    (bug) => this.#socket.destroy(bug as Error),
  )
  #welcomed = false
  #pending = 0

  constructor(socket: Socket, options: GatewayConnectionOptions) {
    this.#socket = socket
    this.#options = options
    socket.setNoDelay(true)
    endOnSilence(socket, silenceMsMax, new ProtocolBroken('the gateway fell silent'))
    socket.on('data', (chunk) => this.#take(chunk))
    // Whoever does not read answers is not read either.
    socket.on('drain', () => socket.resume())
    socket.once('close', () => this.#seats.stop())
  }

  get welcomed(): boolean {
    return this.#welcomed
  }

  #take(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) {
        const messages = new ByteReader(frame)
        while (messages.hasMore) this.#read(messages)
      }
    } catch (error) {
      this.#socket.destroy(error as Error)
    }
  }

  #read(from: ByteReader): void {
    const kind = from.uint8()
    if (!this.#welcomed) {
      if (kind !== toEngine.hello) throw new ProtocolBroken('a gateway says hello first')
      this.#welcome(from.json() as Hello)
      return
    }
    switch (kind) {
      case toEngine.studentCommand:
        this.#submit(readStudentCommand(from))
        return
      case toEngine.command:
        this.#submit(readJsonCommand(from))
        return
      case toEngine.call:
        this.#call(from.uint32(), from.json())
        return
      case toEngine.beat:
        return
      default:
        throw new ProtocolBroken(`there is no message ${kind}`)
    }
  }

  #welcome({ protocol, campus, refusals, gateway }: Hello): void {
    const why = this.#refusalOf(protocol, campus, refusals)
    if (why !== undefined) {
      const refused: Refused = { why }
      this.#writeJson(toGateway.refused, refused)
      this.#flush()
      this.#socket.end()
      throw new ProtocolBroken(`refused a gateway: ${why}`)
    }
    this.#welcomed = true
    this.#options.onWelcome(gateway)
    this.#begin()
    this.#writer.uint8(toGateway.welcome)
    this.tellStatus()
  }

  #refusalOf(protocol: number, campus: string, refusals: readonly string[]): string | undefined {
    const ours = this.#options.campus
    if (protocol !== protocolVersion) return `the engine speaks version ${protocolVersion} of the link`
    if (campus !== ours) return `the engine is of campus ${ours}, the gateway of ${campus}`
    if (String(refusals) !== String(Object.keys(refusalCodes))) {
      return 'engine and gateway are of different versions'
    }
    return undefined
  }

  #submit({ id, command, options }: ReadCommand): void {
    if (this.#pending >= pendingMax) {
      this.#answer(id, busy)
      return
    }
    this.#pending++
    this.#options.service.deliver(command, options, new LinkAsker(id, this))
  }

  /** What became of a command that was handed to the engine. */
  settle(id: number, outcome: Outcome): void {
    this.#pending--
    this.#answer(id, outcome)
  }

  #answer(id: number, outcome: Outcome): void {
    try {
      this.#begin()
      writeOutcome(this.#writer, id, outcome)
      if (this.#writer.length > flushBytes) this.#flush()
    } catch (bug) {
      // The engine is in the middle of releasing replies, others' too: this link alone must suffer.
      this.#socket.destroy(bug as Error)
    }
  }

  #call(id: number, what: unknown): void {
    const [method, ...args] = what as [unknown, ...unknown[]]
    if (!isCallable(method)) throw new ProtocolBroken(`there is no ${String(method)} to call`)
    if (this.#pending >= pendingMax) {
      this.#answer(id, busy)
      return
    }
    this.#pending++
    const { service } = this.#options
    const call = service[method] as (...args: unknown[]) => Promise<unknown>
    call.apply(service, args).then(
      (answer) => {
        this.#pending--
        this.#begin()
        this.#writer.uint8(toGateway.answer)
        this.#writer.uint32(id)
        this.#writer.longText(JSON.stringify(answer))
        if (this.#writer.length > flushBytes) this.#flush()
      },
      (bug: unknown) => this.fail(id, bug),
    )
  }

  /** It failed by a bug. */
  fail(id: number, bug: unknown): void {
    this.#pending--
    this.#options.onBug(bug)
    this.#begin()
    this.#writer.uint8(toGateway.failed)
    this.#writer.uint32(id)
  }

  /** Tells the gateway what the engine is doing. */
  tellStatus(): void {
    this.#writeJson(toGateway.status, this.#options.service.status())
    this.#seats.follow(this.#options.service.seats)
  }

  #writeJson(kind: number, value: unknown): void {
    this.#begin()
    this.#writer.uint8(kind)
    this.#writer.longText(JSON.stringify(value))
  }

  /** Begins a frame, if none has begun: it leaves when all that is at hand now is written. */
  #begin(): ByteWriter {
    const writer = this.#writer
    if (writer.length > flushBytes) this.#flush()
    if (writer.length > 0) return writer
    writer.uint32(0)
    const { term, confirmedSeq, appliedSeq } = this.#options.service.status()
    writer.uint8(toGateway.progress)
    writer.uint32(term)
    writer.float64(confirmedSeq)
    writer.float64(appliedSeq)
    // After the promises that wait by now: one confirm answers many commands.
    process.nextTick(() => this.#flush())
    return writer
  }

  #flush(): void {
    const writer = this.#writer
    const socket = this.#socket
    if (writer.length === 0) return
    writer.patchUint32(0, writer.length - frameHeaderBytes)
    const frame = writer.take()
    if (!socket.writable) return
    if (socket.write(frame)) return
    socket.pause()
    if (socket.writableLength > unreadBytesMax) {
      socket.destroy(new ProtocolBroken('the gateway does not read its answers'))
    }
  }

  /** Sends what is answered by now, and hangs up. */
  end(): void {
    this.#flush()
    this.#socket.end()
  }
}

/** Remembers, for one command, whose connection and which number the answer belongs to. */
class LinkAsker implements Asker {
  readonly #id: number
  readonly #connection: GatewayConnection

  constructor(id: number, connection: GatewayConnection) {
    this.#id = id
    this.#connection = connection
  }

  settle(outcome: Outcome): void {
    this.#connection.settle(this.#id, outcome)
  }

  fail(bug: unknown): void {
    this.#connection.fail(this.#id, bug)
  }
}
