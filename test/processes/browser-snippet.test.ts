import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { type Environment, ServerProcess, startServer } from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { readText } from '../ops/repository.ts'
import { RegistrationDay } from './registration-day.ts'
import { logIn } from './process-fixture.ts'

/** What a page has that Node has not: addresses without a host are those of its server. */
const page = `
const base = process.env.BASE
const token = () => process.env.TOKEN
const say = (...words) => console.log(JSON.stringify(words))
const bare = { fetch, EventSource }
globalThis.fetch = (path, options) => bare.fetch(new URL(path, base), options)
globalThis.EventSource = class extends bare.EventSource { constructor(path) { super(new URL(path, base)) } }
`

describe('the snippet in docs/events.md, as a page runs it', () => {
  const day = new RegistrationDay()
  const [, snippet = ''] = /^```js\n([\s\S]*?)^```$/m.exec(readText('docs/events.md')) ?? []
  const secret = 'a key of the tokens that this test knows'

  /** @returns what the page was shown so far: the event's name, and its places in short */
  function browse(base: string, token: string): string[] {
    const shown: string[] = []
    const run = `watch('places=own', { token, show: (name, { places }) => say(name, ...places.map((one) => one.course_id)),
      signIn: () => say('sign in') })`
    const child = spawn(
      process.execPath,
      ['--experimental-eventsource', '--input-type=module', '-e', `${page}${snippet}${run}`],
      { env: { BASE: base, TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    day.cleanUpWith(() => child.kill('SIGKILL'))
    createInterface(child.stdout).on('line', (line) => shown.push((JSON.parse(line) as unknown[]).join(' ')))
    return shown
  }

  test('goes on when the server was stopped and started, and asks to sign in when the token is over', async () => {
    const { RABBITMQ_ADDRESS: _broker, ...direct } = day.campus.environment
    const environment: Environment = { ...direct, JWT_SECRET: secret }
    const first = day.running(await startServer(environment))
    await first.untilReady()
    const [[student = 0, token = ''] = []] = await logIn(first, 1)
    const shown = browse(first.address, token)
    await eventually(() => shown.length > 0)
    assert.deepEqual(shown.splice(0), ['resync'])

    assert.equal((await first.stop()).code, 0)
    const LISTEN_ADDRESS = new URL(first.address).host
    const second = day.running(
      new ServerProcess(['server'], { ...environment, LISTEN_ADDRESS }, first.address),
    )
    await second.untilReady()
    const body = { course_id: 401, group_id: 1 }
    assert.equal(inShort(await second.client.send('PUT /student/course', { token, body })), '204')
    await eventually(() => shown.includes('resync 401') || shown.includes('changes 401'))
    assert.ok(!shown.includes('sign in'))

    // A token as the server makes them, near its end.
    const now = Math.floor(Date.now() / 1000)
    const short = signed({
      iss: 'cea',
      sub: String(student),
      department: 1,
      staff: false,
      iat: now,
      nbf: now,
      exp: now + 10,
    })
    const soonOver = browse(first.address, short)
    await eventually(() => soonOver.includes('sign in'))
    await day.campus.database.query('UPDATE students SET password = $1 WHERE id = $2', ['x', student])
    await eventually(() => shown.includes('sign in'))
  })

  function signed(claims: object): string {
    const text = [{ alg: 'HS256', typ: 'JWT' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }
})
