import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { readTraffic, type Traffic } from './outcomes.ts'
import type { Contestant, Order, Phase, Report } from './sender-process.ts'

/** A run of the sender, and what it took of its core. */
export interface Sent extends Traffic {
  /** Share of a core, from 0 to 1. */
  readonly cpu: number
  /** Unix milliseconds. */
  readonly startedAt: number
}

/** Sends requests from a process of its own, so that nothing else delays them. */
export class OverloadSender {
  readonly #child: ChildProcess
  readonly #directory: string
  #first = 0
  #runs = 0

  /**
   * @param directory for files of figures
   * @param core the only one that it runs on; undefined = any
   */
  constructor(directory: string, core: number | undefined) {
    this.#directory = directory
    const program = [process.execPath, join(import.meta.dirname, 'sender-process.ts')]
    const [command = '', ...args] = core === undefined ? program : ['taskset', '-c', String(core), ...program]
    this.#child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  async open(options: Omit<Extract<Order, { do: 'open' }>, 'do'>): Promise<void> {
    await this.#ask({ do: 'open', ...options })
  }

  /** As many senders as are told, each of which waits for its answer. */
  async sendClosed(senders: number, seconds: number): Promise<Sent> {
    return await this.#run((to) => ({ do: 'closed', senders, seconds, ...to }))
  }

  /** By a schedule, whatever the answers are. */
  async sendScheduled(phases: readonly Phase[], contestants: readonly Contestant[] = []): Promise<Sent> {
    return await this.#run((to) => ({ do: 'scheduled', phases, contestants, ...to }))
  }

  async #run(orderOf: (to: { first: number; file: string }) => Order): Promise<Sent> {
    const first = this.#first
    const file = join(this.#directory, `traffic-${++this.#runs}`)
    const report = await this.#ask(orderOf({ first, file }))
    if (report.done !== 'sent') throw new Error('the sender did something else')
    this.#first += report.count
    return { ...readTraffic(file, first, report.count), cpu: report.cpu, startedAt: report.startedAt }
  }

  async #ask(order: Order): Promise<Report> {
    this.#child.send(order)
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error('the sender ended')
    })
    const [report] = (await Promise.race([once(this.#child, 'message'), ended])) as [Report]
    return report
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }
}
