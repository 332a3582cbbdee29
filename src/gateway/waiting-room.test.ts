import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { glimpseOf } from './turnstile.ts'
import { WaitingRoom, type WaitingRoomDeps } from './waiting-room.ts'

/** A server whose time stands still unless a test moves it, and that answers when a test says so. */
class Scene {
  nowMs = 1000
  isEngineFull = false
  readonly told: string[] = []
  readonly waits = new Map<string, number>()
  readonly begun: string[] = []
  onBegin = (): void => {}
  /** How long each request takes of the process's time. */
  costMs = 0
  room!: WaitingRoom
  port = 0
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  async open(limits: Partial<WaitingRoomDeps['limits']> = {}): Promise<this> {
    this.room = new WaitingRoom(
      (request, response) => {
        this.begun.push(`${request.method} ${request.url}`)
        this.nowMs += this.costMs
        this.onBegin()
        request.resume().once('end', () => response.end('served'))
      },
      {
        limits: {
          waitMaxMs: 100,
          burstMs: 2000,
          standingWaitMaxMs: 50,
          heldMaxMs: 20,
          turnMs: 10,
          lengthMax: 1000,
          ...limits,
        },
        now: () => this.nowMs,
        isEngineFull: () => this.isEngineFull,
        waitOf: (authorization) => this.waits.get(authorization ?? '') ?? 0,
        onTold: (authorization) => this.told.push(authorization ?? ''),
      },
    )
    const server = createServer((request, response) => this.room.enter(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.#t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return this
  }

  async ask(path = '/student/course', method = 'PUT'): Promise<number> {
    return await new Promise((resolve, reject) => {
      const sent = httpRequest({ host: '127.0.0.1', port: this.port, path, method }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0))
      })
      sent.once('error', reject)
      sent.end()
    })
  }

  /** A connection that stays open, for requests written byte by byte. */
  async dial(): Promise<Line> {
    const socket = connect({ host: '127.0.0.1', port: this.port, noDelay: true })
    await new Promise((resolve) => socket.once('connect', resolve))
    this.#t.after(() => socket.destroy())
    return new Line(socket)
  }
}

class Line {
  readonly #socket: Socket
  #received = ''
  #wake = (): void => {}

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString()
      this.#wake()
    })
  }

  write(text: string): void {
    this.#socket.write(text)
  }

  /** The next answer's status. */
  async answer(): Promise<number> {
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(this.#received.slice(0, end))?.[1] ?? 0)
      if (end >= 0 && this.#received.length >= end + 4 + length) {
        const status = Number(this.#received.slice(9, 12))
        this.#received = this.#received.slice(end + 4 + length)
        return status
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

const put = (body = '{"course_id":1}', more = '') =>
  `PUT /student/course HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`

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

test('a connection whose request was turned away goes on: turned away again, then served, in the order of its requests', async (t) => {
  const scene = await new Scene(t).open()
  const line = await scene.dial()
  const ask = async () => {
    line.write(put())
    return await line.answer()
  }
  scene.isEngineFull = true
  assert.deepEqual([await ask(), await ask(), await ask()], [503, 503, 503])
  scene.isEngineFull = false
  await nextTurn()
  const after = [await ask(), await ask()]
  assert.equal(after.at(-1), 200)
  scene.isEngineFull = true
  await nextTurn()
  const again = [await ask(), await ask(), await ask()]
  assert.equal(again.at(-1), 503)
  assert.equal(scene.begun.length, [...after, ...again].filter((status) => status === 200).length)
})

test('a request that arrives in pieces, or behind another, is left to the parser for good', async (t) => {
  const scene = await new Scene(t).open()
  for (const pieces of [
    [put().slice(0, 30), put().slice(30)],
    [put() + put().slice(0, 60), put().slice(60)],
    [put('GET /healthz HTTP/1.1\r\n\r\n').slice(0, -24), 'GET /healthz HTTP/1.1\r\n\r\n'.slice(-24)],
  ]) {
    const line = await scene.dial()
    scene.isEngineFull = true
    line.write(put())
    assert.equal(await line.answer(), 503)
    line.write(put())
    assert.equal(await line.answer(), 503)
    line.write(put())
    assert.equal(await line.answer(), 503)
    const count = pieces.join('').split('PUT ').length - 1
    for (const piece of pieces) {
      line.write(piece)
      await nextTurn()
    }
    for (let answered = 0; answered < count; answered++) assert.equal(await line.answer(), 503)
    scene.isEngineFull = false
    await nextTurn()
    line.write(put())
    line.write(put())
    await line.answer()
    assert.equal(await line.answer(), 200)
  }
})

test('only one whole and plain request is taken for one', () => {
  const seen = (text: string) => glimpseOf(Buffer.from(text, 'latin1'))
  assert.deepEqual(seen(put()), { method: 'PUT', path: '/student/course', authorization: 'Bearer t' })
  assert.deepEqual(seen('DELETE /student/course?course_id=1 HTTP/1.1\r\nHost: x\r\n\r\n'), {
    method: 'DELETE',
    path: '/student/course',
    authorization: undefined,
  })
  for (const [what, text] of Object.entries({
    'a piece of the body missing': put().slice(0, -1),
    'a byte too much': `${put()}x`,
    'two requests': put() + put(),
    'no end of the headers': 'GET / HTTP/1.1\r\nHost: x\r\n',
    'another version': 'GET / HTTP/1.0\r\n\r\n',
    'line ends without a return': 'GET / HTTP/1.1\nHost: x\n\n',
    'two lengths': put('{}', 'Content-Length: 2\r\n'),
    'a length that is no number': 'PUT / HTTP/1.1\r\nContent-Length: 0x2\r\n\r\n{}',
    'a length with a sign': 'PUT / HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}',
    'a space before the colon': 'PUT / HTTP/1.1\r\nContent-Length : 2\r\n\r\n{}',
    chunks: put('{}', 'Transfer-Encoding: chunked\r\n'),
    'a wish to close': put('{}', 'Connection: close\r\n'),
    'an expectation': put('{}', 'Expect: 100-continue\r\n'),
    'an unknown method': 'BREW / HTTP/1.1\r\n\r\n',
    'something else': '\u0016\u0003\u0001',
    'a folded header': 'PUT / HTTP/1.1\r\nX: a\r\n b\r\n\r\n',
  })) {
    assert.equal(seen(text), undefined, what)
  }
})
