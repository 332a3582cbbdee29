import type { PlanWish } from './fault-plan.ts'

/** A bug to be planted into a copy of the program, where `find` must stand exactly once. */
export interface PlantedBug {
  /** What a program with it does. */
  readonly does: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** How the auditor tells of it. */
  readonly toldAs: RegExp
  /** What its seeds have in store that shows it. */
  readonly wish?: PlanWish
  /** Seeds to run at most, if not the usual ones. */
  readonly seeds?: { readonly first: number; readonly count: number; readonly every: number }
}

const lost = /lost|void/

/** Seeds in which the broker loses the end of its queue. */
const lostTails = { first: 7, count: 8, every: 20 }
/** Seeds in which the journal is switched. */
const switchedJournals = { first: 1, count: 12, every: 5 }
const fewSeeds = { first: 1, count: 12, every: 1 }

export const plantedBugs: readonly PlantedBug[] = [
  {
    does: 'replies before the journal has confirmed',
    file: 'src/engine/reply-gate.ts',
    find: 'if (seq <= this.releasedSeq) {',
    replace: 'if (seq > 0) {',
    toldAs: /lost|void|in flight, which nothing holds/,
  },
  {
    does: 'replies at the confirm although told to wait for PostgreSQL',
    file: 'src/engine/reply-gate.ts',
    find: "this.#acknowledge === 'applied'",
    replace: 'false',
    toldAs: lost,
    wish: { journal: 'broker', isBrokerSplit: true },
    seeds: fewSeeds,
  },
  {
    does: 'shows decisions in reads before they are confirmed',
    file: 'src/engine/term.ts',
    find: 'const settlement = await this.#durable(touchedBy)',
    replace: "const settlement = 'durable';",
    toldAs: /never held/,
    wish: { journal: 'direct' },
    seeds: fewSeeds,
  },
  {
    does: 'asks about a command again, in the next term, when its outcome is unknown',
    file: 'src/engine/engine.ts',
    find: 'protected unavailable(): Unavailable {',
    replace: `async submit(command, options = {}) {
    const outcome = await super.submit(command, options)
    if (outcome.code !== 'outcome_unknown' || options.key !== undefined) return outcome
    while (this.term === undefined) await this.#sleep(10)
    return await this.term.submit(command, options)
  }

  protected unavailable(): Unavailable {`,
    toldAs: /applied twice|surely not done/,
  },
  {
    does: 'keeps its memory when a term is lost',
    file: 'src/engine/term.ts',
    find: 'this.campus = loaded.campus',
    replace: 'this.campus = options.store.kept ??= loaded.campus;',
    toldAs: /decision|differ/,
  },
  {
    does: 'forgets keys at a failover',
    file: 'src/engine/term.ts',
    find: 'new KeyMemory(loaded.keys)',
    replace: 'new KeyMemory(new loaded.keys.constructor(1_000_000, 86_400_000))',
    toldAs: /applied twice/,
  },
  {
    does: 'never frees the key of a request that ended without a decision',
    file: 'src/engine/keyed-admission.ts',
    find: 'if (mayHaveRecord(outcome)) return',
    replace: 'return',
    toldAs: /in flight, which nothing holds/,
  },
  {
    does: 'gives a key’s answer to another request',
    file: 'src/engine/key-memory.ts',
    find: 'return record.requestHash === requestHash ?',
    replace: 'return true ?',
    toldAs: /other words/,
  },
  {
    does: 'lets a record’s time follow a clock that was set back',
    file: 'src/engine/term.ts',
    find: 'const at = Math.max(nowMs, this.#lastAt)',
    replace: 'const at = this.#runtime.now()',
    toldAs: /before the one before it/,
  },
  {
    does: 'takes records that are applied already for new ones',
    file: 'src/journal/write.ts',
    find: 'const fresh = message.records.filter((record) => record.seq > seq)',
    replace: 'const fresh = message.records; seq = (fresh[0]?.seq ?? 1) - 1',
    toldAs: /duplicate key/,
  },
  {
    does: 'applies a deposed leader’s records',
    file: 'src/journal/write.ts',
    find: 'if (message.leader !== leader) {',
    replace: 'if (false) {',
    toldAs: /decision|differ|lost|does not heal|still waits/,
  },
  {
    does: 'goes on over a gap',
    file: 'src/journal/write.ts',
    find: 'if (!followsOn(fresh, seq)) break',
    replace: '',
    toldAs: /follows|lost/,
  },
  {
    does: 'accepts a marker whoever led before',
    file: 'src/journal/write.ts',
    find: 'start.after === transaction.position.leader ?',
    replace: 'true ?',
    toldAs: /lost|void|does not come after/,
  },
  {
    does: 'judges a marker while messages are outstanding',
    file: 'src/journal/batcher.ts',
    find: `if (unsettledMs > 0) {
          await this.#wait.within(unsettledMs, reader.arrival())
          continue
        }
        const ready = await this.#wait.orStopped(reader.countReady())`,
    replace: 'const ready = 0;',
    toldAs: lost,
    wish: {
      journal: 'broker',
      broker: { handedOverEarly: 1, returnedOutOfOrder: 0 },
      weights: { 'leader and batcher fall together': 5 },
    },
    seeds: fewSeeds,
  },
  {
    does: 'says nothing when the end of the journal is gone',
    file: 'src/journal/write.ts',
    find: 'if (lost !== undefined) {',
    replace: 'if (false) {',
    toldAs: /nobody said so/,
    seeds: lostTails,
  },
  {
    does: 'accepts a marker whose author saw confirmed what is missing, and asks no further',
    file: 'src/journal/write.ts',
    find: 'if (!(await transaction.isLossAccepted(seen.leader))) return seen',
    replace: 'return undefined',
    toldAs: /nobody said so/,
    seeds: lostTails,
  },
  {
    does: 'overlooks what leaders have written down as answered for',
    file: 'src/journal/write.ts',
    find: 'const [answered] = await transaction.missingAnswered()',
    replace: 'const [answered] = [];',
    toldAs: lost,
    wish: {
      journal: 'broker',
      weights: { 'leader and batcher fall together': 5, 'journal queue purged': 5 },
    },
    seeds: fewSeeds,
  },
  {
    does: 'makes the queue anew without asking what it held',
    file: 'src/engine/takeover.ts',
    find: "if (state.kind === 'gone') throw new JournalLost('the journal queue is gone')",
    replace: "if (state.kind === 'gone') { await queue.restore(); return { ready: 0 } }",
    toldAs: lost,
    wish: { journal: 'broker', weights: { 'leader and queue fall together': 5 } },
    seeds: fewSeeds,
  },
  {
    does: 'acknowledges messages before their transaction is committed',
    file: 'src/journal/write.ts',
    find: `await transaction.apply(toApply)
    await transaction.commit()`,
    replace: `await transaction.apply(toApply)
    transaction.commit().catch(() => {});`,
    toldAs: /lost|does not heal|still waits/,
  },
  {
    does: 'connects again by itself, without the lock that it had',
    file: 'test/simulation/broker-journal.ts',
    find: 'session.link.onClientEnd = (why) => this.#finish(why)',
    replace: 'session.link.onClientEnd = () => { this.#session = broker.connect(session.link.process); };',
    toldAs: lost,
  },
  {
    does: 'takes an unroutable message’s confirm for the last word',
    file: 'test/simulation/broker-journal.ts',
    find: 'await this.#nextTurn()',
    replace: '',
    toldAs: /lost|does not heal|still waits/,
    wish: { journal: 'broker', broker: { unroutable: 0.02 } },
    seeds: fewSeeds,
  },
  {
    does: 'leads and writes whatever journal feeds the database',
    file: 'test/simulation/database-stores.ts',
    find: 'if (feeding !== wanted)',
    replace: 'if (false)',
    toldAs: /lost|void|decision|does not heal|still waits/,
    seeds: switchedJournals,
  },
  {
    does: 'forgets who waits when a seat is freed',
    file: 'actors/rules/promotion.ts',
    find: 'if (free <= 0)',
    replace: 'if (true)',
    toldAs: /waits beside a free seat/,
  },
  {
    does: 'promotes the last in the queue',
    file: 'actors/rules/promotion.ts',
    find: 'student !== leaving && student !== seating)',
    replace: 'student !== leaving && student !== seating).reverse()',
    toldAs: /is not the first/,
  },
  {
    does: 'gives the seat of one who was forced in to the queue',
    file: 'actors/rules/promotion.ts',
    find: 'let free = capacity - (group.registered.length',
    replace: 'let free = capacity + group.extra.length - (group.registered.length',
    toldAs: /over its capacity/,
  },
  {
    does: 'keeps a seat extra that a seat of the group’s own has become',
    file: 'actors/rules/promotion.ts',
    find: 'group.extra.length === 0 ?',
    replace: 'true ?',
    toldAs: /has extra seats that it does not need/,
  },
  {
    does: 'seats one more than there are seats',
    file: 'actors/course.ts',
    find: 'this.registered.length < this.capacity &&',
    replace: 'this.registered.length <= this.capacity &&',
    toldAs: /over its capacity|told/,
  },
  {
    does: 'lets drops and moves cost nothing',
    file: 'actors/rules/plan.ts',
    find: 'if (spent > 0)',
    replace: 'if (false)',
    toldAs: /actions remain/,
  },
  {
    does: 'overlooks exams at the same time',
    file: 'actors/rules/timetable.ts',
    find: 'if (a.startMs === b.startMs)',
    replace: 'if (false)',
    toldAs: /exam_conflict/,
  },
]
