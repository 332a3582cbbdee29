import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pageOrigin, put, Fixture } from '../testing/queue-fixture.ts'
import { glimpseOf } from './early-refusal.ts'

test('a connection whose request was turned away goes on: turned away again, then served, in the order of its requests', async (t) => {
  const scene = await new Fixture(t).open()
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
  const scene = await new Fixture(t).open()
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

test('whoever asks again and again in one turn is read no further in it, and heard in the next', async (t) => {
  const scene = await new Fixture(t).open({ answersInTurnMax: 3 })
  const line = await scene.dial()
  const { socket } = scene
  scene.isEngineFull = true
  // Two answers take the ordinary way; from then on the connection is known to be clean.
  for (const _ of ['first', 'second']) {
    line.write(put())
    assert.equal(await line.answer(), 503)
  }
  await nextTurn()
  const ask = () => socket.emit('data', Buffer.from(put()))
  for (let count = 0; count < 3; count++) ask()
  assert.equal(socket.isPaused(), false)
  ask()
  assert.equal(socket.isPaused(), true)
  for (let count = 0; count < 4; count++) assert.equal(await line.answer(), 503)
  await nextTurn()
  assert.equal(socket.isPaused(), false)
  scene.isEngineFull = false
  line.write(put())
  assert.equal(await line.answer(), 200)
})

test('pages that may call can read that they were turned away, in the ordinary way and on the socket', async (t) => {
  const scene = await new Fixture(t).open()
  scene.isEngineFull = true
  for (const [origin, mayRead] of [
    [pageOrigin, true],
    ['https://evil.example', false],
  ] as const) {
    const line = await scene.dial()
    for (const _ of ['first', 'second', 'on the socket', 'again']) {
      line.write(put(undefined, `Origin: ${origin}\r\n`))
      assert.equal(await line.answer(), 503)
      assert.match(line.head, /\r\nvary: Origin/i)
      assert.equal(line.head.includes(`\r\naccess-control-allow-origin: ${pageOrigin}\r\n`), mayRead)
      assert.equal(/\r\naccess-control-expose-headers: .*Retry-After/.test(line.head), mayRead)
      assert.ok(!line.head.includes('evil'))
    }
  }
})

test('a browser that asks whether a page may call is never turned away', async (t) => {
  const scene = await new Fixture(t).open()
  const line = await scene.dial()
  scene.isEngineFull = true
  for (const _ of ['first', 'second', 'on the socket']) {
    line.write(put())
    assert.equal(await line.answer(), 503)
  }
  for (let count = 0; count < 3; count++) {
    line.write('OPTIONS /student/course HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal(await line.answer(), 200)
  }
})

test('only one whole and plain request is taken for one', () => {
  const seen = (text: string) => glimpseOf(Buffer.from(text, 'latin1'))
  assert.deepEqual(seen(put()), {
    method: 'PUT',
    path: '/student/course',
    authorization: 'Bearer t',
    origin: undefined,
  })
  assert.deepEqual(seen('DELETE /student/course?course_id=1 HTTP/1.1\r\nHost: x\r\n\r\n'), {
    method: 'DELETE',
    path: '/student/course',
    authorization: undefined,
    origin: undefined,
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
