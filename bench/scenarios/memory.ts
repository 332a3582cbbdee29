import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { CampusSize } from '../campus/bench-campus.ts'
import { type Finding, rounded } from '../report/entry.ts'
import { EngineDeployment } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'

const heapReport = pathToFileURL(join(import.meta.dirname, '../measure/heap-report.ts')).href
const small: CampusSize = { students: 1000, courses: 1500, capacity: 40, reserveCapacity: 5 }
const placesEach = 7
const reportMsMax = 30_000

/** What a small campus adds to the heap of an idle server. */
export async function memory(ground: Servers): Promise<Finding[]> {
  const size = ground.isTiny ? { ...small, students: 50 } : small
  const empty = await heapOf(ground, { ...size, students: 0, courses: 0 }, 0)
  const full = await heapOf(ground, size, placesEach)
  return [
    {
      scenario: 'memory',
      subject: 'engine',
      conditions: { students: size.students, courses: size.courses, enrollments: size.students * placesEach },
      figures: {
        heap_mib_empty: rounded(empty / 2 ** 20, 2),
        heap_mib: rounded(full / 2 ** 20, 2),
        heap_mb_added: rounded((full - empty) / 1e6, 2),
      },
    },
  ]
}

/** Bytes on the heap of an idle server, after a collection of garbage. */
async function heapOf(ground: Servers, size: CampusSize, held: number): Promise<number> {
  const file = join(ground.keeper.directory, 'heap')
  const site = await EngineDeployment.open(ground, {
    size,
    held,
    environment: { NODE_OPTIONS: `--import ${heapReport}`, BENCH_HEAP_FILE: file },
  })
  try {
    const [server] = site.service.processes
    if (server === undefined) throw new Error('there is no server')
    rmSync(file, { force: true })
    process.kill(server.pid, 'SIGUSR2')
    const deadline = performance.now() + reportMsMax
    while (!existsSync(file) || readFileSync(file, 'utf8') === '') {
      if (performance.now() > deadline) throw new Error('the server tells nothing of its heap')
      await sleep(20)
    }
    return Number(readFileSync(file, 'utf8'))
  } finally {
    rmSync(file, { force: true })
    await site.stop()
  }
}
