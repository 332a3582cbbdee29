import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { spawn } from 'node:child_process'
import { group, student } from '../../actors/testing/sketches.ts'
import { defaultHttpLimits } from './limits.ts'
import { AddressUnusable, closeGateway, openGateway } from './listen.ts'
import type { GatewayDeps } from './gateway-ports.ts'
import { GatewayFixture } from './testing/gateway-fixture.ts'

function build(t: TestContext, overrides: Partial<GatewayDeps> = {}): GatewayFixture {
  const fixture = new GatewayFixture([student(1), group('10/1')], overrides)
  t.after(() => closeGateway(fixture.app, 0))
  return fixture
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'listen-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

async function openTcp(
  t: TestContext,
  overrides: Partial<GatewayDeps> = {},
): Promise<[GatewayFixture, number]> {
  const fixture = build(t, overrides)
  await openGateway(fixture.app, { protocol: 'tcp', host: '127.0.0.1', port: 0 })
  return [fixture, (fixture.app.server.address() as AddressInfo).port]
}

/** The status of GET /healthz over a socket path. */
async function askOver(socketPath: string): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath, path: '/healthz' }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.end()
  })
}

async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(bytes)
  return await text(socket)
}

function bodyOf(response: string): { code: string } {
  const [head = '', body = ''] = response.split('\r\n\r\n')
  assert.match(head, /Content-Type: application\/problem\+json/i)
  return JSON.parse(body) as { code: string }
}

test('the gateway serves over TCP and says where', async (t) => {
  const fixture = build(t)
  const where = await openGateway(fixture.app, { protocol: 'tcp', host: '127.0.0.1', port: 0 })
  assert.match(where, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.equal((await fetch(`${where}/healthz`)).status, 200)
})

test('an empty host is every interface', async (t) => {
  const fixture = build(t)
  await openGateway(fixture.app, { protocol: 'tcp', host: '', port: 0 })
  const { port } = fixture.app.server.address() as AddressInfo
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
})

test('a port that somebody serves on is refused in one line', async (t) => {
  const [, port] = await openTcp(t)
  const second = build(t)
  await assert.rejects(
    openGateway(second.app, { protocol: 'tcp', host: '127.0.0.1', port }),
    (error: Error) => {
      assert.ok(error instanceof AddressUnusable)
      assert.equal(
        error.message,
        `another process serves on 127.0.0.1:${port}: stop it, or set LISTEN_ADDRESS to another address`,
      )
      return true
    },
  )
})

test('the gateway serves over a Unix socket, where everybody may fail to log in', async (t) => {
  const path = join(await folder(t), 'e.sock')
  const fixture = build(t)
  assert.equal(await openGateway(fixture.app, { protocol: 'unix', path }), path)
  assert.equal(await askOver(path), 200)
  await closeGateway(fixture.app, 1000)
  assert.equal(existsSync(path), false)
})

test('a socket file that a killed process left behind does not stop the next start', async (t) => {
  const path = join(await folder(t), 'e.sock')
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await new Promise((resolve) => spawn(process.execPath, ['-e', script]).on('exit', resolve))
  assert.ok(existsSync(path))
  const fixture = build(t)
  await openGateway(fixture.app, { protocol: 'unix', path })
  assert.equal(await askOver(path), 200)
})

test('a socket that somebody serves on is left alone', async (t) => {
  const path = join(await folder(t), 'e.sock')
  await openGateway(build(t).app, { protocol: 'unix', path })
  const second = build(t)
  await assert.rejects(openGateway(second.app, { protocol: 'unix', path }), {
    name: 'AddressUnusable',
    message: `another process serves on ${path}: stop it, or set LISTEN_ADDRESS to another address`,
  })
  assert.equal(await askOver(path), 200)
})

test('a file that is no socket is left alone', async (t) => {
  const path = join(await folder(t), 'e.sock')
  await writeFile(path, 'precious')
  await assert.rejects(openGateway(build(t).app, { protocol: 'unix', path }), /is no socket/)
  assert.ok(existsSync(path))
})

test('a socket in a folder that is not there is refused in one line', async (t) => {
  const path = join(await folder(t), 'nowhere', 'e.sock')
  await assert.rejects(
    openGateway(build(t).app, { protocol: 'unix', path }),
    /^AddressUnusable: there is no folder/,
  )
})

test('closing lets the request that is being answered finish, and no new connection in', async (t) => {
  const [fixture, port] = await openTcp(t)
  fixture.service.journal.held = true
  const sent = fetch(`http://127.0.0.1:${port}/student/course`, {
    method: 'PUT',
    headers: { authorization: fixture.authorization({ student: 1 }) },
    body: '{"course_id":10,"group_id":1}',
  })
  while (fixture.service.journal.appended.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const closed = closeGateway(fixture.app, 10_000)
  while (fixture.app.server.listening) await new Promise((resolve) => setImmediate(resolve))
  await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`))
  fixture.service.journal.confirm()
  assert.equal((await sent).status, 204)
  await closed
})

test('closing does not wait for connections that say nothing, or not for long', async (t) => {
  const [fixture, port] = await openTcp(t)
  const silent = connect(port, '127.0.0.1')
  await new Promise((resolve) => silent.on('connect', resolve))
  const ended = new Promise((resolve) => silent.on('close', resolve))
  silent.on('error', () => {})
  await closeGateway(fixture.app, 50)
  await ended
})

test('what is no HTTP is answered with a problem all the same', async (t) => {
  const [, port] = await openTcp(t)
  const answer = await raw(port, 'HELLO\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
  assert.equal(bodyOf(answer).code, 'malformed')
})

test('a request without a Host is answered with a problem all the same', async (t) => {
  const [, port] = await openTcp(t)
  assert.equal(
    bodyOf(await raw(port, 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n')).code,
    'malformed',
  )
  assert.match(await raw(port, 'GET /healthz HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /)
})

test('methods that no path has are refused', async (t) => {
  const [, port] = await openTcp(t)
  for (const method of ['OPTIONS', 'TRACE', 'PROPFIND', 'PURGE']) {
    const answer = await raw(port, `${method} /student/plan HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    assert.equal(bodyOf(answer).code, 'method_not_allowed', method)
  }
})

test('headers beyond 16 KiB are answered 431', async (t) => {
  const [, port] = await openTcp(t)
  const answer = await raw(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 431 /)
  assert.equal(bodyOf(answer).code, 'headers_too_large')
})

test('a body whose length is announced beyond 16 KiB is refused before it is read', async (t) => {
  const [fixture, port] = await openTcp(t)
  const head = `PUT /student/course HTTP/1.1\r\nHost: x\r\nAuthorization: ${fixture.authorization({ student: 1 })}`
  const answer = await raw(port, `${head}\r\nContent-Length: 1000000\r\n\r\n{`)
  assert.match(answer, /^HTTP\/1\.1 413 /)
  assert.equal(bodyOf(answer).code, 'body_too_large')
})

test('a chunked body beyond 16 KiB is refused', async (t) => {
  const [fixture, port] = await openTcp(t)
  const head = `PUT /student/course HTTP/1.1\r\nHost: x\r\nAuthorization: ${fixture.authorization({ student: 1 })}`
  const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
  const answer = await raw(port, `${head}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 413 /)
})

test('a client that does not finish its request is given up with 408', async (t) => {
  const http = { ...defaultHttpLimits, headersTimeoutMs: 100, requestTimeoutMs: 200 }
  const [fixture, port] = await openTcp(t, { http })
  const slow: Socket[] = []
  t.after(() => slow.forEach((socket) => socket.destroy()))
  for (const bytes of [
    'GET / HTTP/1.1\r\nHost:',
    `PUT /student/course HTTP/1.1\r\nHost: x\r\nAuthorization: ${fixture.authorization({ student: 1 })}\r\nContent-Length: 20\r\n\r\n{`,
  ]) {
    const socket = connect(port, '127.0.0.1')
    slow.push(socket)
    socket.write(bytes)
    const answer = await text(socket)
    assert.match(answer, /^HTTP\/1\.1 408 /)
    assert.equal(bodyOf(answer).code, 'request_timeout')
  }
})

test('as many connections as the kernel allows wait for a server that is busy', async (t) => {
  const program = `
    import { readSync } from 'node:fs'
    import { fastify } from 'fastify'
    import { openGateway } from ${JSON.stringify(join(import.meta.dirname, 'listen.ts'))}
    const app = fastify()
    await openGateway(app, { protocol: 'tcp', host: '127.0.0.1', port: 0 })
    console.log(app.server.address().port)
    readSync(0, Buffer.alloc(1))
    await app.close()
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface(child.stdout), 'line')
  const allowed = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
  const sockets = Array.from({ length: Math.min(1500, allowed) }, () => connect(Number(line), '127.0.0.1'))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) socket.destroy()
  child.stdin.end()
  await once(child, 'exit')
})
