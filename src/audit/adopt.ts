import { createHash } from 'node:crypto'
import type { AdoptLeg, Command } from '../../actors/messages/commands.ts'
import { decide } from '../../actors/rules/decide.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { Effect } from '../../actors/messages/records.ts'
import { pause } from '../engine/pause.ts'
import type { EnrollmentService } from '../engine/service.ts'
import { loadState } from './audit-state.ts'
import type { PlaceRow, StateRows } from './audit-ports.ts'

/** Something in the tables that no sequence of decisions leads to. An `unusable` one must be mended by hand. */
export interface AdoptionFinding {
  readonly kind: string
  /** One line for people, naming the rows. */
  readonly text: string
}

/** One course to settle: the command that does it, and what will come of it. */
export interface CourseAdoption {
  readonly command: Command & { readonly legs: readonly [AdoptLeg] }
  readonly effects: readonly Effect[]
}

export interface AdoptionPlan {
  readonly findings: readonly AdoptionFinding[]
  /** Nothing can be adopted while an `unusable` row stands; then `courses` is empty. */
  readonly isBlocked: boolean
  readonly courses: readonly CourseAdoption[]
}

/** Adoption cannot be completed: the rules turned a command away, or the engine has stopped. */
export class AdoptionFailed extends Error {
  override readonly name = 'AdoptionFailed'
}

/**
 * What adoption would do, decided by the engine's own code on a copy of the tables: it needs no leadership and
 * disturbs nobody.
 * @param legs one per course that a finding is about
 * @param tables as of the snapshot that the findings are from
 */
export async function planAdoption(
  findings: readonly AdoptionFinding[],
  legs: readonly AdoptLeg[],
  tables: StateRows,
): Promise<AdoptionPlan> {
  const isBlocked = findings.some(({ kind }) => kind === 'unusable')
  if (isBlocked) return { findings, isBlocked, courses: [] }
  const { campus } = await loadState({ ...tables, places: () => seatsFirst(tables.places(), legs) })
  const courses = legs.map((leg) => {
    const command = { actor: { role: 'operator', id: 0 }, legs: [leg] } as const
    const verdict = decide(campus, command, 0)
    if ('rejection' in verdict) throw new AdoptionFailed(`course ${leg.course}: ${verdict.rejection}`)
    const effects = verdict.effects ?? []
    for (const effect of effects) evolve(campus, effect)
    return { command, effects }
  })
  return { findings, isBlocked, courses }
}

/** Only places in those courses, in the order in which they count: seats, the older first, then the queue. */
async function* seatsFirst(
  places: AsyncIterable<PlaceRow>,
  legs: readonly AdoptLeg[],
): AsyncIterable<PlaceRow> {
  const courses = new Set(legs.map(({ course }) => course))
  const waiting: PlaceRow[] = []
  for await (const place of places) {
    if (!courses.has(place.course)) continue
    if (place.order === undefined) yield place
    else waiting.push(place)
  }
  yield* waiting.toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))
}

export interface ApplyOptions {
  /** Tells this run's idempotency keys from those of others. */
  readonly runId: string
  /** Ends the waiting; what was decided until then stands. */
  readonly signal: AbortSignal
  /** Called with each course once its decision is durable. */
  readonly onProgress: (progress: AdoptionProgress) => void
  /** Called with why it does not go on for now, once that has lasted, and when the reason changes. */
  readonly onWaiting: (detail: string) => void
}

export interface AdoptionProgress {
  readonly course: number
  readonly effects: readonly Effect[]
  /** Courses settled so far, this one included. */
  readonly done: number
  readonly total: number
}

const pollMs = 50
/** Taking over takes a moment: only what lasts longer is worth a line. */
const quietPolls = 20

/**
 * Settles one course after another by a decision on record, and resolves once all of them are applied to the
 * tables. A lost term is waited out, and repeating a command decides nothing twice.
 * @param service leads, or is about to, with `evenIfAdoptionNeeded`
 * @param plan names the courses and the repeated rows; what else a course needs is decided when it is its turn
 * @throws AdoptionFailed if a course cannot be settled, or the service stopped
 * @throws the signal's reason, when it is aborted
 */
export async function applyAdoption(
  service: Pick<EnrollmentService, 'submit' | 'status'>,
  plan: AdoptionPlan,
  options: ApplyOptions,
): Promise<void> {
  if (plan.isBlocked) throw new AdoptionFailed('there are rows that must be mended by hand first')
  const waiting = new Waiting(service, options)
  let done = 0
  for (const { command } of plan.courses) {
    const effects = await decideOne(service, command, options.runId, waiting)
    done++
    options.onProgress({ course: command.legs[0].course, effects, done, total: plan.courses.length })
  }
  for (;;) {
    // A later term began only after all that earlier ones decided was applied.
    const { state, decidedSeq, appliedSeq } = service.status()
    if (state === 'leading' && appliedSeq >= decidedSeq) return
    await waiting.wait('waiting for the database to have it all')
  }
}

async function decideOne(
  service: Pick<EnrollmentService, 'submit'>,
  command: CourseAdoption['command'],
  runId: string,
  waiting: Waiting,
): Promise<readonly Effect[]> {
  const [leg] = command.legs
  const key = `adopt-${runId}-${leg.course}`
  const requestHash = createHash('sha256').update(JSON.stringify(leg)).digest('base64url')
  for (;;) {
    const outcome = await service.submit(command, { key, requestHash })
    switch (outcome.kind) {
      case 'decided':
        if (outcome.record.effects === undefined) throw new AdoptionFailed(`course ${leg.course} was refused`)
        return outcome.record.effects
      case 'rejected':
      case 'failed':
        throw new AdoptionFailed(`course ${leg.course}: ${outcome.code}`)
      case 'key_refused':
        if (outcome.code === 'idempotency_mismatch') {
          throw new AdoptionFailed(`course ${leg.course} was asked for twice`)
        }
        await waiting.wait('waiting for the journal')
        break
      case 'unavailable':
        await waiting.wait('waiting to lead')
        break
    }
  }
}

/** Waits a moment, and says why when the reason is a new one. */
class Waiting {
  readonly #service: Pick<EnrollmentService, 'status'>
  readonly #options: ApplyOptions
  #polls = 0
  #said = ''

  constructor(service: Pick<EnrollmentService, 'status'>, options: ApplyOptions) {
    this.#service = service
    this.#options = options
  }

  async wait(reason: string): Promise<void> {
    const { state, detail } = this.#service.status()
    if (state === 'stopped') throw new AdoptionFailed('the engine has stopped')
    const why = state === 'leading' || detail === '' ? reason : `${reason}: ${detail}`
    if (++this.#polls > quietPolls && why !== this.#said) {
      this.#options.onWaiting(why)
      this.#said = why
    }
    await pause(pollMs, this.#options.signal)
  }
}
