import { hashPassword } from '../../src/gateway/auth/password-hashes.ts'
import { type Finding, rounded } from '../report/entry.ts'
import { EngineDeployment, password } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure } from '../deployment/target.ts'
import { LoadFixture, resultOf } from './open-loop.ts'
import { roomyCampus } from './sustained.ts'

/** Students enroll at a steady rate, first by themselves, then while others log in as fast as they are let. */
export async function loginStorm(ground: Servers): Promise<Finding[]> {
  const size = roomyCampus(ground)
  const [seconds, loginConnections, wait] = ground.isTiny ? [0.5, 8, '300ms'] : [8, 64, '5s']
  // What it costs to check a password is the point: hashed as the service hashes.
  const site = await EngineDeployment.open(ground, {
    size,
    passwordHash: await hashPassword(password),
    environment: { ENROLLMENT_LOGIN_WAIT: wait },
  })
  const fixture = new LoadFixture(ground, site, size)
  try {
    const maximum = await fixture.maximum(ground.isTiny ? 0.4 : 4)
    const perSecond = maximum / 4
    await fixture.atRate(perSecond, seconds / 4)
    const calm = await fixture.atRate(perSecond, seconds)
    const pace = { kind: 'open', connections: 256, perSecond } as const
    const enrolling = await fixture.openEnrollment(pace, perSecond * seconds * 1.2)
    const loggingIn = await fixture.open(
      { kind: 'login', password },
      { kind: 'closed', connections: loginConnections },
      { first: 1, count: size.students, tokens: 'none' },
    )
    const storm = await measure(site, fixture.generator, {
      [enrolling]: { forMs: seconds * 1000 },
      [loggingIn]: { forMs: seconds * 1000 },
    })
    const [alone, beside, logins] = [
      resultOf(calm.measured, calm.name).latency,
      resultOf(storm, enrolling).latency,
      resultOf(storm, loggingIn),
    ]
    return [
      {
        scenario: 'login-storm',
        subject: 'engine',
        conditions: {
          'enrollments per s': Math.round(perSecond),
          'connections that log in': loginConnections,
        },
        figures: {
          enrollment_p50_ms_alone: rounded(alone.p50, 2),
          enrollment_p99_ms_alone: rounded(alone.p99, 2),
          enrollment_p50_ms_in_the_storm: rounded(beside.p50, 2),
          enrollment_p99_ms_in_the_storm: rounded(beside.p99, 2),
          enrollment_p99_ratio: rounded(beside.p99 / alone.p99, 2),
          logins_per_s: rounded((1000 * (logins.replies['200'] ?? 0)) / logins.elapsedMs),
          login_p99_ms: rounded(logins.latency.p99),
        },
        counts: Object.fromEntries(
          Object.entries(logins.replies).map(([reply, count]) => [`login ${reply}`, count]),
        ),
      },
    ]
  } finally {
    fixture.end()
    await site.stop()
  }
}
