import { LinkLoadProcess } from '../load/link-load-process.ts'
import { cpuBetween, readUsages } from '../measure/process-usage.ts'
import { Generator } from '../load/generator-process.ts'
import type { StreamResult } from '../load/stream.ts'
import { type Finding, rounded } from '../report/entry.ts'
import { jwtSecret } from '../deployment/engine-deployment.ts'
import { GatewayDeployment, type GatewaySiteOptions } from '../deployment/gateway-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure } from '../deployment/target.ts'
import { roomyCampus } from './sustained.ts'

const perStudent = 7
const connections = 256

/**
 * The load of `sustained` through gateways apart from the engine: CPU per request of each tier, and from it how many
 * gateways one engine carries.
 */
export async function gateway(ground: Servers): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const [gateways, link] of [
    [1, 'unix'],
    [2, 'unix'],
    [1, 'tcp'],
  ] as const) {
    findings.push(await throughGateways(ground, { size: roomyCampus(ground), gateways, link }))
  }
  const [alone] = findings
  findings.push(await engineAtFullLoad(ground, alone?.figures['gateways_cpu_us_per_request'] ?? Number.NaN))
  return findings
}

/**
 * Commands straight over the link, as many gateways together would send them: a gateway takes so much more CPU than
 * the engine that two cores hold too few of them to make the engine busy, and a busy engine is cheaper for a command.
 * So one engine with a core of its own carries as many gateways with a core of their own as a request costs a gateway
 * more than its command costs the engine here.
 * @param gatewayUs CPU of a gateway per HTTP request, measured in the same run
 */
async function engineAtFullLoad(ground: Servers, gatewayUs: number): Promise<Finding> {
  const size = roomyCampus(ground)
  const site = await GatewayDeployment.open(ground, { size, gateways: 0, link: 'unix' })
  const load = new LinkLoadProcess()
  try {
    const { students, courses } = size
    const atOnce = 2048
    await load.open({
      ...site.core,
      secret: jwtSecret,
      students,
      courses,
      perStudent,
      atOnce,
      seed: ground.seed,
    })
    await load.run(ground.isTiny ? 2000 : 100_000)
    await site.untilWritten()
    const before = readUsages(site.groups)
    const { commands, elapsedMs, outcomes } = await load.run(ground.isTiny ? 2000 : 250_000)
    const { engine = 0 } = cpuBetween(before, readUsages(site.groups))
    return {
      scenario: 'gateway',
      subject: 'the engine at full load, commands over the link',
      conditions: { students, courses, at_once: atOnce },
      figures: {
        commands,
        commands_per_s: rounded((1000 * commands) / elapsedMs),
        engine_cpu_us_per_command: rounded(engine / commands, 2),
        gateway_cpu_us_per_request: rounded(gatewayUs, 2),
        gateways_that_one_engine_carries: rounded((gatewayUs * commands) / engine),
        engine_commands_per_s_on_one_core: rounded((1e6 * commands) / engine, 0),
      },
      counts: outcomes,
    }
  } finally {
    load.end()
    await site.stop()
  }
}

async function throughGateways(ground: Servers, options: GatewaySiteOptions): Promise<Finding> {
  const { size, gateways, link } = options
  const site = await GatewayDeployment.open(ground, options)
  const generator = new Generator()
  try {
    const names = site.ports.map((port) => `gateway at ${port}`)
    const share = Math.floor(size.students / gateways)
    for (const [index, port] of site.ports.entries()) {
      await generator.open(names[index] ?? '', {
        host: site.host,
        port,
        seed: ground.seed,
        callers: { first: 1 + index * share, count: share, tokens: { secret: jwtSecret } },
        traffic: { kind: 'courses', courses: size.courses, perStudent, wish: 'possible' },
        pace: { kind: 'closed', connections: connections / gateways },
      })
    }
    const seconds = ground.isTiny ? 0.7 : 20
    const each = (forMs: number) => Object.fromEntries(names.map((name) => [name, { forMs }]))
    await generator.run(each(seconds * 250))
    const { streams, cpuUs, generatorCpuUs, memory } = await measure(site, generator, each(seconds * 1000))
    const results = Object.values(streams)
    const requests = sum(results.map((result) => result.requests))
    const perRequest = Object.entries(cpuUs).map(([name, us]) => [name, us / requests] as const)
    return {
      scenario: 'gateway',
      subject: `${gateways} over ${link}`,
      conditions: { students: size.students, courses: size.courses, connections, gateways, link },
      figures: {
        requests,
        requests_per_s: rounded((1000 * requests) / Math.max(...results.map((result) => result.elapsedMs))),
        ...Object.fromEntries(perRequest.map(([name, us]) => [`${name}_cpu_us_per_request`, rounded(us)])),
        all_cpu_us_per_request: rounded(sum(perRequest.map(([, us]) => us))),
        generator_cpu_us_per_request: rounded(generatorCpuUs / requests),
        p99_ms: rounded(Math.max(...results.map(({ latency }) => latency.p99)), 2),
        ...Object.fromEntries(
          Object.entries(memory).map(([name, bytes]) => [`${name}_mib`, rounded(bytes / 2 ** 20)]),
        ),
      },
      counts: countsOf(results),
    }
  } finally {
    generator.end()
    await site.stop()
  }
}

function countsOf(results: readonly StreamResult[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { replies } of results) {
    for (const [label, count] of Object.entries(replies)) counts[label] = (counts[label] ?? 0) + count
  }
  return counts
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
