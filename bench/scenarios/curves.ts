import { type Finding } from '../report/entry.ts'
import { EngineDeployment } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { drainOnce } from './drain.ts'
import { roomyCampus, sustain } from './sustained.ts'

const connectionCounts = [16, 64, 256, 1024]
const courseCounts = [150, 1500, 15_000]
const backlogs = [10_000, 100_000]
const seconds = 4

/**
 * What the cost of a request depends on: connections, and courses. (Students: `recover`. Larger backlogs: `drain`.)
 */
export async function curves(ground: Servers): Promise<Finding[]> {
  const { isTiny } = ground
  const findings: Finding[] = []
  const size = roomyCampus(ground)
  const site = await EngineDeployment.open(ground, { size })
  try {
    const share = Math.floor(size.students / connectionCounts.length)
    for (const [index, connections] of connectionCounts.slice(0, isTiny ? 1 : undefined).entries()) {
      const callers = { first: 1 + index * share, count: share }
      const load = { scenario: 'curves', subject: 'connections', size, seconds, connections, callers }
      findings.push(await sustain(ground, site, load))
    }
  } finally {
    await site.stop()
  }
  if (isTiny) return findings
  for (const courses of courseCounts) findings.push(await withCourses(ground, courses))
  for (const backlog of backlogs) {
    findings.push({ ...(await drainOnce(ground, backlog, 'engine')), scenario: 'curves', subject: 'backlog' })
  }
  return findings
}

async function withCourses(ground: Servers, courses: number): Promise<Finding> {
  const size = { ...roomyCampus(ground), courses }
  const site = await EngineDeployment.open(ground, { size })
  try {
    return await sustain(ground, site, { scenario: 'curves', subject: 'courses', size, seconds })
  } finally {
    await site.stop()
  }
}
