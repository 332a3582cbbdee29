import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Stretch, stretchOf } from './figures.ts'
import { type FloodName, type FloodOrder, floods } from './flood-process.ts'
import { residentBytes, secret, Deployment } from './overload-deployment.ts'
import type { TrialOptions } from './trial.ts'

export interface FloodResult {
  readonly name: FloodName
  /** Honest enrollments without the flood and beside it. */
  readonly calm: Stretch
  readonly flooded: Stretch
  /** Answers that the flood got, a second. */
  readonly answered: number
  /** By how much the server's resident memory grew, bytes. */
  readonly growth: number
}

const students = 10_000
const flooders = 40
/** Who enroll, each of them when the answer before has come. */
const senders = 100
/** How long a flood has lasted when it is measured beside honest enrollments. */
const headStartMs = 500

/**
 * Students enroll over 100 connections; beside them somebody who has no seat to win asks for something as often as they
 * can: what does the median of an enrollment become?
 * @param only one flood alone
 */
export async function runFloods(
  only: FloodName | undefined,
  { say, measureSeconds, warmUpSeconds }: TrialOptions,
): Promise<FloodResult[]> {
  const stand = await Deployment.open({
    campusId: 'overload',
    students,
    contestants: flooders,
    connections: senders,
    environment: { ENROLLMENT_METRICS_FOR_CLIENTS: 'yes' },
    say,
  })
  try {
    const measure = async (seconds: number) =>
      stretchOf(await stand.sender.sendClosed(senders, seconds), 0, seconds * 1000)
    await measure(warmUpSeconds)
    const results: FloodResult[] = []
    const names = (Object.keys(floods) as FloodName[]).filter((name) => only === undefined || name === only)
    for (const name of names) {
      const calm = await measure(measureSeconds)
      const pid = stand.service.processes[0]?.pid ?? 0
      const before = residentBytes(pid)
      const order = { port: stand.service.port, secret, name, firstStudent: students - flooders + 1 }
      const child = begin(order, stand.isPinned)
      await sleep(headStartMs)
      const answersBefore = await answersOf(child)
      const flooded = await measure(measureSeconds)
      const answered = ((await answersOf(child)) - answersBefore) / measureSeconds
      const growth = residentBytes(pid) - before
      child.disconnect()
      await once(child, 'exit')
      results.push({ name, calm, flooded, answered, growth })
      say(formatFlood(results.at(-1) as FloodResult))
    }
    await stand.untilWritten()
    return results
  } finally {
    await stand.close()
  }
}

function begin(order: FloodOrder, isPinned: boolean): ChildProcess {
  const program = [process.execPath, join(import.meta.dirname, 'flood-process.ts')]
  const [command = '', ...args] = isPinned ? ['taskset', '-c', '1', ...program] : program
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  child.send(order)
  return child
}

async function answersOf(child: ChildProcess): Promise<number> {
  child.send('answers')
  const [answers] = (await once(child, 'message')) as [number]
  return answers
}

const ms = (stretch: Stretch) => `${stretch.decided.quantile(0.5).toFixed(1)} ms`

/** In one line. */
export function formatFlood({ name, calm, flooded, answered, growth }: FloodResult): string {
  const ratio = flooded.decided.quantile(0.5) / calm.decided.quantile(0.5)
  return (
    `  ${name.padEnd(20)}p50 ${ms(calm)} without, ${ms(flooded)} with it (${ratio.toFixed(1)} times); ` +
    `${flooded.counts.busy} of ${Math.round(flooded.offered * flooded.seconds)} were told busy (${calm.counts.busy} without it); ` +
    `${Math.round(answered)}/s answered to the flood; ${Math.round(growth / 2 ** 20)} MiB more`
  )
}

/** What is promised and was not reached. */
export function missedByFlood({ name, calm, flooded, growth }: FloodResult): string[] {
  const ratio = flooded.decided.quantile(0.5) / calm.decided.quantile(0.5)
  return [
    ...(ratio <= 3 ? [] : [`${name}: p50 at most 3 times: ${ratio.toFixed(1)}`]),
    ...(flooded.counts.busy <= calm.counts.busy
      ? []
      : [`${name}: nobody is told busy because of it: ${flooded.counts.busy} were`]),
    ...(growth < 100 * 2 ** 20 ? [] : [`${name}: below 100 MiB more: ${Math.round(growth / 2 ** 20)}`]),
  ]
}
