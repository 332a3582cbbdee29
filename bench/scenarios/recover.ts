import type { CampusSize } from '../campus/bench-campus.ts'
import { readUsages } from '../measure/process-usage.ts'
import { type Finding, rounded } from '../report/entry.ts'
import { EngineDeployment } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { sustain } from './sustained.ts'

const placesEach = 5
const callersMax = 50_000
const servingMsMax = 180_000
const everyday: CampusSize = { students: 1000, courses: 1500, capacity: 1000, reserveCapacity: 5 }
const sizes: readonly CampusSize[] = [
  everyday,
  { ...everyday, students: 50_000, capacity: 50_000 },
  { students: 1_000_000, courses: 20_000, capacity: 10_000, reserveCapacity: 5 },
]
const tinySizes: readonly CampusSize[] = [{ ...everyday, students: 500 }]
/** The campus whose requests cost what they should cost on the large one. */
const compared = 1

/**
 * From SIGKILL of the server until it serves again, on campuses whose students hold 5 places each; then what a request
 * costs there, on the smaller and the largest one.
 */
export async function recover(ground: Servers): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const [index, size] of (ground.isTiny ? tinySizes : sizes).entries()) {
    findings.push(await recoverOn(ground, size, index >= compared || ground.isTiny))
  }
  const small = findings[compared]?.figures['all_cpu_us_per_request']
  const large = findings.at(-1)
  if (small === undefined || large === undefined || ground.isTiny) return findings
  const ratio = rounded((large.figures['all_cpu_us_per_request'] ?? 0) / small, 2)
  const serverRatio =
    (large.figures['server_cpu_us_per_request'] ?? 0) /
    (findings[compared]?.figures['server_cpu_us_per_request'] ?? 1)
  const figures = {
    ...large.figures,
    cpu_to_smaller_campus: ratio,
    server_cpu_to_smaller_campus: rounded(serverRatio, 2),
  }
  return [...findings.slice(0, -1), { ...large, figures }]
}

/** As many as are needed, from all over the campus: neighbours would share what the CPU has at hand. */
function spreadCallers(students: number) {
  const stride = Math.max(1, Math.floor(students / callersMax))
  return { first: 1, count: Math.floor(students / stride), stride }
}

async function recoverOn(ground: Servers, size: CampusSize, isLoaded: boolean): Promise<Finding> {
  ground.say(`  making a campus of ${size.students.toLocaleString('en')} students`)
  const site = await EngineDeployment.open(ground, { size, held: placesEach })
  try {
    const begunMs = performance.now()
    await site.service.killServer()
    site.service.restartServer()
    await site.service.untilReady(servingMsMax)
    const seconds = (performance.now() - begunMs) / 1000
    const mib = (readUsages(site.groups)['server']?.memoryBytes ?? 0) / 2 ** 20
    ground.say(`  serving again after ${seconds.toFixed(1)} s, ${mib.toFixed(0)} MiB`)
    const load = {
      scenario: 'recover',
      subject: 'engine',
      size,
      held: placesEach,
      perStudent: 2,
      seconds: 6,
      callers: spreadCallers(size.students),
    }
    const underLoad = isLoaded ? await sustain(ground, site, load) : undefined
    return {
      scenario: 'recover',
      subject: `${size.students.toLocaleString('en')} students`,
      conditions: {
        students: size.students,
        courses: size.courses,
        enrollments: size.students * placesEach,
      },
      figures: {
        serving_again_after_s: rounded(seconds, 2),
        server_mib_recovered: rounded(mib),
        ...underLoad?.figures,
      },
      counts: underLoad?.counts ?? {},
    }
  } finally {
    await site.stop()
  }
}
