import assert from 'node:assert/strict'
import { test } from 'node:test'
import { student } from '../../actors/testing/sketches.ts'
import { realAddressesOf } from './client-address.ts'
import { GatewayFixture, generousLimits } from './testing/gateway-fixture.ts'

test('of X-Forwarded-For only addresses are believed, as proxies write them, and nothing before what is none', () => {
  for (const [header, believed] of [
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711, 10.0.0.1', '203.0.113.7, 10.0.0.1'],
    ['[2001:db8::1]:443,[2001:db8::2], fe80::1%eth0', '2001:db8::1, 2001:db8::2, fe80::1'],
    ['::ffff:203.0.113.7', '::ffff:203.0.113.7'],
    ['198.51.100.1, unknown, 203.0.113.7', '203.0.113.7'],
    ['198.51.100.1, 203.0.113.007', ''],
    ['198.51.100.1, [203.0.113.7]', ''],
    ['"203.0.113.7"', ''],
    ['203.0.113.7:', ''],
    ['2001:db8::1:x', ''],
    ['', ''],
    [`${'198.51.100.1,'.repeat(1000)}203.0.113.7`, `${'198.51.100.1, '.repeat(15)}203.0.113.7`],
  ] as const) {
    assert.equal(realAddressesOf(header), believed, header)
  }
})

test('whoever invents an address for each guess fails as the proxy that they come through', async (t) => {
  const fixture = new GatewayFixture([student(1)], {
    trustProxy: ['loopback'],
    limits: { ...generousLimits, loginFailuresPerAddress: { count: 3, perMs: 60_000 } },
  })
  t.after(() => fixture.app.close())
  const guess = async (forwardedFor: string, user: number) =>
    (
      await fixture.send(undefined, 'POST /login', {
        body: { user, password: 'x' },
        headers: { 'x-forwarded-for': forwardedFor },
      })
    ).status
  const statuses: number[] = []
  for (let user = 1; user <= 4; user++) statuses.push(await guess(`nobody-${user}`, user))
  assert.deepEqual(statuses, [401, 401, 401, 429])
  assert.equal(await guess('203.0.113.7', 5), 401)
})
