import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { freePort } from '../../src/embedded/cluster.ts'
import { ServerProcess, startServer } from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { Tokens } from '../../kit/open-gateway.ts'
import { password } from '../../kit/registration-campus.ts'
import { RegistrationDay } from './registration-day.ts'

describe('an account that changes', () => {
  const day = new RegistrationDay()
  const socket = join(tmpdir(), `core-${randomUUID().slice(0, 8)}.sock`)

  test('ends its tokens and streams at servers and gateways, whoever changes it', async () => {
    const { RABBITMQ_ADDRESS: _, ...others } = day.campus.environment
    const environment = { ...others, JWT_SECRET: 'the secret of all servers of this campus' }
    day.cleanUpWith(() => rm(socket, { force: true }))
    const core = `unix://${socket}`
    const server = day.running(await startServer({ ...environment, ENROLLMENT_CORE_LISTEN: core }))
    await server.untilReady()
    const address = `127.0.0.1:${await freePort()}`
    const ofGateway = { ...environment, CORE_ADDRESS: core, LISTEN_ADDRESS: address }
    const gateway = day.running(new ServerProcess(['gateway'], ofGateway, `http://${address}`))
    await gateway.untilReady()
    const doors = [server, gateway]
    const { database } = day.campus
    const tokens = new Tokens(server.client, password)
    const standing = (token: string) =>
      Promise.all(
        doors.map(async ({ client }) => (await client.send('POST /events/tickets', { token })).status),
      )

    async function ends(token: string, sql: string, values: readonly unknown[]): Promise<void> {
      const streams = await Promise.all(
        doors.map((door) =>
          fetch(`${door.address}/events`, { headers: { authorization: `Bearer ${token}` } }),
        ),
      )
      assert.deepEqual(
        streams.map(({ status }) => status),
        [200, 200],
        sql,
      )
      await database.query(sql, values)
      await eventually(async () => (await standing(token)).every((status) => status === 401))
      // Ends when the streams do.
      await Promise.all(streams.map((stream) => stream.text()))
    }

    const staff = await tokens.staff(1)
    const untouched = await tokens.student(5)
    await ends(await tokens.student(1), 'UPDATE students SET password = $1 WHERE id = 1', ['!'])
    await database.query('DELETE FROM enrolled_courses WHERE student_id = 3')
    const removed = await tokens.student(3)
    await ends(removed, 'DELETE FROM students WHERE id = $1', [3])
    await ends(staff, 'UPDATE staff SET department_id = 3 - department_id WHERE id = 1', [])
    const moved = await new Tokens(gateway.client, password).staff(1)
    assert.deepEqual(await standing(moved), [200, 200])
    await database.query('CREATE TABLE kept AS SELECT * FROM staff WHERE id = 1')
    await ends(moved, 'DELETE FROM staff WHERE id = $1', [1])
    const write = await gateway.client.send('PATCH /staff/student', { token: moved, body: {} })
    assert.equal(inShort(write), '401 unauthenticated')
    // The account is back as it was, and so is what was given out for it.
    await database.query('INSERT INTO staff SELECT * FROM kept')
    await eventually(async () => (await standing(moved)).every((status) => status === 200))
    // What was not changed was not ended.
    assert.deepEqual(await standing(untouched), [200, 200])
  })
})
