import { Generator } from '../load/generator-process.ts'
import type { Pace } from '../load/stream.ts'
import type { Traffic } from '../load/traffic.ts'
import { type Finding, loadFigures } from '../report/entry.ts'
import { type RemoteService, RemoteDeployment } from '../deployment/remote-deployment.ts'
import { measure } from '../deployment/target.ts'
import { idleMax } from './canonical.ts'

const perStudent = 7
const connections = 256

interface RemoteRun {
  readonly scenario: string
  readonly traffic: Traffic
  readonly pace: Pace
  readonly seconds: number
  /** Of the students that there are, from where to where: 0 to 1. */
  readonly share: readonly [from: number, to: number]
}

/** Scenarios that only send requests, against a service that runs already, wherever it does. */
export const remoteScenarios = ['canonical', 'sustained', 'rate', 'catalog'] as const
export type RemoteScenario = (typeof remoteScenarios)[number]

/** @returns throughput, replies and latencies; CPU and memory are those of another machine */
export async function runRemote(
  scenario: RemoteScenario,
  service: RemoteService,
  options: { readonly seed: number; readonly isTiny: boolean },
): Promise<Finding[]> {
  const site = new RemoteDeployment(service)
  try {
    const groups = await site.courseGroups(service)
    const listed: Traffic = { kind: 'listed', groups, perStudent }
    const closed = { kind: 'closed', connections } as const
    const seconds = options.isTiny ? 0.5 : 20
    const run = (one: RemoteRun) => runOnce(site, service, options.seed, one)
    const whole = [0, 1] as const
    switch (scenario) {
      case 'canonical': {
        const pace = { kind: 'crowd', clients: countOf(service), idleMax } as const
        return [await run({ scenario, traffic: listed, pace, seconds: 600, share: whole })]
      }
      case 'sustained':
        return [await run({ scenario, traffic: listed, pace: closed, seconds, share: whole })]
      case 'catalog': {
        const traffic = { kind: 'catalog', departments: service.departments } as const
        return [await run({ scenario, traffic, pace: closed, seconds, share: whole })]
      }
      case 'rate': {
        const most = await run({
          scenario,
          traffic: listed,
          pace: closed,
          seconds: seconds / 2,
          share: [0, 0.35],
        })
        const maximum = most.figures['requests_per_s'] ?? 0
        const at = async (part: number, share: RemoteRun['share']) => {
          const pace = { kind: 'open', connections, perSecond: part * maximum } as const
          const finding = await run({ scenario, traffic: listed, pace, seconds, share })
          return { ...finding, subject: `${finding.subject}, ${part * 100}% of the maximum` }
        }
        return [await at(0.5, [0.35, 0.6]), await at(0.8, [0.6, 1])]
      }
    }
  } finally {
    await site.stop()
  }
}

function countOf({ students }: RemoteService): number {
  return students.last - students.first + 1
}

async function runOnce(
  site: RemoteDeployment,
  service: RemoteService,
  seed: number,
  { scenario, traffic, pace, seconds, share: [from, to] }: RemoteRun,
): Promise<Finding> {
  const count = countOf(service)
  const first = service.students.first + Math.floor(from * count)
  const callers = {
    first,
    count: Math.max(1, service.students.first + Math.floor(to * count) - first),
    tokens: { password: service.password },
  }
  const generator = new Generator()
  try {
    await generator.open('students', { host: site.host, port: site.port, seed, callers, traffic, pace })
    const measured = await measure(site, generator, { students: { forMs: seconds * 1000 } })
    const {
      requests,
      seconds: took,
      requests_per_s,
      p50_ms,
      p99_ms,
      p999_ms,
    } = loadFigures(measured, 'students')
    return {
      scenario,
      subject: service.url.host,
      conditions: {
        students: callers.count,
        connections: pace.kind === 'crowd' ? `${pace.idleMax} idle at most` : pace.connections,
      },
      figures: Object.fromEntries(
        Object.entries({ requests, seconds: took, requests_per_s, p50_ms, p99_ms, p999_ms }).map(
          ([name, value]) => [name, value ?? 0],
        ),
      ),
      counts: measured.streams['students']?.replies ?? {},
    }
  } finally {
    generator.end()
  }
}
