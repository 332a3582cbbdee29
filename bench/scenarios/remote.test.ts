import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { password } from '../../kit/registration-campus.ts'
import { RestFixture } from '../../kit/rest-fixture.ts'
import { runRemote } from './remote.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

const serviceOf = (first: number, last: number) => ({
  url: new URL(fixture.url),
  students: { first, last },
  password,
  departments: 2,
})

test('students of a service elsewhere log in there and each asks for seven of its courses', async () => {
  const [finding] = await runRemote('canonical', serviceOf(1, 5), { seed: 1, isTiny: true })
  assert.equal(finding?.figures['requests'], 35)
  const answers = Object.values(finding?.counts ?? {}).reduce((sum, count) => sum + count, 0)
  assert.equal(answers, 35)
  assert.ok((finding?.counts?.['204'] ?? 0) > 0)
  const [row] = await fixture.database.query<{ count: number }>(
    'SELECT count(*)::int FROM enrolled_courses WHERE student_id BETWEEN 1 AND 5',
  )
  assert.equal(row?.count, finding?.counts?.['204'])
})

test('its catalogs are polled and every poll is answered', async () => {
  const [finding] = await runRemote('catalog', serviceOf(6, 10), { seed: 1, isTiny: true })
  const { requests = 0 } = finding?.figures ?? {}
  const shown = (finding?.counts?.['200'] ?? 0) + (finding?.counts?.['304'] ?? 0)
  assert.ok(requests > 0)
  assert.equal(shown, requests)
})

test('who cannot log in is told so', async () => {
  const service = { ...serviceOf(1, 2), password: 'wrong' }
  await assert.rejects(runRemote('canonical', service, { seed: 1, isTiny: true }), /cannot log in: 401/)
})
