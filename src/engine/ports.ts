import type { Campus } from '../../actors/campus.ts'
import type { StudentProfile } from '../../actors/student.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { KeyArchive } from './key-archive.ts'

/** Time, identity and scheduling, so that nothing below reads a clock by itself and a test can own them all. */
export interface Runtime {
  /** Milliseconds since the Unix epoch. May jump; records never go backwards all the same. */
  now(): number
  /** Milliseconds since some moment in the past; never jumps, unlike `now`. For durations. */
  elapsed(): number
  /** A fresh UUID. */
  uuid(): string
  /** Runs `task` once, after what the event loop has at hand now. */
  defer(task: () => void): void
  /** Runs `task` once in `delayMs`; the function returned cancels it. */
  after(delayMs: number, task: () => void): () => void
}

/** Where something is in the sequence of all decisions. */
export interface RecordId {
  readonly leader: string
  readonly seq: number
}

/** How far PostgreSQL is: the newest decision applied, whose term it is, and the newest `at`. */
export interface Position extends RecordId {
  /** Number of the term, counting accepted leaders from 1; 0 before the first. */
  readonly term: number
  /** Greatest `at` of all applied records; the next leader starts here. */
  readonly atMs: number
}

/** The nobody who leads before the first leader. */
export const noLeader = '00000000-0000-0000-0000-000000000000'

/** First message of a term: who wants to lead, and after whom. */
export interface StartMessage {
  readonly version: 1
  readonly campus: string
  readonly start: {
    readonly leader: string
    /** The leader found in `journal_position`; the marker counts only if that is still so. */
    readonly after: string
    /** The last record that this process saw confirmed, if any: it must be in PostgreSQL by now. */
    readonly seen?: RecordId
  }
}

/** One group commit: decisions of one leader, `seq` ascending without gaps. */
export interface BatchMessage {
  readonly version: 1
  readonly campus: string
  readonly leader: string
  readonly records: readonly DecisionRecord[]
}

export type JournalMessage = StartMessage | BatchMessage

/** The journal can no longer be trusted to hold what was sent; the term is over, the outcome unknown. */
export class JournalLost extends Error {
  override readonly name = 'JournalLost'
}

/** No queue took the message, because the journal's queue is gone. The term goes on: `JournalQueue.restore`, then again. */
export class MessageReturned extends Error {
  override readonly name = 'MessageReturned'
}

/** The end of the journal is gone: what was confirmed is neither in the tables nor in the queue. */
export class LostTail extends Error {
  override readonly name = 'LostTail'
}

/**
 * PostgreSQL refuses to write this one record (a trigger of somebody's, a sequence at its end). All before it in its message
 * are durable; it and what follows it are certainly not, and the journal goes on after the one before it.
 */
export class RecordRefused extends Error {
  override readonly name = 'RecordRefused'
  readonly seq: number

  constructor(seq: number, message: string, cause: unknown) {
    super(message, { cause })
    this.seq = seq
  }
}

/**
 * The lock and the journal of one term, over one connection. It ends for good at the first error, close,
 * cancel or nack; nothing in it reconnects. A returned message does not end it: `append` rejects, and the message is sent
 * again once the queue is restored.
 */
export interface JournalTerm {
  /**
   * Appends one message and resolves once it is durable and the lock was held all the while. At most one
   * call may be outstanding.
   * @returns the message as it went out, for `JournalQueue.appendAgain`; undefined where nothing can be lost on the way
   * @throws JournalLost if durability is not known; part of the message may still arrive
   * @throws MessageReturned if it is surely not in the journal
   * @throws RecordRefused if PostgreSQL wrote what precedes a record and refuses that one
   */
  append(message: JournalMessage): Promise<Buffer | void>
  /** Resolves, with why, when the term has ended; also after `close`. Never rejects. */
  readonly ended: Promise<string>
  /** False once the term has ended; a reply is released only while it is true. */
  readonly open: boolean
  /** True while the journal accepts nothing for now (a broker's memory or disk alarm). */
  readonly blocked: boolean
  /** Called with the newest record that PostgreSQL has applied, as far as the journal hears of it. */
  onApplied(listener: (applied: RecordId) => void): void
  /** The queue between the leader and the tables; undefined where there is none. */
  readonly queue?: JournalQueue
  /** Gives the lock up. Resolves when it is free. */
  close(): Promise<void>
}

/** Records that a batcher lacks: it has applied those up to `applied.seq`, and holds one that is newer than `upTo`. */
export interface MissingRecords {
  readonly applied: RecordId
  readonly upTo: number
}

/** How the journal's queue stands. */
export type QueueState =
  /** `ready`: messages that are not with any consumer. */
  | { readonly kind: 'there'; readonly ready: number; readonly consumers: number }
  | { readonly kind: 'gone' }
  /** It is there, and not the durable quorum queue that keeps what it confirms. */
  | { readonly kind: 'unfit'; readonly detail: string }

/** A queue that others can reach: what an operator's hand or a policy takes out of it, the leader puts in again. */
export interface JournalQueue {
  /** How many messages may be with consumers. */
  readonly window: number
  /** Rejects when the broker does not answer. */
  inspect(): Promise<QueueState>
  /** Makes the queue as it has to be, in place of what is there, and leaves it alone until it can be trusted. */
  restore(): Promise<void>
  /** As `JournalTerm.append`, for what that has returned before. */
  appendAgain(body: Buffer): Promise<void>
  /** Called when a batcher says that records are missing. May never be called: notices get lost. */
  onMissing(listener: (missing: MissingRecords) => void): void
  /** Called with the broker's reason when it takes no messages for now, and with undefined when it takes them again. */
  onBlocked(listener: (reason: string | undefined) => void): void
}

/** Why there is no term yet, for the one line that says what is waited for. */
export type AcquireProgress = 'unreachable' | 'standby' | 'settling' | 'lost'

export interface Journal {
  /** What `campus.journal` in the database must say: kind, virtual host, queue. */
  readonly identity: string
  /**
   * Waits for the lock, however long, connecting again with back-off, and opens a term.
   * @param onProgress called when the reason for waiting changes, with a line for people
   * @param findLoss asked where the journal's queue is missing: why it must not be made anew, with a line for people;
   *   undefined if nothing is lost with it. Rejects when the database cannot be reached.
   * @throws the signal's reason, when it is aborted
   */
  acquire(
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
    findLoss?: () => Promise<string | undefined>,
  ): Promise<JournalTerm>
}

/** Callers' keyed decisions, for answering a repeated request after the memory of it is gone. */
export interface KeyedDecision {
  readonly record: DecisionRecord
  readonly leader: string
}

/** What the engine asks of PostgreSQL. Every method rejects when the database cannot be reached. */
export interface CampusStore {
  /** @throws WrongCampus if the database is another campus by now, another journal feeds it, or it is a copy */
  readPosition(): Promise<Position>
  /**
   * Writes down the newest record that this leader has answered for while PostgreSQL was behind: nobody leads after it
   * until the tables hold that record, also if all who knew of it have ended.
   */
  noteAnswered(answered: RecordId): Promise<void>
  /** PostgreSQL's clock, milliseconds since the Unix epoch. */
  readClock(): Promise<number>
  /** The newest term that did not come through the journal that feeds the database now; 0 = they all did. */
  readJournalStart(): Promise<number>
  /** What the batcher made of a leader's marker; undefined while it has not judged it. */
  judgementOf(leader: string): Promise<'accepted' | 'rejected' | undefined>
  /**
   * Loads the campus in one snapshot.
   * @throws if the position is not (`leader`, 0): somebody else leads by now
   * @throws AdoptionNeeded if the tables hold what no campus can be in
   */
  loadCampus(leader: string, options: LoadOptions): Promise<LoadedCampus>
  /** The profile of a student who was added while the engine ran; undefined if there is none. */
  loadStudent(id: number): Promise<StudentProfile | undefined>
  /** The caller's decision under this key since `sinceMs`, if there is one. */
  findKey(caller: CallerId, key: string, sinceMs: number): Promise<KeyedDecision | undefined>
}

export interface CallerId {
  readonly role: 'student' | 'staff' | 'operator'
  readonly id: number
}

export interface LoadOptions {
  /** Keyed decisions older than this are of no interest. */
  readonly keysSinceMs: number
  /** What the others may take in memory, bytes. */
  readonly keysBytesMax: number
  /** Load although the tables need adoption; for the adoption itself. */
  readonly evenIfAdoptionNeeded?: boolean
}

export interface LoadedCampus {
  readonly campus: Campus
  readonly position: Position
  /** What was decided under a key since `keysSinceMs`. */
  readonly keys: KeyArchive
}

export function callerId(caller: CallerId): string {
  return `${caller.role}:${caller.id}`
}

/** The tables hold rows that no sequence of decisions leads to; `enrollment adopt` repairs them on record. */
export class AdoptionNeeded extends Error {
  override readonly name = 'AdoptionNeeded'
  readonly findings: readonly string[]

  constructor(findings: readonly string[]) {
    super(
      `the database holds ${findings.length} row${findings.length === 1 ? '' : 's'} that cannot stand as they are; see: enrollment adopt --dry-run`,
    )
    this.findings = findings
  }
}

/** Which campus a process is of, and the only journal that may feed its database. */
export interface ExpectedCampus {
  readonly campus: string
  /** `Journal.identity`. */
  readonly journal: string
}

/**
 * This process and the database disagree about which campus or which journal it is, or the database is a copy. Waiting
 * does not help.
 */
export class WrongCampus extends Error {
  override readonly name = 'WrongCampus'
}
