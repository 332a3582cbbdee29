import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { readConfig } from '../../config/read-config.ts'
import { type Work, warmUp } from './warm-up.ts'

function hostThat(signal: AbortSignal) {
  return { signal, log: pino({ level: 'silent' }) }
}
const connections = () => process.getActiveResourcesInfo().filter((kind) => /TCP|Pipe/.test(kind)).length
const forEver = { ENROLLMENT_WARM_UP: '1m' }
const works: Record<string, Work> = {
  'a server': { rest: true, writes: true },
  'a gateway': { rest: true, writes: false },
  'a batcher': { rest: false, writes: true },
}

for (const [who, work] of Object.entries(works)) {
  test(`${who} does its work before it is ready, and keeps nothing of it open`, async () => {
    const before = connections()
    const config = readConfig({ ENROLLMENT_WARM_UP: '2s' })
    const decided = await warmUp(config, work, hostThat(new AbortController().signal))
    assert.ok(decided > 0, `${decided} decisions`)
    // The last of them may still be closing.
    while (connections() > before) await setImmediate()
  })

  test(`${who} that is told to stop does not warm up to the end`, async () => {
    const stopping = new AbortController()
    const warm = warmUp(readConfig(forEver), work, hostThat(stopping.signal))
    setTimeout(() => stopping.abort(), 100)
    const decided = await warm
    // To the end it makes several thousand.
    assert.ok(decided < 3_000, `${decided} decisions`)
  })
}

test('no time to warm up is none at all', async () => {
  const config = readConfig({ ENROLLMENT_WARM_UP: '0s' })
  assert.equal(await warmUp(config, { rest: true, writes: true }, hostThat(new AbortController().signal)), 0)
})
