import type { CampusSize } from '../campus/bench-campus.ts'
import { Generator } from '../load/generator-process.ts'
import { type Finding, loadFigures } from '../report/entry.ts'
import { EngineDeployment, password } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure } from '../deployment/target.ts'

const perStudent = 7
const everyday: CampusSize = { students: 1000, courses: 1500, capacity: 40, reserveCapacity: 5 }

/** Of Go's default transport, which the benchmark of the replaced service uses. */
export const idleMax = 2

/**
 * The benchmark of the service that this one replaces: 1,000 students log in, wait for one another, then each asks for
 * 7 random courses of 1,500, one after another. They keep two idle connections between them, and open a new one where
 * those are not enough. The processes have just been started, and have warmed no more than they do by themselves.
 */
export async function canonical(ground: Servers): Promise<Finding[]> {
  const size = ground.isTiny ? { ...everyday, students: 30, courses: 100 } : everyday
  const site = await EngineDeployment.open(ground, { size })
  const generator = new Generator()
  try {
    await generator.open('students', {
      host: site.host,
      port: site.port,
      seed: ground.seed,
      callers: { first: 1, count: size.students, tokens: { password } },
      traffic: { kind: 'courses', courses: size.courses, perStudent, wish: 'any' },
      pace: { kind: 'crowd', clients: size.students, idleMax },
    })
    const measured = await measure(site, generator, { students: {} })
    return [
      {
        scenario: 'canonical',
        subject: 'engine',
        conditions: { students: size.students, courses: size.courses, 'courses each': perStudent },
        figures: {
          ...loadFigures(measured, 'students'),
          connections_opened: measured.streams['students']?.opened ?? 0,
          // Of everything on this machine in that time.
          listen_overflows: measured.listenOverflows,
        },
        counts: measured.streams['students']?.replies ?? {},
      },
    ]
  } finally {
    generator.end()
    await site.stop()
  }
}
