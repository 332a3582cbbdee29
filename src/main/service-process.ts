import { writeSync } from 'node:fs'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from '../config/config.ts'

/** Something that runs until it is told to stop; parts are stopped in the opposite order of their start. */
export type StopPart = () => Promise<void>

/** A command cannot go on, for a reason that the person who typed it can mend. Its message is one line. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  /** Printed before the message, a line each. */
  readonly details: readonly string[]

  constructor(message: string, details: readonly string[] = [], cause?: unknown) {
    super(message, { cause })
    this.details = details
  }
}

const goodByesMs = 4000

/** A log that cannot be written (its disk is full, its reader is gone) ends nobody: lines are lost, and that is told of. */
class LogFile implements DestinationStream {
  readonly #descriptor: number
  #lost = 0

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  write(line: string): void {
    const lost = this.#lost
    try {
      // What could not be written may have left half a line.
      this.#writeAll(
        lost === 0
          ? line
          : `\n${JSON.stringify({ level: 50, time: Date.now(), msg: `the log could not be written: ${lost} lines are lost` })}\n${line}`,
      )
      this.#lost = 0
    } catch {
      this.#lost++
    }
  }

  #writeAll(text: string): void {
    let bytes = Buffer.from(text)
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(writeSync(this.#descriptor, bytes))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
        // A reader that is slow, at a pipe.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
      }
    }
  }
}

/** One process: its log, its parts, and its end by signal, failure or of itself. */
export class ServiceProcess {
  readonly name: string
  readonly log: Logger
  readonly #stopping = new AbortController()
  readonly #parts: StopPart[] = []
  readonly #shutdownMs: number
  #stopBeganMs: number | undefined
  #readsAnew = false
  readonly #isService: boolean
  #failure: unknown

  /**
   * @param kind a `service` logs to standard output; a `tool` talks to a person there, and logs trouble alone (unless
   *   the configuration says otherwise), to standard error
   */
  constructor(name: string, config: Config, kind: 'service' | 'tool') {
    this.name = name
    this.#shutdownMs = config.shutdownMs
    this.log = pino(
      {
        level: config.logLevel ?? (kind === 'service' ? 'info' : 'warn'),
        base: { process: name, pid: process.pid },
        serializers: { err: loggedError },
      },
      new LogFile(kind === 'service' ? 1 : 2),
    )
    // A tool belongs to its terminal, and stops when that is closed.
    const ends: NodeJS.Signals[] = ['SIGTERM', 'SIGINT', ...(kind === 'tool' ? (['SIGHUP'] as const) : [])]
    let isHungUp = false
    for (const signal of ends) {
      process.on(signal, () => {
        // Who asks again is in a hurry; but what follows a closed terminal is the end of npm and its shell.
        if (this.#stopping.signal.aborted && !isHungUp && signal !== 'SIGHUP') process.exit(130)
        isHungUp ||= signal === 'SIGHUP'
        this.log.info(`${signal}: stopping`)
        this.#stopping.abort(new CommandFailed(`stopped by ${signal}`))
      })
    }
    this.#isService = kind === 'service'
    this.signal.addEventListener('abort', () => this.#boundTheEnd(), { once: true })
    if (kind === 'service') process.on('SIGHUP', () => this.#explainHangUp())
  }

  /** A service has no terminal to lose: whoever reloads it must not end it. */
  #explainHangUp(): void {
    if (!this.#readsAnew)
      this.log.info('SIGHUP: there is nothing to read anew; a restart takes other settings')
  }

  /** Whatever the process waits for when it is told to stop, it ends in time. */
  #boundTheEnd(): void {
    this.#stopBeganMs = performance.now()
    const overdue = setTimeout(() => {
      this.log.error(`not stopped within ${this.#shutdownMs} ms: ending all the same`)
      process.exit(1)
    }, this.#shutdownMs)
    overdue.unref()
  }

  /** Aborted when the process is to stop. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  /**
   * How long a part may still wait for what its neighbours owe it before it stops without, milliseconds. What comes after
   * that (the good-byes to broker, clients and database, each bounded) has to fit into the time to stop as well.
   */
  get graceMs(): number {
    const passedMs = this.#stopBeganMs === undefined ? 0 : performance.now() - this.#stopBeganMs
    return Math.max(100, this.#shutdownMs - goodByesMs - passedMs)
  }

  /** Resolves when the process is to stop. */
  get stopped(): Promise<void> {
    return new Promise<void>((resolve) => {
      if (this.signal.aborted) resolve()
      else this.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  onStop(part: StopPart): void {
    this.#parts.push(part)
  }

  /** SIGHUP reads `what` anew, in a service. A reading that fails changes nothing. */
  onHangUp(what: string, reload: () => void): void {
    if (!this.#isService) return
    this.#readsAnew = true
    process.on('SIGHUP', () => {
      try {
        reload()
        this.log.info(`SIGHUP: ${what} is read anew`)
      } catch (error) {
        this.log.error({ err: error }, `SIGHUP: ${what} stays as it was`)
      }
    })
  }

  /** Ends the process because a part of it failed for good. */
  fail(error: unknown): void {
    this.#failure ??= error
    this.#stopping.abort(error)
  }

  /**
   * Starts everything, waits until the process is to stop, and stops everything; at the latest after the
   * configured time the process ends all the same.
   * @throws why it failed, if it did
   */
  async run(start: () => Promise<void>): Promise<void> {
    try {
      await start()
      await this.stopped
    } catch (error) {
      if (!this.signal.aborted) this.#failure = error
    }
    await this.#stopAll()
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Does one thing, then stops everything. Told to stop, it waits for nothing: a transaction that is open is rolled back.
   * @throws why it failed, if it did; CommandFailed when it was told to stop
   */
  async runToEnd<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      const stopped = this.stopped.then((): never => {
        throw this.signal.reason
      })
      return await Promise.race([work(), stopped])
    } finally {
      await this.#stopAll()
    }
  }

  async #stopAll(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    for (const stop of this.#parts.toReversed()) {
      try {
        await stop()
      } catch (error) {
        this.log.warn({ err: error }, 'a part did not stop cleanly')
      }
    }
    this.log.info('stopped')
  }
}

/**
 * An error may carry anything: the client library's hold the whole connection, with its key, and PostgreSQL's
 * the row that failed, with its password hash. What is logged is listed here.
 */
function loggedError(error: Error): object {
  const { type, message, stack, code } = pino.stdSerializers.err(error)
  return { type, message, stack, ...(typeof code === 'string' && { code }) }
}
