import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  type Ended,
  enrollment,
  type Environment,
  processKeeper,
  type ServerProcess,
  startBatcher,
  startServer,
} from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { RegistrationDay } from './registration-day.ts'
import { logIn, placesIn } from './process-fixture.ts'

async function enroll(server: ServerProcess, course: number): Promise<void> {
  const [[, token] = []] = await logIn(server, 1)
  const body = { course_id: course, group_id: 1 }
  assert.equal(inShort(await server.client.send('PUT /student/course', { token, body })), '204')
}

function assertRefused({ code, stderr, stdout }: Ended, pattern: RegExp): void {
  assert.equal(code, 1, stdout)
  assert.match(stderr, /^enrollment: [^\n]+\n$/)
  assert.match(stderr, pattern)
}

/** Files of `enrollment load` with these lines, as its options. */
function files(folder: string, contents: Readonly<Record<string, readonly string[]>>): string[] {
  const directory = join(processKeeper().directory, folder)
  mkdirSync(directory, { recursive: true })
  return Object.entries(contents).flatMap(([name, lines]) => {
    const path = join(directory, `${name}.csv`)
    writeFileSync(path, `${lines.join('\n')}\n`)
    return [`--${name}`, path]
  })
}

describe('files are loaded while nobody leads', () => {
  const day = new RegistrationDay()
  const direct = (): Environment => {
    const { RABBITMQ_ADDRESS: _broker, ...environment } = day.campus.environment
    return environment
  }
  const newDepartment = (id: number) =>
    files('loading', { departments: ['id,name', `${id},Department ${id}`] })
  const led =
    /: a server leads: enrollment server at \S+ \(term \d+ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\)\n$/

  test('a leader on RabbitMQ is named; what its queue still holds, and its batcher, are waited for', async () => {
    const { environment, database } = day.campus
    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    await server.untilReady()
    assertRefused(await enrollment(['load', ...newDepartment(901)], environment), led)
    assertRefused(
      await enrollment(['load', ...newDepartment(901)], direct()),
      /name that in RABBITMQ_ADDRESS/,
    )
    const tried = await enrollment(['load', ...newDepartment(901), '--dry-run'], environment)
    assert.equal(tried.code, 0, tried.stderr)
    await batcher.stop()
    await enroll(server, 401)
    await server.stop()
    assertRefused(
      await enrollment(['load', ...newDepartment(901)], environment),
      /holds 1 messages; let a batcher/,
    )
    const drainer = day.running(startBatcher(environment))
    await eventually(async () => (await placesIn(database, [401])).length === 1)
    assertRefused(await enrollment(['load', ...newDepartment(901)], environment), /stop the batchers first/)
    await drainer.stop()
    const loaded = await enrollment(['load', ...newDepartment(901)], environment)
    assert.equal(loaded.stdout, 'loaded: 1 departments\n', loaded.stderr)
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 0, verified.stdout)
  })

  test('a leader with the direct journal is named, by adopt too, and the next term begins with what was loaded', async () => {
    const switched = await enrollment(['migrate', '--switch-journal'], {
      ...direct(),
      ENROLLMENT_OLD_RABBITMQ_ADDRESS: day.campus.environment['RABBITMQ_ADDRESS'] ?? '',
    })
    assert.equal(switched.code, 0, switched.stderr)
    const server = day.running(await startServer(direct()))
    await server.untilReady()
    const student = files('loading', {
      students: [
        'id,enrollment_start_time,max_units,remaining_actions,department_id,entry_year,gender',
        '999111,2020-01-01T00:00Z,20,12,901,1402,female',
      ],
    })
    const load = ['load', ...student, '--without-passwords']
    assertRefused(await enrollment(load, direct()), led)
    const { database } = day.campus
    // Somebody who waits beside free seats is what adopt settles.
    const waiting = `course_id = 460 AND student_id = 5`
    await database.query(
      'INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved) VALUES (460, 1, 5, TRUE)',
    )
    const adopted = await enrollment(['adopt', '--apply'], direct())
    assert.equal(adopted.code, 1)
    assert.match(adopted.stderr, led)
    await database.query(`DELETE FROM enrolled_courses WHERE ${waiting}`)
    await server.stop()
    const loaded = await enrollment(load, direct())
    assert.equal(loaded.stdout, 'loaded: 1 students\n', loaded.stderr)
    const before = await enrollment(['verify'], direct())
    assert.equal(before.code, 0, before.stdout)
    const next = day.running(await startServer(direct()))
    await next.untilReady()
    await enroll(next, 402)
    await next.stop()
    const after = await enrollment(['verify'], direct())
    assert.match(after.stdout, /^agreed: 1 decision,/, after.stderr)
  })
})
