import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DatabaseAccounts } from './accounts.ts'
import { type DecisionSearch, searchDecisions } from './decisions.ts'
import {
  createTables,
  left,
  promoted,
  recordWith,
  resetTables,
  seat,
  takeTerm,
  type TestTables,
} from './testing/tables.ts'

let db: TestTables

before(async () => {
  db = await createTables({ migrated: true })
  await resetTables(db.database)
  await decideThings()
})
after(() => db.remove())

const add = (course: number, group: number) => ({ do: 'add', course, group, reserve: 'allow' }) as const
const full = (course: number, group: number) => ({ code: 'course_full', leg: 0, course, group }) as const

/** Term 1: seq 1 to 5; term 2: seq 1 and 2. `at` counts seconds. */
async function decideThings(): Promise<void> {
  const who = (id: number) => ({ actor: { role: 'student', id }, student: id }) as const
  await takeTerm(db.batcher)
  const first = await db.batcher.begin()
  await first.apply([
    recordWith(1, { ...who(1), at: 1000, legs: [add(101, 1)], effects: [seat(1)] }),
    recordWith(2, { ...who(2), at: 2000, legs: [add(101, 1)], reasons: [full(101, 1)] }),
    recordWith(3, { ...who(2), at: 3000, legs: [add(101, 2)], reasons: [full(101, 2)] }),
    recordWith(4, {
      ...who(1),
      at: 4000,
      legs: [{ do: 'drop', course: 101 }],
      effects: [left(1), promoted(3)],
    }),
    recordWith(5, {
      ...who(4),
      at: 5000,
      legs: [{ do: 'drop', course: 101 }],
      reasons: [{ code: 'not_enrolled', leg: 0, course: 101 }],
    }),
  ])
  await first.commit()
  await takeTerm(db.batcher)
  const second = await db.batcher.begin()
  await second.apply([
    recordWith(1, {
      ...who(1),
      at: 6000,
      legs: [add(103, 1), add(102, 1)],
      effects: [seat(1, 103), seat(1, 102)],
    }),
    recordWith(2, {
      ...who(3),
      at: 7000,
      legs: [{ do: 'move', course: 101, group: 2, allowReserve: false }],
      effects: [left(3), seat(3, 101, 2)],
    }),
  ])
  await second.commit()
}

const everything = { limit: 100 }
const searches: { name: string; search: DecisionSearch; found: string[] }[] = [
  {
    name: 'a student’s decisions, newest first, across terms',
    search: { about: { student: 1 }, ...everything },
    found: ['2/1', '1/4', '1/1'],
  },
  {
    name: 'being promoted by somebody else’s drop',
    search: { about: { student: 3 }, ...everything },
    found: ['2/2', '1/4'],
  },
  {
    name: 'a group’s decisions: adds, refusals, drops that left it or were refused, moves away from it',
    search: { about: { course: 101, group: 1 }, ...everything },
    found: ['2/2', '1/5', '1/4', '1/2', '1/1'],
  },
  {
    name: 'the other group of the course',
    search: { about: { course: 101, group: 2 }, ...everything },
    found: ['2/2', '1/5', '1/3'],
  },
  {
    name: 'a course that nobody touched',
    search: { about: { course: 7, group: 1 }, ...everything },
    found: [],
  },
  {
    name: 'a time range, start inclusive, end exclusive',
    search: { about: { student: 1 }, fromMs: 1000, toMs: 4000, ...everything },
    found: ['1/1'],
  },
  { name: 'the first page', search: { about: { student: 1 }, limit: 2 }, found: ['2/1', '1/4'] },
  {
    name: 'the page after it',
    search: { about: { student: 1 }, limit: 2, before: { term: 1, seq: 4 } },
    found: ['1/1'],
  },
  {
    name: 'a later page of a group',
    search: { about: { course: 101, group: 1 }, limit: 2, before: { term: 1, seq: 5 } },
    found: ['1/4', '1/2'],
  },
]
for (const { name, search, found } of searches) {
  test(`staff look up ${name}`, async () => {
    const { decisions } = await searchDecisions(db.database, search)
    assert.deepEqual(
      decisions.map(({ term, record }) => `${term}/${record.seq}`),
      found,
    )
  })
}

test('a decision that is looked up is the record as it was made', async () => {
  const { decisions, hasMore } = await searchDecisions(db.database, { about: { student: 2 }, limit: 1 })
  assert.equal(hasMore, true)
  assert.deepEqual(decisions[0], {
    term: 1,
    record: {
      seq: 3,
      at: 3000,
      actor: { role: 'student', id: 2 },
      student: 2,
      legs: [add(101, 2)],
      reasons: [full(101, 2)],
      remaining: 5,
    },
  })
})

test('a page ends when its decisions are long, and says that there are more', async () => {
  await db.database.query(
    `INSERT INTO decisions (term, seq, at, actor_role, actor_id, student_id, legs, reasons)
     SELECT 2, 100 + n, to_timestamp(9), 'student', 99, 99, '[]', jsonb_build_array(repeat('x', 50000)) FROM generate_series(1, 9) n`,
  )
  const seen: number[] = []
  let cursor: { term: number; seq: number } | undefined
  for (const expected of [3, 3, 3]) {
    const search = { about: { student: 99 }, limit: 200, ...(cursor && { before: cursor }) }
    const { decisions, hasMore } = await searchDecisions(db.database, search)
    assert.equal(decisions.length, expected)
    seen.push(...decisions.map(({ record }) => record.seq))
    assert.equal(hasMore, seen.length < 9)
    cursor = { term: 2, seq: seen.at(-1) ?? 0 }
  }
  assert.deepEqual(seen, [109, 108, 107, 106, 105, 104, 103, 102, 101])
})

test('students and staff log in by accounts of their own, and new ones at once', async () => {
  const accounts = new DatabaseAccounts(db.database)
  assert.deepEqual(await accounts.findAccount({ staff: false, id: 1 }), {
    id: 1,
    passwordHash: 'hash',
    department: 1,
  })
  assert.equal(await accounts.findAccount({ staff: true, id: 1 }), undefined)
  await db.database.query("INSERT INTO staff (id, password, department_id) VALUES (1, 'secret', 2)")
  assert.deepEqual(await accounts.findAccount({ staff: true, id: 1 }), {
    id: 1,
    passwordHash: 'secret',
    department: 2,
  })
})
