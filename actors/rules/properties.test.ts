import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Campus } from '../campus.ts'
import type { CourseGroup } from '../course.ts'
import type { Student } from '../student.ts'
import { stateLines } from '../campus-digest.ts'
import type { Command } from '../messages/commands.ts'
import { decide } from './decide.ts'
import { evolve } from './evolve.ts'
import type { Effect, Verdict } from '../messages/records.ts'
import { inOrderOfPrecedence, type Refusal } from '../messages/refusals.ts'
import { type Fixture, type Step, scene } from '../testing/arbitraries.ts'
import { Auditor } from '../testing/auditor.ts'
import { assertListed, campusOf } from '../testing/scenario.ts'
import { examsOverlap, meetingsOverlap, timeBitsOf } from './timetable.ts'

// Whatever a campus looks like and whatever is asked of it, in whatever order.

/** Plays a scene; `judged` sees the campus before a decision's effects, `done` after them. */
function play(
  { groups, students, steps }: Fixture,
  watch: {
    judged?: (campus: Campus, step: Step, verdict: Verdict) => void
    done?: (campus: Campus, step: Step, verdict: Verdict) => void
  },
): Campus {
  const campus = campusOf([...students, ...groups])
  for (const step of steps) {
    const verdict = judge(campus, step)
    watch.judged?.(campus, step, verdict)
    for (const effect of verdict.effects ?? []) evolve(campus, effect)
    watch.done?.(campus, step, verdict)
  }
  return campus
}

function judge(campus: Campus, { command, nowMs }: Step): Verdict {
  const answer = decide(campus, command, nowMs)
  assertListed(command, answer)
  assert.ok(!('rejection' in answer))
  return answer
}

function always(claim: (scene: Fixture) => void, numRuns = 300): void {
  fc.assert(fc.property(scene, claim), { numRuns })
}

function told(reason: Refusal): string {
  if (reason.with === undefined) return reason.code
  const pair = [`${reason.course}/${reason.group}`, `${reason.with.course}/${reason.with.group}`]
  return `${reason.code} ${pair.toSorted().join(' and ')}`
}

test('every reason that is told is true, and no broken rule goes untold', () => {
  always((played) => {
    const auditor = new Auditor(played.groups, played.students)
    play(played, {
      judged: (_, { command, nowMs }, { reasons = [] }) => {
        const found = auditor.judge(command, nowMs)
        assert.deepEqual(new Set(reasons.map(told)), found)
        if (found.size === 0) auditor.carryOut(command)
      },
    })
  })
})

test('seats, queues, capacities and actions are what the books of an auditor say', () => {
  always((played) => {
    const auditor = new Auditor(played.groups, played.students)
    play(played, {
      done: (campus, { command, nowMs }) => {
        if (auditor.judge(command, nowMs).size === 0) auditor.carryOut(command)
        assert.deepEqual(booksOf(campus), auditor.books())
      },
    })
  })
})

test('a decision is a yes with effects or a no with reasons in order of precedence, never both', () => {
  always((played) => {
    play(played, {
      judged: (campus, { command }, { effects, reasons, remaining }) => {
        assert.notEqual(effects === undefined, reasons === undefined)
        if (reasons !== undefined) {
          assert.ok(reasons.length > 0)
          assert.deepEqual(inOrderOfPrecedence(reasons), reasons)
          assert.ok(reasons.every(({ leg }) => leg === undefined || command.legs[leg] !== undefined))
        }
        const spent = effects?.find((effect) => effect.type === 'actions_spent')
        const before = command.student && campus.student(command.student).remainingActions
        assert.equal(remaining, spent?.remaining ?? before)
      },
    })
  })
})

test('deciding changes nothing and comes out the same again', () => {
  always((played) => {
    const campus = campusOf([...played.students, ...played.groups])
    for (const step of played.steps) {
      const before = structuredClone(campus)
      const verdict = judge(campus, step)
      assert.deepEqual(structuredClone(campus), before)
      assert.deepEqual(judge(campus, step), verdict)
      for (const effect of verdict.effects ?? []) evolve(campus, effect)
    }
  }, 50)
})

test('replaying every effect, as the journal carries it, rebuilds the same campus', () => {
  always((played) => {
    const journal: string[] = []
    const campus = play(played, {
      judged: (_, __, { effects = [] }) => journal.push(JSON.stringify(effects)),
    })
    const rebuilt = campusOf([...played.students, ...played.groups])
    for (const line of journal) for (const effect of JSON.parse(line) as Effect[]) evolve(rebuilt, effect)
    assert.deepEqual([...stateLines(rebuilt)], [...stateLines(campus)])
    assert.deepEqual(rebuilt, campus)
  })
})

test('seats exceed capacity by extra ones alone, which staff gave, and capacity changes only as staff set it', () => {
  always((played) => {
    const recorded = new Map<string, number>()
    const forced = new Set<string>()
    for (const { at, capacity } of played.groups) recorded.set(at, capacity ?? 0)
    play(played, {
      done: (campus, { command }, { effects = [] }) => {
        const [leg] = command.legs
        if (leg?.do === 'force_add') forced.add(`${command.student} ${leg.course}/${leg.group}`)
        for (const effect of effects) {
          if (effect.type !== 'capacity_changed') continue
          assert.equal(command.legs[0]?.do, 'set_capacity')
          recorded.set(`${effect.course}/${effect.group}`, effect.capacity)
        }
        for (const group of groupsOf(campus)) {
          assert.equal(group.extra.length, Math.max(0, group.registered.length - group.capacity))
          assert.ok(group.extra.every((id) => forced.has(`${id} ${group.course}/${group.group}`)))
          assert.ok(group.extra.every((id) => group.registered.includes(id)))
          assert.equal(group.capacity, recorded.get(`${group.course}/${group.group}`))
        }
      },
    })
  })
})

test('a seat that is freed while more are registered than the capacity promotes nobody', () => {
  always((played) => {
    play(played, {
      judged: (campus, { command }, { effects = [] }) => {
        for (const effect of effects) {
          if (effect.type !== 'promoted' || effect.student === command.student) continue
          const { registered, capacity } = campus.group(effect.course, effect.group)
          const raised = effects.some(({ type }) => type === 'capacity_changed')
          assert.ok(raised || registered.length <= capacity)
        }
      },
    })
  })
})

test('nobody waits beside a free seat, or in a queue longer than its places', () => {
  always((played) => {
    play(played, {
      done: (campus) => {
        for (const group of groupsOf(campus)) {
          assert.ok(group.queue.length === 0 || group.registered.length >= group.capacity)
          assert.ok(group.queue.length <= group.profile.reserveCapacity)
        }
      },
    })
  })
})

test('everybody keeps the order number that they joined the queue with, and the numbers ascend', () => {
  always((played) => {
    const joined = new Map<string, number>()
    play(played, {
      done: (campus, _, { effects = [] }) => {
        for (const effect of effects) {
          if (effect.type === 'reserved') joined.set(`${effect.student} ${effect.course}`, effect.order)
        }
        for (const { course, queue, queueOrders } of groupsOf(campus)) {
          assert.deepEqual(
            queueOrders,
            queue.map((id) => joined.get(`${id} ${course}`)),
          )
          assert.ok(queueOrders.every((order, index) => order > (queueOrders[index - 1] ?? 0)))
        }
      },
    })
  })
})

test('a student holds at most one place per course, and the course knows of it', () => {
  always((played) => {
    play(played, {
      done: (campus) => {
        for (const student of campus.students.values()) {
          const courses = student.places.map((place) => place.course)
          assert.equal(new Set(courses).size, courses.length)
          const listed = groupsOf(campus).flatMap((group) =>
            [...group.registered, ...group.queue].filter((id) => id === student.id).map(() => group),
          )
          assert.deepEqual(new Set(student.places), new Set(listed))
          assert.equal(listed.length, courses.length)
        }
      },
    })
  })
})

test('a student’s own command never brings them over the unit limit or into a conflict', () => {
  always((played) => {
    let before: { units: number; conflicts: Set<string> } | undefined
    play(played, {
      judged: (campus, { command }) => {
        before = command.actor.role === 'student' ? loadOf(campus, command) : undefined
      },
      done: (campus, { command }) => {
        if (before === undefined) return
        const after = loadOf(campus, command)
        assert.ok(
          after.units <= Math.max(before.units, campus.student(command.student ?? 0).profile.maxUnits),
        )
        for (const conflict of after.conflicts) assert.ok(before.conflicts.has(conflict), conflict)
      },
    })
  })
})

test('actions are spent by a student’s own drops and moves alone, one each, and never below none', () => {
  always((played) => {
    let before = new Map<number, number>()
    play(played, {
      judged: (campus) => {
        before = new Map(
          [...campus.students.values()].map(({ id, remainingActions }) => [id, remainingActions]),
        )
      },
      done: (campus, { command }, { effects }) => {
        const spent = effects && command.legs.filter((leg) => leg.do === 'drop' || leg.do === 'move').length
        for (const { id, remainingActions } of campus.students.values()) {
          assert.ok(remainingActions >= 0)
          assert.equal((before.get(id) ?? 0) - remainingActions, id === command.student ? (spent ?? 0) : 0)
        }
      },
    })
  })
})

test('nobody but the student is touched, other than by moving up, or by an extra seat that becomes like the others', () => {
  always((played) => {
    play(played, {
      judged: (campus, { command }, { effects = [] }) => {
        const fronts = new Map(groupsOf(campus).map((group) => [group, [...group.queue]]))
        for (const effect of effects) {
          if (!('student' in effect) || effect.type === 'duplicates_removed') continue
          const queue = 'group' in effect ? fronts.get(campus.group(effect.course, effect.group)) : undefined
          if (effect.type === 'extra_seat_ended') continue
          if (effect.student !== command.student) {
            assert.equal(effect.type, 'promoted')
            assert.equal(queue?.shift(), effect.student)
          } else if (effect.type === 'left' || effect.type === 'promoted') {
            const index = queue?.indexOf(effect.student) ?? -1
            if (index >= 0) queue?.splice(index, 1)
          }
        }
      },
    })
  })
})

function groupsOf(campus: Campus): CourseGroup[] {
  return [...campus.courses.values()].flatMap((course) => course.groups)
}

function booksOf(campus: Campus): string[] {
  return [
    ...groupsOf(campus).map(({ course, group, capacity, registered, extra, queue }) => {
      const seats = registered.toSorted((a, b) => a - b).map((id) => (extra.includes(id) ? `${id}+` : id))
      return `${course}/${group} of ${capacity}: ${seats.join(' ')} | ${queue.join(' ')}`
    }),
    ...[...campus.students.values()].map(({ id, remainingActions }) => `${id}: ${remainingActions}`),
  ]
}

function loadOf(campus: Campus, { student: id = 0 }: Command): { units: number; conflicts: Set<string> } {
  const student: Student = campus.student(id)
  const conflicts = new Set<string>()
  for (const one of student.places) {
    for (const other of student.places) {
      if (one.course >= other.course) continue
      const a = one.profile
      const b = other.profile
      if (!meetingsOverlap(a.meetings, b.meetings) && !examsOverlap(a.exam, b.exam)) continue
      conflicts.add(`${one.course}/${one.group} with ${other.course}/${other.group}`)
    }
  }
  return { units: student.places.reduce((sum, place) => sum + place.profile.units, 0), conflicts }
}

test('the sums that a student carries are those of the places held', () => {
  always((played) => {
    for (const student of play(played, {}).students.values()) {
      const bits = student.places.map((place) => timeBitsOf(place.profile.meetings, place.profile.exam))
      assert.equal(
        student.units,
        student.places.reduce((sum, place) => sum + place.profile.units, 0),
      )
      for (const part of ['earlyBits', 'lateBits', 'examBits'] as const) {
        assert.equal(
          student[part],
          bits.reduce((all, one) => all | one[part], 0),
        )
      }
    }
  })
})
