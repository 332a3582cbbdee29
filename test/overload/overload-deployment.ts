import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Keeper } from '../../kit/servers/keeper.ts'
import { startPostgres, type TestPostgres } from '../../kit/servers/postgres.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { TcpProxy } from '../../kit/servers/proxy.ts'
import { startRabbit } from '../../kit/servers/rabbit.ts'
import type { TestRabbit } from '../../kit/servers/rabbit-node.ts'
import { runCli } from '../../kit/load/cli-process.ts'
import { Service } from '../../kit/load/service.ts'
import { Check } from '../stress/audit/check.ts'
import { type StressCampus, writeCampusFiles } from '../stress/campus.ts'
import {
  conflictingCount,
  firstConflicting,
  firstCourse,
  firstScarce,
  groupCount,
  scarceCount,
} from './requests.ts'
import { OverloadSender } from './sender.ts'

export const secret = 'what the senders of an overload share with the server'
const healTimeoutMs = 120_000
/** The service has one core for all of its parts, the senders have the other. */
const cores = { service: 0, senders: 1 }

export interface StandOptions {
  readonly campusId: string
  readonly students: number
  /** The last so many of the students compete for scarce seats. */
  readonly contestants: number
  readonly connections: number
  readonly environment: Readonly<Record<string, string>>
  readonly say: (line: string) => void
}

/** A service with its own broker (behind a proxy) and database, a campus in it, and senders before it. */
export class Deployment {
  readonly service: Service
  readonly sender: OverloadSender
  readonly proxy: TcpProxy
  readonly databaseUrl: string
  readonly isPinned: boolean
  readonly #keeper: Keeper
  readonly #postgres: TestPostgres
  readonly #rabbit: TestRabbit

  private constructor(parts: {
    service: Service
    sender: OverloadSender
    proxy: TcpProxy
    databaseUrl: string
    isPinned: boolean
    keeper: Keeper
    postgres: TestPostgres
    rabbit: TestRabbit
  }) {
    this.service = parts.service
    this.sender = parts.sender
    this.proxy = parts.proxy
    this.databaseUrl = parts.databaseUrl
    this.isPinned = parts.isPinned
    this.#keeper = parts.keeper
    this.#postgres = parts.postgres
    this.#rabbit = parts.rabbit
  }

  static async open(options: StandOptions): Promise<Deployment> {
    const { say, campusId, students } = options
    // Whatever is started from here on inherits it.
    const isPinned = pinThisProcess(cores.service)
    const keeper = new Keeper('overload', tmpdir())
    const [postgres, rabbit] = await Promise.all([startPostgres(), startRabbit(say)])
    const proxy = await TcpProxy.open([Number(new URL(rabbit.address).port)])
    const { url: databaseUrl } = await createDatabase(postgres.url)
    const files = await writeCampusFiles(campusOf(options), keeper.directory)
    const loaded = await runCli(['load', ...files], {
      DATABASE_URL: databaseUrl,
      ENROLLMENT_CAMPUS: campusId,
    })
    if (loaded.ending !== 0) throw new Error(`enrollment load ended with ${loaded.ending}:\n${loaded.errors}`)
    const rabbitAddress = new URL(rabbit.address)
    rabbitAddress.port = String(proxy.port)
    const service = await Service.start({
      databaseUrl,
      rabbitAddress: rabbitAddress.href,
      campus: campusId,
      environment: { JWT_SECRET: secret, ENROLLMENT_QUEUE_SETTLE: '0s', ...options.environment },
      keeper,
    })
    await service.untilReady()
    const sender = new OverloadSender(keeper.directory, isPinned ? cores.senders : undefined)
    const { connections, contestants } = options
    await sender.open({ port: service.port, connections, students, contestants, secret })
    return new Deployment({ service, sender, proxy, databaseUrl, isPinned, keeper, postgres, rabbit })
  }

  /** Resolves when PostgreSQL holds all that was decided. */
  async untilWritten(): Promise<void> {
    const deadline = performance.now() + healTimeoutMs
    for (;;) {
      // Right after an overload, on a machine with much else to do, it may take its time to say so.
      const progress = await this.service.progress().catch(() => undefined)
      if (progress !== undefined && progress.decidedSeq === progress.appliedSeq) return
      if (performance.now() > deadline) {
        const behind = progress && progress.decidedSeq - progress.appliedSeq
        throw new Error(behind === undefined ? 'the server says nothing' : `the tables are ${behind} behind`)
      }
      await sleep(100)
    }
  }

  /** Stops the service, as an operator does, and replays all that it decided. */
  async stopAndVerify(): Promise<Check> {
    const agreed = new Check('the processes stopped cleanly, and enrollment verify agrees')
    const endings = await this.service.stop()
    agreed.expect(
      endings.every((ending) => ending === 0),
      () => `the processes ended with ${endings.join(' and ')}`,
    )
    const verified = await runCli(['verify'], { DATABASE_URL: this.databaseUrl })
    agreed.expect(verified.ending === 0, () => `verify ended with ${verified.ending}: ${verified.output}`)
    return agreed
  }

  async close(): Promise<void> {
    await this.sender.close()
    this.proxy.close()
    await this.#keeper.release()
    await Promise.all([this.#postgres.remove(), this.#rabbit.remove()])
  }
}

/** @returns whether it could be done */
function pinThisProcess(core: number): boolean {
  const { status } = spawnSync('taskset', ['-a', '-p', '-c', String(core), String(process.pid)])
  return status === 0
}

function campusOf({ students }: StandOptions): StressCampus {
  const group = { group: 1, department: 1, classTime: '', examTime: '', genderLock: '', isHot: true } as const
  const courses = (first: number, count: number, capacity: number) =>
    Array.from({ length: count }, (_, index) => ({
      ...group,
      course: first + index,
      capacity,
      reserveCapacity: 0,
    }))
  return {
    groups: [
      ...courses(firstCourse, groupCount, 1_000_000),
      ...courses(firstScarce, scarceCount, 2),
      ...courses(firstConflicting, conflictingCount, 2).map((one) => ({
        ...one,
        classTime: 'Sat 08:00-10:00',
        examTime: '2030-06-10T08:00:00Z',
      })),
    ],
    students: Array.from({ length: students }, (_, index) => ({
      id: index + 1,
      department: 1,
      gender: 'female',
      maxUnits: 10_000,
      actions: 30_000,
      isWindowOpen: true,
    })),
    staff: [{ id: 1, department: 1 }],
    held: [],
  }
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes ?? 0) * 1024
}
