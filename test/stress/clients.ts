import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/registry/random.ts'
import { placesShown, rosterShown } from './calls.ts'
import type { StressCampus, StressGroup } from './campus.ts'
import type { Caller, Leg } from './history.ts'
import type { Sender, Wanted } from './sender.ts'

export interface ClientOptions {
  readonly id: number
  readonly token: string
  readonly random: Random
  readonly campus: StressCampus
  readonly sender: Sender
  /** Requests without an Idempotency-Key, of all commands: 0 to 1. */
  readonly unkeyedShare: number
  readonly isOver: () => boolean
}

const hotShare = 0.85

/** One connection's worth of somebody: sends one request after another until time is over. */
abstract class Client {
  protected readonly options: ClientOptions
  readonly #actor: Caller
  #keys = 0

  constructor(options: ClientOptions, role: Caller['role']) {
    this.options = options
    this.#actor = { role, id: options.id }
  }

  async run(): Promise<void> {
    while (!this.options.isOver()) await this.step()
  }

  protected abstract step(): Promise<void>

  protected wanted(legs: readonly Leg[], about: { student?: number; isPlan?: boolean } = {}): Wanted {
    const { random, unkeyedShare } = this.options
    const chance = random.next()
    return {
      actor: this.#actor,
      student: about.student,
      legs,
      isPlan: about.isPlan === true,
      key: random.chance(unkeyedShare) ? undefined : `${this.#actor.role}-${this.options.id}-${++this.#keys}`,
      wantsRepresentation: random.chance(0.5),
      again: chance < 0.02 ? 'at_once' : chance < 0.05 ? 'afterwards' : 'no',
    }
  }

  protected pickGroup(): StressGroup {
    const { random, campus } = this.options
    const isHot = random.chance(hotShare)
    return pick(
      random,
      campus.groups.filter((group) => group.isHot === isHot),
    )
  }
}

/** A student who wants what everybody wants, and changes their mind. */
export class StudentClient extends Client {
  /** The group of each course that they believe to hold a place in. */
  readonly #held = new Map<number, number>()

  constructor(options: ClientOptions) {
    super(options, 'student')
  }

  protected async step(): Promise<void> {
    const { id, token, random, sender } = this.options
    const chance = random.next()
    if (chance < 0.08) return await this.#look()
    const isPlan = chance < 0.2
    const legs = isPlan ? this.#drawPlan() : [this.#drawLeg()]
    const answer = await sender.carryOut(this.wanted(legs, { student: id, isPlan }), token)
    if (answer.kind === 'done') this.#believe(legs)
    else if (answer.kind === 'unknown') await this.#look()
  }

  #believe(legs: readonly Leg[]): void {
    for (const leg of legs) {
      if ('group' in leg) this.#held.set(leg.course, leg.group)
      else this.#held.delete(leg.course)
    }
  }

  async #look(): Promise<void> {
    const { id, token, sender } = this.options
    const reply = await sender.read('/student/course', token)
    if (reply === undefined) return
    const { sentMs, receivedMs } = reply
    const places = placesShown(reply)
    sender.reads.push({ what: 'student', student: id, places, sentMs, receivedMs })
    this.#held.clear()
    for (const { course, group } of places) this.#held.set(course, group)
  }

  /** Mostly about different courses, which is what makes sense. */
  #drawPlan(): Leg[] {
    const { random } = this.options
    const legs = Array.from({ length: random.integer(2, 4) }, () => this.#drawLeg())
    if (random.chance(0.1)) return legs
    return legs.filter((leg, index) => legs.findIndex(({ course }) => course === leg.course) === index)
  }

  #drawLeg(): Leg {
    const { random, campus } = this.options
    const chance = random.next()
    const held = [...this.#held]
    if (chance < 0.45 || held.length === 0) {
      const { course, group } = this.#drawNew()
      const wish = random.next()
      return { do: 'add', course, group, reserve: wish < 0.7 ? 'allow' : wish < 0.9 ? 'never' : 'only' }
    }
    const [course = 0] = random.chance(0.9) ? pick(random, held) : [this.pickGroup().course]
    if (chance < 0.6) return { do: 'drop', course }
    const groups = campus.groups.filter((one) => one.course === course)
    const others = groups.filter(({ group }) => group !== this.#held.get(course))
    if (others.length === 0 && random.chance(0.9)) return { do: 'drop', course }
    const { group } = pick(random, others.length === 0 || random.chance(0.05) ? groups : others)
    return { do: 'move', course, group, allowReserve: random.chance(0.5) }
  }

  /** Mostly something not held yet. */
  #drawNew(): StressGroup {
    const first = this.pickGroup()
    return this.#held.has(first.course) && this.options.random.chance(0.9) ? this.pickGroup() : first
  }
}

/** Milliseconds between two requests of a staff member. */
const staffPauseMs = { least: 10, most: 60 }

/** A staff member who looks at a roster and then overrides something about it. */
export class StaffClient extends Client {
  readonly #own: readonly StressGroup[]

  constructor(options: ClientOptions) {
    super(options, 'staff')
    const { department } = options.campus.staff.find(({ id }) => id === options.id) ?? {}
    this.#own = options.campus.groups.filter((group) => group.department === department)
  }

  protected async step(): Promise<void> {
    const { token, random, sender, campus } = this.options
    await sleep(random.integer(staffPauseMs.least, staffPauseMs.most))
    const { course, group, capacity } = random.chance(0.03) ? this.pickGroup() : pick(random, this.#own)
    const reply = await sender.read(`/staff/course-students?course_id=${course}&group_id=${group}`, token)
    const { registered, waiting } = reply ? rosterShown(reply) : { registered: [], waiting: [] }
    if (reply) {
      const { sentMs, receivedMs } = reply
      sender.reads.push({ what: 'roster', course, group, registered, waiting, sentMs, receivedMs })
    }
    const chance = random.next()
    const present = [...registered, ...waiting]
    if (chance < 0.35) {
      // Somebody who waits, somebody who has a seat, or anybody.
      const student =
        random.chance(0.4) && waiting.length > 0 ? pick(random, waiting) : pick(random, campus.students).id
      await sender.carryOut(this.wanted([{ do: 'force_add', course, group }], { student }), token)
    } else if (chance < 0.7) {
      const student = present.length > 0 ? pick(random, present) : pick(random, campus.students).id
      await sender.carryOut(this.wanted([{ do: 'force_drop', course, group }], { student }), token)
    } else {
      const seats = Math.max(0, capacity + random.integer(-2, 3))
      await sender.carryOut(this.wanted([{ do: 'set_capacity', course, group, capacity: seats }]), token)
    }
  }
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random.integer(0, items.length - 1)]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}
