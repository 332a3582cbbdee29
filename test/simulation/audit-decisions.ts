import type { Command } from '../../actors/messages/commands.ts'
import type { Refusal } from '../../actors/messages/refusals.ts'
import { applyEffects } from './apply-effects.ts'
import type { Evidence } from './evidence.ts'
import type { ReadingAudit } from './audit-readings.ts'
import { type BookGroup, Books } from './books.ts'
import type { Attempt } from './history.ts'
import { newConflicts } from './administration.ts'
import { brokenRules, carryOut, classesCollide, examsCollide, precedence } from './rules.ts'
import { isSameValue } from './same-value.ts'
import type { StoredDecision, Tables } from './tables.ts'

/**
 * Goes through all decisions in order: their numbers and times, whether each is the answer that the rules give,
 * and whether its effects do what it says and no more.
 * @param books are carried along: after this they are as all decisions leave them
 */
export function auditDecisions(
  { blueprint, history, tables, epochMs }: Pick<Evidence, 'blueprint' | 'history' | 'tables' | 'epochMs'>,
  books: Books,
  readings: ReadingAudit,
): string[] {
  const attempts = new Map(history.attempts.map((attempt) => [attempt.id, attempt]))
  const audit = new DecisionAudit(books, new Books(blueprint))
  const failures: string[] = []
  let before: StoredDecision | undefined
  for (const stored of tables.decisions) {
    const name = `decision ${stored.term}.${stored.record.seq}`
    const wrong = [
      ...auditOrder(before, stored),
      ...auditTime(stored.record.at - epochMs, attempts.get(stored.record.request ?? '')),
      ...audit.decision(stored, attempts.get(stored.record.request ?? '')),
    ]
    failures.push(...wrong.map((what) => `${name}: ${what}`))
    if (failures.length > 5) return failures
    readings.decided(audit.touchedStudents, audit.touchedGroups)
    before = stored
  }
  return [...failures, ...audit.timetables(), ...auditLeaders(tables)]
}

function auditOrder(before: StoredDecision | undefined, { term, record }: StoredDecision): string[] {
  if (before === undefined) return []
  const failures: string[] = []
  const follows = term === before.term ? record.seq === before.record.seq + 1 : record.seq === 1
  if (!follows || term < before.term) failures.push(`follows ${before.term}.${before.record.seq}`)
  if (record.at < before.record.at) failures.push('was made before the one before it')
  return failures
}

/** Whatever the engines' clocks say: as PostgreSQL's, which is never off by more than a second while somebody may lead. */
function auditTime(atMs: number, attempt: Attempt | undefined): string[] {
  const [from, to] = [(attempt?.sentMs ?? 0) - 1000, (attempt?.answeredMs ?? Infinity) + 1000]
  return atMs >= from && atMs <= to ? [] : [`is dated ${atMs}, not from ${from} to ${to}`]
}

function auditLeaders({ leaders }: Tables): string[] {
  const accepted = [...leaders].filter(([, { term }]) => term !== undefined)
  const inOrder = accepted.toSorted(([, a], [, b]) => (a.term ?? 0) - (b.term ?? 0))
  return inOrder.flatMap(([leader, { after, term }], index) => {
    const [previous] = inOrder[index - 1] ?? []
    return term === index + 1 && (previous === undefined || previous === after)
      ? []
      : [`leader ${leader} of term ${term} does not come after the one before`]
  })
}

/** Keeps two sets of books, one by the rules and one by the effects on record: they must never differ. */
class DecisionAudit {
  touchedStudents: ReadonlySet<number> = new Set()
  touchedGroups: ReadonlySet<BookGroup> = new Set()
  readonly #books: Books
  readonly #expected: Books
  readonly #forced = new Set<number>()

  constructor(books: Books, expected: Books) {
    this.#books = books
    this.#expected = expected
  }

  decision({ record }: StoredDecision, attempt: Attempt | undefined): string[] {
    this.touchedStudents = new Set()
    this.touchedGroups = new Set()
    if (attempt === undefined) return ['nobody asked for it']
    const { command, key } = attempt.intent
    if (!isAbout(record, command, key)) return ['is not about what was asked']
    const rules = brokenRules(this.#expected, command, record.at)
    const reasons = (record.reasons ?? []).map(reasonText)
    const leftOut = record.reasons?.at(-1)?.more ?? 0
    const areAll = reasons.toSorted().join('; ') === rules.join('; ')
    const areSome = reasons.every((one) => rules.includes(one)) && reasons.length + leftOut === rules.length
    if (!(leftOut === 0 ? areAll : areSome)) {
      return [
        `${JSON.stringify(command)} at ${record.at}: told “${reasons.join('; ')}”, it is “${rules.join('; ')}”`,
      ]
    }
    const ranks = (record.reasons ?? []).map(({ code }) => precedence.indexOf(code))
    if (ranks.some((rank, index) => rank < (ranks[index - 1] ?? 0))) return ['reasons are out of order']
    const remaining = this.#carryOut(record, command, rules.length === 0)
    const actions = this.#expected.students.get(command.student ?? -1)?.actions
    if (record.remaining !== actions) remaining.push(`says ${record.remaining} actions remain of ${actions}`)
    return remaining
  }

  #carryOut(record: StoredDecision['record'], command: Command, isYes: boolean): string[] {
    if (!isYes) return record.effects === undefined ? [] : ['a no with effects']
    if (record.effects === undefined) return ['a yes without effects']
    const [first] = command.legs
    const misplaced = first?.do === 'change_group' ? newConflicts(this.#expected, first) : 0
    this.#noteExempt(command)
    carryOut(this.#expected, command)
    const isStaff = command.actor.role === 'staff'
    if (command.legs[0]?.do === 'force_add') this.#forced.add(command.student ?? 0)
    const { groups, students, misfits } = applyEffects(this.#books, record.effects, {
      student: command.student,
      isStaff,
    })
    this.touchedGroups = groups
    this.touchedStudents = students
    const told = record.effects.find(({ type }) => type === 'conflicts_arose')
    if ((told?.type === 'conflicts_arose' ? told.count : 0) !== misplaced) {
      misfits.push(`${misplaced} students have two things at once now, and it does not say so`)
    }
    for (const id of students) {
      const [is, should] = [this.#books.lineOfStudent(id), this.#expected.lineOfStudent(id)]
      if (is !== should) misfits.push(`${JSON.stringify(command)} made “${is}”, not “${should}”`)
    }
    const wanted = command.legs.map((leg) => ('group' in leg ? `${leg.course}/${leg.group}` : ''))
    for (const name of new Set([...wanted, ...[...groups].map((group) => group.name)])) {
      const found = this.#books.groups.get(name)
      const expected = this.#expected.groups.get(name)
      if (found === undefined || expected === undefined) continue
      const [is, should] = [this.#books.lineOfGroup(found), this.#books.lineOfGroup(expected)]
      if (is !== should) misfits.push(`${JSON.stringify(command)} made it “${is}”, not “${should}”`)
    }
    return misfits
  }

  /** Whom staff gave other times or fewer units: nobody's place is taken away for it. */
  #noteExempt({ student, legs }: Command): void {
    const [leg] = legs
    if (leg?.do === 'change_student') this.#forced.add(student ?? 0)
    if (leg?.do !== 'change_group') return
    const group = this.#expected.find(leg.course, leg.group)
    for (const id of [...(group?.seats ?? []), ...(group?.queue ?? []).map((waiting) => waiting.student)]) {
      this.#forced.add(id)
    }
  }

  /** Nobody whom no staff member forced is over their units, or in two places at once. */
  timetables(): string[] {
    const failures: string[] = []
    for (const { id, maxUnits } of this.#books.students.values()) {
      if (this.#forced.has(id)) continue
      const held = this.#books.held(id)
      const units = held.reduce((sum, group) => sum + group.units, 0)
      if (units > maxUnits) failures.push(`student ${id} has ${units} units of ${maxUnits}`)
      for (const [index, one] of held.entries()) {
        const collides = held
          .slice(0, index)
          .some(
            (other) => classesCollide(one, other) || examsCollide(one, other) || one.course === other.course,
          )
        if (collides) failures.push(`student ${id} is in two places at once`)
      }
    }
    return failures
  }
}

function isAbout(record: StoredDecision['record'], command: Command, key: string | undefined): boolean {
  const { actor, student, legs } = command
  const { role, id } = record.actor
  return (
    role === actor.role &&
    id === actor.id &&
    record.student === student &&
    record.key === key &&
    isSameValue(record.legs, legs)
  )
}

export function reasonText({ code, leg, course, group, with: other }: Refusal): string {
  const where = course === undefined ? '' : group === undefined ? ` ${course}` : ` ${course}/${group}`
  return `${leg ?? '-'} ${code}${where}${other === undefined ? '' : ` with ${other.course}/${other.group}`}`
}
