import type { Generator } from '../load/generator-process.ts'
import type { Extent, StreamResult } from '../load/stream.ts'
import {
  cpuBetween,
  type ProcessGroup,
  readListenOverflows,
  readUsages,
  type Usages,
} from '../measure/process-usage.ts'
import { type StageTotals, stageFigures } from '../measure/stages.ts'

/** Something that takes load: the service, or what it is compared with. */
export interface Target {
  readonly host: string
  readonly port: number
  /** Whose CPU and memory count. */
  readonly groups: readonly ProcessGroup[]
  /** Resolves when all that was answered is in PostgreSQL. */
  untilWritten(): Promise<void>
  /** Where it says that the time of commands goes, if it does. */
  stages?(): Promise<StageTotals>
  stop(): Promise<void>
}

export interface Measurement {
  readonly streams: Readonly<Record<string, StreamResult>>
  /** Microseconds by group, from the first request until the last row was written. */
  readonly cpuUs: Readonly<Record<string, number>>
  readonly generatorCpuUs: number
  /** Connections that the kernel turned away because too many waited to be accepted, on the whole machine. */
  readonly listenOverflows: number
  /** Bytes by group, at the end. */
  readonly memory: Readonly<Record<string, number>>
  /** From the last reply until the last row was in PostgreSQL. */
  readonly writtenAfterMs: number
  /** Mean time of a command in each stage; nothing where the target does not tell. */
  readonly stages: Readonly<Record<string, number>>
}

/**
 * Runs load on a target that is at rest, until every row of it is written: all of the CPU that is measured belongs to
 * these requests, and all of theirs is measured.
 */
export async function measure(
  target: Target,
  generator: Generator,
  extents: Readonly<Record<string, Extent>>,
): Promise<Measurement> {
  await target.untilWritten()
  const stagesBefore = (await target.stages?.()) ?? new Map()
  const overflowsBefore = readListenOverflows()
  const before = readUsages(target.groups)
  const { streams, generatorCpuUs } = await generator.run(extents)
  await target.untilWritten()
  const writtenAtMs = performance.timeOrigin + performance.now()
  const after = readUsages(target.groups)
  const stages = stageFigures(stagesBefore, (await target.stages?.()) ?? new Map())
  const lastReplyAtMs = Math.max(...Object.values(streams).map((stream) => stream.lastReplyAtMs))
  return {
    streams,
    cpuUs: cpuBetween(before, after),
    generatorCpuUs,
    listenOverflows: readListenOverflows() - overflowsBefore,
    memory: memoryOf(after),
    stages,
    writtenAfterMs: Math.max(0, writtenAtMs - lastReplyAtMs),
  }
}

function memoryOf(usages: Usages): Record<string, number> {
  return Object.fromEntries(Object.entries(usages).map(([name, { memoryBytes }]) => [name, memoryBytes]))
}
