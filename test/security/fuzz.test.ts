import assert from 'node:assert/strict'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { group, student } from '../../actors/testing/sketches.ts'
import { closeGateway, openGateway } from '../../src/gateway/listen.ts'
import { defaultHttpLimits } from '../../src/gateway/limits.ts'
import { GatewayFixture, generousLimits } from '../../src/gateway/testing/gateway-fixture.ts'
import { HttpClient } from '../../kit/rest-client.ts'
import { StrangeRequests } from './strange-requests.ts'

const seed = Number(process.env['TEST_SEED'] ?? 20_260_921)
const requests = 10_000
const atOnce = 32
/** Longer than any bound of the server: whoever is not answered or cut off by then hangs. */
const patienceMs = 20_000

/** Sends the bytes and ends, and resolves with all that came back once the server has closed. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    const deadline = setTimeout(() => {
      socket.destroy()
      reject(new Error('neither answered nor cut off'))
    }, patienceMs)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    // A server that closes before it has read everything resets the connection.
    socket.on('error', () => {})
    socket.once('close', () => {
      clearTimeout(deadline)
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
    socket.end(bytes)
  })
}

test('ten thousand strange requests bring forth no error of ours, no crash and no hang, and disturb nobody', async (t) => {
  const sketches = [10, 11].flatMap((course) => [group(`${course}/1`, { capacity: 3 }), group(`${course}/2`)])
  const fixture = new GatewayFixture(
    [...Array.from({ length: 20 }, (_, id) => student(id)), student(99), ...sketches, group('90/1')],
    {
      http: {
        ...defaultHttpLimits,
        headersTimeoutMs: 2000,
        requestTimeoutMs: 4000,
      },
      limits: {
        ...generousLimits,
        // What passwords cost is tested elsewhere.
        loginFailuresPerAddress: { count: 50, perMs: 86_400_000 },
      },
    },
  )
  await openGateway(fixture.app, { protocol: 'tcp', host: '127.0.0.1', port: 0 })
  const { port } = fixture.app.server.address() as AddressInfo
  const client = new HttpClient(`http://127.0.0.1:${port}`)
  t.after(async () => {
    client.close()
    await closeGateway(fixture.app, 0)
  })

  const fuzzed = new AbortController()
  let served = 0
  const good = (async () => {
    const headers = { authorization: fixture.authorization({ student: 99 }) }
    const body = { course_id: 90, group_id: 1, reserve: 'never' }
    for (; !fuzzed.signal.aborted; served++) {
      // The first time it gets its place, and ever after is told that it has it.
      const expected = served === 0 ? 204 : 409
      assert.equal((await client.send('PUT /student/course', { headers, body })).status, expected)
      const { data } = (await client.send('GET /student/course', { headers })).body as { data: unknown[] }
      assert.equal(data.length, 1)
    }
  })()

  const strange = new StrangeRequests(seed, [
    ...Array.from({ length: 20 }, (_, id) => fixture.authorization({ student: id })),
    fixture.authorization({ staff: 60, department: 1 }),
    fixture.authorization({ staff: 61, department: 2 }),
  ])
  const statuses = new Map<string, number>()
  let sent = 0
  const fuzz = async () => {
    while (sent < requests) {
      const number = sent++
      const bytes = strange.next()
      const told = () =>
        `TEST_SEED=${seed}, request ${number}: ${JSON.stringify(bytes.toString('latin1').slice(0, 2000))}`
      const answer = await exchange(port, bytes).catch((error: unknown) =>
        assert.fail(`${String(error)}; ${told()}`),
      )
      const found = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status)
      for (const status of found.length === 0 ? ['none'] : found) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status.startsWith('5')) assert.fail(`${answer.slice(0, 1000)}; ${told()}`)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: atOnce }, fuzz))
  } finally {
    fuzzed.abort()
    await good
  }
  t.diagnostic(
    `answers: ${[...statuses]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map((pair) => pair.join(' x '))
      .join(', ')}; served beside: ${served}`,
  )
  assert.ok(served > 0)
  // The generator reaches the handlers, the rules and the parser alike.
  for (const status of ['200', '204', '400', '401', '403', '404', '405', '409', '413', '431']) {
    assert.ok((statuses.get(status) ?? 0) > 0, `no ${status}`)
  }
  assert.deepEqual(
    fixture.log.filter((line) => (JSON.parse(line) as { level: number }).level >= 50),
    [],
  )
})
