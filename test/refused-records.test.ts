import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, test } from 'node:test'
import type { Command } from '../actors/messages/commands.ts'
import { createCampusDatabase } from '../kit/campus-database.ts'
import { eventually } from '../kit/eventually.ts'
import {
  add,
  answerOf,
  byStudent,
  directJournal,
  drop,
  startEngine,
  untilLeading,
} from '../kit/running-engine.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function leadingEngine() {
  const campus = `refused-${randomUUID().slice(0, 8)}`
  const { database, remove } = await createCampusDatabase({ campus, students: 30 })
  cleanups.push(remove)
  const alarms: string[] = []
  const running = startEngine(database, campus, directJournal(database, campus), {
    onAlarm: (alarm, detail) => alarms.push(`${alarm}: ${detail}`),
  })
  cleanups.push(() => running.engine.stop(1000))
  await untilLeading(running)
  /** Asks again while it is told that surely nothing was done. */
  const ask = async (command: Command): Promise<string> => {
    for (;;) {
      const answer = answerOf(await running.engine.submit(command))
      if (answer !== 'recovering') return answer
      await untilLeading(running)
    }
  }
  return { database, alarms, ask, term: () => running.engine.status().term }
}

const everybody = Array.from({ length: 29 }, (_, index) => index + 1)

test('a record that a trigger refuses is refused alone and named, and takes nobody along', async () => {
  const { database, alarms, ask, term } = await leadingEngine()
  await database.query(`CREATE FUNCTION no_thirteen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.student_id = 13 THEN RAISE EXCEPTION 'student 13 has not paid'; END IF; RETURN NEW; END $$`)
  await database.query(`CREATE TRIGGER no_thirteen BEFORE INSERT ON enrolled_courses
    FOR EACH ROW EXECUTE FUNCTION no_thirteen()`)
  const answers = await Promise.all(everybody.map((id) => ask(byStudent(id, add(102, 1)))))
  assert.deepEqual(
    answers,
    everybody.map((id) => (id === 13 ? 'not_storable' : 'yes')),
  )
  assert.match(
    alarms[0] ?? '',
    /^not_storable: .* by student 13 for student 13, .*102.*: student 13 has not paid/,
  )
  const second = term()
  assert.ok(second <= 2)
  const later = await Promise.all(
    everybody.map((id) => ask(byStudent(id, id === 13 ? add(102, 1) : drop(102)))),
  )
  assert.deepEqual(later, answers)
  assert.equal(term(), second)
  await database.query('DROP TRIGGER no_thirteen ON enrolled_courses')
  assert.equal(await ask(byStudent(13, add(102, 1))), 'yes')
  const [row] = await database.query<{ count: number }>('SELECT count(*) AS count FROM enrolled_courses')
  assert.equal(row?.count, 1)
})

test('with a sequence at its end adds are refused and everything else goes on, in one term, until it is mended', async () => {
  const { database, ask, term } = await leadingEngine()
  assert.equal(await ask(byStudent(1, add(102, 1))), 'yes')
  await database.query('ALTER SEQUENCE enrolled_courses_id_seq MAXVALUE 10')
  const answers: string[] = []
  for (const id of everybody.slice(1)) answers.push(await ask(byStudent(id, add(102, 1))))
  assert.equal(answers.filter((answer) => answer === 'yes').length, 9)
  assert.equal(answers.filter((answer) => answer === 'not_storable').length, 19)
  assert.equal(await ask(byStudent(1, drop(102))), 'yes')
  assert.ok(term() <= 2)
  await database.query('ALTER SEQUENCE enrolled_courses_id_seq NO MAXVALUE')
  await eventually(async () => (await ask(byStudent(1, add(102, 1)))) === 'yes')
  assert.ok(term() <= 2)
})
