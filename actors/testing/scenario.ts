import assert from 'node:assert/strict'
import { type Campus, Campus as EmptyCampus } from '../campus.ts'
import type { AdminEffect } from '../messages/admin-effects.ts'
import type { Command } from '../messages/commands.ts'
import { decide } from '../rules/decide.ts'
import { evolve } from '../rules/evolve.ts'
import type { Effect, Rejection, Verdict } from '../messages/records.ts'
import type { Refusal } from '../messages/refusals.ts'
import { refusalsByDeed, refusalsOfPlan } from '../messages/refusals-by-deed.ts'
import {
  duringWindow,
  type GroupSketch,
  groupProfile,
  type StudentSketch,
  studentProfile,
} from './sketches.ts'

/**
 * Tells a story about one campus: `given(...).when(command).thenHappens(...)`, and `.when` again on the
 * campus that this left. Students who are placed but not sketched are added with the usual profile.
 */
export function given(...sketches: readonly (GroupSketch | StudentSketch)[]): Story {
  return new Story(campusOf(sketches))
}

/** The campus that the sketches describe, placed as loading from the tables would place it. */
export function campusOf(sketches: readonly (GroupSketch | StudentSketch)[]): Campus {
  const campus = new EmptyCampus()
  for (const sketch of sketches) if ('id' in sketch) campus.addStudent(studentProfile(sketch))
  for (const sketch of sketches) {
    if ('id' in sketch) continue
    const group = campus.addGroup(groupProfile(sketch))
    const { registered = [], extra = [], queue = [] } = sketch
    for (const id of [...registered, ...extra, ...queue]) {
      if (!campus.students.has(id)) campus.addStudent(studentProfile({ id }))
    }
    for (const id of registered) campus.place(id, group, undefined)
    for (const id of extra) campus.place(id, group, undefined, true)
    queue.forEach((id, index) => campus.place(id, group, index + 1))
  }
  return campus
}

class Story {
  readonly campus: Campus

  constructor(campus: Campus) {
    this.campus = campus
  }

  /** @param nowMs the moment of the decision; within the usual window unless the story is about time */
  when(command: Command, nowMs: number = duringWindow): Outcome {
    const answer = decide(this.campus, command, nowMs)
    assertListed(command, answer)
    return new Outcome(this, command, answer)
  }

  /** Asserts who is where in a group: the seats in any order, the queue in its own. */
  thenGroup(
    where: string,
    expected: { registered?: number[]; extra?: number[]; queue?: number[]; capacity?: number },
  ): Story {
    const [course, number] = where.split('/').map(Number)
    const group = this.campus.group(course ?? 0, number ?? 0)
    const actual = {
      registered: group.registered.toSorted((a, b) => a - b),
      extra: group.extra.toSorted((a, b) => a - b),
      queue: [...group.queue],
      capacity: group.capacity,
    }
    assert.deepEqual(actual, { ...actual, ...expected })
    return this
  }

  thenActionsLeft(student: number, expected: number): Story {
    assert.equal(this.campus.student(student).remainingActions, expected)
    return this
  }
}

/** Asserts that whoever reads `refusalsByDeed` knows of every code in an answer. */
export function assertListed({ legs, plan = false }: Command, answer: Verdict | Rejection): void {
  const codes = 'rejection' in answer ? [answer.rejection] : (answer.reasons ?? []).map(({ code }) => code)
  const [leg] = legs
  // The operator's own tool: no route asks for it.
  if (leg === undefined || leg.do === 'adopt') return
  const isPlan = plan || legs.length > 1
  const listed: readonly string[] = isPlan ? refusalsOfPlan : refusalsByDeed[leg.do]
  for (const code of codes) {
    assert.ok(
      listed.includes(code),
      `${isPlan ? 'a plan' : leg.do} is refused with ${code}, which is not listed`,
    )
  }
}

class Outcome {
  readonly answer: Verdict | Rejection
  readonly #story: Story
  readonly #command: Command

  constructor(story: Story, command: Command, answer: Verdict | Rejection) {
    this.#story = story
    this.#command = command
    this.answer = answer
  }

  /** Asserts the whole list of effects, as `inWords` tells them, and carries them out. */
  thenHappens(...expected: readonly string[]): Story {
    const { effects } = this.#verdict()
    assert.deepEqual(effects?.map(inWords) ?? this.answer, expected)
    for (const effect of effects ?? []) evolve(this.#story.campus, effect)
    return this.#story
  }

  /** Asserts the whole list of reasons, in order; each as `code`, or in full as `reasonInWords` tells it. */
  thenIsRefused(...expected: readonly string[]): Story {
    const { reasons, effects } = this.#verdict()
    assert.equal(effects, undefined, `it was done: ${JSON.stringify(effects)}`)
    const severalLegs = this.#command.legs.length > 1
    const told = reasons?.map((reason, index) =>
      expected[index] === reason.code ? reason.code : reasonInWords(reason, severalLegs),
    )
    assert.deepEqual(told, expected)
    return this.#story
  }

  thenIsTurnedAway(expected: Rejection): Story {
    assert.deepEqual(this.answer, expected)
    return this.#story
  }

  #verdict(): Verdict {
    assert.ok(!('rejection' in this.answer), `turned away: ${JSON.stringify(this.answer)}`)
    return this.answer
  }
}

/** One effect as a person would tell it. */
function inWords(effect: Effect): string {
  const where = 'group' in effect ? `${effect.course}/${effect.group}` : ''
  switch (effect.type) {
    case 'registered':
      return `${effect.student} gets a seat in ${where}`
    case 'reserved':
      return `${effect.student} waits in ${where} at ${effect.position}, order ${effect.order}`
    case 'left':
      return `${effect.student} leaves ${where}`
    case 'promoted':
      return `${effect.student} moves up in ${where}`
    case 'extra_seat_given':
      return `${effect.student} has an extra seat in ${where}`
    case 'extra_seat_ended':
      return `${effect.student} has a seat of ${where} itself`
    case 'actions_spent':
      return `${effect.student} spends ${effect.count}, ${effect.remaining} left`
    case 'capacity_changed':
      return `${where} holds ${effect.capacity}`
    case 'duplicates_removed':
      return `${effect.student} in ${where} loses rows ${effect.rows.join(' ')}`
    case 'group_changed':
    case 'group_opened':
    case 'group_closed':
    case 'group_cancelled':
    case 'group_added':
    case 'conflicts_arose':
    case 'student_added':
    case 'window_changed':
    case 'max_units_changed':
    case 'actions_changed':
      return administrationInWords(effect)
  }
}

function administrationInWords(effect: AdminEffect): string {
  const { type, ...rest } = effect
  const { course, group, student, ...fields } = { course: 0, group: 0, student: 0, ...rest }
  const about = 'course' in effect ? `${course}/${group}` : `${student}`
  return [
    about,
    type,
    ...Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`),
  ].join(' ')
}

function reasonInWords(reason: Refusal, tellLeg: boolean): string {
  const where = reason.group === undefined ? reason.course : `${reason.course}/${reason.group}`
  const other = reason.with === undefined ? '' : ` with ${reason.with.course}/${reason.with.group}`
  const leg = tellLeg && reason.leg !== undefined ? `leg ${reason.leg}: ` : ''
  return `${leg}${reason.code}${where === undefined ? '' : ` ${where}`}${other}`
}
