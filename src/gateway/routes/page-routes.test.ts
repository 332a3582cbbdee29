import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { brotliDecompressSync } from 'node:zlib'
import type { LightMyRequestResponse } from 'fastify'
import { student } from '../../../actors/testing/sketches.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

function open(t: TestContext): GatewayFixture {
  const fixture = new GatewayFixture([student(1)])
  t.after(() => fixture.app.close())
  return fixture
}

async function get(
  fixture: GatewayFixture,
  url: string,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  await fixture.app.ready()
  return await fixture.app.inject({ method: 'GET', url, headers })
}

test('a browser gets the page, and a program the addresses that it always got', async (t) => {
  const fixture = open(t)
  const page = await get(fixture, '/', html)
  assert.match(String(page.headers['content-type']), /^text\/html/)
  assert.equal(page.headers['cache-control'], 'no-cache')
  assert.equal(page.headers['vary'], 'accept, accept-encoding')
  const again = await get(fixture, '/', { ...html, 'if-none-match': String(page.headers['etag']) })
  assert.equal(again.statusCode, 304)
  assert.equal((await get(fixture, '/')).json<{ docs: string }>().docs, '/docs')
})

test('what the page needs is served for ever under names that change with the content, compressed', async (t) => {
  const fixture = open(t)
  const assets = [...(await get(fixture, '/', html)).body.matchAll(/"(\/pages\/[^"]+)"/g)].map(
    ([, path = '']) => path,
  )
  assert.equal(assets.length, 2)
  for (const path of assets) {
    const plain = await get(fixture, path)
    assert.equal(plain.statusCode, 200)
    assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable')
    const packed = await get(fixture, path, { 'accept-encoding': 'gzip, deflate, br' })
    assert.equal(packed.headers['content-encoding'], 'br')
    assert.equal(brotliDecompressSync(packed.rawPayload).toString(), plain.body)
  }
  assertProblem(await fixture.send(undefined, 'GET /pages/page-0123456789ab.js'), 404, 'no_such_path')
})

test('a page may load from its own server only, also over plain HTTP, and so may the reference', async (t) => {
  const fixture = open(t)
  for (const path of ['/', '/docs']) {
    const policy = String((await get(fixture, path, html)).headers['content-security-policy'])
    assert.match(policy, /default-src '(none|self)'/)
    assert.doesNotMatch(policy, /upgrade-insecure-requests|https?:|script-src[^;]*unsafe/)
  }
})
