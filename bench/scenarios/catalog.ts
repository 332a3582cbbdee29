import { setTimeout as sleep } from 'node:timers/promises'
import { departmentOfCourse, departments } from '../campus/bench-campus.ts'
import { HttpClient } from '../../kit/load/http-client.ts'
import { Latencies } from '../../kit/load/latencies.ts'
import { signToken } from '../load/traffic.ts'
import { type Finding, loadFigures, rounded } from '../report/entry.ts'
import { EngineDeployment, jwtSecret } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure } from '../deployment/target.ts'
import { LoadFixture, resultOf } from './open-loop.ts'
import { roomyCampus } from './sustained.ts'

const changesPerSecond = 100
const probesMax = 150
const onlookers = 500
const probePauseMs = 20
/** Longer than this, a change is not waited for. */
const freshMsMax = 5000

/** Everybody looks at the lists of the departments while seats change in them. */
export async function catalog(ground: Servers): Promise<Finding[]> {
  const size = roomyCampus(ground)
  const site = await EngineDeployment.open(ground, { size })
  const fixture = new LoadFixture(ground, site, size)
  const seconds = ground.isTiny ? 0.5 : 8
  try {
    // What an enrollment costs in the same processes, to compare with.
    const closed = { kind: 'closed', connections: 256 } as const
    const enrolling = await fixture.openEnrollment(closed, (ground.isTiny ? 2000 : 12_000) * seconds)
    await fixture.generator.run({ [enrolling]: { forMs: seconds * 250 } })
    const enrollment = await measure(site, fixture.generator, { [enrolling]: { forMs: seconds * 500 } })
    await fixture.generator.closeStream(enrolling)

    const changing = await fixture.openEnrollment(
      { kind: 'open', connections: 16, perSecond: changesPerSecond },
      changesPerSecond * seconds * 3,
    )
    const watchers = { first: 1, count: Math.min(size.students, 20_000), tokens: { secret: jwtSecret } }
    const looking = await fixture.open({ kind: 'catalog', departments }, closed, watchers)
    await fixture.generator.run({ [changing]: { forMs: seconds * 250 }, [looking]: { forMs: seconds * 250 } })
    const probe = new FreshnessProbe(site, size.courses, fixture.freshStudents(probesMax + onlookers).first)
    const [measured, freshness] = await Promise.all([
      measure(site, fixture.generator, {
        [changing]: { forMs: seconds * 1000 },
        [looking]: { forMs: seconds * 1000 },
      }),
      probe.run(seconds * 900),
    ])
    const figures = loadFigures(measured, looking)
    const perEnrollment = loadFigures(enrollment, enrolling)['all_cpu_us_per_request'] ?? 0
    return [
      {
        scenario: 'catalog',
        subject: 'engine',
        conditions: { courses: size.courses, departments, 'changes per s': changesPerSecond },
        figures: {
          ...figures,
          enrollment_cpu_us: perEnrollment,
          // The changes' own CPU counts as the readers'.
          reads_per_enrollment_at_same_cpu: rounded(
            perEnrollment / (figures['all_cpu_us_per_request'] ?? 1),
            2,
          ),
          ...freshness,
        },
        counts: resultOf(measured, looking).replies,
      },
    ]
  } finally {
    fixture.end()
    await site.stop()
  }
}

/** Takes a seat now and then, and looks how long somebody else is shown the number from before. */
class FreshnessProbe {
  readonly #http: HttpClient
  readonly #course: number
  readonly #firstOnlooker: number
  #looks = 0
  #student: number

  constructor(site: { readonly host: string; readonly port: number }, course: number, firstStudent: number) {
    this.#http = new HttpClient({ host: site.host, port: site.port, connectionsMax: 2, timeoutMs: 10_000 })
    this.#course = course
    this.#firstOnlooker = firstStudent
    this.#student = firstStudent + onlookers
  }

  async run(forMs: number) {
    const durations = new Latencies()
    const deadline = performance.now() + forMs
    while (performance.now() < deadline && durations.count < probesMax) {
      await sleep(probePauseMs)
      const before = await this.#registered()
      const token = signToken(this.#student++, jwtSecret)
      const body = { course_id: this.#course, group_id: 1 }
      const { status, receivedMs } = await this.#http.send({
        method: 'PUT',
        path: '/student/course',
        token,
        body,
      })
      if (status !== 204) throw new Error(`a student with no course was refused: ${status}`)
      let shown: Shown
      do shown = await this.#registered()
      while (shown.count <= before.count && shown.askedMs < receivedMs + freshMsMax)
      durations.add(Math.max(0, shown.askedMs - receivedMs))
    }
    this.#http.close()
    return {
      stale_p50_ms: rounded(durations.quantile(0.5)),
      stale_worst_ms: rounded(durations.quantile(1)),
      freshness_probes: durations.count,
      has_etag: this.#hasEtag ? 1 : 0,
    }
  }

  #hasEtag = false

  /** Looked up by another student each time, since one alone may not look so often. */
  async #registered(): Promise<Shown> {
    const token = signToken(this.#firstOnlooker + (this.#looks++ % onlookers), jwtSecret)
    const path = `/student/courses?department=${departmentOfCourse(this.#course)}`
    const reply = await this.#http.send({ method: 'GET', path, token })
    if (reply.status !== 200) throw new Error(`an onlooker was refused: ${reply.status} ${reply.body}`)
    this.#hasEtag = reply.headers['etag'] !== undefined
    const { courses } = JSON.parse(reply.body) as {
      courses: { course_id: number; registered_count: number }[]
    }
    const found = courses.find(({ course_id }) => course_id === this.#course)
    return { count: found?.registered_count ?? 0, askedMs: reply.sentMs }
  }
}

interface Shown {
  readonly count: number
  readonly askedMs: number
}
