import { setTimeout as sleep } from 'node:timers/promises'
import { Check } from '../stress/audit/check.ts'
import type { Random } from '../../src/registry/random.ts'
import type { TestPostgres } from '../../kit/servers/postgres.ts'
import type { TestRabbit } from '../../kit/servers/rabbit-node.ts'
import type { Deployment, Site } from './deployment.ts'
import type { FollowingClient } from './following-client.ts'

export interface FaultFixture {
  readonly deployment: Deployment
  readonly rabbit: TestRabbit
  readonly postgres: TestPostgres
  readonly http: FollowingClient
  readonly random: Random
  readonly say: (line: string) => void
  /** Suspensions of up to a minute, and the database down for one. */
  readonly areLongOnesAllowed: boolean
}

/** Breaks one thing and mends it. Its first part is done at once; resolves when all is mended. */
type Fault = (scene: Faults) => Promise<void> | undefined

const leaderWaitMs = 30_000
const requestWaitMs = 2000

/** How often each of them is drawn, relative to the others: rarely what takes long to mend, such as a broker's start. */
const faults: readonly { readonly weight: number; readonly isLong?: true; readonly fault: Fault }[] = [
  { weight: 40, fault: (scene) => scene.endLeader('SIGKILL') },
  { weight: 7, fault: (scene) => scene.endLeader('SIGTERM') },
  { weight: 1, fault: (scene) => both(scene.endLeader('SIGKILL'), scene.endBroker('SIGKILL')) },
  { weight: 3, fault: (scene) => both(scene.endLeader('SIGKILL'), scene.endDatabase('SIGKILL')) },
  { weight: 3, fault: (scene) => both(scene.endLeader('SIGKILL'), scene.endBatcher('SIGKILL')) },
  { weight: 2, fault: (scene) => both(scene.endBatcher('SIGKILL'), scene.endBatcher('SIGKILL')) },
  { weight: 5, fault: (scene) => scene.endStandby('SIGKILL') },
  { weight: 2, fault: (scene) => scene.endStandby('SIGTERM') },
  { weight: 10, fault: (scene) => scene.endBatcher('SIGKILL') },
  { weight: 4, fault: (scene) => scene.endBatcher('SIGTERM') },
  { weight: 2, fault: (scene) => scene.endBroker('SIGKILL') },
  { weight: 1, fault: (scene) => scene.endBroker('SIGTERM') },
  { weight: 6, fault: (scene) => scene.endDatabase('SIGKILL') },
  { weight: 2, fault: (scene) => scene.endDatabase('SIGTERM') },
  { weight: 5, fault: (scene) => scene.suspendLeader() },
  { weight: 5, fault: (scene) => scene.suspendBatcher() },
  { weight: 1, fault: (scene) => scene.suspendBroker() },
  { weight: 4, fault: (scene) => scene.cut('broker') },
  { weight: 4, fault: (scene) => scene.cut('database') },
  { weight: 2, fault: (scene) => scene.leaveHalfOpen() },
  { weight: 2, fault: (scene) => scene.hold('broker') },
  { weight: 2, fault: (scene) => scene.hold('database') },
  { weight: 2, fault: (scene) => scene.slow('broker') },
  { weight: 2, fault: (scene) => scene.slow('database') },
  { weight: 1, isLong: true, fault: (scene) => scene.takeDatabaseDown() },
]

/**
 * Draws what to break next, breaks it, and sees that it is mended: a part that was ended is started again, one that
 * was suspended goes on. Faults may overlap, but one thing is broken in one way at a time.
 */
export class Faults {
  /** How many there were, by what was done to whom. */
  readonly counts = new Map<string, number>()
  /** Leaders killed while at least one command, sent to them, never got a reply. */
  leadersKilledInFlight = 0
  readonly #scene: FaultFixture
  readonly #busy = new Set<unknown>()
  readonly #mending = new Set<Promise<void>>()
  readonly mended = new Check('whatever was ended could be started again')

  constructor(scene: FaultFixture) {
    this.#scene = scene
  }

  get killCount(): number {
    return [...this.counts].reduce((sum, [what, count]) => sum + (what.startsWith('SIGKILL') ? count : 0), 0)
  }

  /**
   * Goes on until told to stop; resolves once everything is mended.
   * @param options.eventsMax how many faults there may be
   */
  async run(options: { readonly isOver: () => boolean; readonly eventsMax: number }): Promise<void> {
    const { random, deployment } = this.#scene
    for (let events = 0; events < options.eventsMax && !options.isOver(); ) {
      if (random.chance(0.85)) await deployment.watch.untilLed(leaderWaitMs)
      await sleep(random.integer(100, 1500))
      if (options.isOver()) break
      const mended = this.#draw()(this)
      if (mended === undefined) continue
      events++
      const settled = mended
        .then(
          () => this.mended.expect(true, () => ''),
          (error: unknown) => this.mended.expect(false, () => String(error)),
        )
        .finally(() => this.#mending.delete(settled))
      this.#mending.add(settled)
      await this.#untilNoticed()
    }
    while (this.#mending.size > 0) await Promise.all(this.#mending)
  }

  #draw(): Fault {
    const { random, areLongOnesAllowed } = this.#scene
    const candidates = faults.filter(({ isLong }) => isLong === undefined || areLongOnesAllowed)
    let left = random.integer(
      1,
      candidates.reduce((sum, { weight }) => sum + weight, 0),
    )
    for (const { weight, fault } of candidates) {
      left -= weight
      if (left <= 0) return fault
    }
    throw new Error('the weights do not add up')
  }

  /** The watch takes a moment to see that the leader is gone. */
  async #untilNoticed(): Promise<void> {
    await sleep(100)
  }

  #note(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
    this.#scene.say(what)
  }

  /** Nothing is broken but, at most, this. */
  #isQuietBut(target: unknown): boolean {
    return [...this.#busy].every((one) => one === target)
  }

  /** Breaks something that is whole, and keeps others from it until it is mended. */
  #break(target: unknown, what: string, mend: () => Promise<void>): Promise<void> | undefined {
    if (this.#busy.has(target)) return undefined
    this.#scene.deployment.watch.noteDisturbance()
    this.#busy.add(target)
    this.#note(what)
    return mend().finally(() => this.#busy.delete(target))
  }

  endLeader(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> | undefined {
    const { deployment } = this.#scene
    if (deployment.leader === undefined || this.#busy.has(deployment.leader)) return undefined
    return this.#endBusyLeader(signal)
  }

  /** Once somebody waits for a reply of the leader, if that is soon. */
  async #endBusyLeader(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { deployment, http, random } = this.#scene
    const deadline = performance.now() + requestWaitMs
    while (this.#waitingAtLeader().length === 0 && performance.now() < deadline) await nextRound()
    const { leader } = deployment
    if (leader === undefined || this.#busy.has(leader)) return
    const waiting = this.#waitingAtLeader()
    const isUndisturbed = this.#isQuietBut(leader)
    if (!leader.part.signal(signal)) return
    await this.#break(leader, `${signal} leader`, async () => {
      deployment.watch.noteLoss(`${signal} of the leader`, isUndisturbed)
      await leader.part.restart(signal, random.integer(0, 500))
    })
    if (signal === 'SIGKILL' && http.wasCutOff(waiting)) this.leadersKilledInFlight++
  }

  #waitingAtLeader(): readonly symbol[] {
    const { deployment, http } = this.#scene
    return deployment.watch.leader === undefined ? [] : http.unansweredAt(deployment.watch.leader)
  }

  endStandby(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> | undefined {
    const { deployment } = this.#scene
    const standby = deployment.servers.find((site) => site !== deployment.leader)
    return standby && this.#endPart(standby, signal, 'standby')
  }

  endBatcher(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> | undefined {
    const { deployment, random } = this.#scene
    const [batcher] = random.shuffled(deployment.batchers)
    return batcher && this.#endPart(batcher, signal, 'batcher')
  }

  #endPart(site: Site, signal: 'SIGKILL' | 'SIGTERM', role: string): Promise<void> | undefined {
    if (this.#busy.has(site) || !site.part.signal(signal)) return undefined
    return this.#break(site, `${signal} ${role}`, () =>
      site.part.restart(signal, this.#scene.random.integer(0, 500)),
    )
  }

  endBroker(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> | undefined {
    const { rabbit, random, deployment } = this.#scene
    const isUndisturbed = this.#isQuietBut(rabbit)
    return this.#break(rabbit, `${signal} broker`, async () => {
      deployment.watch.noteLoss(`${signal} of the broker`, isUndisturbed)
      await (signal === 'SIGKILL' ? rabbit.kill() : rabbit.stop())
      await sleep(random.integer(0, 1000))
      await rabbit.start()
    })
  }

  endDatabase(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> | undefined {
    const { random } = this.#scene
    return this.#downDatabase(`${signal} database`, signal, random.integer(0, 3000))
  }

  takeDatabaseDown(): Promise<void> | undefined {
    return this.#downDatabase('database down for a minute', 'SIGTERM', 60_000)
  }

  #downDatabase(what: string, signal: 'SIGKILL' | 'SIGTERM', downMs: number): Promise<void> | undefined {
    const { postgres } = this.#scene
    return this.#break(postgres, what, async () => {
      await (signal === 'SIGKILL' ? postgres.kill() : postgres.stop())
      await sleep(downMs)
      await postgres.start()
    })
  }

  suspendLeader(): Promise<void> | undefined {
    const { leader } = this.#scene.deployment
    return leader && this.#suspendPart(leader, 'leader')
  }

  suspendBatcher(): Promise<void> | undefined {
    const { deployment, random } = this.#scene
    const [batcher] = random.shuffled(deployment.batchers)
    return batcher && this.#suspendPart(batcher, 'batcher')
  }

  #suspendPart(site: Site, role: string): Promise<void> | undefined {
    if (this.#busy.has(site) || !site.part.signal('SIGSTOP')) return undefined
    const forMs = this.#suspensionMs()
    return this.#break(site, `SIGSTOP ${role}${long(forMs)}`, async () => {
      await sleep(forMs)
      site.part.signal('SIGCONT')
    })
  }

  suspendBroker(): Promise<void> | undefined {
    const { rabbit } = this.#scene
    if (this.#busy.has(rabbit)) return undefined
    const { pid } = rabbit
    process.kill(pid, 'SIGSTOP')
    const forMs = this.#suspensionMs()
    return this.#break(rabbit, `SIGSTOP broker${long(forMs)}`, async () => {
      await sleep(forMs)
      process.kill(pid, 'SIGCONT')
    })
  }

  /** Short ones mostly; a broker gives its silent clients up after about 12 s. */
  #suspensionMs(): number {
    const { random, areLongOnesAllowed } = this.#scene
    const chance = random.next()
    if (chance < 0.6) return random.integer(50, 2000)
    if (chance < 0.85) return random.integer(2000, 8000)
    return random.integer(9000, areLongOnesAllowed && chance > 0.93 ? 60_000 : 20_000)
  }

  cut(neighbour: 'broker' | 'database'): Promise<void> | undefined {
    const sites = this.#someSites()
    for (const site of sites) site[neighbour].cut()
    this.#note(`connections to the ${neighbour} cut`)
    return Promise.resolve()
  }

  /** The leader's connection to the broker is gone, and the broker is not told. */
  leaveHalfOpen(): Promise<void> | undefined {
    const { deployment, random } = this.#scene
    const { leader } = deployment
    if (leader === undefined) return undefined
    return this.#break(leader.broker, "leader's connection half open", async () => {
      const end = leader.broker.halfOpen()
      await sleep(random.integer(500, 20_000))
      end()
    })
  }

  hold(neighbour: 'broker' | 'database'): Promise<void> | undefined {
    return this.#impair(neighbour, `connections to the ${neighbour} silent`, (site) => site[neighbour].hold())
  }

  slow(neighbour: 'broker' | 'database'): Promise<void> | undefined {
    const delayMs = this.#scene.random.integer(5, 150)
    return this.#impair(neighbour, `${neighbour} slow`, (site) => site[neighbour].slow(delayMs))
  }

  #impair(
    neighbour: 'broker' | 'database',
    what: string,
    impair: (site: Site) => void,
  ): Promise<void> | undefined {
    const sites = this.#someSites().filter((site) => !this.#busy.has(site[neighbour]))
    const forMs = this.#suspensionMs()
    const all = sites.map((site) => {
      impair(site)
      this.#busy.add(site[neighbour])
      return sleep(forMs).then(() => {
        site[neighbour].restore()
        this.#busy.delete(site[neighbour])
      })
    })
    if (all.length === 0) return undefined
    this.#note(what + long(forMs))
    this.#scene.deployment.watch.noteDisturbance()
    return Promise.all(all).then(() => {})
  }

  /** One part's ways, or everybody's. */
  #someSites(): readonly Site[] {
    const { deployment, random } = this.#scene
    return random.chance(0.4) ? deployment.sites : random.shuffled(deployment.sites).slice(0, 1)
  }
}

function long(forMs: number): string {
  return forMs > 12_000 ? ' for over 12 s' : ''
}

function both(
  first: Promise<void> | undefined,
  second: Promise<void> | undefined,
): Promise<void> | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return Promise.all([first, second]).then(() => {})
}

async function nextRound(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
