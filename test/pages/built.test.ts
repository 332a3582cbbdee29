import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bundledPages } from './bundle.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'src/pages/built')
/** All that a browser loads before anybody can sign in. */
const gzipBytesMax = 60_000

test('the pages that are served are what their sources make; if not: npm run pages', async () => {
  const made = await bundledPages(root)
  assert.deepEqual(readdirSync(folder).toSorted(), [...made.keys()].toSorted())
  for (const [name, text] of made) {
    assert.ok(text === readFileSync(join(folder, name), 'utf8'), `${name} is old: npm run pages`)
  }
})

test('the pages are small, and name no other server', () => {
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name)))
  const bytes = texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0)
  assert.ok(bytes <= gzipBytesMax, `${bytes} bytes`)
  for (const text of texts) {
    // Names of XML's kinds are no addresses.
    const addresses = [...text.toString('utf8').matchAll(/(?:https?|wss?):\/\/(?!www\.w3\.org\/)[^"'`\s)]*/g)]
    assert.deepEqual(
      addresses.map(([address]) => address),
      [],
    )
  }
})
