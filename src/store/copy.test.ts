import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { freePort } from '../embedded/cluster.ts'
import { copyIn, CopyRows } from './copy.ts'
import { type Client, endQuietly, openClient } from './database.ts'
import { createTables, silent, type TestTables } from './testing/tables.ts'

let db: TestTables
let client: Client

before(async () => {
  db = await createTables({ migrated: false })
  client = await db.database.connect()
  await client.query('CREATE TABLE copied (id INTEGER, text TEXT)')
})
after(async () => {
  await endQuietly(client)
  await db.remove()
})

const copy = 'COPY copied (id, text) FROM STDIN'

test('whatever text can be written is read again as it was', async () => {
  const texts = ['plain', 'tab\tnewline\nreturn\rbackslash\\', '\\N', '', 'ضرب']
  const rows = new CopyRows()
  for (const [id, text] of texts.entries()) rows.add([id, text])
  rows.add([texts.length, undefined])
  await copyIn(client, copy, rows)
  const { rows: read } = await client.query<{ text: string | null }>('SELECT text FROM copied ORDER BY id')
  assert.deepEqual(
    read.map(({ text }) => text),
    [...texts, null],
  )
})

test('rows that are refused while the socket is full make the copying fail, and nothing else', async (t) => {
  const bottleneck = await openBottleneck()
  t.after(() => bottleneck.close())
  const narrow = await openClient(bottleneck.url, { logger: silent })
  const rows = new CopyRows()
  rows.add(['no number', 'x'])
  // More than the kernel takes on its own.
  for (let id = 0; id < 30_000; id++) rows.add([id, 'x'.repeat(1000)])
  bottleneck.narrow()
  await assert.rejects(copyIn(narrow, copy, rows), /invalid input syntax/)
  bottleneck.widen()
  // Answered once the server has read, and ignored, what was on its way.
  const { rows: counted } = await narrow.query<{ count: number }>('SELECT count(*) FROM copied WHERE id < 0')
  assert.equal(counted[0]?.count, 0)
  await endQuietly(narrow)
})

/** Before the database; once narrow, it takes a megabyte more and then nothing until it is widened. */
async function openBottleneck() {
  const url = new URL(db.url)
  const target = Number(url.port)
  let left = Infinity
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    sockets.push(near, far)
    far.pipe(near)
    near.on('data', (chunk) => {
      far.write(chunk)
      left -= chunk.length
      if (left < 0) near.pause()
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    narrow: () => (left = 1_000_000),
    widen: () => {
      left = Infinity
      for (const socket of sockets) socket.resume()
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
