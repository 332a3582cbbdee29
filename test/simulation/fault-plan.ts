import { type BrokerRates, soundBroker } from './broker-parts.ts'
import { type ChaosRates, noChaos } from './chaos.ts'
import type { Random } from './random.ts'

/** What befalls the journal's queue. */
export const queueStrokes = [
  'journal queue purged',
  'journal queue deleted',
  'leader and queue fall together',
  'policy limits the queue’s length',
  'policy limits messages’ age',
] as const
export type QueueStroke = (typeof queueStrokes)[number]

export const strokes = [
  'engine killed',
  'engine suspended',
  'engine stopped in good order',
  'batcher killed',
  'batcher suspended',
  'batcher stopped in good order',
  'engine’s connections cut',
  'batcher’s connections cut',
  'leader and batcher fall together',
  'broker restarted',
  'broker blocks publishers',
  'database restarted',
  'clock jumped an hour',
  'clock jumped within bounds',
  'database’s clock jumped',
  'rush on a hot course',
  'journal switched',
  ...queueStrokes,
] as const
export type Stroke = (typeof strokes)[number]

/** What a seed has in store. */
export interface FaultPlan {
  readonly journal: 'broker' | 'direct'
  readonly acknowledge: 'confirm' | 'applied'
  /** Once, the broker forgets the end of what it has confirmed. */
  readonly losesTail: boolean
  /** An operator switches between RabbitMQ and the direct journal, back and forth. */
  readonly switchesJournal: boolean
  /** Between an answer and the next wish, milliseconds on average. */
  readonly thinkMs: number
  /** How long the broker and the database take at most to make something durable, milliseconds. */
  readonly brokerSyncMs: number
  readonly databaseSyncMs: number
  /** Milliseconds between strokes, on average. */
  readonly strokeEveryMs: number
  readonly weights: ReadonlyMap<Stroke, number>
  readonly chaos: ChaosRates
  readonly broker: BrokerRates
  readonly replyLossRate: number
}

/** What is fixed for every seed of a campaign that looks for one thing. */
export interface PlanWish {
  readonly journal?: FaultPlan['journal']
  /** A cluster that falls apart, while replies wait for PostgreSQL. */
  readonly isBrokerSplit?: boolean
  readonly broker?: Partial<BrokerRates>
  readonly weights?: Partial<Record<Stroke, number>>
}

/** Each seed leaves some kinds of faults out: what never fails can hide what fails in between. */
export function drawFaultPlan(random: Random, seed: number, wish: PlanWish = {}): FaultPlan {
  const losesTail = seed % 20 === 7
  const journal = wish.journal ?? (seed % 4 === 3 && !losesTail ? 'direct' : 'broker')
  const mayWait = journal === 'broker' && !losesTail
  const isApplied = mayWait && random.chance(0.25)
  const isBrokerSplit = mayWait && (wish.isBrokerSplit ?? (isApplied && random.chance(0.7)))
  const acknowledge = isApplied || isBrokerSplit ? 'applied' : 'confirm'
  const switchesJournal = seed % 5 === 1 && !losesTail && !isBrokerSplit
  const sometimes = (rate: number) => (random.chance(0.6) ? rate * random.between(0.3, 1.7) : 0)
  const mayDrop = mayWait && !switchesJournal
  const weigh = (stroke: Stroke): number => {
    const wished = wish.weights?.[stroke]
    if (wished !== undefined) return wished
    if (stroke === 'journal switched') return switchesJournal ? 1 : 0
    if (isQueueStroke(stroke)) return mayDrop && random.chance(0.5) ? random.between(0.1, 0.5) : 0
    return random.chance(0.7) ? random.between(0.2, 1) : 0
  }
  return {
    journal,
    acknowledge,
    losesTail,
    switchesJournal,
    thinkMs: random.pick([10, 40, 120]),
    brokerSyncMs: random.pick([2, 15, 40]),
    databaseSyncMs: random.pick([1, 10, 30]),
    strokeEveryMs: random.between(1000, 4000),
    weights: new Map(strokes.map((stroke) => [stroke, weigh(stroke)])),
    chaos: {
      crash: sometimes(0.0008),
      suspend: sometimes(0.0002),
      cut: sometimes(0.001),
      late: sometimes(0.01),
    },
    broker: {
      limbo: losesTail ? 0 : sometimes(0.7),
      nack: sometimes(0.002),
      unroutable: sometimes(0.002),
      enqueuedTwice: losesTail ? 0 : sometimes(0.02),
      returnedOutOfOrder: sometimes(0.5),
      handedOverEarly: sometimes(0.3),
      noticeLost: sometimes(0.1),
      countUnknown: sometimes(0.2),
      lockGrantedTwice: isBrokerSplit ? 0.3 : 0,
      ...wish.broker,
    },
    replyLossRate: sometimes(0.03),
  }
}

export function isQueueStroke(stroke: Stroke): stroke is QueueStroke {
  return queueStrokes.some((one) => one === stroke)
}

/** The same world without a fault. */
export function calmly(plan: FaultPlan): FaultPlan {
  return {
    ...plan,
    losesTail: false,
    switchesJournal: false,
    strokeEveryMs: Infinity,
    chaos: noChaos,
    broker: soundBroker,
    replyLossRate: 0,
  }
}
