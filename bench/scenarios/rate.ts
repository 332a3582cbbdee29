import { DiskWatch } from '../measure/disk-watch.ts'
import { type Finding, loadFigures, rounded } from '../report/entry.ts'
import { EngineDeployment } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { LoadFixture, resultOf } from './open-loop.ts'
import { roomyCampus } from './sustained.ts'

const shares = [0.5, 0.8]

/** Requests that come at a steady rate, a part of what the service carries at most, whether it keeps up or not. */
export async function rate(ground: Servers): Promise<Finding[]> {
  const size = roomyCampus(ground)
  const site = await EngineDeployment.open(ground, { size: { ...size, students: 2 * size.students } })
  const fixture = new LoadFixture(ground, site, { ...size, students: 2 * size.students })
  try {
    const maximum = await fixture.maximum(ground.isTiny ? 0.4 : 8)
    const findings: Finding[] = []
    for (const share of shares) {
      const disk = new DiskWatch()
      const { name, measured } = await fixture.atRate(share * maximum, ground.isTiny ? 0.5 : 15)
      findings.push({
        scenario: 'rate',
        subject: `${share * 100}% of the maximum`,
        conditions: { 'maximum per s': Math.round(maximum), share },
        figures: { ...loadFigures(measured, name), ...(await disk.end()) },
        counts: resultOf(measured, name).replies,
      })
    }
    return findings.map((finding) => ({
      ...finding,
      figures: { ...finding.figures, maximum_per_s: rounded(maximum) },
    }))
  } finally {
    fixture.end()
    await site.stop()
  }
}
