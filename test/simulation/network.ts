import type { DryRunOutcome, Outcome } from '../../src/engine/service.ts'
import type { Command } from '../../actors/messages/commands.ts'
import type { Coverage } from './coverage.ts'
import type { EngineHost } from './engine-host.ts'
import type { Attempt } from './history.ts'
import { outOfReach } from './limits.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { readView, type ViewRequest } from './readings.ts'

/** An answer as the client sees it; undefined: none came. */
export type Answer = Outcome | undefined

const patienceMs = 6000

/** Carries clients' requests to engines and the answers back, unless either is lost. */
export class Network {
  /** How many answers are lost on the way. */
  lossRate = 0
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #coverage: Coverage
  readonly #waiting = new Set<() => void>()

  constructor(scheduler: Scheduler, random: Random, coverage: Coverage) {
    this.#scheduler = scheduler
    this.#random = random
    this.#coverage = coverage
  }

  /** Sends an attempt; resolves with what comes back. */
  async submit(host: EngineHost, attempt: Attempt): Promise<Answer> {
    const { command, key, requestHash } = attempt.intent
    return await this.#exchange(host, async () => {
      const before = host.engine.status()
      const outcome = await host.engine.submit(command, {
        request: attempt.id,
        ...(key !== undefined && { key }),
        ...(requestHash !== undefined && { requestHash }),
      })
      attempt.outcome = outcome
      attempt.term = host.engine.status().term
      attempt.answeredMs = this.#scheduler.nowMs
      this.#count(outcome)
      if (outcome.kind === 'unavailable' && outcome.code === 'busy') this.#countBound(host, before)
      return outcome
    })
  }

  #count(outcome: Outcome): void {
    if (outcome.kind !== 'decided') {
      this.#coverage.answer(outcome.code)
      return
    }
    const { reasons, key } = outcome.record
    this.#coverage.answer(reasons === undefined ? 'yes' : 'no')
    for (const code of new Set(reasons?.map((reason) => reason.code))) this.#coverage.answer(code)
    if (key !== undefined && outcome.replayed) {
      this.#coverage.event(`key replayed: ${reasons === undefined ? 'yes' : 'no'}`)
    }
  }

  #countBound(host: EngineHost, before: { pendingRecords: number; backlogBytes: number }): void {
    const { recordsMax, backlogBytesMax, bytesMax, mailboxes } = host.limits
    const bounds = {
      backlog: before.backlogBytes >= backlogBytesMax,
      'commit records': before.pendingRecords >= recordsMax,
      mailbox: bytesMax >= outOfReach.bytes,
      'commit bytes':
        mailboxes.perCourse >= outOfReach.commands && mailboxes.perStudent >= outOfReach.commands,
    }
    const hit = Object.entries(bounds).find(([, isHit]) => isHit)
    this.#coverage.fault(`bound hit: ${hit?.[0] ?? 'mailbox or commit bytes'}`)
  }

  /** Resolves after `delayMs`; or soon after an engine has begun to lead, when all who wait come at once. */
  async waitForLeader(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#scheduler.after(delayMs, () => {
        this.#waiting.delete(wake)
        resolve()
      })
      const wake = (): void => {
        cancel()
        this.#scheduler.after(this.#random.between(0, 100), resolve)
      }
      this.#waiting.add(wake)
    })
  }

  noteLeader(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  /** Judges without deciding; with the term of the leader that did. */
  async dryRun(
    host: EngineHost,
    command: Command,
  ): Promise<{ outcome: DryRunOutcome; term: number } | undefined> {
    return await this.#exchange(host, async () => {
      const { term } = host.engine.status()
      return { outcome: await host.engine.dryRun(command), term }
    })
  }

  /** Reads; resolves with the view as text, and the term that it is of. */
  async read(host: EngineHost, request: ViewRequest): Promise<{ shown: string; term: number } | undefined> {
    return await this.#exchange(host, async () => {
      const { term } = host.engine.status()
      const shown = await readView(host.engine, request)
      return shown === undefined ? undefined : { shown, term }
    })
  }

  async #exchange<T>(host: EngineHost, serve: () => Promise<T>): Promise<T | undefined> {
    return await new Promise<T | undefined>((resolve) => {
      const cancelPatience = this.#scheduler.after(patienceMs, () => resolve(undefined))
      const onReset = (): void => {
        cancelPatience()
        resolve(undefined)
      }
      this.#scheduler.after(this.#random.between(0.1, 1), () => {
        if (!host.process.isAlive) {
          this.#scheduler.after(this.#random.between(0.1, 1), onReset)
          return
        }
        host.waiting.add(onReset)
        host.process.schedule(0, 'request', () => {
          void serve().then((answer) => {
            host.waiting.delete(onReset)
            if (this.#random.chance(this.lossRate)) {
              this.#coverage.fault('reply lost')
              return
            }
            this.#scheduler.after(this.#random.between(0.1, 1), () => {
              cancelPatience()
              resolve(answer)
            })
          })
        })
      })
    })
  }
}
