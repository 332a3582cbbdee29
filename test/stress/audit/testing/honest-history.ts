import type {
  Caller,
  Answer,
  CommandLog,
  Decision,
  Effect,
  Evidence,
  Leg,
  Reason,
  Tables,
} from '../../history.ts'

interface Step {
  readonly actor: Caller
  readonly student?: number
  readonly legs: readonly Leg[]
  readonly effects?: readonly Effect[]
  readonly reasons?: readonly Reason[]
  readonly remaining?: number
  readonly key?: string
  /** What a 200 said; a 204 says nothing. */
  readonly body?: unknown
}

const dayMs = Date.UTC(2026, 8, 1, 7)
const first = { course: 1, group: 1 }
const second = { course: 1, group: 2 }

function student(id: number): { readonly actor: Caller; readonly student: number } {
  return { actor: { role: 'student', id }, student: id }
}
const staff: Caller = { role: 'staff', id: 9 }

function add(where: { readonly course: number; readonly group: number }): Leg[] {
  return [{ do: 'add', ...where, reserve: 'allow' }]
}

/** Group 1 has two seats and two reserve places, group 2 one seat. Each step is decision 1.<its number>. */
const steps: readonly Step[] = [
  {
    ...student(1),
    legs: add(first),
    effects: [{ type: 'registered', student: 1, ...first }],
    remaining: 5,
    key: 'a',
    body: {
      place: 'registered',
      reserve_queue_position: 0,
      remaining_actions: 5,
      course_id: 1,
      group_id: 1,
      decision: { seq: 1, at: new Date(dayMs).toISOString() },
    },
  },
  { ...student(2), legs: add(first), effects: [{ type: 'registered', student: 2, ...first }], remaining: 5 },
  {
    ...student(3),
    legs: add(first),
    effects: [{ type: 'reserved', student: 3, ...first, order: 1, position: 1 }],
    remaining: 5,
    key: 'c',
  },
  {
    ...student(4),
    legs: add(first),
    effects: [{ type: 'reserved', student: 4, ...first, order: 2, position: 2 }],
    remaining: 5,
    key: 'd',
  },
  {
    ...student(5),
    legs: add(first),
    reasons: [
      { code: 'unit_limit', leg: 0, ...first },
      { code: 'course_full', leg: 0, ...first },
    ],
    remaining: 5,
    key: 'e',
  },
  {
    ...student(1),
    legs: [{ do: 'drop', course: 1 }],
    effects: [
      { type: 'left', student: 1, ...first },
      { type: 'actions_spent', student: 1, count: 1, remaining: 4 },
      { type: 'promoted', student: 3, ...first },
    ],
    remaining: 4,
  },
  {
    actor: staff,
    student: 6,
    legs: [{ do: 'force_add', ...first }],
    effects: [
      { type: 'registered', student: 6, ...first },
      { type: 'extra_seat_given', student: 6, ...first },
    ],
    remaining: 5,
    key: 'g',
  },
  {
    actor: staff,
    legs: [{ do: 'set_capacity', ...first, capacity: 1 }],
    reasons: [{ code: 'capacity_below_registered', leg: 0, ...first }],
    key: 'h',
  },
  {
    ...student(5),
    legs: add(second),
    effects: [{ type: 'registered', student: 5, ...second }],
    remaining: 5,
  },
]

function decisionOf({ body: _body, ...step }: Step, index: number): Decision {
  return {
    term: 1,
    seq: index + 1,
    at: dayMs + 10 * index,
    actor: step.actor,
    student: step.student,
    legs: step.legs,
    effects: step.effects,
    reasons: step.reasons,
    remaining: step.remaining,
    key: step.key,
  }
}

function commandOf(step: Step, index: number): CommandLog {
  const reasons = step.reasons?.map(({ leg: _leg, ...reason }) => reason)
  const answer: Answer = reasons ? { kind: 'refused', reasons } : { kind: 'done', body: step.body }
  const attempt = { sentMs: 10 * index, receivedMs: 10 * index + 5, label: 'reply', certainlyNot: false }
  return {
    actor: step.actor,
    student: step.student,
    legs: step.legs,
    isPlan: false,
    key: step.key,
    tries: [{ attempts: [attempt], answer, isReplay: false }],
    begunAt: dayMs + 10 * index,
    endedAt: dayMs + 10 * index + 5,
  }
}

const before: Tables = {
  groups: [
    { ...first, capacity: 2, reserveCapacity: 2 },
    { ...second, capacity: 1, reserveCapacity: 0 },
  ],
  students: [1, 2, 3, 4, 5, 6].map((id) => ({ id, remaining: 5 })),
  places: [],
}

const after: Tables = {
  groups: [
    { ...first, capacity: 2, reserveCapacity: 2 },
    { ...second, capacity: 1, reserveCapacity: 0 },
  ],
  students: [1, 2, 3, 4, 5, 6].map((id) => ({ id, remaining: id === 1 ? 4 : 5 })),
  places: [
    { student: 2, ...first, order: undefined },
    { student: 3, ...first, order: undefined },
    { student: 6, ...first, order: undefined, isExtra: true },
    { student: 4, ...first, order: 2 },
    { student: 5, ...second, order: undefined },
  ],
}

/** Nine decisions in which everything is as it should be; command n was sent at 10 n and answered 5 ms later. */
export function honestHistory(): Evidence {
  return {
    before,
    decisions: steps.map(decisionOf),
    after,
    commands: steps.map(commandOf),
    reads: [
      // Before, during and after the drop, which is sent at 50.
      { what: 'roster', ...first, registered: [1, 2], waiting: [3, 4], sentMs: 46, receivedMs: 49 },
      { what: 'roster', ...first, registered: [2, 3], waiting: [4], sentMs: 51, receivedMs: 52 },
      {
        what: 'student',
        student: 4,
        places: [{ ...first, position: 1 }],
        sentMs: 56,
        receivedMs: 57,
      },
    ],
    lastReads: [
      { what: 'roster', ...first, registered: [2, 3, 6], waiting: [4], sentMs: 100, receivedMs: 101 },
      { what: 'student', student: 1, places: [], sentMs: 100, receivedMs: 101 },
    ],
    lastGroups: [{ ...first, capacity: 3, registered: 3, waiting: 1 }],
  }
}
