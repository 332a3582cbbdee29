import type { Logger } from 'pino'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { DepartmentsReply } from '../../schema/rest-campus.ts'
import type { ListedGroup, ListedStudent } from '../../schema/rest-lists.ts'
import type { CommandStages } from '../engine/command-stages.ts'
import type { EnrollmentService } from '../engine/service.ts'
import type { Exposition } from '../metrics/exposition.ts'
import type { Certificate } from './certificate.ts'
import type { CorsOrigins } from './cors.ts'
import type { EndedTokens } from './auth/ended-tokens.ts'
import type { GatewayLimits, HttpLimits } from './limits.ts'

export interface Account {
  /** What a code given at login stands for. */
  readonly id?: number
  /** As stored: argon2 or bcrypt. */
  readonly passwordHash: string
  readonly department: number
}

/** Who may log in. Read at every login, so that accounts added while it runs can. Rejects when they cannot be reached. */
export interface Accounts {
  /** @param who.id the number, or as text the code */
  findAccount(who: { readonly staff: boolean; readonly id: number | string }): Promise<Account | undefined>
  /** Whose code it is. Rejects when the database cannot be reached. */
  numberOfCode(whose: 'student' | 'course', code: string): Promise<number | undefined>
  /** How the stored hashes begin, up to their cost: one for each scheme and cost. */
  hashKinds(): Promise<readonly string[]>
  /** Sets a student's password and notes who did, both or neither. A key counts for 24 hours. */
  setStudentPassword(change: PasswordChange): Promise<'set' | 'no_such_student' | 'key_taken'>
  /** The change that this staff member's key came with. */
  findPasswordChange(
    staff: number,
    key: string,
  ): Promise<Pick<PasswordChange, 'passwordHash' | 'requestHash'> | undefined>
}

/** A student's new password, by its hash. */
export interface PasswordChange {
  readonly student: number
  readonly passwordHash: string
  readonly staff: number
  /** The request's id. */
  readonly request: string
  readonly note: string | undefined
  /** The Idempotency-Key, if the request has one. */
  readonly key: string | undefined
  /** Of all that was asked but the password. */
  readonly requestHash: string
}

/** A place in the sequence of all decisions. */
export interface DecisionCursor {
  readonly term: number
  readonly seq: number
}

export interface DecisionSearch {
  readonly about:
    | { readonly student: number }
    /** Decisions whose legs or effects name this very group. */
    | { readonly course: number; readonly group: number }
  /** Milliseconds since the Unix epoch, start inclusive, end exclusive. */
  readonly fromMs?: number
  readonly toMs?: number
  /** Only decisions before this one: the last of the page before. */
  readonly before?: DecisionCursor
  readonly limit: number
}

export interface DecisionPage {
  readonly decisions: readonly FoundDecision[]
  /** Whether older ones may be found behind these. */
  readonly hasMore: boolean
}

export interface FoundDecision {
  readonly term: number
  readonly record: DecisionRecord
}

/** The database that holds the decisions cannot be reached now. */
export class DecisionsAway extends Error {
  override readonly name = 'DecisionsAway'
}

/**
 * Finds decisions, newest first, at most `limit`, and no more than are good to handle at once. A decision about a promoted student is about them too. Rejects with
 * `DecisionsAway` while the database cannot be reached.
 */
export type SearchDecisions = (search: DecisionSearch) => Promise<DecisionPage>

/** A page of a list that is in order of its keys. */
export interface ListSearch<Key> {
  /** The last of the page before. */
  readonly after: Key | undefined
  /** undefined = every one. */
  readonly department: number | undefined
  readonly limit: number
}

/** What staff administer, from the database. Rejects with `DecisionsAway` while that cannot be reached. */
export interface RegistryLists {
  students(search: ListSearch<number>): Promise<ListedStudent[]>
  /** In order of their numbers. */
  departments(): Promise<DepartmentsReply['departments']>
  groups(search: ListSearch<{ readonly course: number; readonly group: number }>): Promise<ListedGroup[]>
}

/** Whether staff see and act on their own department only. */
export type StaffScope = 'department' | 'all'

/** What the gateway is built from. */
export interface GatewayDeps {
  readonly service: EnrollmentService
  readonly accounts: Accounts
  readonly searchDecisions: SearchDecisions
  readonly lists: RegistryLists
  /** HS256 secrets, 32 bytes or more each; the first signs, all verify. */
  readonly jwtSecrets: readonly [string, ...string[]]
  readonly staffScope: StaffScope
  /** Whose students staff may seat in a course of their department by force; their own department's if absent. */
  readonly forceAdd?: 'department' | 'any'
  /** Most units that a course may count; 60 if absent. */
  readonly courseUnitsMax?: number
  readonly limits: GatewayLimits
  /** How long a login is good for, with all its refreshes, milliseconds; 12 hours if absent. */
  readonly sessionMs?: number
  /** Which accounts changed, kept up to date by its owner; none if absent. */
  readonly ended?: EndedTokens
  /** How long a new student's window lasts if nobody says when it ends, milliseconds; an hour if absent. */
  readonly windowMs?: number
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Lets a login wait that is slowed down; by a timer if absent. */
  readonly slowDown?: (ms: number) => Promise<void>
  readonly logger: Logger
  /** Proxies whose X-Forwarded-For is believed: addresses, networks, or names such as `loopback`. */
  readonly trustProxy: false | readonly string[]
  /** What the process shows to Prometheus; the gateway adds its own. Made here if absent. */
  readonly exposition?: Exposition
  /** The engine is in another process, which shows its own metrics. */
  readonly engineIsElsewhere?: boolean
  /** Whether clients may read `/metrics` too; `true` if absent. */
  readonly metricsForClients?: boolean
  /** Where the engine measures commands, if it is in this process. */
  readonly stages?: CommandStages
  /** Serve over TLS with this one; plain HTTP if absent. */
  readonly certificate?: Certificate
  /** `false` if absent. */
  readonly corsOrigins?: CorsOrigins
  /** Instead of `defaultHttpLimits`. */
  readonly http?: HttpLimits
}
