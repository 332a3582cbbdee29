import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fastify } from 'fastify'
import fc from 'fast-check'
import { pathOf, routedUrl } from './routed-url.ts'

test('a URL is read as the router reads it, however it is written', () => {
  for (const [written, read] of [
    ['/student/course?x=%41', '/student/course?x=%41'],
    ['/%73tudent/%63ourse', '/student/course'],
    ['/student%2Fcourse', '/student%2Fcourse'],
    ['/student/course#/healthz', '/student/course'],
    ['/student/course#?x', '/student/course'],
    ['/healthz?/student/course', '/healthz?/student/course'],
    ['http://x/student/course?y=1', '/student/course?y=1'],
    ['HTTPS://x:1/%73tudent/course', '/student/course'],
    ['http://x?y', '/?y'],
    ['/%2573tudent/course', '/%2573tudent/course'],
    ['/%%373tudent/course', '/%%373tudent/course'],
    ['http:///student/course', 'http:///student/course'],
    ['*', '*'],
    ['//x/student/course', '//x/student/course'],
  ] as const) {
    assert.equal(routedUrl(written), read, written)
    assert.equal(routedUrl(read), read, `${written}, twice`)
  }
  assert.equal(pathOf('/student/course?x'), '/student/course')
})

test('whatever a client writes, the router goes the same way with the one and the other', async (t) => {
  const app = fastify({ exposeHeadRoutes: false })
  for (const url of ['/student/course', '/healthz', '/docs/*', '/plans/:name']) {
    app.get(url, (request) => ({ url, params: request.params }))
  }
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const answerTo = async (path: string): Promise<string> =>
    await new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, agent }, (response) => {
        text(response).then((body) => resolve(response.statusCode === 200 ? body : 'none'), reject)
      }).once('error', reject)
    })
  const pieces =
    '/ /student/course /healthz /docs/ /plans/ /%73tudent/course /student%2Fcourse %25 % 7 3 %3f # ? http://x'
  const piece = fc.constantFrom(...`${pieces} HTTP://y %2e .. a %C3%A9 %20 ;`.split(' '))
  const property = fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (drawn) => {
    const url = drawn.join('')
    const read = routedUrl(url)
    assert.equal(routedUrl(read), read)
    assert.equal(await answerTo(read), await answerTo(url), `${url} as ${read}`)
  })
  await fc.assert(property, { numRuns: 150 })
})
