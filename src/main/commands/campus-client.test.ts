import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { CampusClient } from './campus-client.ts'

async function siteThat(t: TestContext, answers: RequestListener): Promise<CampusClient> {
  const server = createServer(answers)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return new CampusClient(`http://127.0.0.1:${port}`, 'a token', new AbortController().signal)
}

const pages = {
  'a page of another site': { 'content-type': 'text/html' },
  'JSON of another site': { 'content-type': 'application/json' },
}
for (const [what, headers] of Object.entries(pages)) {
  test(`${what}, sent with 200, is no campus's answer`, async (t) => {
    const body = headers['content-type'] === 'text/html' ? '<title>Welcome</title>' : '{"hello":"world"}'
    const campus = await siteThat(t, (_request, response) => response.writeHead(200, headers).end(body))
    await assert.rejects(campus.students(), /answers 200, and not as a campus does: correct --url/)
  })
}
