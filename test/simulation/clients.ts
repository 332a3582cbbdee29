import type { Command } from '../../actors/messages/commands.ts'
import type { Outcome } from '../../src/engine/service.ts'
import type { Belief, CommandDraw } from './command-draw.ts'
import type { Coverage } from './coverage.ts'
import type { SimulatedDatabase } from './database.ts'
import type { EngineHost } from './engine-host.ts'
import type { Attempt, History, Intent } from './history.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import { subjectOf, type ViewRequest } from './readings.ts'
import type { Scheduler } from './scheduler.ts'

export interface ClientParts {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly draw: CommandDraw
  readonly network: Network
  readonly history: History
  readonly coverage: Coverage
  readonly database: SimulatedDatabase
  readonly hosts: readonly EngineHost[]
}

export type Person =
  | { readonly role: 'student'; readonly id: number }
  | { readonly role: 'staff'; readonly id: number; readonly department: number }

/**
 * A person at a screen: asks, waits, asks again with the same key when no answer came, clicks twice, goes back
 * to old requests, looks at what they hold.
 */
export class Client {
  readonly #parts: ClientParts
  readonly #person: Person
  readonly #belief: Belief = new Map()
  readonly #keyed: Intent[] = []
  #host: EngineHost
  #keys = 0
  /** The newest decision that this client was told of. */
  #told: Attempt | undefined

  constructor(parts: ClientParts, person: Person) {
    this.#parts = parts
    this.#person = person
    this.#host = parts.random.pick(parts.hosts)
  }

  /** Pursues `count` intents, one after another, to an end each. */
  async run(count: number, thinkMs: number): Promise<void> {
    const { random } = this.#parts
    for (let index = 0; index < count; index++) {
      await this.#pause(random.exponential(thinkMs))
      const intent = this.#intentOf(this.#drawCommand())
      const doubleClick = random.chance(0.06) ? this.#attempt(intent) : undefined
      await this.#pursue(intent)
      await doubleClick
      if (random.chance(0.12)) await this.#goBack()
      if (random.chance(0.15)) await this.#look()
      if (random.chance(0.03)) await this.#tryOut()
    }
  }

  #drawCommand(): Command {
    const { draw } = this.#parts
    if (this.#person.role === 'staff') return draw.byStaff(this.#person.id, this.#person.department)
    return draw.byStudent(this.#person.id, this.#belief)
  }

  #intentOf(command: Command): Intent {
    const { random, history } = this.#parts
    history.intents++
    if (random.chance(0.25)) return { command, key: undefined, requestHash: undefined }
    const intent = { command, key: `k${++this.#keys}`, requestHash: hashOf(command) }
    this.#keyed.push(intent)
    return intent
  }

  /** Commands fired at once, without waiting for one before the next. */
  async rush(count: number): Promise<void> {
    if (this.#person.role !== 'student') return
    const { id } = this.#person
    const intents = Array.from({ length: count }, () => this.#intentOf(this.#parts.draw.inRush(id)))
    await Promise.all(intents.map((intent) => this.#attempt(intent)))
    for (const intent of intents) if (intent.key !== undefined) await this.#pursue(intent)
  }

  /** Asks until there is an answer that settles it, or none can be had for want of a key. */
  async #pursue(intent: Intent): Promise<void> {
    const { random, network, hosts } = this.#parts
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 3, 8000)) {
      const outcome = await this.#attempt(intent)
      const isUnknown = outcome === undefined || isOutcomeUnknown(outcome)
      if (isUnknown && intent.key === undefined) return
      if (!isUnknown && isSettled(outcome)) return
      if (random.chance(0.5)) this.#host = random.pick(hosts)
      const isDown = outcome === undefined || isForWantOfLeader(outcome)
      if (isDown) await network.waitForLeader(delayMs * random.between(0.5, 1.5))
      else await this.#pause(Math.min(delayMs, 1500) * random.between(0.5, 1.5))
    }
  }

  async #attempt(intent: Intent): Promise<Outcome | undefined> {
    const { history, network, scheduler } = this.#parts
    const attempt = history.attempt(intent, scheduler.nowMs)
    const outcome = await network.submit(this.#host, attempt)
    if (outcome?.kind === 'decided') this.#believe(attempt, outcome)
    return outcome
  }

  #believe(attempt: Attempt, { record }: Extract<Outcome, { kind: 'decided' }>): void {
    this.#told = attempt
    for (const effect of record.effects ?? []) {
      if (!('student' in effect) || effect.student !== this.#person.id) continue
      if (effect.type === 'left') this.#belief.delete(effect.course)
      if (effect.type === 'registered' || effect.type === 'reserved') {
        this.#belief.set(effect.course, effect.group)
      }
    }
  }

  /** An old request again, word for word; or its key with other words. */
  async #goBack(): Promise<void> {
    const { random } = this.#parts
    if (this.#keyed.length === 0) return
    const old = random.pick(this.#keyed)
    if (random.chance(0.8)) await this.#attempt(old)
    else {
      const command = this.#drawCommand()
      await this.#attempt({ command, key: old.key, requestHash: hashOf(command) })
    }
  }

  async #look(): Promise<void> {
    const { network, history, coverage } = this.#parts
    const request = this.#viewRequest()
    const told = this.#told
    const host = this.#host
    const reading = await network.read(host, request)
    if (reading === undefined) return
    const after = this.#mustKnow('read', reading.term) ? told : undefined
    history.readings.push({ subject: subjectOf(request), shown: reading.shown, after, by: host.process.name })
    coverage.event('read')
  }

  /** A leader that was deposed and has not heard of it shows what was, but never what was not. */
  #mustKnow(what: string, term: number): boolean {
    const isDeposed = term !== this.#parts.database.tables.position.term
    if (isDeposed) this.#parts.coverage.event(`${what} from a deposed leader`)
    return !isDeposed
  }

  #viewRequest(): ViewRequest {
    const { random, draw } = this.#parts
    const student = this.#person.role === 'student' ? this.#person.id : draw.anyStudent()
    const pick = random.next()
    if (pick < 0.6) return { of: 'student', student }
    if (pick < 0.8) return { of: 'catalog', department: random.integer(1, 3) }
    return { of: 'roster', ...draw.existingGroup() }
  }

  async #tryOut(): Promise<void> {
    const { network, history, coverage } = this.#parts
    const command = this.#drawCommand()
    const told = this.#told
    const answer = await network.dryRun(this.#host, command)
    if (answer === undefined) return
    const { outcome, term } = answer
    const after = this.#mustKnow('dry run', term) ? told : undefined
    history.dryRuns.push({ command, outcome, after })
    coverage.event('dry run')
  }

  async #pause(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => this.#parts.scheduler.after(delayMs, resolve))
  }
}

function isOutcomeUnknown(outcome: Outcome): boolean {
  return outcome.kind === 'unavailable' && outcome.code === 'outcome_unknown'
}

function isForWantOfLeader(outcome: Outcome): boolean {
  return outcome.kind === 'unavailable' && outcome.code !== 'busy' && outcome.code !== 'outcome_unknown'
}

/** Whether there is nothing to gain from asking again. */
function isSettled(outcome: Outcome): boolean {
  if (outcome.kind === 'unavailable') return false
  return outcome.kind !== 'key_refused' || outcome.code === 'idempotency_mismatch'
}

/** Two requests have the same hash only if they are the same. */
function hashOf({ legs, student, plan }: Command): string {
  let hash = 0x811c9dc5
  const text = JSON.stringify([student, plan, legs])
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0).toString(36)
}
