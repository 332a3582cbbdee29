import type { Command } from '../../actors/messages/commands.ts'
import type { DryRunOutcome, Outcome } from '../../src/engine/service.ts'

/** Something that a client wants done; it may take several attempts. */
export interface Intent {
  readonly command: Command
  readonly key: string | undefined
  readonly requestHash: string | undefined
}

/** One request that carried an intent to an engine. */
export interface Attempt {
  /** Stored with the decision that it leads to, if any. */
  readonly id: string
  readonly intent: Intent
  readonly sentMs: number
  /** What the engine answered, whether or not the answer arrived; undefined = it never did. */
  outcome: Outcome | undefined
  answeredMs: number | undefined
  /** That the engine led as it answered; 0 = none. */
  term: number
}

/** A view that was shown, as text that two equal views share. */
export interface Reading {
  readonly subject: string
  readonly shown: string
  /** The newest decision that the client had been told of when it asked, if that engine must know of it. */
  readonly after: Attempt | undefined
  readonly by: string
}

export interface DryRun {
  readonly command: Command
  readonly outcome: DryRunOutcome
  readonly after: Attempt | undefined
}

/** What the world saw of the engines: every request and every answer. The auditor's evidence. */
export class History {
  readonly attempts: Attempt[] = []
  readonly readings: Reading[] = []
  readonly dryRuns: DryRun[] = []
  intents = 0

  /** Requests that were answered with the decision on them. */
  answeredRequests(): Set<string | undefined> {
    const decided = this.attempts.map(({ outcome }) => outcome?.kind === 'decided' && outcome.record.request)
    return new Set(decided.filter((request) => request !== false))
  }

  attempt(intent: Intent, sentMs: number): Attempt {
    const id = `a${this.attempts.length + 1}`
    const attempt: Attempt = { id, intent, sentMs, outcome: undefined, answeredMs: undefined, term: 0 }
    this.attempts.push(attempt)
    return attempt
  }
}
