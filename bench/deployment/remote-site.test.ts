import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { RemoteDeployment } from './remote-deployment.ts'

test('a catalog that was asked for too fast is asked for again, when the service says', async (t) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { url = '' } = request
    asked.push(url)
    if (url === '/login') return response.end(JSON.stringify({ token: 'anything' }))
    const isTooFast = url.endsWith('department=1') && asked.filter((one) => one === url).length === 1
    if (isTooFast) return response.writeHead(429, { 'retry-after': '0' }).end()
    const course_id = Number(url.at(-1))
    return response.end(JSON.stringify({ courses: [{ course_id, group_id: 1 }] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const service = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    students: { first: 1, last: 1 },
    password: 'any',
    departments: 2,
  }
  const site = new RemoteDeployment(service)
  t.after(() => site.stop())
  assert.deepEqual(await site.courseGroups(service), [
    [1, 1],
    [2, 1],
  ])
})
