import { DiskWatch } from '../measure/disk-watch.ts'
import { type Finding, loadFigures, rounded } from '../report/entry.ts'
import { EngineSite } from '../site/engine-site.ts'
import type { Ground } from '../site/ground.ts'
import { LoadDesk, resultOf } from './open-loop.ts'
import { roomyCampus } from './sustained.ts'

const shares = [0.5, 0.8]

/** Requests that come at a steady rate, a part of what the service carries at most, whether it keeps up or not. */
export async function rate(ground: Ground): Promise<Finding[]> {
  const size = roomyCampus(ground)
  const site = await EngineSite.open(ground, { size: { ...size, students: 2 * size.students } })
  const desk = new LoadDesk(ground, site, { ...size, students: 2 * size.students })
  try {
    const maximum = await desk.maximum(ground.isTiny ? 0.4 : 8)
    const findings: Finding[] = []
    for (const share of shares) {
      const disk = new DiskWatch()
      const { name, measured } = await desk.atRate(share * maximum, ground.isTiny ? 0.5 : 15)
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
    desk.end()
    await site.stop()
  }
}
