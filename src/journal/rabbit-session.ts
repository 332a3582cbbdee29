import { setTimeout as sleep } from 'node:timers/promises'
import { type Channel, Connection } from 'rabbitmq-client'
import { describeError } from '../engine/describe-error.ts'
import { LostTail, WrongCampus } from '../engine/ports.ts'
import { pause } from '../engine/pause.ts'

export interface RabbitOptions {
  /** amqp:// or amqps:// URL. */
  readonly url: string
  /** Seconds; a peer that is silent for about two of them is given up. */
  readonly heartbeatSeconds: number
}

/** A broker learns from the connection's end alone what it has to; a process that stops must not wait for one that hangs. */
const goodByeMs = 500

/**
 * One connection to the broker that never reconnects: the client library would, and what is published after
 * that is confirmed without the lock that went with the old connection. Its first error is its end.
 */
export class RabbitSession {
  readonly ended: Promise<string>
  readonly #connection: Connection
  #end: (why: string) => void = () => {}
  #why: string | undefined
  #blocked: string | undefined
  #onBlocked: (reason: string | undefined) => void = () => {}
  readonly #channels = new Set<Channel>()
  readonly #retired = new WeakSet<Channel>()

  /** @param name of the connection, for the broker's operators */
  constructor(options: RabbitOptions, name: string) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#connection = new Connection({
      url: options.url,
      connectionName: name,
      heartbeat: options.heartbeatSeconds,
      // The default of 8 KiB frames, with Nagle's algorithm on, stalls large messages for 44 ms each.
      frameMax: 131_072,
      noDelay: true,
      connectionTimeout: 10_000,
      acquireTimeout: 10_000,
    })
    this.#connection.on('error', (error: unknown) => this.end(describeError(error)))
    this.#connection.on('connection.blocked', (reason: string) => this.#block(reason))
    this.#connection.on('connection.unblocked', () => this.#block(undefined))
  }

  /** @throws if the broker cannot be reached or refuses, or the session ends before */
  async connected(): Promise<void> {
    const refused = this.ended.then((why) => {
      throw new Error(why)
    })
    await Promise.race([this.#connection.onConnect(10_000), refused])
  }

  get open(): boolean {
    return this.#why === undefined
  }

  /** The broker has raised a memory or disk alarm and takes nothing. */
  get blocked(): boolean {
    return this.#blocked !== undefined
  }

  /** @param listener called with the broker's reason, at once if it blocks already; with undefined when that is over */
  onBlocked(listener: (reason: string | undefined) => void): void {
    this.#onBlocked = listener
    if (this.#blocked !== undefined) listener(this.#blocked)
  }

  #block(reason: string | undefined): void {
    this.#blocked = reason
    this.#onBlocked(reason)
  }

  /** A channel whose close, error or cancelled consumer ends the whole session. */
  async vitalChannel(): Promise<Channel> {
    const channel = await this.spareChannel()
    channel.on('close', () => {
      if (!this.#retired.has(channel)) this.end('the channel was closed')
    })
    channel.on('basic.cancel', () => this.end('the broker cancelled the consumer'))
    return channel
  }

  /** Closes a vital channel that is needed no more. */
  async retire(channel: Channel): Promise<void> {
    this.#retired.add(channel)
    await channel.close()
  }

  /** A channel that may fail, as an attempt to declare does. */
  async spareChannel(): Promise<Channel> {
    if (this.#why !== undefined) throw new Error(this.#why)
    const channel = await this.#connection.acquire({ emitErrorsFromChannel: true })
    this.#channels.add(channel)
    channel.on('close', () => this.#channels.delete(channel))
    channel.on('error', () => {
      // The failed call rejects by itself, and 'close' follows.
    })
    return channel
  }

  /** Ends the session at once. */
  end(why: string): void {
    if (this.#why !== undefined) return
    this.#why = why
    this.#connection.unsafeDestroy()
    this.#end(why)
  }

  /** Closes the channels and the connection in good order; without it if the broker does not answer soon. */
  async close(): Promise<void> {
    if (this.#why === undefined) {
      this.#why = 'closed'
      const closed = Promise.allSettled([...this.#channels].map((channel) => channel.close()))
      const inGoodOrder = closed.then(() => this.#connection.close())
      try {
        await Promise.race([inGoodOrder, sleep(goodByeMs, undefined, { ref: false })])
      } catch {
        // The broker went first.
      }
      this.#connection.unsafeDestroy()
      this.#end('closed')
    }
    await this.ended
  }
}

/** What arrives at a consumer. The client turns a body into what its content type says. */
export interface ReceivedMessage {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, unknown>>
}

/** The body as bytes: those of the message, unless a stranger's content type had the client read it as JSON. */
export function bodyOf({ body }: ReceivedMessage): Buffer {
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''))
}

/** The broker's own code for why a call failed, such as RESOURCE_LOCKED; undefined for other errors. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/**
 * Opens a session and does `work` on it; a session that cannot be opened, or fails meanwhile, is followed by another,
 * with back-off. An abort ends the one at hand, whatever it waits for.
 * @param onFailed called with why, with a line for people
 * @throws LostTail and WrongCampus of `work`; the signal's reason, when it is aborted
 */
export async function onWorkingSession<Result>(
  { options, name, signal, onFailed }: SessionRequest,
  work: (session: RabbitSession) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const session = new RabbitSession(options, name)
    const abandon = () => session.end('stopped')
    signal.addEventListener('abort', abandon)
    try {
      await session.connected()
      const result = await work(session)
      signal.throwIfAborted()
      return result
    } catch (error) {
      session.end(describeError(error))
      signal.throwIfAborted()
      // Another session would find the same.
      if (error instanceof LostTail || error instanceof WrongCampus) throw error
      onFailed(`waiting for RabbitMQ: ${describeError(error)}`)
      await backOff(attempt, 3000, signal)
    } finally {
      signal.removeEventListener('abort', abandon)
    }
  }
}

export interface SessionRequest {
  readonly options: RabbitOptions
  /** Of the connection, for the broker's operators. */
  readonly name: string
  readonly signal: AbortSignal
  readonly onFailed: (detail: string) => void
}

/** Waits a little longer each time, up to `mostMs`; ends early, by throwing, when the signal is aborted. */
export async function backOff(attempt: number, mostMs: number, signal: AbortSignal): Promise<void> {
  await pause(Math.min(mostMs, 100 * 2 ** Math.min(attempt, 10)), signal)
}
