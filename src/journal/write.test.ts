import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { DecisionRecord, Effect } from '../../actors/messages/records.ts'
import { createCampusDatabase, type CampusDatabase } from '../../kit/campus-database.ts'
import { BatcherTables } from '../store/table-store.ts'
import { type BatchMessage, LostTail, noLeader, type RecordId } from '../engine/ports.ts'
import {
  JournalGap,
  keepEarly,
  recordEarlyLost,
  UnknownLeader,
  writeBatches as write,
  writeMarker,
} from './write.ts'
import { DatabaseCampusStore } from '../store/campus-store.ts'

const campus = 'write-test'
let campusDatabase: CampusDatabase
let tables: BatcherTables

before(async () => {
  campusDatabase = await createCampusDatabase({ campus })
  tables = new BatcherTables(campusDatabase.database)
})
after(async () => {
  await tables.close()
  await campusDatabase.remove()
})

/** What it did, without what only the batcher asks for. */
async function writeBatches(to: BatcherTables, messages: readonly BatchMessage[]) {
  const { applied, duplicates, voids, changed, messagesDone, position } = await write(to, messages)
  const { leader, seq } = position
  return { applied, duplicates, voids, changed, messagesDone, position: { leader, seq } }
}

async function currentLeader(): Promise<string> {
  const [row] = await campusDatabase.database.query<{ leader: string }>('SELECT leader FROM journal_position')
  return row?.leader ?? noLeader
}

async function mark(leader: string, from: string, seen?: RecordId): Promise<string> {
  const start = { leader, after: from, ...(seen && { seen }) }
  return await writeMarker(tables, { version: 1, campus, start })
}

/** A new leader that everybody accepts. */
async function newLeader(): Promise<string> {
  const leader = randomUUID()
  assert.equal(await mark(leader, await currentLeader()), 'accepted')
  return leader
}

function batch(leader: string, ...seqs: number[]): BatchMessage {
  return { version: 1, campus, leader, records: seqs.map((seq) => refusal(seq)) }
}

function refusal(seq: number): DecisionRecord {
  return {
    seq,
    at: seq,
    actor: { role: 'student', id: 1 },
    student: 1,
    legs: [{ do: 'drop', course: 101 }],
    reasons: [{ code: 'not_enrolled', leg: 0, course: 101 }],
  }
}

function decision(seq: number, effects: readonly Effect[]): DecisionRecord {
  return {
    seq,
    at: seq,
    actor: { role: 'student', id: 1 },
    student: 1,
    legs: [{ do: 'drop', course: 101 }],
    effects,
  }
}

async function count(table: string, where = 'TRUE'): Promise<number> {
  const [row] = await campusDatabase.database.query<{ count: number }>(
    `SELECT count(*) AS count FROM ${table} WHERE ${where}`,
  )
  return Number(row?.count)
}

test('the next records of the leader apply, several messages in one transaction', async () => {
  const leader = await newLeader()
  const decisionsBefore = await count('decisions')
  const report = await writeBatches(tables, [batch(leader, 1, 2), batch(leader, 3)])
  assert.deepEqual(report, {
    applied: 3,
    duplicates: 0,
    voids: 0,
    changed: [],
    messagesDone: 2,
    position: { leader, seq: 3 },
  })
  assert.equal(await count('decisions'), decisionsBefore + 3)
})

test('a record that is applied already is skipped, alone or at the head of a message', async () => {
  const leader = await newLeader()
  await writeBatches(tables, [batch(leader, 1, 2)])
  const report = await writeBatches(tables, [batch(leader, 1, 2), batch(leader, 2, 3)])
  assert.deepEqual(report, {
    applied: 1,
    duplicates: 3,
    voids: 0,
    changed: [],
    messagesDone: 2,
    position: { leader, seq: 3 },
  })
})

test('a record that comes again with another content is not applied, and a copy of its message is kept', async () => {
  const [leader, next] = [await newLeader(), randomUUID()]
  const forged = (seq: number): BatchMessage => ({ ...batch(leader), records: [decision(seq, [])] })
  await writeBatches(tables, [batch(leader, 1, 2)])
  const ofLeader = await writeBatches(tables, [batch(leader, 1, 2), forged(2), batch(leader, 3), forged(3)])
  assert.equal(ofLeader.applied, 1)
  assert.equal(ofLeader.duplicates, 4)
  assert.equal(await mark(next, leader), 'accepted')
  const ofDeposed = await writeBatches(tables, [batch(leader, 2), forged(1)])
  assert.equal(ofDeposed.duplicates, 2)
  assert.deepEqual(
    [...ofLeader.changed, ...ofDeposed.changed],
    [2, 3, 1].map((seq) => `record ${seq} of leader ${leader} came again and is not as it was applied`),
  )
  assert.equal(await count('set_aside_messages', "reason = 'changed_duplicate'"), 3)
  assert.equal(
    await count('decisions JOIN leaders USING (term)', `leader = '${leader}' AND reasons IS NULL`),
    0,
  )
})

test('a record that comes too early stops the writing before its message; what precedes it is written', async () => {
  const leader = await newLeader()
  const early = await writeBatches(tables, [batch(leader, 1), batch(leader, 3), batch(leader, 4)])
  assert.equal(early.applied, 1)
  assert.equal(early.messagesDone, 1)
  const healed = await writeBatches(tables, [batch(leader, 2), batch(leader, 3), batch(leader, 4)])
  assert.deepEqual(healed.position, { leader, seq: 4 })
})

test("a deposed leader's records are void: kept apart, never applied", async () => {
  const deposed = await newLeader()
  await writeBatches(tables, [batch(deposed, 1)])
  const leader = await newLeader()
  const report = await writeBatches(tables, [batch(deposed, 2, 3), batch(leader, 1)])
  assert.equal(report.voids, 2)
  assert.equal(report.applied, 1)
  assert.equal(await count('void_records', `leader = '${deposed}'`), 2)
  const again = await writeBatches(tables, [batch(deposed, 2, 3)])
  assert.equal(again.voids, 2, 'redelivered voids are void again')
  assert.equal(await count('void_records', `leader = '${deposed}'`), 2, 'and kept once')
})

test("a deposed leader's record that was applied in its time is a duplicate, not void", async () => {
  const deposed = await newLeader()
  await writeBatches(tables, [batch(deposed, 1, 2)])
  await newLeader()
  const report = await writeBatches(tables, [batch(deposed, 1, 2)])
  assert.equal(report.duplicates, 2)
  assert.equal(report.voids, 0)
})

test('a marker counts only if it comes after the leader that the tables have', async () => {
  const leader = await newLeader()
  assert.equal(await mark(randomUUID(), noLeader), 'rejected')
  assert.equal(await currentLeader(), leader)
})

test('a marker delivered again after its term has records changes nothing', async () => {
  const previous = await currentLeader()
  const leader = randomUUID()
  await mark(leader, previous)
  await writeBatches(tables, [batch(leader, 1, 2)])
  assert.equal(await mark(leader, previous), 'judged before')
  const report = await writeBatches(tables, [batch(leader, 3)])
  assert.deepEqual(report.position, { leader, seq: 3 })
})

test('a rejected marker stays rejected, even when its time seems to have come', async () => {
  const leader = await newLeader()
  const late = randomUUID()
  const next = await newLeader()
  assert.equal(await mark(late, leader), 'rejected')
  assert.equal(await mark(late, next), 'judged before')
})

test('a marker whose author saw a record confirmed that is not in the tables stops everything: the tail is lost', async () => {
  const deposed = await newLeader()
  await writeBatches(tables, [batch(deposed, 1)])
  await assert.rejects(mark(randomUUID(), deposed, { leader: deposed, seq: 2 }), LostTail)
  // Nobody else leads either, who knows nothing of it.
  await assert.rejects(mark(randomUUID(), deposed, { leader: deposed, seq: 1 }), LostTail)
  await campusDatabase.database.query('UPDATE answered_records SET accepted_at = now()')
  assert.equal(await mark(randomUUID(), deposed, { leader: deposed, seq: 2 }), 'accepted')
})

test('nobody leads while the tables lack what a leader wrote down that it has answered for', async () => {
  const leader = await newLeader()
  const store = new DatabaseCampusStore(campusDatabase.database, { windowMs: 1 })
  await writeBatches(tables, [batch(leader, 1)])
  await store.noteAnswered({ leader, seq: 2 })
  await store.noteAnswered({ leader, seq: 1 })
  await assert.rejects(mark(randomUUID(), leader), LostTail)
  await writeBatches(tables, [batch(leader, 2)])
  assert.equal(await mark(randomUUID(), leader), 'accepted')
  assert.equal(await count('answered_records', `leader = '${leader}'`), 0)
})

test('records that came early are kept, and follow once the missing ones are there', async () => {
  const leader = await newLeader()
  await writeBatches(tables, [batch(leader, 1)])
  const missing = { applied: { leader, seq: 1 }, upTo: 3 }
  assert.deepEqual((await keepEarly(tables, [batch(leader, 7), batch(leader, 4)])).missing, missing)
  assert.deepEqual((await keepEarly(tables, [batch(leader, 5, 6), batch(leader, 4)])).missing, missing)
  await assert.rejects(mark(randomUUID(), leader), JournalGap)
  const { applied, position, messagesDone } = await writeBatches(tables, [
    batch(leader, 2, 3),
    batch(leader, 8),
  ])
  assert.deepEqual({ applied, seq: position.seq, messagesDone }, { applied: 7, seq: 8, messagesDone: 2 })
  assert.equal(await count('early_records'), 0)
  assert.equal(await mark(randomUUID(), leader), 'accepted')
})

test('a deposed leader’s records that arrive behind one that comes early are judged, and stop nobody', async () => {
  const deposed = await newLeader()
  const leader = await newLeader()
  const behind = [batch(leader, 3), batch(deposed, 1, 2)]
  const { messagesDone } = await writeBatches(tables, behind)
  assert.equal(messagesDone, 0)
  const missing = { applied: { leader, seq: 0 }, upTo: 2 }
  assert.deepEqual(await keepEarly(tables, behind), { missing, voids: 2, changed: [] })
  assert.equal(await count('void_records', `leader = '${deposed}'`), 2)
  await writeBatches(tables, [batch(leader, 1, 2)])
  assert.equal(await count('decisions', `term = (SELECT term FROM journal_position)`), 3)
})

test('what is kept of a leader whose missing records are lost for good is void once a person has accepted it', async () => {
  const leader = await newLeader()
  await keepEarly(tables, [batch(leader, 2, 3)])
  await recordEarlyLost(tables)
  await assert.rejects(mark(randomUUID(), leader), LostTail)
  await campusDatabase.database.query('UPDATE answered_records SET accepted_at = now()')
  assert.equal(await mark(randomUUID(), leader), 'accepted')
  assert.equal(await count('early_records'), 0)
  assert.equal(await count('void_records', `leader = '${leader}'`), 2)
})

test('each accepted leader gets the next term; time in the position never goes back', async () => {
  const [one] = await campusDatabase.database.query<{ term: number }>('SELECT term FROM journal_position')
  const leader = await newLeader()
  await writeBatches(tables, [{ ...batch(leader), records: [{ ...refusal(1), at: 9_000_000 }] }])
  const next = await newLeader()
  await writeBatches(tables, [{ ...batch(next), records: [{ ...refusal(1), at: 5 }] }])
  const [two] = await campusDatabase.database.query<{ term: number; at_ms: number }>(
    'SELECT term, at_ms FROM journal_position',
  )
  assert.equal(two?.term, (one?.term ?? 0) + 2)
  assert.equal(two?.at_ms, 9_000_000)
})

test('effects of one transaction fold into the tables as if they had come one by one', async () => {
  const leader = await newLeader()
  const seat = { student: 1, course: 101, group: 1 } as const
  await writeBatches(tables, [
    {
      version: 1,
      campus,
      leader,
      records: [
        decision(1, [{ type: 'registered', ...seat }]),
        decision(2, [{ type: 'reserved', ...seat, student: 2, order: 1, position: 1 }]),
        decision(3, [
          { type: 'left', ...seat },
          { type: 'actions_spent', student: 1, count: 1, remaining: 11 },
          { type: 'promoted', ...seat, student: 2 },
        ]),
        decision(4, [{ type: 'capacity_changed', course: 101, group: 1, capacity: 40 }]),
      ],
    },
  ])
  assert.equal(await count('enrolled_courses', 'student_id = 1'), 0)
  assert.equal(
    await count('enrolled_courses', 'student_id = 2 AND NOT reserved AND reserve_order IS NULL'),
    1,
  )
  assert.equal(await count('students', 'id = 1 AND remaining_actions = 11'), 1)
  assert.equal(await count('courses', 'course_id = 101 AND group_id = 1 AND capacity = 40'), 1)
})

test('records of a leader that the tables do not know stop the writing, and are not called void', async () => {
  await newLeader()
  const voidsBefore = await count('void_records')
  await assert.rejects(writeBatches(tables, [batch(randomUUID(), 1)]), UnknownLeader)
  assert.equal(await count('void_records'), voidsBefore)
})

test('no batch and no marker is written once another journal feeds the database, nor under another name', async () => {
  const { database } = campusDatabase
  const journal = 'rabbitmq / write-test.journal'
  const fenced = new BatcherTables(database, { campus, journal })
  try {
    await database.query('UPDATE campus SET journal = $1', [journal])
    const leader = randomUUID()
    const start = { leader, after: await currentLeader() }
    assert.equal(await writeMarker(fenced, { version: 1, campus, start }), 'accepted')
    await writeBatches(fenced, [batch(leader, 1)])
    await database.query(`UPDATE campus SET journal = 'direct'`)
    await assert.rejects(writeBatches(fenced, [batch(leader, 2)]), /journal of this database is direct/)
    const next = { leader: randomUUID(), after: leader }
    await assert.rejects(writeMarker(fenced, { version: 1, campus, start: next }), { name: 'WrongCampus' })
    await database.query(`UPDATE campus SET journal = $1, id = 'elsewhere'`, [journal])
    await assert.rejects(writeBatches(fenced, [batch(leader, 2)]), /is campus elsewhere, not write-test/)
    await database.query(`UPDATE campus SET id = $1, database_id = '1/1'`, [campus])
    await assert.rejects(writeBatches(fenced, [batch(leader, 2)]), /is a copy of campus write-test/)
    await database.query(`UPDATE campus SET database_id = NULL`)
    await writeBatches(fenced, [batch(leader, 2)])
  } finally {
    await fenced.close()
  }
})
