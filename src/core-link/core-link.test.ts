import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rm, stat } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import type { Command } from '../../actors/messages/commands.ts'
import { campusOf } from '../../actors/testing/scenario.ts'
import { duringWindow, group, student } from '../../actors/testing/sketches.ts'
import { refusalCodes } from '../../actors/messages/refusals.ts'
import type { Outcome } from '../engine/service.ts'
import { TermService } from '../gateway/testing/term-service.ts'
import { ByteWriter } from './byte-writer.ts'
import { CoreListener } from './core-listener.ts'
import { RemoteEngine } from './remote-engine.ts'
import { framesToEngine, type Hello, protocolVersion, toEngine } from './protocol.ts'

const secret = 'a secret that engine and gateway share'
const outcomeUnknown: Outcome = { kind: 'unavailable', code: 'outcome_unknown' }
const notLeading: Outcome = { kind: 'unavailable', code: 'not_leading' }

function add(id: number, course = 10): Command {
  const legs = [{ do: 'add', course, group: 1, reserve: 'allow' }] as const
  return { actor: { role: 'student', id }, student: id, legs }
}

function wordOf(outcome: Outcome): string {
  return outcome.kind === 'decided' ? 'decided' : outcome.code
}

function socketPath(t: TestContext): string {
  const path = join(tmpdir(), `core-${randomUUID().slice(0, 8)}.sock`)
  t.after(() => rm(path, { force: true }))
  return path
}

/** An engine with 200 students and a course of 70 seats, and its door. */
async function openEngine(t: TestContext, path = socketPath(t)) {
  const students = Array.from({ length: 200 }, (_, index) => student(index + 1))
  const service = new TermService(
    campusOf([group('10/1', { capacity: 70, reserveCapacity: 0 }), ...students]),
    () => duringWindow,
  )
  const said: string[] = []
  const listener = new CoreListener({
    service,
    campus: 'north',
    secrets: [secret],
    log: (_level, line) => said.push(line),
  })
  t.after(() => listener.close())
  await listener.listen({ protocol: 'unix', path })
  return { service, listener, path, said }
}

function gatewayTo(
  t: TestContext,
  path: string,
  changed: Partial<ConstructorParameters<typeof RemoteEngine>[0]> = {},
) {
  const said: string[] = []
  const engines = new RemoteEngine({
    addresses: [{ protocol: 'unix', path }],
    campus: 'north',
    secrets: [secret],
    gateway: 'test',
    log: (_level, line) => said.push(line),
    ...changed,
  })
  t.after(() => engines.close())
  return { engines, said }
}

async function openPair(t: TestContext) {
  const engine = await openEngine(t)
  const gateway = gatewayTo(t, engine.path)
  await eventually(() => gateway.engines.status().state === 'leading')
  return { ...engine, engineSaid: engine.said, ...gateway }
}

test('three hundred connections that say nothing keep no gateway out, over a socket or TCP', async (t) => {
  const { listener, path } = await openEngine(t)
  const tcp = { protocol: 'tcp', host: '127.0.0.1' } as const
  const port = Number(await listener.listen({ ...tcp, port: 0 }))
  for (const address of [{ protocol: 'unix', path } as const, { ...tcp, port }]) {
    const silent = Array.from({ length: 300 }, () => connect(address).on('error', () => {}))
    t.after(() => silent.forEach((socket) => socket.destroy()))
    const { engines } = gatewayTo(t, path, { addresses: [address] })
    await eventually(() => silent.filter((socket) => !socket.destroyed).length <= 64)
    await eventually(() => engines.status().state === 'leading')
    assert.equal((await engines.submit(add(1))).kind, 'decided')
  }
})

test('commands of one moment are decided together and answered each with its own decision', async (t) => {
  const { engines, service } = await openPair(t)
  const outcomes = await Promise.all(Array.from({ length: 90 }, (_, index) => engines.submit(add(index + 1))))
  for (const [index, outcome] of outcomes.entries()) {
    assert.ok(outcome.kind === 'decided')
    assert.equal(outcome.record.student, index + 1)
    assert.equal(outcome.record.reasons?.[0]?.code, index < 70 ? undefined : 'course_full')
  }
  assert.ok(service.journal.appended.length < 45, `${service.journal.appended.length} journal messages`)
})

test('what an answer rests on is durable by the gateway’s own account', async (t) => {
  const { engines, service } = await openPair(t)
  service.state = { ...service.state, confirmedSeq: 7, appliedSeq: 3 }
  await engines.roster(10, 1)
  assert.deepEqual([engines.status().confirmedSeq, engines.status().appliedSeq], [7, 3])
})

test('a command in flight on a link that breaks is answered outcome_unknown and never sent again', async (t) => {
  const { engines, service, listener, path } = await openPair(t)
  service.journal.held = true
  const waiting = engines.submit(add(1))
  await eventually(() => service.journal.appended.length === 1)
  await listener.close()
  assert.deepEqual(await waiting, outcomeUnknown)
  assert.deepEqual(await engines.submit(add(2)), notLeading)
  const next = await openEngine(t, path)
  await eventually(() => engines.status().state === 'leading')
  assert.equal(wordOf(await engines.submit(add(3))), 'decided')
  assert.equal(next.service.journal.appended.length, 1)
})

test('a command that was not sent when the link broke was surely not done', async (t) => {
  const { engines, service } = await openPair(t)
  const waiting = engines.submit(add(1))
  engines.close()
  assert.deepEqual(await waiting, notLeading)
  assert.equal(service.journal.appended.length, 0)
})

test('a read on a link that breaks is answered that nobody leads', async (t) => {
  const { engines, service, listener } = await openPair(t)
  service.journal.held = true
  void service.submit(add(1))
  const reading = engines.studentView(1)
  await eventually(() => service.journal.appended.length === 1)
  await listener.close()
  assert.deepEqual(await reading, notLeading)
})

test('a command that fails by a bug in the engine fails in the gateway too', async (t) => {
  const { engines, service, engineSaid } = await openPair(t)
  service.broken = true
  await assert.rejects(engines.submit(add(1)))
  assert.ok(engineSaid.some((line) => /failed in the engine/.test(line)))
})

test('a gateway of another campus is refused, and both sides say why', async (t) => {
  const engine = await openEngine(t)
  const { engines, said } = gatewayTo(t, engine.path, { campus: 'south' })
  await eventually(() => said.some((line) => /refused: the engine is of campus north/.test(line)))
  await eventually(() => engine.said.some((line) => /refused a gateway/.test(line)))
  assert.equal(engines.status().state, 'unreachable')
  assert.match(engines.status().detail, /of campus north, the gateway of south/)
})

test('over TCP a gateway needs the secret, and either of two will do while they are exchanged', async (t) => {
  const { service } = await openEngine(t)
  const said: string[] = []
  const listener = new CoreListener({
    service,
    campus: 'north',
    secrets: ['the new secret of the engine', secret],
    log: (_level, line) => said.push(line),
  })
  t.after(() => listener.close())
  const port = await listener.listen({ protocol: 'tcp', host: '127.0.0.1', port: 0 })
  const gatewayKnowing = (...secrets: [string, ...string[]]) => {
    const engines = new RemoteEngine({
      addresses: [{ protocol: 'tcp', host: '127.0.0.1', port: Number(port) }],
      campus: 'north',
      secrets,
      gateway: 'test',
      log: () => {},
    })
    t.after(() => engines.close())
    return engines
  }
  const stranger = gatewayKnowing('a secret that the engine does not know')
  for (const engines of [gatewayKnowing(secret), gatewayKnowing('a newer one, unknown yet', secret)]) {
    await eventually(() => engines.status().state === 'leading')
    assert.equal(wordOf(await engines.submit(add(1))), 'decided')
  }
  await eventually(() => said.some((line) => /does not know our secret/.test(line)))
  assert.match(stranger.status().detail, /the engine has another secret/)
})

test('somebody who connects over TCP and never proves anything does not hold up the end', async (t) => {
  const { listener } = await openEngine(t)
  const port = await listener.listen({ protocol: 'tcp', host: '127.0.0.1', port: 0 })
  const stranger = connect(Number(port), '127.0.0.1')
  t.after(() => stranger.destroy())
  await once(stranger, 'connect')
  const cut = once(stranger, 'close')
  await listener.close()
  await cut
})

test('only processes of the same user can connect to the socket', async (t) => {
  const { path } = await openEngine(t)
  const { mode } = await stat(path)
  assert.equal(mode & 0o777, 0o600)
})

/** Connects and says hello, as a gateway that then does as it likes. */
async function rawGateway(
  t: TestContext,
  path: string,
): Promise<{ socket: Socket; ended: Promise<unknown> }> {
  const socket = connect(path)
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  const ended = new Promise((resolve) => socket.once('close', resolve))
  await new Promise((resolve) => socket.once('connect', resolve))
  return { socket, ended }
}

function helloOf(gateway: string): Hello {
  return { protocol: protocolVersion, campus: 'north', refusals: Object.keys(refusalCodes), gateway }
}

function frame(write: (to: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(64)
  writer.uint32(0)
  write(writer)
  writer.patchUint32(0, writer.length - 4)
  return writer.take()
}

test('a frame that is too long, one of no known message, and one without a hello end the link, and no other', async (t) => {
  const { engines, path, engineSaid } = await openPair(t)
  const tooLong = Buffer.alloc(4)
  tooLong.writeUInt32LE(framesToEngine.bytesMax + 1)
  const unknown = frame((to) => to.uint8(99))
  const unasked = frame((to) => to.uint8(toEngine.beat))
  for (const bytes of [tooLong, unknown, unasked]) {
    const { socket, ended } = await rawGateway(t, path)
    socket.resume()
    socket.write(bytes)
    await ended
  }
  await eventually(() => engineSaid.filter((line) => /broke/.test(line)).length === 3)
  assert.equal(wordOf(await engines.submit(add(1))), 'decided')
})

test('frames are put together however the network cuts them', async (t) => {
  const engine = await openEngine(t)
  const front = socketPath(t)
  const slow = createServer((inside) => {
    const outside = connect(engine.path)
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      from.on('data', (chunk) => {
        for (let at = 0; at < chunk.length; at += 7) to.write(chunk.subarray(at, at + 7))
      })
      from.on('close', () => to.destroy())
      from.on('error', () => {})
    }
  })
  await listening(slow, front)
  t.after(() => slow.close())
  const { engines } = gatewayTo(t, front)
  await eventually(() => engines.status().state === 'leading')
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => engines.submit(add(index + 1))))
  assert.ok(outcomes.every((outcome) => outcome.kind === 'decided' && outcome.record.reasons === undefined))
})

async function listening(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve) => server.listen(path, resolve))
}

test('an engine that takes connections and says nothing is not waited for', async (t) => {
  const path = socketPath(t)
  const mute = createServer((socket) => t.after(() => socket.destroy()))
  await listening(mute, path)
  t.after(() => mute.close())
  const { engines } = gatewayTo(t, path)
  assert.deepEqual(await engines.submit(add(1)), notLeading)
})

test('an engine that falls silent in the middle of a term is given up, though it takes what is sent', async (t) => {
  const engine = await openEngine(t)
  const front = socketPath(t)
  const outsides: Socket[] = []
  const relay = createServer((inside) => {
    const outside = connect(engine.path)
    outsides.push(outside)
    inside.pipe(outside).pipe(inside)
    for (const socket of [inside, outside]) socket.on('error', () => {})
    inside.on('close', () => outside.destroy())
  })
  await listening(relay, front)
  t.after(() => relay.close())
  const { engines } = gatewayTo(t, front)
  await eventually(() => engines.status().state === 'leading')
  for (const outside of outsides) outside.unpipe().removeAllListeners('data').resume()
  assert.deepEqual(await engines.submit(add(1)), outcomeUnknown)
})

test('a gateway that does not read its answers is not read either, and holds so much and no more', async (t) => {
  const { engines, service, path, engineSaid } = await openPair(t)
  const { socket } = await rawGateway(t, path)
  socket.pause()
  socket.write(
    frame((to) => {
      to.uint8(toEngine.hello)
      to.longText(JSON.stringify(helloOf('slow')))
    }),
  )
  await eventually(() => engineSaid.some((line) => /gateway slow connected/.test(line)))
  let asked = 0
  const catalog = service.catalog.bind(service)
  service.catalog = (question) => {
    asked++
    return catalog(question)
  }
  const asking = frame((to) => {
    for (let id = 0; id < 1000; id++) {
      to.uint8(toEngine.call)
      to.uint32(id)
      to.longText('["catalog",{"department":1}]')
    }
  })
  for (let round = 0; round < 100; round++) socket.write(asking)
  let before = -1
  await eventually(() => {
    const isStill = asked > 0 && asked === before
    before = asked
    return isStill
  })
  assert.ok(asked < 50_000, `${asked} of 100,000 were answered to somebody who does not listen`)
  assert.equal(wordOf(await engines.submit(add(1))), 'decided')
})
