import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { MissingRecords, Position, RecordId } from '../engine/ports.ts'

/** One transaction of the batcher. Begun with the position locked; ends by `commit` or `rollback`. */
export interface BatchTransaction {
  /** As locked at the beginning. */
  readonly position: Position
  /** Whether `keepEarly` has kept anything that is not applied yet. */
  readonly hasEarly: boolean
  /** Whether messages without a signature, which older versions left in the queue, still count. */
  readonly acceptsUnsigned: boolean
  /** How a leader's marker was judged before, if it was. */
  judgementOf(leader: string): Promise<'accepted' | 'rejected' | undefined>
  /** Whether this very record is among the applied ones. */
  isApplied(record: RecordId): Promise<boolean>
  /** Those of a leader's records between two numbers, both inclusive, that are applied and not in the archive. */
  appliedRecords(leader: string, from: number, to: number): Promise<readonly DecisionRecord[]>
  /** Writes a marker's judgement; an accepted one becomes the leader at (leader, 0), with `term`. */
  recordMarker(marker: MarkerJudgement): Promise<void>
  /** Keeps records that a deposed leader got into the journal. They are never applied. */
  recordVoids(leader: string, records: readonly DecisionRecord[]): Promise<void>
  /** Keeps records that came before the one that they follow, so that their messages can be acknowledged. */
  keepEarly(leader: string, batches: readonly (readonly DecisionRecord[])[]): Promise<void>
  /**
   * Takes out what was kept of the present leader and follows on record `seq`, in order, some at a time; what is not newer
   * than `seq` is dropped.
   */
  takeEarly(seq: number): Promise<readonly DecisionRecord[]>
  /** The oldest and the newest record of the present leader that is kept and not applied; undefined if none is. */
  earlyRange(): Promise<{ readonly first: number; readonly newest: number } | undefined>
  /** Records that a leader has answered for and the tables lack, unless a person has accepted their loss. */
  missingAnswered(): Promise<readonly RecordId[]>
  /** Whether a person has accepted that records of this leader are lost. */
  isLossAccepted(leader: string): Promise<boolean>
  /** Writes down that a record is lost that somebody was answered for. Until a person accepts it, nobody leads. */
  recordLoss(lost: RecordId): Promise<void>
  /** Keeps copies of messages that are no decisions, for people to look at. */
  setAside(strays: readonly Stray[]): Promise<void>
  /** Keeps a copy of a message of ours that cannot be read, once, and asks whether an operator has decided to go on without it. */
  mayPass(stuck: Stray): Promise<boolean>
  /** Inserts into `decisions`, folds the effects into the tables and moves the position behind the last one. */
  apply(records: readonly DecisionRecord[]): Promise<void>
  commit(): Promise<void>
  /** Never rejects. */
  rollback(): Promise<void>
}

/** How a marker came: signed with a key of the campus, of which this is the id; unsigned; or, with neither, not through a broker. */
export interface MarkerProof {
  readonly signedWith?: string | undefined
  readonly unsigned?: boolean
}

export interface MarkerJudgement extends MarkerProof {
  readonly leader: string
  readonly after: string
  readonly judgement: 'accepted' | 'rejected'
}

/** Why a message is set aside. `not_understood` alone is one of ours. */
export type StrayReason =
  | 'unsigned'
  | 'wrongly_signed'
  | 'other_campus'
  | 'unreadable'
  | 'changed_duplicate'
  | 'not_understood'

/** A message of the queue that is not applied. */
export interface Stray {
  readonly reason: StrayReason
  /** For people. */
  readonly detail: string
  readonly body: Buffer
  readonly headers: Readonly<Record<string, unknown>>
}

/** What the batcher asks of PostgreSQL. */
export interface TableStore {
  /**
   * Begins a transaction and locks the position, so that batchers go one at a time.
   * @throws WrongCampus if the database is another campus by now, another journal feeds it, or it is a copy
   */
  begin(): Promise<BatchTransaction>
}

/** Who wrote a message: this campus, which signed it; nobody who can be told; or somebody else. */
export interface Provenance {
  readonly origin: 'ours' | 'unsigned' | 'forged'
  /** The id of the key that signed it, when it is ours. */
  readonly signedWith?: string
}

/** A journal message as the broker handed it out; it returns to the queue unless it is acknowledged. */
export interface Delivery extends Provenance {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, unknown>>
  readonly tag: number
}

/**
 * One channel that consumes the journal. It ends for good at the first error, close or cancel; whatever is
 * not acknowledged then returns to the queue, in order. It is never cancelled with messages out.
 */
export interface JournalReader {
  /** What has arrived and was not taken yet, oldest first; maybe nothing. */
  takeArrived(): readonly Delivery[]
  /** How many have arrived and were not taken yet. */
  readonly arrivedCount: number
  /** How many may be out unacknowledged at once: with so many in hand, no other arrives. */
  readonly window: number
  /** Resolves when something has arrived, or the reader has ended. */
  arrival(): Promise<void>
  /**
   * Messages in the queue that are not with any consumer; undefined when the broker cannot tell now. Rejects
   * when the reader has ended.
   */
  countReady(): Promise<number | undefined>
  acknowledge(deliveries: readonly Delivery[]): void
  /** Looks again who wrote a message, by the campus's keys as they are now. Rejects when they cannot be read. */
  verifyAgain(delivery: Delivery): Promise<Delivery>
  /** Tells the leading engine how far PostgreSQL is. May get lost. */
  announceApplied(applied: RecordId): void
  /** Tells the leading engine that records are missing. May get lost. */
  announceMissing(missing: MissingRecords): void
  /** Resolves, with why, when the reader has ended. Never rejects. */
  readonly ended: Promise<string>
  readonly open: boolean
  /** Closes the channel, which returns what is not acknowledged. */
  close(): Promise<void>
}

export interface JournalSource {
  /**
   * Waits, connecting again with back-off, for the broker and for the journal's queue, which the first leader makes.
   * @param onWaiting called with what is waited for, with a line for people
   * @throws LostTail if the queue stays away although terms came through it; the signal's reason, when it is aborted
   */
  open(signal: AbortSignal, onWaiting: (detail: string) => void): Promise<JournalReader>
}
