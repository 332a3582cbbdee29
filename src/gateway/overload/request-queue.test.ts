import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { put, Fixture } from '../testing/queue-fixture.ts'

test('while there is time, everybody is served as they come', async (t) => {
  const fixture = await new Fixture(t).open()
  const statuses = await Promise.all(Array.from({ length: 50 }, () => fixture.ask()))
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(fixture.queue.turnedAway, 0)
})

test('a burst that takes many turns is served in full when the line moves in time', async (t) => {
  const fixture = await new Fixture(t).open({ waitMaxMs: 10_000 })
  fixture.costMs = 4
  const statuses = await Promise.all(Array.from({ length: 100 }, () => fixture.ask()))
  assert.deepEqual(new Set(statuses), new Set([200]))
})

test('once the first in line has waited too long, newcomers are turned away and those in line are served', async (t) => {
  const fixture = await new Fixture(t).open()
  fixture.costMs = 60
  const [crowd, newcomer] = [await fixture.dial(), await fixture.dial()]
  fixture.onBegin = () => {
    if (fixture.begun.length === 4) newcomer.write(put())
  }
  crowd.write(put().repeat(40))
  assert.equal(await newcomer.answer(), 503)
  const statuses: number[] = []
  while (statuses.length < 40) statuses.push(await crowd.answer())
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(fixture.queue.turnedAway, 1)
  assert.deepEqual(fixture.told, ['Bearer t'])
  assert.equal(await fixture.ask(), 200)
})

test('a burst may wait for long; in a line that stands for longer than a burst, newcomers are soon turned away', async (t) => {
  const fixture = await new Fixture(t).open({ waitMaxMs: 5000, burstMs: 2000, standingWaitMaxMs: 50 })
  fixture.costMs = 60
  /** A crowd comes, and somebody else when so many of it were begun: what that one is told. */
  const meet = async (crowdSize: number, afterOf: number): Promise<number> => {
    const [crowd, newcomer] = [await fixture.dial(), await fixture.dial()]
    const before = fixture.begun.length
    fixture.onBegin = () => {
      if (fixture.begun.length - before === afterOf) newcomer.write(put())
    }
    crowd.write(put().repeat(crowdSize))
    const status = await newcomer.answer()
    for (let count = 0; count < crowdSize; count++) assert.equal(await crowd.answer(), 200)
    return status
  }
  assert.equal(await meet(40, 4), 200, 'after 240 ms')
  fixture.nowMs += 60
  assert.equal(await meet(60, 40), 503, 'after 2,400 ms')
  assert.equal(await meet(40, 4), 503, 'a new line, soon after somebody was turned away')
  fixture.nowMs += 2001
  assert.equal(await meet(40, 4), 200, 'a new line, long after')
})

test('while others are turned away, whoever was told to wait is held to it; soon after, they are heard', async (t) => {
  const fixture = await new Fixture(t).open()
  fixture.waits.set('Bearer t', 500)
  const line = await fixture.dial()
  const ask = async () => {
    line.write(put())
    return await line.answer()
  }
  assert.equal(await ask(), 200, 'nobody was turned away')
  fixture.isEngineFull = true
  assert.equal(await fixture.ask(), 503)
  fixture.isEngineFull = false
  await nextTurn()
  assert.equal(await ask(), 503, 'told to wait')
  assert.equal(await fixture.ask(), 200, 'told nothing')
  assert.equal(await fixture.ask('/student/course', 'GET'), 200)
  fixture.nowMs += 251
  assert.equal(await ask(), 200, 'nobody was turned away of late')
})

test('whoever asks how the server is waits for nobody', async (t) => {
  const fixture = await new Fixture(t).open()
  fixture.isEngineFull = true
  assert.equal(await fixture.ask(), 503)
  for (const path of ['/healthz', '/readyz', '/metrics']) assert.equal(await fixture.ask(path, 'GET'), 200)
})

test('while the engine has no room, commands of students are turned away and their reads are not', async (t) => {
  const fixture = await new Fixture(t).open()
  fixture.isEngineFull = true
  assert.equal(await fixture.ask('/student/course', 'PUT'), 503)
  assert.equal(await fixture.ask('/student/course', 'GET'), 200)
  assert.equal(await fixture.ask('/staff/capacity', 'PATCH'), 200)
})

test('commands in line wait for the engine to have room, reads pass them, and nobody waits for ever', async (t) => {
  const fixture = await new Fixture(t).open({ waitMaxMs: 10_000, heldMaxMs: 1000 })
  fixture.costMs = 10
  const crowd = await fixture.dial()
  const begun = () => fixture.begun.filter((one) => one.startsWith('PUT')).length
  const fillAt = async (count: number) => {
    await new Promise<void>((resolve) => {
      fixture.onBegin = () => {
        if (begun() !== count) return
        fixture.isEngineFull = true
        resolve()
      }
      crowd.write(put().repeat(40))
    })
    assert.equal(await fixture.ask('/student/course', 'GET'), 200)
    return begun()
  }
  t.after(() => {
    fixture.isEngineFull = false
  })
  const first = await fillAt(3)
  assert.ok(first < 20, `${first} of 40`)
  fixture.isEngineFull = false
  for (let count = 0; count < 40; count++) assert.equal(await crowd.answer(), 200)

  const second = await fillAt(43)
  fixture.nowMs += 1001
  for (let count = 40; count < second; count++) assert.equal(await crowd.answer(), 200)
  for (let count = second; count < 80; count++) assert.equal(await crowd.answer(), 503)
  assert.equal(begun(), second)
})

test('whoever has waited for time is not turned away at once when the engine is full for a moment', async (t) => {
  const fixture = await new Fixture(t).open({ waitMaxMs: 10_000, heldMaxMs: 200 })
  fixture.costMs = 100
  const crowd = await fixture.dial()
  await new Promise<void>((resolve) => {
    fixture.onBegin = () => {
      if (fixture.begun.length !== 5) return
      fixture.isEngineFull = true
      resolve()
    }
    crowd.write(put().repeat(40))
  })
  assert.equal(await fixture.ask('/student/course', 'GET'), 200)
  assert.ok(fixture.queue.length > 20)
  fixture.isEngineFull = false
  for (let count = 0; count < 40; count++) assert.equal(await crowd.answer(), 200)
})

test('a command is one, however its path is written: none passes an engine that is full', async (t) => {
  const fixture = await new Fixture(t).open()
  const line = await fixture.dial()
  fixture.isEngineFull = true
  for (const url of [
    '/%73tudent/course',
    '/student/%63ourse?x',
    'http://x/student/course',
    '/student/course#y',
  ]) {
    for (const _ of ['in the ordinary way', 'behind one that was turned away']) {
      line.write(put().replace('/student/course', url))
      assert.equal(await line.answer(), 503, url)
    }
  }
  assert.deepEqual(fixture.begun, [])
  fixture.isEngineFull = false
  await nextTurn()
  line.write(put().replace('/student/course', '/%73tudent/course'))
  assert.equal(await line.answer(), 200)
  assert.deepEqual(fixture.begun, ['PUT /student/course'])
})

test('whoever has no seat to win waits for those who have, and gets a part of the time all the same', async (t) => {
  const fixture = await new Fixture(t).open({
    waitMaxMs: 1_000_000,
    standingWaitMaxMs: 1_000_000,
    lengthMax: 10_000,
  })
  fixture.costMs = 1
  fixture.senders.set('stranger', 'stranger')
  const [strangers, students] = [await fixture.dial(), await fixture.dial()]
  fixture.onBegin = () => {
    if (fixture.begun.length === 1) students.write(put().repeat(50))
  }
  strangers.write('GET /docs HTTP/1.1\r\nHost: x\r\nAuthorization: stranger\r\n\r\n'.repeat(2000))
  for (let count = 0; count < 50; count++) assert.equal(await students.answer(), 200)
  const between =
    fixture.begun.lastIndexOf('PUT /student/course') - fixture.begun.indexOf('PUT /student/course') - 49
  assert.ok(between > 0 && between < 50, `${between} strangers between 50 students`)
  for (let count = 0; count < 2000; count++) assert.equal(await strangers.answer(), 200)
})

test('a crowd of strangers turns strangers away, and nobody else', async (t) => {
  const fixture = await new Fixture(t).open({ lengthMax: 5 })
  fixture.senders.set('stranger', 'stranger').set('staff', 'staff')
  const as = (who: string, path = '/staff/decisions') =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${who}\r\n\r\n`
  const crowd = await fixture.dial()
  crowd.write(as('stranger').repeat(20) + put() + as('staff') + as('stranger', '/healthz'))
  const statuses: number[] = []
  while (statuses.length < 23) statuses.push(await crowd.answer())
  assert.deepEqual(statuses.slice(20), [200, 200, 200])
  assert.equal(statuses.filter((status) => status === 503).length, 15)
})

test('of those who are no students, each kind gets time, however many of another wait', async (t) => {
  const fixture = await new Fixture(t).open({ waitMaxMs: 1_000_000 })
  fixture.costMs = 1
  fixture.senders.set('stranger', 'stranger').set('staff', 'staff')
  const as = (who: string, path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${who}\r\n\r\n`
  const crowd = await fixture.dial()
  crowd.write(
    as('stranger', '/login').repeat(100) + as('staff', '/staff/decisions') + as('stranger', '/healthz'),
  )
  for (let count = 0; count < 102; count++) assert.equal(await crowd.answer(), 200)
  const place = (line: string) => fixture.begun.indexOf(line)
  assert.ok(place('GET /staff/decisions') < 20 && place('GET /healthz') < 20, fixture.begun.join())
})
