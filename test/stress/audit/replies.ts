import {
  type Answer,
  canonical,
  type CommandLog,
  type Decision,
  type Effect,
  type Leg,
  type Reason,
} from '../history.ts'
import { Check } from './check.ts'
import type { Matches } from './match.ts'
import { name } from './seats.ts'

/** Compares every answer that a client got with the decisions that its command led to. */
export class ReplyAudit {
  readonly yes = new Check('every yes has exactly one decision, with what the reply said')
  readonly no = new Check(
    'every refusal by a rule has exactly one decision, with the same reasons in the same order',
  )
  readonly none = new Check('what was turned away before the rules led to no decision')
  readonly unknown = new Check('what stayed without a reply led to one decision or none')
  readonly repeated = new Check(
    'a repetition with the same key was told the first answer, and decided nothing',
  )

  /** Commands without an answer that were decided all the same. */
  unknownButDecided = 0

  get checks(): Check[] {
    return [this.yes, this.no, this.none, this.unknown, this.repeated]
  }

  judge(commands: readonly CommandLog[], { decisionsOf }: Matches): void {
    for (const command of commands) this.#judgeCommand(command, decisionsOf.get(command) ?? [])
  }

  #judgeCommand(command: CommandLog, decisions: readonly Decision[]): void {
    const answered = command.tries.filter(({ answer }) => answer.kind === 'done' || answer.kind === 'refused')
    for (const { answer } of command.tries) this.#judgeAnswer(command, answer, decisions, answered.length > 0)
    if (command.tries.length === 1 && (command.tries[0]?.attempts.length ?? 0) === 1) return
    const [first] = answered
    if (first === undefined) return
    this.repeated.expect(
      answered.every(({ answer }) => canonical(answer) === canonical(first.answer)),
      () => `${describe(command)}: ${answered.map(({ answer }) => canonical(answer)).join(' and then ')}`,
    )
    this.repeated.expect(
      answered.filter(({ isReplay }) => !isReplay).length <= 1 && decisions.length <= 1,
      () => `${describe(command)}: ${decisions.length} decisions, several answers that were no repetition`,
    )
  }

  #judgeAnswer(
    command: CommandLog,
    answer: Answer,
    decisions: readonly Decision[],
    isAnswered: boolean,
  ): void {
    const [decision] = decisions
    const found = () => `${describe(command)}: ${decisions.map(name).join(', ') || 'no decision'}`
    switch (answer.kind) {
      case 'done': {
        if (decisions.length !== 1 || decision === undefined) return this.yes.expect(false, found)
        const wrong = misfitOf(command, answer.body, decision)
        return this.yes.expect(wrong === undefined, () => `${found()}: ${wrong}`)
      }
      case 'refused': {
        if (decisions.length !== 1 || decision === undefined) return this.no.expect(false, found)
        const decided = decision.reasons?.map((reason) => shownReason(reason, command.isPlan))
        return this.no.expect(
          canonical(answer.reasons) === canonical(decided),
          () => `${found()}: told ${canonical(answer.reasons)}, decided ${canonical(decided)}`,
        )
      }
      case 'turned_away':
        // Another try of the same command may have been decided.
        return this.none.expect(isAnswered || decisions.length === 0, () => `${found()}: told ${answer.code}`)
      case 'unknown':
        this.unknownButDecided += decisions.length
        return this.unknown.expect(decisions.length <= 1, found)
    }
  }
}

/** Only plans have legs that a client counts. */
function shownReason({ leg, ...reason }: Reason, isPlan: boolean): Reason {
  return { ...reason, ...(isPlan && leg !== undefined && { leg }) }
}

/** @param body undefined after a 204 */
function misfitOf(command: CommandLog, body: unknown, decision: Decision): string | undefined {
  if (decision.effects === undefined) return `told yes, decided ${canonical(decision.reasons)}`
  if (body === undefined) return undefined
  // Staff are not shown the actions of another department's student, and nothing here knows departments.
  const isHidden =
    command.actor.role === 'staff' && (body as { remaining_actions?: unknown }).remaining_actions === null
  const shown = isHidden ? { ...decision, remaining: undefined } : decision
  const expected = canonical(expectedBody(command, shown, decision.effects))
  return canonical(body) === expected ? undefined : `told ${canonical(body)}, decided ${expected}`
}

/** What the reply says if it says what was decided. */
function expectedBody(command: CommandLog, decision: Decision, effects: readonly Effect[]): unknown {
  const said = {
    remaining_actions: decision.remaining ?? null,
    decision: { seq: decision.seq, at: new Date(decision.at).toISOString() },
  }
  if (command.isPlan) {
    const legs = command.legs.map((leg, index) => planLeg(command, leg, index, effects))
    return { dry_run: false, legs, ...said }
  }
  const [leg] = command.legs
  if (leg?.do === 'set_capacity') {
    const promoted = effects.flatMap((effect) => (effect.type === 'promoted' ? [effect.student] : []))
    const { course, group, capacity } = leg
    return { course_id: course, group_id: group, capacity, promoted, dry_run: false, decision: said.decision }
  }
  const last = lastPlace(command, leg, effects)
  return { ...placeOf(last), course_id: leg?.course, group_id: last?.group, ...said }
}

type PlaceEffect = Extract<Effect, { readonly student: number; readonly group: number }>

/** The last thing that happened to the command's student in the leg's course. */
function lastPlace(
  command: CommandLog,
  leg: Leg | undefined,
  effects: readonly Effect[],
): PlaceEffect | undefined {
  return effects.findLast(
    (effect): effect is PlaceEffect =>
      'student' in effect &&
      'course' in effect &&
      effect.student === command.student &&
      effect.course === leg?.course,
  )
}

function placeOf(effect: PlaceEffect | undefined): {
  place: string | null
  reserve_queue_position: number | null
} {
  if (effect === undefined || effect.type === 'left') return { place: null, reserve_queue_position: null }
  if (effect.type === 'reserved') return { place: 'reserved', reserve_queue_position: effect.position }
  return { place: 'registered', reserve_queue_position: 0 }
}

function planLeg(command: CommandLog, leg: Leg, index: number, effects: readonly Effect[]): unknown {
  const isOverruled = command.legs.findLastIndex(({ course }) => course === leg.course) !== index
  const last = lastPlace(command, leg, effects)
  const isHeld = leg.do !== 'drop' && !isOverruled
  const place =
    isHeld && last === undefined ? { place: 'unchanged', reserve_queue_position: null } : placeOf(last)
  return {
    do: leg.do,
    course_id: leg.course,
    group_id: leg.do === 'drop' || !('group' in leg) ? null : leg.group,
    ...(isHeld ? place : placeOf(undefined)),
  }
}

export function describe(command: CommandLog): string {
  const { role, id } = command.actor
  const labels = command.tries.map(({ attempts }) => attempts.map(({ label }) => label).join(', '))
  return `${role} ${id}: ${canonical(command.legs)} (${labels.join(' / ')})`
}
