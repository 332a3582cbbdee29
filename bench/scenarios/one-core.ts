import { type Finding, rounded } from '../report/entry.ts'
import { EngineDeployment } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { canPin, loadCpu, pinnedTo, pinServers, serviceCpu } from '../deployment/one-core.ts'
import { roomyCampus, sustain } from './sustained.ts'

/** Server, batcher, RabbitMQ and PostgreSQL share one CPU; the load has another. */
export async function oneCore(ground: Servers): Promise<Finding[]> {
  if (!canPin()) {
    ground.say('  not run: it wants taskset and two CPUs')
    return []
  }
  const size = roomyCampus(ground)
  const letGo = pinServers(ground)
  const launch = { prefix: pinnedTo(serviceCpu) }
  try {
    const site = await EngineDeployment.open(ground, { size, launch: { server: launch, batcher: launch } })
    try {
      const generatorPrefix = pinnedTo(loadCpu)
      const load = { scenario: 'one-core', subject: 'engine', size, seconds: 12, generatorPrefix }
      const finding = await sustain(ground, site, load)
      const total = ['server', 'batcher', 'rabbitmq', 'postgresql'].reduce(
        (sum, name) => sum + (finding.figures[`${name}_mib`] ?? 0),
        0,
      )
      return [{ ...finding, figures: { ...finding.figures, total_mib: rounded(total) } }]
    } finally {
      await site.stop()
    }
  } finally {
    letGo()
  }
}
