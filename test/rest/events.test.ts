import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import { after, before, test, type TestContext } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { EventReader } from '../../src/gateway/testing/event-reader.ts'
import { inShort } from '../../kit/rest-client.ts'
import { openTestGateway } from '../../kit/open-gateway.ts'
import { directJournal, startEngine } from '../../kit/running-engine.ts'
import { RestFixture } from '../../kit/rest-fixture.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

async function open(
  t: TestContext,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<EventReader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: false, headers }, resolve).once('error', reject)
  })
  const { statusCode, headers: answered } = response
  assert.equal(statusCode, 200)
  assert.deepEqual(
    [answered['content-type'], answered['cache-control'], answered['x-accel-buffering']],
    ['text/event-stream', 'no-store', 'no'],
  )
  const events = new EventReader(response)
  t.after(() => events.close())
  return events
}

async function watch(t: TestContext, student: number, filter: string, id?: string): Promise<EventReader> {
  const authorization = `Bearer ${await fixture.tokens.student(student)}`
  return await open(t, `${fixture.url}/events${filter}`, {
    authorization,
    ...(id !== undefined && { 'last-event-id': id }),
  })
}

test('the next in the queue learns of the seat while whoever is behind moves up', async (t) => {
  const { course, students } = await fixture.courseOf(1, 4)
  const [holder = 0, ...waiting] = students
  const streams = await Promise.all(waiting.map((student) => watch(t, student, '')))
  for (const [index, stream] of streams.entries()) {
    const { event, places } = await stream.next()
    assert.deepEqual([event, places[0]?.reserve_queue_position], ['resync', index + 1])
  }
  const catalog = await watch(t, holder, `?course_id=${course}`)
  assert.deepEqual(
    (await catalog.next()).seats.map((seats) => seats.reserved_count),
    [3, 0],
  )
  assert.equal(inShort(await fixture.drop(holder, course)), '204')
  const told = await Promise.all(streams.map((stream) => stream.next()))
  assert.deepEqual(
    told.map(({ places }) => places.map((place) => place.detail)),
    [
      [`You got the seat: you are registered in group 1 of course ${course}.`],
      [`You are now 1st in the queue for group 1 of course ${course}.`],
      [`You are now 2nd in the queue for group 1 of course ${course}.`],
    ],
  )
  const { seats } = await catalog.next()
  assert.deepEqual(
    seats.map((one) => [one.registered_count, one.reserved_count]),
    [[1, 2]],
  )
})

test('a capacity that staff raise is told, with those whom it seats', async (t) => {
  const { course, students } = await fixture.courseOf(1, 2)
  const waiting = await watch(t, students[1] ?? 0, `?places=own&course_id=${course}`)
  await waiting.next()
  await fixture.setCapacity(course, 1, 5)
  const { seats, places } = await waiting.next()
  assert.deepEqual([seats[0]?.capacity, seats[0]?.registered_count], [5, 2])
  assert.equal(places[0]?.change, 'promoted')
})

test('a time that staff change is told to those who hold a seat or wait for one', async (t) => {
  const { course, students } = await fixture.courseOf(1, 2)
  const streams = await Promise.all(students.map((student) => watch(t, student, '?places=own')))
  for (const stream of streams) await stream.next()
  const time = { class_time: [{ day: 6, start_minute: 1200, end_minute: 1260 }] }
  const changed = await fixture.staff(1, 'PATCH /staff/course', { course_id: course, group_id: 1, ...time })
  assert.equal(changed.status, 204)
  const told = await Promise.all(streams.map((stream) => stream.next()))
  assert.deepEqual(
    told.map(({ places }) => places.map(({ change, place, detail }) => [change, place, detail])),
    [
      ['registered', `You are registered in group 1 of course ${course}.`],
      ['reserved', `You are 1st in the queue for group 1 of course ${course}.`],
    ].map(([place, detail]) => [['time_changed', place, `The time or the exam has changed. ${detail}`]]),
  )
})

test('after a restart a client that returns is shown everything afresh, what it missed included', async (t) => {
  const { course, students } = await fixture.courseOf(1, 2)
  const [holder = 0, waiting = 0] = students
  const events = await watch(t, waiting, `?course_id=${course}&places=own`)
  const { id } = await events.next()
  await fixture.drop(holder, course)
  await events.next()
  await fixture.restart()
  await events.ended()
  const again = await watch(t, waiting, `?course_id=${course}&places=own`, id)
  const { event, seats, places, id: next } = await again.next()
  assert.deepEqual([event, seats[0]?.registered_count, places[0]?.place], ['resync', 1, 'registered'])
  assert.ok(Number(next.split('.')[0]) > Number(id.split('.')[0]), `${next} after ${id}`)
})

test('a standby refuses streams, and once it leads its clients go on there', async (t) => {
  const { course, students } = await fixture.courseOf(5, 1)
  const student = students[0] ?? 0
  const { campus, database } = fixture
  const standby = startEngine(database, campus, directJournal(database, campus))
  const gateway = await openTestGateway(standby.engine, database)
  t.after(async () => {
    await standby.engine.stop(0)
    await gateway.close()
    await fixture.restart()
  })
  await eventually(() => standby.engine.status().state === 'standby')
  const token = await fixture.tokens.student(student)
  assert.equal(inShort(await gateway.client.send('GET /events', { token })), '503 not_leading')
  const events = await watch(t, student, `?course_id=${course}`)
  const { id } = await events.next()
  await fixture.stopEngine()
  await eventually(async () => (await gateway.client.send('GET /readyz')).status === 200)
  await events.ended()
  const again = await open(t, `${gateway.url}/events?course_id=${course}`, {
    authorization: `Bearer ${token}`,
    'last-event-id': id,
  })
  assert.deepEqual((await again.next()).event, 'resync')
  const body = { course_id: course, group_id: 1 }
  const other = fixture.students.fresh()
  const added = await gateway.client.send('PUT /student/course', {
    token: await fixture.tokens.student(other),
    body,
  })
  assert.equal(added.status, 204)
  const told = await again.next()
  assert.deepEqual([told.event, told.seats[0]?.registered_count], ['changes', 2])
})

test('a browser opens its stream with a ticket', async (t) => {
  const student = fixture.students.fresh()
  const { body } = await fixture.student(student, 'POST /events/tickets')
  const events = await open(t, `${fixture.url}/events?ticket=${(body as { ticket: string }).ticket}`, {})
  assert.deepEqual((await events.next()).places, [])
  const course = fixture.students.course()
  await fixture.add(student, course)
  const [place] = (await events.next()).places
  assert.deepEqual([place?.course_id, place?.place, place?.change], [course, 'registered', 'registered'])
})

test('a server that stops ends its streams in time, read or not', async (t) => {
  const gateway = await fixture.beside({})
  const headers = { authorization: `Bearer ${await fixture.tokens.student(1)}` }
  const read = await open(t, `${gateway.url}/events?department=1`, headers)
  await read.next()
  const unread = await new Promise<IncomingMessage>((resolve) => {
    get(`${gateway.url}/events?department=1`, { agent: false, headers }, resolve)
  })
  t.after(() => unread.destroy())
  await gateway.close()
  await read.ended()
})
