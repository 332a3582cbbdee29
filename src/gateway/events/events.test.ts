import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { group, student } from '../../../actors/testing/sketches.ts'
import { assertProblem, GatewayFixture, generousLimits, secret } from '../testing/gateway-fixture.ts'
import type { EventReader, EventSeen } from '../testing/event-reader.ts'

const one = { student: 1 }
const two = { student: 2 }
const staff = { staff: 60, department: 1 }

function open(
  t: TestContext,
  overrides: ConstructorParameters<typeof GatewayFixture>[1] = {},
): GatewayFixture {
  const fixture = new GatewayFixture(
    [
      ...[1, 2, 3, 4].map((id) => student(id)),
      group('10/1', { capacity: 1, registered: [1], queue: [2, 3] }),
      group('10/2'),
      group('20/1', { department: 2 }),
    ],
    overrides,
  )
  t.after(() => fixture.app.close())
  return fixture
}

async function watch(
  t: TestContext,
  fixture: GatewayFixture,
  ...args: Parameters<GatewayFixture['watch']>
): Promise<EventReader> {
  const { status, events, text } = await fixture.watch(...args)
  assert.equal(status, 200, text)
  t.after(() => events.close())
  return events
}

async function metric(fixture: GatewayFixture, name: string): Promise<string | undefined> {
  const { text } = await fixture.send(undefined, 'GET /metrics')
  return new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]
}

function refusalOf({ status, headers, text }: Awaited<ReturnType<GatewayFixture['watch']>>) {
  return { status, headers, text, body: JSON.parse(text) as unknown }
}

test('a stream begins with how everything stands', async (t) => {
  const fixture = open(t)
  const events = await watch(t, fixture, two, '/events?department=1&places=own')
  const { id, event, seats, places } = await events.next()
  assert.deepEqual([id, event], ['1.0', 'resync'])
  assert.deepEqual(
    seats.map((seen) => [seen.course_id, seen.group_id, seen.registered_count, seen.reserved_count]),
    [
      [10, 1, 1, 2],
      [10, 2, 0, 0],
    ],
  )
  assert.deepEqual(places, [
    {
      course_id: 10,
      group_id: 1,
      place: 'reserved',
      reserve_queue_position: 1,
      change: null,
      detail: 'You are 1st in the queue for group 1 of course 10.',
    },
  ])
  assert.ok((events.retryMs ?? 0) >= 1000)
})

test('who waits hears of the seat, and who waits behind of the next place', async (t) => {
  const fixture = open(t)
  const first = await watch(t, fixture, two, '/events')
  const second = await watch(t, fixture, { student: 3 }, '/events?places=own')
  await Promise.all([first.next(), second.next()])
  await fixture.send(one, 'DELETE /student/course?course_id=10')
  const { id, event, seats, places } = await first.next()
  assert.deepEqual([id, event, seats], ['1.1', 'changes', []])
  assert.deepEqual(places, [
    {
      course_id: 10,
      group_id: 1,
      place: 'registered',
      reserve_queue_position: 0,
      change: 'promoted',
      detail: 'You got the seat: you are registered in group 1 of course 10.',
    },
  ])
  const [moved] = (await second.next()).places
  assert.deepEqual(
    [moved?.change, moved?.reserve_queue_position, moved?.detail],
    ['moved_up', 1, 'You are now 1st in the queue for group 1 of course 10.'],
  )
})

test('who watches a course hears that it was closed, opened again and cancelled', async (t) => {
  const fixture = open(t)
  const events = await watch(t, fixture, { student: 4 }, '/events?course_id=10')
  const statuses = ({ seats }: EventSeen) => seats.map(({ group_id, status }) => [group_id, status])
  assert.deepEqual(statuses(await events.next()), [
    [1, 'open'],
    [2, 'open'],
  ])
  await fixture.send(staff, 'PUT /staff/course-status', {
    body: { course_id: 10, group_id: 1, status: 'closed' },
  })
  assert.deepEqual(statuses(await events.next()), [[1, 'closed']])
  await fixture.send(staff, 'PUT /staff/course-status', { body: { course_id: 10, status: 'open' } })
  assert.deepEqual(statuses(await events.next()), [
    [1, 'open'],
    [2, 'open'],
  ])
  await fixture.send(staff, 'DELETE /staff/course?course_id=10&group_id=1')
  const { seats } = await events.next()
  assert.deepEqual(
    seats.map((seen) => [seen.group_id, seen.status, seen.registered_count, seen.reserved_count]),
    [[1, 'cancelled', 0, 0]],
  )
  const late = await watch(t, fixture, { student: 4 }, '/events?department=1')
  assert.deepEqual(statuses(await late.next()), [
    [1, 'cancelled'],
    [2, 'open'],
  ])
})

test('many changes within a moment are one event', async (t) => {
  const fixture = open(t)
  const events = await watch(t, fixture, one, '/events?course_id=10,20')
  await events.next()
  for (const id of [1, 2, 3, 4]) {
    await fixture.send({ student: id }, 'PUT /student/course', { body: { course_id: 20, group_id: 1 } })
  }
  let told = await events.next()
  let count = 1
  for (; told.id !== '1.4'; count++) told = await events.next()
  assert.ok(count < 4)
  assert.deepEqual(
    told.seats.map((seats) => [seats.course_id, seats.registered_count]),
    [[20, 4]],
  )
})

test('a decision is told when it is durable, not before', async (t) => {
  const fixture = open(t)
  const events = await watch(t, fixture, one, '/events?course_id=10')
  await events.next()
  fixture.service.journal.held = true
  const reply = fixture.send(one, 'DELETE /student/course?course_id=10')
  while (fixture.service.term.commit.decidedSeq === 0) await new Promise((resolve) => setImmediate(resolve))
  const catalog = await watch(t, fixture, two, '/events?course_id=10')
  const { seats } = await catalog.next()
  // Decided already, yet the stream that begins now shows it no more than the other does.
  assert.equal(fixture.service.term.campus.group(10, 1).queue.length, 1)
  assert.equal(seats[0]?.reserved_count, 2)
  assert.equal(events.waiting, 0)
  fixture.service.journal.confirm()
  assert.equal((await reply).status, 204)
  for (const stream of [events, catalog]) assert.equal((await stream.next()).seats[0]?.reserved_count, 1)
})

test('a client that returns is told what it missed, and only that', async (t) => {
  const fixture = open(t)
  const before = await watch(t, fixture, two, '/events?department=1&places=own')
  const { id } = await before.next()
  before.close()
  await fixture.send(one, 'DELETE /student/course?course_id=10')
  for (const [path, headers] of [
    ['/events?department=1&places=own', { 'last-event-id': id }],
    [`/events?department=1&places=own&last_event_id=${id}`, {}],
  ] as const) {
    const { event, seats, places, ...told } = await (await watch(t, fixture, two, path, headers)).next()
    assert.deepEqual([event, told.id], ['changes', '1.1'])
    assert.deepEqual(
      seats.map((seen) => [seen.course_id, seen.group_id]),
      [[10, 1]],
    )
    assert.deepEqual(
      places.map((place) => place.change),
      ['promoted'],
    )
  }
})

test('who has missed nothing hears of the next change first', async (t) => {
  const fixture = open(t)
  await fixture.send(one, 'DELETE /student/course?course_id=10')
  const events = await watch(t, fixture, two, '/events?department=1', { 'last-event-id': '1.1' })
  await fixture.send(one, 'PUT /student/course', { body: { course_id: 10, group_id: 2 } })
  const { id, event } = await events.next()
  assert.deepEqual([id, event], ['1.2', 'changes'])
})

test('an id of another term, of the future or of nobody begins afresh', async (t) => {
  const fixture = open(t, { limits: { ...generousLimits, eventStreamsPerCaller: 100 } })
  for (const id of ['0.0', '2.0', '1.7', 'x', '', '1.0.0', '9'.repeat(30)]) {
    const events = await watch(t, fixture, two, '/events', { 'last-event-id': id })
    assert.equal((await events.next()).event, 'resync', id)
  }
})

test('students watch any department; their places are theirs alone', async (t) => {
  const fixture = open(t)
  const { seats } = await (await watch(t, fixture, one, '/events?department=2')).next()
  assert.deepEqual(
    seats.map(({ course_id }) => course_id),
    [20],
  )
  assertProblem(refusalOf(await fixture.watch(one, '/events?student_id=2')), 400, 'malformed')
  assertProblem(refusalOf(await fixture.watch(one, '/events?places=2')), 400, 'malformed')
})

test('staff watch their own department, unless they are staff of the whole campus', async (t) => {
  const fixture = open(t)
  const { seats } = await (await watch(t, fixture, staff, '/events')).next()
  assert.deepEqual(
    seats.map(({ course_id }) => course_id),
    [10, 10],
  )
  for (const path of ['/events?department=2', '/events?course_id=10,20'] as const) {
    assertProblem(refusalOf(await fixture.watch(staff, path)), 403, 'other_department')
  }
  assertProblem(refusalOf(await fixture.watch(staff, '/events?places=own')), 403, 'wrong_role')
  const campusWide = open(t, { staffScope: 'all' })
  const all = await (await watch(t, campusWide, staff, '/events?department=2&course_id=10')).next()
  assert.deepEqual(
    all.seats.map(({ course_id }) => course_id),
    [20, 10, 10],
  )
})

test('a stream about nothing that exists is refused', async (t) => {
  const fixture = open(t)
  assertProblem(refusalOf(await fixture.watch(one, '/events?course_id=10,77')), 404, 'no_such_course')
  assertProblem(refusalOf(await fixture.watch({ student: 77 }, '/events')), 404, 'no_such_student')
  assertProblem(refusalOf(await fixture.watch(one, '/events?course_id=1,,2')), 400, 'malformed')
})

test('a server that does not lead opens no stream and ends those that are open', async (t) => {
  const fixture = open(t)
  const events = await watch(t, fixture, one, '/events')
  await events.next()
  fixture.service.unavailable = 'not_leading'
  fixture.service.state = { ...fixture.service.state, state: 'standby' }
  await events.ended()
  assertProblem(refusalOf(await fixture.watch(one, '/events')), 503, 'not_leading')
  assertProblem(refusalOf(await fixture.watch(staff, '/events')), 503, 'not_leading')
})

test('one caller has so many streams open and no more, and so has the server', async (t) => {
  const limits = { ...generousLimits, eventStreamsMax: 3, eventStreamsPerCaller: 2 }
  const fixture = open(t, { limits })
  const first = await watch(t, fixture, one, '/events')
  await watch(t, fixture, one, '/events')
  assertProblem(refusalOf(await fixture.watch(one, '/events')), 429, 'too_many_requests')
  await watch(t, fixture, staff, '/events')
  assertProblem(refusalOf(await fixture.watch(two, '/events')), 503, 'busy')
  first.close()
  // Once the server has noticed.
  while ((await metric(fixture, 'enrollment_event_streams')) !== '2') await new Promise(setImmediate)
  await watch(t, fixture, one, '/events')
})

test('a ticket opens one stream, once, for whom it was given to', async (t) => {
  const fixture = open(t)
  const { status, body, headers } = await fixture.send(two, 'POST /events/tickets')
  assert.equal(status, 200)
  assert.equal(headers['cache-control'], 'no-store')
  const { ticket, expires_in } = body as { ticket: string; expires_in: number }
  assert.equal(expires_in, 30)
  const path = `/events?ticket=${ticket}` as const
  const { places } = await (await watch(t, fixture, undefined, path)).next()
  assert.deepEqual(
    places.map((place) => place.reserve_queue_position),
    [1],
  )
  assertProblem(refusalOf(await fixture.watch(undefined, path)), 401, 'unauthenticated')
  // Nor does a token that is good excuse it.
  assertProblem(refusalOf(await fixture.watch(two, path)), 401, 'unauthenticated')
})

test('a ticket opens a stream at whichever server the balancer picks, and nowhere with other secrets', async (t) => {
  const [issuer, other] = [open(t), open(t)]
  const { body } = await issuer.send(two, 'POST /events/tickets')
  const path = `/events?ticket=${(body as { ticket: string }).ticket}` as const
  const { places } = await (await watch(t, other, undefined, path)).next()
  assert.deepEqual(
    places.map((place) => place.reserve_queue_position),
    [1],
  )
  assertProblem(refusalOf(await other.watch(undefined, path)), 401, 'unauthenticated')
  // Each server knows what was used with itself: for half a minute, once with each.
  await watch(t, issuer, undefined, path)
  assertProblem(refusalOf(await issuer.watch(undefined, path)), 401, 'unauthenticated')
  // The first secret signs; after a rotation the one that signed it is the older one there.
  const rotated = open(t, { jwtSecrets: ['a newer secret, of 32 bytes or more', secret] })
  await watch(t, rotated, undefined, path)
  const stranger = open(t, { jwtSecrets: ['a secret of somebody else, of 32 bytes'] })
  assertProblem(refusalOf(await stranger.watch(undefined, path)), 401, 'unauthenticated')
})

test('a ticket is good for half a minute', async (t) => {
  const fixture = open(t)
  const ticketFor = async () =>
    ((await fixture.send(two, 'POST /events/tickets')).body as { ticket: string }).ticket
  const [prompt, late] = [await ticketFor(), await ticketFor()]
  fixture.nowMs += 29_999
  await watch(t, fixture, undefined, `/events?ticket=${prompt}`)
  fixture.nowMs += 1
  assertProblem(refusalOf(await fixture.watch(undefined, `/events?ticket=${late}`)), 401, 'unauthenticated')
})

test('a ticket is no token, and a token no ticket', async (t) => {
  const fixture = open(t)
  const { body } = await fixture.send(two, 'POST /events/tickets')
  const authorization = `Bearer ${(body as { ticket: string }).ticket}`
  const asToken = await fixture.send(undefined, 'GET /student/course', { headers: { authorization } })
  assertProblem(asToken, 401, 'unauthenticated')
  const token = fixture.authorization(two).slice('Bearer '.length)
  assertProblem(refusalOf(await fixture.watch(undefined, `/events?ticket=${token}`)), 401, 'unauthenticated')
  assertProblem(refusalOf(await fixture.watch(undefined, '/events?ticket=x')), 401, 'unauthenticated')
  assertProblem(refusalOf(await fixture.watch(undefined, '/events')), 401, 'unauthenticated')
})

test('a stream ends with the token that it was asked with, by header or by ticket', async (t) => {
  const fixture = open(t)
  const byHeader = await watch(t, fixture, one, '/events')
  fixture.nowMs += 3_590_000
  const { body } = await fixture.send(one, 'POST /events/tickets', {
    headers: { authorization: fixture.authorization(one) },
  })
  fixture.nowMs -= 3_590_000
  const old = await fixture.send(one, 'POST /events/tickets')
  const tickets = [body, old.body].map((given) => (given as { ticket: string }).ticket)
  const younger = await watch(t, fixture, undefined, `/events?ticket=${tickets[0]}`)
  const older = await watch(t, fixture, undefined, `/events?ticket=${tickets[1]}`)
  fixture.nowMs += 3_600_000
  await Promise.all([byHeader.ended(), older.ended()])
  await younger.next()
  await fixture.send(staff, 'DELETE /staff/force-std?std_id=1&course_id=10&group_id=1')
  assert.equal((await younger.next()).event, 'changes')
})

test('streams are measured', async (t) => {
  const fixture = open(t)
  const events = await watch(t, fixture, one, '/events')
  await events.next()
  assert.equal(await metric(fixture, 'enrollment_event_streams'), '1')
  assert.equal(await metric(fixture, 'enrollment_event_messages_total'), '1')
  assert.equal(await metric(fixture, 'enrollment_event_clients_cut_total'), '0')
})

test('closing the gateway ends the streams', async () => {
  const fixture = new GatewayFixture([student(1)])
  const { events } = await fixture.watch(one, '/events')
  await events.next()
  await fixture.app.close()
  await events.ended()
})
