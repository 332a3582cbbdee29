import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import pg from 'pg'
import { Connection } from 'rabbitmq-client'
import { isAlive, waitUntil } from '../../src/embedded/processes.ts'
import { startPostgres } from './postgres.ts'
import { createDatabase } from './provide.ts'
import { startRabbit } from './rabbit.ts'

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('every test gets an empty database of its own, and leaves none behind', async () => {
  const [one, other] = [await createDatabase(), await createDatabase()]
  await query(one.url, 'CREATE TABLE mine ()')
  assert.deepEqual(await query(other.url, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`), [])
  await one.drop()
  await assert.rejects(query(one.url, 'SELECT 1'), { code: '3D000' })
  await other.drop()
})

test('a killed PostgreSQL comes back at the same address with what it had committed', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.remove())
  await query(postgres.url, 'CREATE TABLE kept AS SELECT 7 AS number')
  await postgres.kill()
  await assert.rejects(query(postgres.url, 'SELECT 1'))
  await postgres.start()
  assert.deepEqual(await query(postgres.url, 'SELECT number FROM kept'), [{ number: 7 }])
  await postgres.restart()
  assert.deepEqual(await query(postgres.url, 'SELECT number FROM kept'), [{ number: 7 }])
})

test('a killed RabbitMQ comes back at the same address with what it had confirmed', async (t) => {
  const rabbit = await startRabbit()
  t.after(() => rabbit.remove())
  const withChannel = async <T>(use: (channel: Awaited<ReturnType<Connection['acquire']>>) => Promise<T>) => {
    const connection = new Connection(rabbit.address)
    connection.on('error', () => {})
    try {
      const channel = await connection.acquire()
      await channel.confirmSelect()
      const result = await use(channel)
      await channel.close()
      return result
    } finally {
      await connection.close()
    }
  }
  const queue = 'kept'
  await withChannel(async (channel) => {
    await channel.queueDeclare({ queue, durable: true })
    await channel.basicPublish({ routingKey: queue, durable: true }, 'seven')
  })
  await rabbit.kill()
  await rabbit.start()
  const message = await withChannel((channel) => channel.basicGet({ queue, noAck: true }))
  assert.equal(message?.body, 'seven')
  await rabbit.stop()
  assert.equal(isAlive(rabbit.pid), false)
})

test('servers end with the test process that started them, even if it is killed', async () => {
  const program = `
    const { startPostgres } = await import(${JSON.stringify(join(import.meta.dirname, 'postgres.ts'))})
    const postgres = await startPostgres()
    console.log(postgres.pid)
    setInterval(() => {}, 1000)
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(child.stdout), 'line')
  const pid = Number(line)
  assert.equal(isAlive(pid), true)
  child.kill('SIGKILL')
  assert.equal(await waitUntil(() => !isAlive(pid), 20_000), true, 'PostgreSQL still runs')
})
