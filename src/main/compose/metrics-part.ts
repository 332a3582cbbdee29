import type { Config } from '../../config/config.ts'
import { Exposition } from '../../metrics/exposition.ts'
import { MetricsAddressUnusable, openMetricsListener } from '../../metrics/listener.ts'
import { showProcess } from '../../metrics/process-metrics.ts'
import type { ServiceProcess } from '../service-process.ts'

/** Where a process shows its metrics if nobody says where: on loopback, a port for each kind of process. */
const usualPorts = { server: 9464, batcher: 9465, gateway: 9466 } as const

/** What this process will show to Prometheus: itself, to begin with. */
export function expose(host: ServiceProcess): Exposition {
  const exposition = new Exposition()
  const stop = showProcess(exposition)
  host.onStop(() => Promise.resolve(stop()))
  return exposition
}

/**
 * Serves the metrics on their own listener, where ENROLLMENT_METRICS_ADDRESS says. Without it they are served on
 * the usual port of this kind of process if that is free: a second process on the machine goes without, and says so.
 * @throws MetricsAddressUnusable if an address that was asked for cannot be had
 */
export async function serveMetrics(
  exposition: Exposition,
  config: Config,
  host: ServiceProcess,
  kind: keyof typeof usualPorts,
): Promise<void> {
  const { metrics } = config
  if (metrics === 'off') return
  const address = metrics ?? { host: '127.0.0.1', port: usualPorts[kind] }
  try {
    const listener = await openMetricsListener(exposition, address)
    host.onStop(() => listener.close())
    host.log.info(`metrics are on ${listener.url}`)
  } catch (error) {
    if (metrics !== undefined || !(error instanceof MetricsAddressUnusable)) throw error
    host.log.info(error.message)
  }
}
