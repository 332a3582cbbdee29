import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../src/embedded/cluster.ts'
import { enrollment, processKeeper, ServerProcess } from '../../kit/command-line.ts'
import { inShort } from '../../kit/rest-client.ts'
import { hasCurl, typeInto } from '../../kit/shell-session.ts'

describe('enrollment start, in a folder of its own', () => {
  let environment: Record<string, string>
  let address: string
  let running: ServerProcess
  let postmasterFile: string
  /** Of student 1, from the first start. */
  let token: string

  before(async () => {
    const folder = join(processKeeper().directory, 'start')
    mkdirSync(folder, { mode: 0o755 })
    const port = await freePort()
    address = `http://127.0.0.1:${port}`
    environment = {
      LISTEN_ADDRESS: `127.0.0.1:${port}`,
      ENROLLMENT_DATA: join(folder, 'data'),
      ENROLLMENT_STUDENT_BURST: '1000',
    }
    postmasterFile = join(folder, 'data/postgresql/cluster/postmaster.pid')
    // PostgreSQL is no child of the test: should a test fail, it is ended by its own pid file.
    processKeeper().atEnd('postmaster', `[ -f ${postmasterFile} ] && end QUIT $(head -n 1 ${postmasterFile})`)
  })
  after(async () => {
    if (!running.hasEnded) await running.stop()
  })

  async function start(): Promise<ServerProcess> {
    running = new ServerProcess(['start'], environment, address)
    await running.untilSays(/Stop with Ctrl-C/)
    return running
  }

  const courses = async () => (await running.client.send('GET /student/course', { token })).body

  test('the first start makes the sample campus and prints a first session that works as it stands', async (t) => {
    if (!(await hasCurl())) return t.skip('NOT RUN: there is no curl to type the session with')
    const first = await start()
    const session = first.linesLike(/^ {2}(TOKEN=\$\(curl|curl) /)
    assert.equal(session.length, 4)
    const printed = await typeInto([...session, 'echo "token: $TOKEN"'])
    assert.match(printed, /^\{"courses":\[\{"course_id":3101,/m)
    assert.match(printed, /^\{"place":"registered"/m)
    assert.match(printed, /^\{"data":\[\{"course":\{"course_id":3101,.*"reserve_queue_position":0\}\]\}$/m)
    token = /^token: (.+)$/m.exec(printed)?.[1] ?? ''
    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
    assert.deepEqual((await first.client.send('GET /readyz')).status, 200)
    for (const [user, staff, password] of [
      [1000, false, 'student-1000'],
      [60, true, 'staff-60'],
    ] as const) {
      const answer = await first.client.send('POST /login', { body: { user, staff, password } })
      assert.equal(answer.status, 200, answer.text)
    }
    let groups = 0
    for (let department = 1; department <= 60; department++) {
      const { body } = await first.client.send(`GET /student/courses?department=${department}`, { token })
      groups += (body as { courses: unknown[] }).courses.length
    }
    assert.equal(groups, 1500)
  })

  test('a second start while one runs says so in one line and changes nothing', async () => {
    const second = await enrollment(['start'], {
      ...environment,
      LISTEN_ADDRESS: `127.0.0.1:${await freePort()}`,
    })
    assert.equal(second.code, 1)
    assert.match(second.stderr, /^enrollment: [^\n]*[Aa]lready running[^\n]*\n$/)
    assert.equal(second.stdout, '')
    assert.equal(await running.readiness(), 200)
  })

  test('stopped and started again, everything is still there, and so are the tokens', async () => {
    const { body } = await running.client.send('GET /student/courses?department=1', { token })
    const free = (body as { courses: { course_id: number; group_id: number; sex_lock: null }[] }).courses
    let taken: string | undefined
    for (const { course_id, group_id } of free) {
      const answer = await running.client.send('PUT /student/course', {
        token,
        body: { course_id, group_id },
      })
      if (answer.status === 204) taken = `${course_id}/${group_id}`
      if (taken !== undefined) break
    }
    assert.ok(taken !== undefined)
    const held = await courses()
    const { code, tookMs, stderr } = await running.stop()
    assert.equal(code, 0, stderr)
    assert.ok(tookMs < 10_000)
    assert.match(running.said, /everything is kept/)
    const again = await start()
    assert.deepEqual(again.linesLike(/First start/), [])
    assert.deepEqual(await courses(), held)
  })

  test('killed and started again, everything is still there', async () => {
    const held = await courses()
    await running.kill()
    await start()
    assert.deepEqual(await courses(), held)
    const drop = held as { data: { course: { course_id: number } }[] }
    const [first] = drop.data
    const answer = await running.client.send(`DELETE /student/course?course_id=${first?.course.course_id}`, {
      token,
    })
    assert.equal(inShort(answer), '204')
  })

  test('sample accounts, whose passwords everybody knows, are not served beyond this machine', async () => {
    await running.stop()
    const refused = await enrollment(['start'], { ...environment, LISTEN_ADDRESS: `:${await freePort()}` })
    assert.equal(refused.code, 1)
    const [, ...more] = refused.stderr.trim().split('\n')
    assert.deepEqual(more, [])
    assert.match(
      refused.stderr,
      /^enrollment: .*passwords everybody knows.*ENROLLMENT_ALLOW_SAMPLE_ACCOUNTS=yes/,
    )
  })
})
