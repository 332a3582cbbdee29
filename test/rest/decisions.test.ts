import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inShort } from '../../kit/rest-client.ts'
import { type Decision, RestFixture } from '../../kit/rest-fixture.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

interface Page {
  readonly decisions: readonly (Decision & { readonly student_id: number | null })[]
  readonly next: string | null
  readonly up_to_date: boolean
}

async function search(query: string, staff = 1): Promise<Page> {
  const answer = await fixture.staff(staff, `GET /staff/decisions?${query}`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body as Page
}

async function allPages(query: string, limit: number): Promise<Decision[]> {
  const found: Decision[] = []
  let cursor = ''
  for (;;) {
    const { decisions, next } = await search(`${query}&limit=${limit}${cursor}`)
    assert.ok(decisions.length <= limit)
    found.push(...decisions)
    if (next === null) return found
    cursor = `&cursor=${next}`
  }
}

test('staff read who did what when, yes or no, and every reason', async () => {
  const student = fixture.students.fresh()
  const course = fixture.students.course()
  await fixture.add(student, course)
  await fixture.add(student, course, 2)
  const forced = { std_id: student, course_id: course, group_id: 1 }
  const line =
    `DELETE /staff/force-std?std_id=${student}&course_id=${course}&group_id=1&note=Moved%20away` as const
  await fixture.staff(1, line)
  await fixture.staff(1, 'PUT /staff/force-std', forced)
  const { decisions, next, up_to_date } = await search(`student_id=${student}`)
  assert.deepEqual([next, up_to_date], [null, true])
  const where = { course_id: course, group_id: 1 }
  const place = { student_id: student, ...where }
  const self = { role: 'student', id: student }
  const common = { student_id: student, remaining_actions: 12 }
  assert.deepEqual(
    decisions.map(({ term, seq, at, reasons, ...rest }) => {
      assert.ok(term >= 1 && seq >= 1 && !Number.isNaN(Date.parse(at)))
      return { ...rest, reasons: reasons.map(({ code }) => code) }
    }),
    [
      {
        ...common,
        actor: { role: 'staff', id: 1 },
        outcome: 'accepted',
        legs: [{ do: 'force_add', ...where }],
        effects: [{ type: 'registered', ...place }],
        reasons: [],
      },
      {
        ...common,
        actor: { role: 'staff', id: 1 },
        outcome: 'accepted',
        legs: [{ do: 'force_drop', ...where, note: 'Moved away' }],
        effects: [{ type: 'left', ...place }],
        reasons: [],
      },
      {
        ...common,
        actor: self,
        outcome: 'refused',
        legs: [{ do: 'add', course_id: course, group_id: 2, reserve: 'allow' }],
        effects: [],
        reasons: ['already_enrolled'],
      },
      {
        ...common,
        actor: self,
        outcome: 'accepted',
        legs: [{ do: 'add', ...where, reserve: 'allow' }],
        effects: [{ type: 'registered', ...place }],
        reasons: [],
      },
    ],
  )
})

test('decisions of a group come page by page, newest first, each once, over a restart', async () => {
  const { course, students } = await fixture.courseOf(3, 8)
  await fixture.restart()
  for (const student of students.slice(0, 3)) await fixture.drop(student, course)
  const query = `course_id=${course}&group_id=1`
  const whole = await search(query)
  // 1 capacity, 8 adds, 3 drops.
  assert.equal(whole.decisions.length, 12)
  const order = whole.decisions.map(({ term, seq }) => term * 1e6 + seq)
  assert.deepEqual(
    order,
    order.toSorted((a, b) => b - a),
  )
  assert.equal(new Set(whole.decisions.map(({ term }) => term)).size, 2)
  for (const limit of [1, 5, 12]) {
    assert.deepEqual(await allPages(query, limit), whole.decisions, `pages of ${limit}`)
  }
})

test('a promotion is found with the promoted student, who did nothing', async () => {
  const { course, students } = await fixture.courseOf(1, 2)
  const [seated = 0, waiting = 0] = students
  await fixture.drop(seated, course)
  const { decisions } = await search(`student_id=${waiting}&limit=1`)
  assert.deepEqual(decisions[0]?.actor, { role: 'student', id: seated })
  assert.ok(decisions[0].effects.some((effect) => effect['type'] === 'promoted'))
})

test('a range of time begins with its first moment and ends before its last', async () => {
  const student = fixture.students.fresh()
  const courses = [fixture.students.course(), fixture.students.course(), fixture.students.course()]
  for (const course of courses) await fixture.add(student, course)
  const { decisions } = await search(`student_id=${student}`)
  const [last, middle, first] = decisions.map(({ at }) => at)
  const within = async (from: string | undefined, to: string | undefined) => {
    const { decisions: found } = await search(`student_id=${student}&from=${from}&to=${to}`)
    return found.length
  }
  assert.equal(await within('2000-01-01', '2099-12-31'), 3)
  const beforeLast = decisions.filter(({ at }) => at < (last ?? '')).length
  assert.equal(await within(first, last), beforeLast)
  assert.equal(await within(middle, middle), 0)
  assert.equal(await within('2099-01-01', '2099-02-01'), 0)
})

test('a search that cannot be is malformed', async () => {
  for (const query of [
    '',
    'course_id=301',
    'student_id=1&course_id=301&group_id=1',
    'student_id=x',
    'student_id=1&from=yesterday',
    'student_id=1&from=2026-13-01',
    'student_id=1&limit=0',
    'student_id=1&limit=201',
    'student_id=1&cursor=abc',
  ]) {
    assert.equal(inShort(await fixture.staff(1, `GET /staff/decisions?${query}`)), '400 malformed', query)
  }
})

test('staff search the decisions of their own department', async () => {
  const student = fixture.students.fresh()
  await fixture.add(student, 301)
  assert.equal(
    inShort(await fixture.staff(2, `GET /staff/decisions?student_id=${student}`)),
    '403 other_department',
  )
  assert.equal(
    inShort(await fixture.staff(2, 'GET /staff/decisions?course_id=301&group_id=1')),
    '403 other_department',
  )
})

test('students read what was decided about them and why, and of others nothing', async () => {
  const [first, second] = [fixture.students.fresh(), fixture.students.fresh()]
  const course = fixture.students.course()
  const group = { course_id: course, group_id: 1 }
  await fixture.staff(1, 'PATCH /staff/capacity', { ...group, capacity: 1 })
  await fixture.add(first, course)
  await fixture.add(second, course)
  await fixture.add(second, course)
  await fixture.staff(
    1,
    `DELETE /staff/force-std?std_id=${first}&course_id=${course}&group_id=1&note=Moved%20away`,
  )
  const own = async (student: number) => {
    const answer = await fixture.student(student, 'GET /student/decisions')
    assert.equal(answer.status, 200, answer.text)
    const { decisions } = answer.body as Page
    return decisions.map(({ actor, legs, effects, reasons, outcome, remaining_actions }) => ({
      actor,
      legs,
      effects: effects.map(({ type, student_id }) => ({ type, student_id })),
      codes: reasons.map(({ code }) => code),
      outcome,
      remaining_actions,
    }))
  }
  const add = { do: 'add', ...group, reserve: 'allow' }
  const accepted = { outcome: 'accepted', codes: [] }
  const self = (id: number) => ({ actor: { role: 'student', id }, remaining_actions: 12 })
  const byStaff = { actor: { role: 'staff', id: null } }
  assert.deepEqual(await own(second), [
    {
      ...byStaff,
      ...accepted,
      legs: [],
      effects: [{ type: 'promoted', student_id: second }],
      remaining_actions: null,
    },
    { ...self(second), legs: [add], effects: [], codes: ['already_enrolled'], outcome: 'refused' },
    { ...self(second), ...accepted, legs: [add], effects: [{ type: 'reserved', student_id: second }] },
  ])
  assert.deepEqual(await own(first), [
    {
      ...byStaff,
      ...accepted,
      legs: [{ do: 'force_drop', ...group }],
      effects: [{ type: 'left', student_id: first }],
      remaining_actions: 12,
    },
    { ...self(first), ...accepted, legs: [add], effects: [{ type: 'registered', student_id: first }] },
  ])
})
