import { createHash } from 'node:crypto'
import { BrokerConsumers } from './broker-consumers.ts'
import { requestsIn, type BrokerRates, type BrokerSession, soundBroker } from './broker-parts.ts'
import { BrokerQueue, type Entry, type JournalEntry } from './broker-queue.ts'
import type { QueueState } from '../../src/engine/ports.ts'
import type { Coverage } from './coverage.ts'
import { Link } from './link.ts'
import type { Random } from './random.ts'
import type { SimulatedProcess, World } from './simulated-process.ts'

export const campusId = 'simulated'

/** How a message begins: what it is, and whose. */
const head = /"(start|leader)":(?:\{"leader":)?"([0-9a-f-]+)"/

/**
 * A broker as the journal needs one: a durable queue with a single active consumer, and an exclusive queue that
 * is the lock. What is confirmed stays in the queue until it is acknowledged; what is out with a consumer that
 * goes away returns to its head.
 */
export class SimulatedBroker {
  rates: BrokerRates = soundBroker
  isUp = true
  /** Requests whose decisions went with the end of the queue, or came after it; undefined: nothing was lost. */
  lostRequests: Set<string> | undefined
  #isBlocked = false
  #lock: BrokerSession | undefined
  readonly #sessions = new Set<BrokerSession>()
  readonly #parkedPublishes: (() => void)[] = []
  /** Whatever was to enter the queue, ever. */
  readonly sent: Buffer[] = []
  /** Of a consumer that is gone, and not back in the queue. */
  readonly #returning = new Set<Entry>()
  #order = 0
  /** The leader of the newest marker that came in. */
  #newestLeader = ''
  #limbo = 0
  readonly queue: BrokerQueue
  readonly #consumers: BrokerConsumers
  readonly #random: Random
  readonly #coverage: Coverage
  readonly #world: World
  readonly #syncMs: number
  readonly #digest = createHash('sha256')

  /** @param syncMs how long it takes at most to make a message durable */
  constructor(world: World, random: Random, coverage: Coverage, syncMs: number) {
    this.queue = new BrokerQueue(world, coverage)
    this.#consumers = new BrokerConsumers(this.queue, coverage)
    this.#world = world
    this.#syncMs = syncMs
    this.#random = random
    this.#coverage = coverage
  }

  /** Everything that ever entered the queue, in order. */
  journalDigest(): string {
    return this.#digest.copy().digest('hex')
  }

  /** Nothing in the queue, with a consumer, or on its way into either. */
  get isDrained(): boolean {
    return this.unacknowledged.length + this.#limbo + this.#parkedPublishes.length === 0
  }

  get #out(): readonly Entry[] {
    return [...this.#consumers.out, ...this.#returning]
  }

  /** What is in the queue, or has been taken from it and is not acknowledged. */
  get unacknowledged(): readonly Entry[] {
    return [...this.queue.entries, ...this.#out]
  }

  /** For people: what is where. */
  describe(): string {
    return `${this.queue.count} ready; out: ${this.#consumers.describe()}`
  }

  connect(process: SimulatedProcess): BrokerSession {
    const session: BrokerSession = {
      link: new Link(process, 'broker'),
      onBlocked: undefined,
      onNotice: undefined,
    }
    this.#sessions.add(session)
    session.link.onServerEnd = () => this.#sessionEnded(session)
    session.link.onSilence = () => this.#watchHeartbeats(session)
    if (this.#isBlocked) this.#tellBlocked(session)
    return session
  }

  /** A peer that is silent for about two heartbeats of 5 s is given up. */
  #watchHeartbeats(session: BrokerSession): void {
    this.#world.scheduler.after(this.#random.between(10_000, 12_500), () => {
      if (!session.link.process.isRunning) session.link.endByServer('missed heartbeats')
    })
  }

  #sessionEnded(session: BrokerSession): void {
    this.#sessions.delete(session)
    if (this.#lock === session) this.#lock = undefined
    const returned = this.#consumers.remove(session)
    if (returned !== undefined) this.#takeBack(returned)
  }

  #takeBack(returned: readonly Entry[]): void {
    if (returned.length > 0) this.#coverage.fault('message redelivered', returned.length)
    if (returned.length > 1 && this.#random.chance(this.rates.returnedOutOfOrder)) {
      this.#coverage.fault('messages returned out of order')
      this.#giveBack(this.#random.chance(0.5) ? returned.toReversed() : this.#random.shuffled(returned))
    } else if (returned.length > 0 && this.#random.chance(this.rates.handedOverEarly)) {
      this.#coverage.fault('queue handed over before messages returned')
      for (const entry of returned) this.#returning.add(entry)
      this.#consumers.handOut()
      this.#world.scheduler.after(this.#random.between(0, 100), () => {
        const stillThere = returned.filter((entry) => this.#returning.delete(entry))
        this.#giveBack(stillThere)
      })
    } else {
      this.#giveBack(returned)
    }
  }

  #giveBack(returned: readonly Entry[]): void {
    this.queue.giveBack(returned)
    this.#consumers.handOut()
  }

  /** @returns whether this session holds the lock now */
  tryLock(session: BrokerSession): boolean {
    const holder = this.#lock
    if (holder !== undefined && holder !== session) {
      if (!this.#random.chance(this.rates.lockGrantedTwice)) return false
      this.#coverage.fault('lock granted twice')
      // The parts of the cluster find each other again; the smaller one drops its connections.
      this.#world.scheduler.after(this.#random.between(500, 20_000), () => holder.link.cut())
    }
    this.#lock = session
    return true
  }

  /** @returns whether the journal's queue is new */
  declareQueue(): boolean {
    const isNew = !this.queue.isDeclared
    this.queue.isDeclared = true
    return isNew
  }

  /** As a passive declare tells it. */
  inspect(): QueueState {
    if (!this.queue.isDeclared) return { kind: 'gone' }
    return { kind: 'there', ready: this.queue.count, consumers: this.#consumers.count }
  }

  /** An operator deletes the queue: consumers are told, and what was with them is gone as well. */
  delete(): void {
    this.queue.isDeclared = false
    this.queue.purge()
    this.queue.noteDropped(this.#out)
    this.#returning.clear()
    this.#consumers.cancel()
  }

  /**
   * Takes a publish that has arrived: it enters the queue a little later and is confirmed, both only while the
   * connection lives; or it is dropped with the connection; or, in limbo, it enters long after.
   */
  publish(
    session: BrokerSession,
    body: Buffer,
    answers: { confirm: () => void; nack: () => void; returnAndConfirm: () => void },
  ): void {
    if (this.#isBlocked) {
      this.#parkedPublishes.push(() => this.publish(session, body, answers))
      return
    }
    const { nack, unroutable } = this.rates
    if (!this.queue.isDeclared) {
      answers.returnAndConfirm()
      return
    }
    if (this.#random.chance(unroutable)) {
      this.#coverage.fault('unroutable message confirmed')
      answers.returnAndConfirm()
      return
    }
    const isNacked = this.#random.chance(nack)
    const isKept = !isNacked || this.#random.chance(0.5)
    if (isNacked) this.#coverage.fault('message nacked')
    this.#limbo++
    this.#world.scheduler.after(this.#random.between(0.2, this.#syncMs), () => {
      this.#limbo--
      if (!session.link.serverOpen) {
        this.#enqueueOrphan(body, session.link.process)
        return
      }
      if (isKept) this.#enqueue(body, session.link.process)
      if (isNacked) answers.nack()
      else answers.confirm()
    })
  }

  /** Of a connection that has ended meanwhile: nobody will hear a confirm. */
  #enqueueOrphan(body: Buffer, by: SimulatedProcess): void {
    if (!this.#random.chance(this.rates.limbo)) {
      if (!this.#random.chance(0.5)) return
      this.#coverage.fault('confirm lost')
      this.#enqueue(body, by)
      return
    }
    const what = body.includes('"start"') ? 'marker' : 'message'
    this.#coverage.fault(`${what} enqueued long after its connection`)
    this.#limbo++
    this.#world.scheduler.after(this.#random.between(1, 20_000), () => {
      this.#limbo--
      this.#enqueue(body, by)
    })
  }

  #enqueue(body: Buffer, by: SimulatedProcess): void {
    this.#append(body, by)
    if (this.#random.chance(this.rates.enqueuedTwice)) {
      this.#coverage.fault('message enqueued twice')
      this.#limbo++
      this.#world.scheduler.after(this.#random.between(0, 15_000), () => {
        this.#limbo--
        this.#append(body, by)
        this.#consumers.handOut()
      })
    }
    this.#consumers.handOut()
    this.queue.enforceLength()
  }

  #append(body: Buffer, by: SimulatedProcess): void {
    this.sent.push(body)
    this.#digest.update(body).update('\n')
    const [, kind, leader = ''] = head.exec(body.toString('latin1', 0, 200)) ?? []
    const isMarker = kind === 'start'
    if (isMarker) this.#newestLeader = leader
    else if (leader !== this.#newestLeader) {
      this.#coverage.fault('message enqueued behind the next leader’s marker')
    }
    const entry = { order: ++this.#order, body, isMarker, by }
    if (!this.queue.isDeclared) {
      // Its deletion overtook the message, which is confirmed all the same.
      this.queue.noteDropped([entry])
      return
    }
    this.queue.add(entry)
    for (const request of this.lostRequests === undefined ? [] : requestsIn(body, campusId))
      this.lostRequests?.add(request)
  }

  /** No message waits, and nobody consumes. */
  get isQuiet(): boolean {
    return this.isUp && this.#consumers.count === 0 && this.queue.count === 0
  }

  consume(
    session: BrokerSession,
    prefetch: number,
    receive: (entry: JournalEntry, tag: number) => void,
  ): void {
    if (!this.queue.isDeclared) {
      session.link.endByServer('there is no such queue')
      return
    }
    this.#consumers.add(session, prefetch, receive)
  }

  acknowledge(session: BrokerSession, tags: readonly number[]): void {
    this.#consumers.acknowledge(session, tags)
  }

  /** What a client that asks is told: undefined when the broker cannot tell now. */
  tellReady(): number | undefined {
    if (!this.#random.chance(this.rates.countUnknown)) return this.queue.count
    this.#coverage.fault('broker cannot tell how many messages are ready')
    return undefined
  }

  /** A batcher's notice to whoever leads. */
  notify(body: Buffer): void {
    if (this.#random.chance(this.rates.noticeLost)) {
      this.#coverage.fault('applied notice lost')
      return
    }
    this.#lock?.onNotice?.(body)
  }

  /** The broker restarts: connections end, the queue stays. */
  restart(downMs: number): void {
    this.isUp = false
    for (const session of this.#sessions) session.link.endByServer('the broker went away')
    this.#world.scheduler.after(downMs, () => {
      this.isUp = true
    })
  }

  /** A memory or disk alarm. */
  block(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    for (const session of this.#sessions) this.#tellBlocked(session)
    if (isBlocked) return
    for (const publish of this.#parkedPublishes.splice(0)) publish()
  }

  #tellBlocked(session: BrokerSession): void {
    const isBlocked = this.#isBlocked
    session.link.deliver('blocked', () => session.onBlocked?.(isBlocked))
  }

  noteLostConfirm(): void {
    this.#coverage.fault('confirm lost')
  }

  /**
   * Loses the end of the queue, as a broker that was restored to an earlier point has. Nothing that is published
   * from now on can be of use.
   * @param isMissed whether anybody was told of the decision on a request, and the tables lack it: of what is lost, and was
   *   not sent twice, one must be such
   * @returns false if none would be: nothing is lost then
   */
  loseTail(count: number, isMissed: (request: string) => boolean): boolean {
    const out = this.#out
    this.queue.loseTail(count, (gone, kept) => {
      const left = new Set([...kept, ...out].flatMap(({ body }) => requestsIn(body, campusId)))
      const lost = gone
        .flatMap(({ body }) => requestsIn(body, campusId))
        .filter((request) => !left.has(request))
      if (!lost.some(isMissed)) return false
      this.lostRequests = new Set(lost)
      return true
    })
    return this.lostRequests !== undefined
  }

  cutSessionsOf(process: SimulatedProcess): void {
    for (const session of this.#sessions) if (session.link.process === process) session.link.cut()
  }
}
