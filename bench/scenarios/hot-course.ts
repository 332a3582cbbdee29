import { type Finding, loadFigures, rounded } from '../report/entry.ts'
import { EngineDeployment } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure } from '../deployment/target.ts'
import { LoadFixture, resultOf } from './open-loop.ts'
import { roomyCampus } from './sustained.ts'

const seats = 40
const reservePlaces = 5

/**
 * Everybody wants one course of 40 seats and 5 reserve places, while others ask for other courses. What the others feel
 * is compared with the same load where nobody wants that course: as many requests, for courses by chance.
 */
export async function hotCourse(ground: Servers): Promise<Finding[]> {
  const size = roomyCampus(ground)
  const site = await EngineDeployment.open(ground, { size, hot: { seats, reservePlaces } })
  const fixture = new LoadFixture(ground, site, size)
  const seconds = ground.isTiny ? 0.5 : 5
  try {
    const maximum = await fixture.maximum(ground.isTiny ? 0.4 : 4)
    const wanting = ground.isTiny ? 200 : 10_000
    // So that everybody has asked when the time is over, and both together are half of what it carries.
    const perSecond = Math.min(wanting / seconds, maximum / 4)
    const pace = { kind: 'open', connections: 256, perSecond } as const
    const beside = async (crowd: string) => {
      const others = await fixture.openEnrollment(pace, perSecond * seconds * 1.2)
      const measured = await measure(site, fixture.generator, {
        [others]: { forMs: seconds * 1000 },
        [crowd]: { forMs: seconds * 1000 },
      })
      const other = resultOf(measured, others)
      await fixture.generator.closeStream(others)
      await fixture.generator.closeStream(crowd)
      return { measured, others, other }
    }
    await beside(await fixture.openEnrollment(pace, perSecond * seconds * 1.2))
    const calm = await beside(await fixture.openEnrollment(pace, perSecond * seconds * 1.2))
    const crowd = await fixture.open(
      { kind: 'one-course', course: size.courses },
      pace,
      fixture.freshStudents(wanting),
    )
    const hot = await beside(crowd)
    return [
      {
        scenario: 'hot-course',
        subject: 'engine',
        conditions: {
          students: wanting,
          seats,
          'reserve places': reservePlaces,
          'others per s': Math.round(perSecond),
        },
        figures: {
          ...loadFigures(hot.measured, crowd),
          others_p99_ms_beside_a_hot_course: rounded(hot.other.latency.p99, 2),
          others_p99_ms_beside_random_courses: rounded(calm.other.latency.p99, 2),
          others_p50_ms_beside_a_hot_course: rounded(hot.other.latency.p50, 2),
          others_p50_ms_beside_random_courses: rounded(calm.other.latency.p50, 2),
          others_p99_ratio: rounded(hot.other.latency.p99 / calm.other.latency.p99, 2),
        },
        counts: resultOf(hot.measured, crowd).replies,
      },
    ]
  } finally {
    fixture.end()
    await site.stop()
  }
}
