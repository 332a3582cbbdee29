import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Coverage } from './coverage.ts'
import type { PlanWish } from './fault-plan.ts'
import type { RunResult } from './simulate.ts'

export interface Campaign {
  readonly first: number
  readonly count: number
  /** Only every so many-th seed. */
  readonly every?: number
  readonly wish?: PlanWish | undefined
  /** Processes at a time. */
  readonly jobs: number
  /** Begin no other seed once one has failed in such words. */
  readonly stopsAt?: RegExp
  /** Aborted: begin no other seed. */
  readonly signal?: AbortSignal
  /** Told now and then how many seeds are done. */
  readonly onProgress?: (seeds: number) => void
  readonly onFailure?: (seed: number, failures: readonly string[]) => void
}

export interface CampaignResult {
  readonly seeds: number
  readonly commands: number
  readonly commandsOfShortest: number
  readonly decisions: number
  readonly cpuMs: number
  /** Seeds that broke a promise, with what was broken. */
  readonly failures: readonly { readonly seed: number; readonly failures: readonly string[] }[]
  readonly coverage: Coverage
}

export type Answer =
  | (RunResult & { readonly cpuMs: number })
  | { readonly seed: number; readonly crash: string }

const progressMs = 10_000

/** Runs `count` seeds from `first` on, in processes of their own. */
export async function runSeeds(campaign: Campaign): Promise<CampaignResult> {
  const { first, count, every = 1, wish = {}, jobs, stopsAt, signal, onFailure, onProgress } = campaign
  const coverage = new Coverage()
  const failures: { seed: number; failures: readonly string[] }[] = []
  let toldMs = performance.now()
  let next = first
  let isStopped = false
  let seeds = 0
  let commands = 0
  let decisions = 0
  let cpuMs = 0
  let commandsOfShortest = Infinity
  const takeIn = (answer: Answer): void => {
    seeds++
    if (performance.now() > toldMs + progressMs || seeds === count) {
      toldMs = performance.now()
      onProgress?.(seeds)
    }
    const broken = 'crash' in answer ? [answer.crash] : answer.failures
    if (broken.length > 0) {
      failures.push({ seed: answer.seed, failures: broken })
      if (stopsAt?.test(broken.join('\n')) === true) isStopped = true
      onFailure?.(answer.seed, broken)
    }
    if ('crash' in answer) return
    coverage.add(answer.coverage)
    commands += answer.commands
    decisions += answer.decisions
    cpuMs += answer.cpuMs
    commandsOfShortest = Math.min(commandsOfShortest, answer.commands)
  }
  const isOver = (): boolean => next >= first + count * every || isStopped || signal?.aborted === true
  const work = async (): Promise<void> => {
    // Young garbage is nearly all there is.
    const child = fork(join(import.meta.dirname, 'seed-process.ts'), [JSON.stringify(wish)], {
      serialization: 'advanced',
      // Out of reach of Ctrl-C: the seed at hand comes to its end.
      detached: true,
      execArgv: ['--max-semi-space-size=64'],
    })
    const exited = once(child, 'exit')
    while (!isOver() && child.connected) {
      const seed = next
      next += every
      takeIn(await ask(child, seed))
    }
    if (child.connected) child.disconnect()
    await exited
  }
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, () => work()))
  return { seeds, commands, commandsOfShortest, decisions, cpuMs, failures, coverage }
}

async function ask(child: ChildProcess, seed: number): Promise<Answer> {
  return await new Promise<Answer>((resolve) => {
    const finish = (answer: Answer): void => {
      child.off('message', finish)
      child.off('exit', onExit)
      resolve(answer)
    }
    // A promise that nobody caught ends the process; it has told why on standard error.
    const onExit = (): void => finish({ seed, crash: 'the simulation’s process ended' })
    child.once('message', finish)
    child.once('exit', onExit)
    child.send(seed)
  })
}
