import type { AdminEffect, ConflictsArose } from '../../actors/messages/admin-effects.ts'
import type { GroupProfile } from '../../actors/course.ts'
import type { StudentProfile } from '../../actors/student.ts'
import type { DecisionRecord, Effect } from '../../actors/messages/records.ts'
import { examOf } from '../../actors/rules/timetable.ts'
import { noLeader, type Position, type RecordId } from '../../src/engine/ports.ts'

/** The campus as it is before the first decision. */
export interface Blueprint {
  readonly groups: readonly GroupProfile[]
  /** Those who are in the tables from the beginning, and those who are added while the engine runs. */
  readonly students: readonly StudentProfile[]
  readonly latecomers: readonly StudentProfile[]
}

export interface StoredDecision {
  readonly leader: string
  readonly term: number
  readonly record: DecisionRecord
}

/** A seat, or with an `order` a reserve place. */
export interface PlaceRow {
  readonly student: number
  readonly course: number
  readonly group: number
  readonly order: number | undefined
  /** A seat beyond the capacity. */
  readonly isExtra: boolean
}

/** The committed contents of the simulated database. What SQL does to them, without asking whether it fits. */
export class Tables {
  readonly groups: Map<string, GroupProfile>
  readonly students = new Map<number, StudentProfile>()
  /** The newest term that did not come through the journal that feeds the tables now. */
  journalStart = 0
  /** `Journal.identity` of the only one that may feed the tables. */
  journal = ''
  position: Position = { leader: noLeader, term: 0, seq: 0, atMs: 0 }
  readonly leaders = new Map<string, { readonly after: string; readonly term: number | undefined }>()
  readonly decisions: StoredDecision[] = []
  readonly voids = new Map<string, StoredDecision>()
  readonly places = new Map<string, PlaceRow>()
  readonly capacities = new Map<string, number>()
  readonly actions = new Map<number, number>()
  readonly #applied = new Map<string, DecisionRecord>()
  readonly #keyed = new Map<string, StoredDecision[]>()

  constructor(blueprint: Blueprint) {
    this.groups = new Map(blueprint.groups.map((group) => [`${group.course}/${group.group}`, group]))
    for (const group of blueprint.groups) {
      this.capacities.set(`${group.course}/${group.group}`, group.capacity)
    }
    for (const student of blueprint.students) this.addStudent(student)
  }

  addStudent(student: StudentProfile): void {
    this.students.set(student.id, student)
    this.actions.set(student.id, student.remainingActions)
  }

  isApplied({ leader, seq }: RecordId): boolean {
    return this.#applied.has(`${leader} ${seq}`)
  }

  /** Records of the present leader that came early, by the first of their message. */
  readonly early = new Map<number, readonly DecisionRecord[]>()
  /** Newest records that leaders have answered for, by leader. */
  readonly answered = new Map<string, number>()
  /** Leaders with such a record that somebody found missing, and those whose loss a person has accepted. */
  readonly #lost = new Set<string>()
  readonly acceptedLosses = new Set<string>()
  /** Where the tables were whenever the queue was given up, with all that it held. */
  readonly lostWithQueue: Position[] = []

  noteAnswered({ leader, seq }: RecordId): void {
    this.answered.set(leader, Math.max(seq, this.answered.get(leader) ?? 0))
  }

  missingAnswered(): RecordId[] {
    return [...this.answered]
      .map(([leader, seq]) => ({ leader, seq }))
      .filter((record) => !this.isApplied(record) && !this.acceptedLosses.has(record.leader))
  }

  recordLoss(lost: RecordId): void {
    this.noteAnswered(lost)
    this.#lost.add(lost.leader)
  }

  /** As `enrollment journal --accept-loss` does it. */
  acceptLosses(isQueueGone: boolean): void {
    for (const { leader } of this.missingAnswered()) {
      if (isQueueGone || this.#lost.has(leader)) this.acceptedLosses.add(leader)
    }
    if (!isQueueGone) return
    this.lostWithQueue.push(this.position)
    this.journalStart = this.position.term
  }

  /** Kept records that follow on `after`, in order. */
  earlyAfter(after: number): DecisionRecord[] {
    const taken: DecisionRecord[] = []
    for (const [, records] of [...this.early].toSorted(([a], [b]) => a - b)) {
      const fresh = records.filter(({ seq }) => seq > after + taken.length)
      if (fresh.length > 0 && fresh[0]?.seq !== after + taken.length + 1) break
      taken.push(...fresh)
    }
    return taken
  }

  dropEarly(upTo: number): void {
    for (const [first, records] of this.early)
      if ((records.at(-1)?.seq ?? 0) <= upTo) this.early.delete(first)
  }

  earlyRange(): { first: number; newest: number } | undefined {
    const seqs = [...this.early.values()].flat().map(({ seq }) => seq)
    const open = seqs.filter((seq) => seq > this.position.seq)
    return open.length === 0 ? undefined : { first: Math.min(...open), newest: Math.max(...open) }
  }

  appliedRecord({ leader, seq }: RecordId): DecisionRecord | undefined {
    return this.#applied.get(`${leader} ${seq}`)
  }

  insertLeader(leader: string, after: string, accepted: boolean): void {
    if (this.leaders.has(leader)) throw new Error(`leaders: duplicate key ${leader}`)
    const term = accepted ? this.position.term + 1 : undefined
    this.leaders.set(leader, { after, term })
    if (term === undefined) return
    // Nothing will precede them any more.
    this.insertVoids(this.position.leader, [...this.early.values()].flat())
    this.early.clear()
    this.position = { leader, term, seq: 0, atMs: this.position.atMs }
  }

  /** Decisions, then their effects: the last word on a place, a capacity or a student's actions stands. */
  apply(records: readonly DecisionRecord[]): void {
    const { leader, term } = this.position
    for (const record of records) {
      const name = `${leader} ${record.seq}`
      if (this.#applied.has(name)) throw new Error(`decisions: duplicate key ${name}`)
      this.#applied.set(name, record)
      const stored = { leader, term, record }
      this.decisions.push(stored)
      if (record.key !== undefined) this.keyedOf(record.actor.role, record.actor.id).push(stored)
      for (const effect of record.effects ?? []) this.#fold(effect)
      this.position = { leader, term, seq: record.seq, atMs: Math.max(this.position.atMs, record.at) }
    }
  }

  #fold(effect: Effect): void {
    switch (effect.type) {
      case 'registered':
      case 'promoted':
      case 'extra_seat_ended':
        this.#place(effect, { order: undefined, isExtra: false })
        return
      case 'extra_seat_given':
        this.#place(effect, { order: undefined, isExtra: true })
        return
      case 'reserved':
        this.#place(effect, { order: effect.order, isExtra: false })
        return
      case 'left':
        this.places.delete(`${effect.student} in ${effect.course}/${effect.group}`)
        return
      case 'capacity_changed':
        this.capacities.set(`${effect.course}/${effect.group}`, effect.capacity)
        return
      case 'actions_spent':
        this.actions.set(effect.student, effect.remaining)
        return
      case 'duplicates_removed':
      case 'conflicts_arose':
        return
      case 'group_changed':
      case 'group_opened':
      case 'group_closed':
      case 'group_cancelled':
      case 'group_added':
      case 'student_added':
      case 'window_changed':
      case 'max_units_changed':
      case 'actions_changed':
        this.#administer(effect)
    }
  }

  #administer(effect: Exclude<AdminEffect, ConflictsArose>): void {
    switch (effect.type) {
      case 'group_added': {
        const { exam, genderLock, type: _type, ...columns } = effect
        const profile = {
          ...columns,
          genderLock: genderLock ?? undefined,
          exam: exam ? examOf(exam) : undefined,
        }
        this.groups.set(`${effect.course}/${effect.group}`, profile)
        this.capacities.set(`${effect.course}/${effect.group}`, effect.capacity)
        return
      }
      case 'student_added': {
        const { student, type: _type, entryYear: _entryYear, ...columns } = effect
        this.addStudent({ id: student, ...columns })
        return
      }
      case 'group_changed': {
        const { exam, type: _type, ...columns } = effect
        const examined = exam === undefined ? {} : { exam: exam === null ? undefined : examOf(exam) }
        this.#update(effect, { ...columns, ...examined })
        return
      }
      case 'group_opened':
        return this.#update(effect, { status: 'open' })
      case 'group_closed':
        return this.#update(effect, { status: 'closed' })
      case 'group_cancelled':
        return this.#update(effect, { status: 'cancelled' })
      case 'actions_changed':
        this.actions.set(effect.student, effect.remaining)
        return
      case 'window_changed': {
        const { student, windowStartMs, windowEndMs } = effect
        this.#updateStudent(student, { windowStartMs, windowEndMs })
        return
      }
      case 'max_units_changed':
        this.#updateStudent(effect.student, { maxUnits: effect.maxUnits })
    }
  }

  #update({ course, group }: { course: number; group: number }, columns: Partial<GroupProfile>): void {
    const name = `${course}/${group}`
    const profile = this.groups.get(name)
    if (profile !== undefined) this.groups.set(name, { ...profile, ...columns })
  }

  #updateStudent(id: number, columns: Partial<StudentProfile>): void {
    const profile = this.students.get(id)
    if (profile !== undefined) this.students.set(id, { ...profile, ...columns })
  }

  #place(
    { student, course, group }: { student: number; course: number; group: number },
    what: Pick<PlaceRow, 'order' | 'isExtra'>,
  ): void {
    this.places.set(`${student} in ${course}/${group}`, { student, course, group, ...what })
  }

  insertVoids(leader: string, records: readonly DecisionRecord[]): void {
    for (const record of records) {
      this.voids.set(`${leader} ${record.seq}`, { leader, term: 0, record })
    }
  }

  /** A caller's keyed decisions, oldest first. */
  keyedOf(role: string, id: number): StoredDecision[] {
    const caller = `${role}:${id}`
    let keyed = this.#keyed.get(caller)
    if (keyed === undefined) {
      keyed = []
      this.#keyed.set(caller, keyed)
    }
    return keyed
  }
}
