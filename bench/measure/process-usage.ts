import { readdirSync, readFileSync } from 'node:fs'

/** A part of the service, and the processes that it began with; what those have started belongs to it. */
export interface ProcessGroup {
  readonly name: string
  readonly roots: () => readonly number[]
}

/** What a group has used since its processes began, and what it holds now. */
export interface Usage {
  /** User and system time in microseconds, in steps of the kernel's clock tick (10 ms). */
  readonly cpuUs: number
  /** Resident memory; what several processes of the group share is counted once. */
  readonly memoryBytes: number
}

export type Usages = Readonly<Record<string, Usage>>

interface ProcessTimes {
  readonly parent: number
  readonly ticks: number
}

/** USER_HZ, which is the same on every Linux. */
const ticksPerSecond = 100

/** utime + stime of a process, and of those of its children that have ended. */
function readTimes(pid: number): ProcessTimes | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name before it is in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [parent, ...times] = [1, 11, 12, 13, 14].map((index) => Number(fields[index]))
  return { parent: parent ?? 0, ticks: times.reduce((sum, ticks) => sum + ticks, 0) }
}

function readAll(): Map<number, ProcessTimes> {
  const found = new Map<number, ProcessTimes>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const times = Number.isInteger(pid) ? readTimes(pid) : undefined
    if (times !== undefined) found.set(pid, times)
  }
  return found
}

function memoryOf(pid: number, isShared: boolean): number {
  const [file, line] = isShared
    ? [`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+)/m]
    : [`/proc/${pid}/status`, /^VmRSS:\s+(\d+)/m]
  try {
    return 1024 * Number(line.exec(readFileSync(file, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** These processes and all that they have started, and those in turn. */
export function descendantsOf(roots: readonly number[], processes = readAll()): number[] {
  const members = new Set(roots)
  let before = 0
  while (members.size > before) {
    before = members.size
    for (const [pid, { parent }] of processes) if (members.has(parent)) members.add(pid)
  }
  return [...members]
}

/** Reads what every group has used so far, all at about the same moment. Linux only. */
export function readUsages(groups: readonly ProcessGroup[]): Usages {
  const processes = readAll()
  return Object.fromEntries(
    groups.map(({ name, roots }) => {
      const pids = descendantsOf(roots(), processes)
      const ticks = pids.reduce((sum, pid) => sum + (processes.get(pid)?.ticks ?? 0), 0)
      const memoryBytes = pids.reduce((sum, pid) => sum + memoryOf(pid, pids.length > 1), 0)
      return [name, { cpuUs: (ticks * 1e6) / ticksPerSecond, memoryBytes }]
    }),
  )
}

/** CPU that each group has used between two readings, microseconds. */
export function cpuBetween(before: Usages, after: Usages): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, { cpuUs }]) => [name, cpuUs - (before[name]?.cpuUs ?? 0)]),
  )
}

/** Connections that this machine's kernel has turned away so far because too many waited to be accepted. Linux only. */
export function readListenOverflows(): number {
  const lines = readFileSync('/proc/net/netstat', 'latin1').split('\n')
  const [names, values] = lines.filter((line) => line.startsWith('TcpExt:')).map((line) => line.split(' '))
  return Number(values?.[names?.indexOf('ListenOverflows') ?? -1])
}
