import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silent } from '../../../kit/campus-database.ts'
import { TcpProxy } from '../../../kit/servers/proxy.ts'
import { createDatabase } from '../../../kit/servers/provide.ts'
import { WrongCampus } from '../../engine/ports.ts'
import { openDatabase } from '../../store/database.ts'
import { insistOnDatabase } from './insist-on-database.ts'

const host = { log: silent, signal: new AbortController().signal }

test('a start goes on when the database ends its connections in the middle of it', async (t) => {
  const { url, drop } = await createDatabase()
  const database = await openDatabase(url, { logger: silent })
  t.after(async () => {
    await database.close()
    await drop()
  })
  let tries = 0
  const rows = await insistOnDatabase(host, async () => {
    if (++tries < 3) await database.query('SELECT pg_terminate_backend(pg_backend_pid())')
    return await database.query<{ one: number }>('SELECT 1 AS one')
  })
  assert.deepEqual([rows[0]?.one, tries], [1, 3])
})

test('a start goes on when the network cuts its connections in the middle of it', async (t) => {
  const { url, drop } = await createDatabase()
  const proxy = await TcpProxy.open([Number(new URL(url).port)])
  const proxied = new URL(url)
  proxied.port = String(proxy.port)
  const database = await openDatabase(proxied.href, { logger: silent })
  t.after(async () => {
    await database.close()
    proxy.close()
    await drop()
  })
  let tries = 0
  await insistOnDatabase(host, async () => {
    const asked = database.query('SELECT pg_sleep(0.2)')
    if (++tries === 1) setTimeout(() => proxy.cut(), 50)
    await asked
  })
  assert.equal(tries, 2)
})

test('what waiting cannot cure ends the start at once', async () => {
  let tries = 0
  const refused = insistOnDatabase(host, async () => {
    tries++
    throw new WrongCampus('another campus')
  })
  await assert.rejects(refused, WrongCampus)
  assert.equal(tries, 1)
})
