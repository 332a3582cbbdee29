import type { Campus } from '../../actors/campus.ts'
import type { History } from './history.ts'
import type { Blueprint, Tables } from './tables.ts'

/** What the auditor judges a run by. */
export interface Evidence {
  readonly blueprint: Blueprint
  readonly history: History
  readonly tables: Tables
  /** When the simulation began, milliseconds since the Unix epoch. */
  readonly epochMs: number
  /** Of the engine that leads in the end. */
  readonly memory: Campus | undefined
  /** Requests whose decisions the broker confirmed and then forgot, which somebody has said. */
  readonly lost: ReadonlySet<string>
  /** Such a loss waits to be accepted, and nobody leads. */
  readonly isOpenEnd: boolean
}
