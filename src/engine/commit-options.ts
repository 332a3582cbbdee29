import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { CommandStages } from './command-stages.ts'
import type { JournalTerm, Runtime } from './ports.ts'

/** How much may wait for durability, and how long. */
export interface CommitLimits {
  /** Records, and their bytes as JSON, that may wait for durability; beyond, admission stops. */
  readonly recordsMax: number
  readonly bytesMax: number
  /** What one journal message may hold; a single larger record still goes alone. */
  readonly batchRecordsMax: number
  readonly batchBytesMax: number
  /** Bytes that PostgreSQL may be behind; beyond, admission stops. */
  readonly backlogBytesMax: number
  /** Bytes that are kept of what PostgreSQL has applied, for a database that goes back; 64 MiB if not given. */
  readonly appliedBytesKept?: number
  /** How long a reply waits for durability before it is `late`. */
  readonly replyDeadlineMs: number
  /** How long the journal may leave a message unconfirmed before the term ends; the reply's deadline if not given. */
  readonly confirmMsMax?: number
  /** A reply waits for the journal's confirm, or until PostgreSQL has applied the record. */
  readonly acknowledge: 'confirm' | 'applied'
}

/** What a group commit works with. */
export interface CommitOptions {
  journal: JournalTerm
  campus: string
  leader: string
  limits: CommitLimits
  runtime: Runtime
  onLost: (why: string) => void
  /** Called when no queue took a batch: it is sent once `sendAgain` was called. */
  onReturned?: (() => void) | undefined
  /** Called with a record that PostgreSQL will not write. */
  onRefused?: (record: DecisionRecord, why: string) => void
  /** Called with decisions, in order, when they may be shown: just before their replies leave. */
  onReleased?: (records: readonly DecisionRecord[]) => void
  /** Measures into these; nothing is measured without them. */
  stages?: CommandStages | undefined
}
