import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { EnrollmentClient } from './client.ts'

test('Retry-After is read as seconds, or as a moment, and nothing else', async (t) => {
  let retryAfter = ''
  const server = createServer((_request, response) =>
    response.writeHead(503, { 'retry-after': retryAfter }).end('come again'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const client = new EnrollmentClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const waitFor = async (header: string) => {
    retryAfter = header
    const answer = await client.call('GET /readyz', {})
    return answer.ok ? undefined : answer.retryAfterSeconds
  }
  assert.equal(await waitFor('7'), 7)
  assert.equal(await waitFor('soon'), undefined)
  assert.equal(await waitFor(new Date(0).toUTCString()), 0)
  const inAnHour = (await waitFor(new Date(Date.now() + 3_600_000).toUTCString())) ?? 0
  assert.ok(inAnHour > 3_000 && inAnHour <= 3_600, String(inAnHour))
})
