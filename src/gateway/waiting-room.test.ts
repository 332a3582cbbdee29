import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { put, Scene } from './testing/waiting-scene.ts'

test('while there is time, everybody is served as they come', async (t) => {
  const scene = await new Scene(t).open()
  const statuses = await Promise.all(Array.from({ length: 50 }, () => scene.ask()))
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(scene.room.turnedAway, 0)
})

test('a burst that takes many turns is served in full when the line moves in time', async (t) => {
  const scene = await new Scene(t).open({ waitMaxMs: 10_000 })
  scene.costMs = 4
  const statuses = await Promise.all(Array.from({ length: 100 }, () => scene.ask()))
  assert.deepEqual(new Set(statuses), new Set([200]))
})

test('once the first in line has waited too long, newcomers are turned away and those in line are served', async (t) => {
  const scene = await new Scene(t).open()
  scene.costMs = 60
  const [crowd, newcomer] = [await scene.dial(), await scene.dial()]
  scene.onBegin = () => {
    if (scene.begun.length === 4) newcomer.write(put())
  }
  crowd.write(put().repeat(40))
  assert.equal(await newcomer.answer(), 503)
  const statuses: number[] = []
  while (statuses.length < 40) statuses.push(await crowd.answer())
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(scene.room.turnedAway, 1)
  assert.deepEqual(scene.told, ['Bearer t'])
  assert.equal(await scene.ask(), 200)
})

test('a burst may wait for long; in a line that stands for longer than a burst, newcomers are soon turned away', async (t) => {
  const scene = await new Scene(t).open({ waitMaxMs: 5000, burstMs: 2000, standingWaitMaxMs: 50 })
  scene.costMs = 60
  /** A crowd comes, and somebody else when so many of it were begun: what that one is told. */
  const meet = async (crowdSize: number, afterOf: number): Promise<number> => {
    const [crowd, newcomer] = [await scene.dial(), await scene.dial()]
    const before = scene.begun.length
    scene.onBegin = () => {
      if (scene.begun.length - before === afterOf) newcomer.write(put())
    }
    crowd.write(put().repeat(crowdSize))
    const status = await newcomer.answer()
    for (let count = 0; count < crowdSize; count++) assert.equal(await crowd.answer(), 200)
    return status
  }
  assert.equal(await meet(40, 4), 200, 'after 240 ms')
  scene.nowMs += 60
  assert.equal(await meet(60, 40), 503, 'after 2,400 ms')
  assert.equal(await meet(40, 4), 503, 'a new line, soon after somebody was turned away')
  scene.nowMs += 2001
  assert.equal(await meet(40, 4), 200, 'a new line, long after')
})

test('while others are turned away, whoever was told to wait is held to it; soon after, they are heard', async (t) => {
  const scene = await new Scene(t).open()
  scene.waits.set('Bearer t', 500)
  const line = await scene.dial()
  const ask = async () => {
    line.write(put())
    return await line.answer()
  }
  assert.equal(await ask(), 200, 'nobody was turned away')
  scene.isEngineFull = true
  assert.equal(await scene.ask(), 503)
  scene.isEngineFull = false
  await nextTurn()
  assert.equal(await ask(), 503, 'told to wait')
  assert.equal(await scene.ask(), 200, 'told nothing')
  assert.equal(await scene.ask('/student/course', 'GET'), 200)
  scene.nowMs += 251
  assert.equal(await ask(), 200, 'nobody was turned away of late')
})

test('whoever asks how the server is waits for nobody', async (t) => {
  const scene = await new Scene(t).open()
  scene.isEngineFull = true
  assert.equal(await scene.ask(), 503)
  for (const path of ['/healthz', '/readyz', '/metrics']) assert.equal(await scene.ask(path, 'GET'), 200)
})

test('while the engine has no room, commands of students are turned away and their reads are not', async (t) => {
  const scene = await new Scene(t).open()
  scene.isEngineFull = true
  assert.equal(await scene.ask('/student/course', 'PUT'), 503)
  assert.equal(await scene.ask('/student/course', 'GET'), 200)
  assert.equal(await scene.ask('/staff/capacity', 'PATCH'), 200)
})

test('commands in line wait for the engine to have room, reads pass them, and nobody waits for ever', async (t) => {
  const scene = await new Scene(t).open({ waitMaxMs: 10_000, heldMaxMs: 1000 })
  scene.costMs = 10
  const crowd = await scene.dial()
  const begun = () => scene.begun.filter((one) => one.startsWith('PUT')).length
  const fillAt = async (count: number) => {
    await new Promise<void>((resolve) => {
      scene.onBegin = () => {
        if (begun() !== count) return
        scene.isEngineFull = true
        resolve()
      }
      crowd.write(put().repeat(40))
    })
    assert.equal(await scene.ask('/student/course', 'GET'), 200)
    return begun()
  }
  t.after(() => {
    scene.isEngineFull = false
  })
  const first = await fillAt(3)
  assert.ok(first < 20, `${first} of 40`)
  scene.isEngineFull = false
  for (let count = 0; count < 40; count++) assert.equal(await crowd.answer(), 200)

  const second = await fillAt(43)
  scene.nowMs += 1001
  for (let count = 40; count < second; count++) assert.equal(await crowd.answer(), 200)
  for (let count = second; count < 80; count++) assert.equal(await crowd.answer(), 503)
  assert.equal(begun(), second)
})

test('whoever has waited for time is not turned away at once when the engine is full for a moment', async (t) => {
  const scene = await new Scene(t).open({ waitMaxMs: 10_000, heldMaxMs: 200 })
  scene.costMs = 100
  const crowd = await scene.dial()
  await new Promise<void>((resolve) => {
    scene.onBegin = () => {
      if (scene.begun.length !== 5) return
      scene.isEngineFull = true
      resolve()
    }
    crowd.write(put().repeat(40))
  })
  assert.equal(await scene.ask('/student/course', 'GET'), 200)
  assert.ok(scene.room.length > 20)
  scene.isEngineFull = false
  for (let count = 0; count < 40; count++) assert.equal(await crowd.answer(), 200)
})
