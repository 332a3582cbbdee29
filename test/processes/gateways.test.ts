import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import {
  enrollment,
  type Environment,
  type Program,
  ServerProcess,
  startBatcher,
  startServer,
} from '../../kit/command-line.ts'
import { inShort, type RequestLine } from '../../kit/rest-client.ts'
import { RegistrationDay, type Rush } from './registration-day.ts'

const jwtSecret = 'the secret of all servers of this campus'

/** One registration day: each test finds engines and gateways as the one before left them. */
describe('gateways in processes of their own', () => {
  const day = new RegistrationDay()
  let environment: Environment
  let engines: [ServerProcess, ServerProcess]
  let gateway: ServerProcess
  let other: ServerProcess
  let batcher: Program
  const socket = join(tmpdir(), `core-${randomUUID().slice(0, 8)}.sock`)
  let port = 0

  before(async () => {
    port = await freePort()
    environment = { ...day.campus.environment, JWT_SECRET: jwtSecret }
    day.cleanUpWith(() => rm(socket, { force: true }))
    batcher = day.running(startBatcher(environment))
  })

  const engineAt = async (listen: string) =>
    day.running(await startServer({ ...environment, ENROLLMENT_CORE_LISTEN: listen }))
  const firstEngine = () => engineAt(`unix://${socket}`)
  const secondEngine = () => engineAt(`127.0.0.1:${port}`)

  async function gatewayWith(changed: Environment = {}): Promise<ServerProcess> {
    const address = `127.0.0.1:${await freePort()}`
    const CORE_ADDRESS = `unix://${socket},127.0.0.1:${port}`
    return day.running(
      new ServerProcess(
        ['gateway'],
        { ...environment, CORE_ADDRESS, LISTEN_ADDRESS: address, ...changed },
        `http://${address}`,
      ),
    )
  }

  /** Half of them at each of two gateways. */
  function load(): Rush {
    let turn = 0
    return day.rush(() => (turn++ % 2 === 0 ? gateway : other).client)
  }

  test('a gateway that finds no engine answers not_leading, and serves as soon as one leads', async () => {
    gateway = await gatewayWith()
    await gateway.untilSays(/^serving campus/)
    const readiness = await gateway.client.send('GET /readyz')
    assert.equal(inShort(readiness), '503 not_leading')
    assert.match(readiness.text, /no engine can be reached/)
    engines = [await firstEngine(), await secondEngine()]
    other = await gatewayWith()
    await gateway.untilReady()
    await other.untilReady()
    await day.logInAt(gateway)
    const students = load()
    await students.done
    await day.assertEverybodyIsIn(students)
  })

  test('a browser that gets its ticket from one gateway opens its stream at the other', async () => {
    const [token] = day.tokens.values()
    const { body } = await gateway.client.send('POST /events/tickets', { token })
    const { ticket } = body as { ticket: string }
    const path = `/events?places=own&ticket=${ticket}`
    const { status, body: events } = await fetch(`${other.address}${path}`)
    assert.ok(status === 200 && events !== null)
    const reader = events.getReader()
    const { value } = await reader.read()
    assert.match(Buffer.from(value ?? []).toString(), /^retry: /)
    await reader.cancel()
    assert.equal(inShort(await other.client.send(`GET ${path}` as RequestLine)), '401 unauthenticated')
  })

  test('when the leading engine is killed with requests in flight, the gateways follow the next one, and nothing is lost', async () => {
    for (const round of [1, 2]) {
      const leads = (await engines[0].readiness()) === 200 ? 0 : 1
      const students = load()
      await eventually(() => students.granted.length > 60)
      await engines[leads].kill()
      await students.done
      await day.assertEverybodyIsIn(students)
      assert.equal(await gateway.readiness(), 200, `round ${round}`)
      engines[leads] = await (leads === 0 ? firstEngine() : secondEngine())
      await engines[leads].untilSays(/engine standby/)
    }
  })

  test('when the leading engine is stopped, whoever waits for it is answered first', async () => {
    const leads = (await engines[0].readiness()) === 200 ? 0 : 1
    const students = load()
    await eventually(() => students.granted.length > 60)
    const ended = await engines[leads].stop()
    assert.equal(ended.code, 0, ended.stderr)
    await students.done
    await day.assertEverybodyIsIn(students)
    engines[leads] = await (leads === 0 ? firstEngine() : secondEngine())
  })

  test('a gateway that is killed takes nothing with it, and one that is stopped ends cleanly', async () => {
    const students = load()
    await eventually(() => students.granted.length > 60)
    await other.kill()
    other = await gatewayWith()
    await other.untilReady()
    const ended = await gateway.stop()
    assert.equal(ended.code, 0, ended.stderr)
    gateway = await gatewayWith()
    await gateway.untilReady()
    await students.done
    await day.assertEverybodyIsIn(students)
  })

  test('a gateway that does not know the secret is turned away, and both sides say why', async () => {
    await Promise.all(engines.map((engine) => engine.untilSays(/^engine (standby|leading)/)))
    const stranger = await gatewayWith({
      JWT_SECRET: 'another secret that the engines do not know',
      CORE_ADDRESS: `127.0.0.1:${port}`,
    })
    await stranger.untilSays(/has another secret/)
    await stranger.untilSays(/^serving campus/)
    await engines[1].untilSays(/turned a gateway away: it does not know our secret/)
    assert.equal(inShort(await stranger.client.send('GET /readyz')), '503 not_leading')
    await stranger.stop()
  })

  test('what the gateways answered is what the decisions say', async () => {
    for (const program of [gateway, other, ...engines, batcher]) {
      const ended = await program.stop()
      assert.equal(ended.code, 0, ended.stderr)
    }
    const verified = await enrollment(['verify'], day.campus.environment)
    assert.equal(verified.code, 0, verified.stdout)
  })

  test('a gateway without CORE_ADDRESS says what it needs', async () => {
    const ended = await enrollment(['gateway'], environment)
    assert.equal(ended.code, 1)
    assert.match(ended.stderr, /needs CORE_ADDRESS/)
  })
})
