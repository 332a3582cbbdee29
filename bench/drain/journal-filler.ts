import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Environment } from '../../kit/load/cli-process.ts'
import type { Servers } from '../deployment/servers.ts'
import type { FillNews, FillOrder } from './fill-journal.ts'

const program = join(import.meta.dirname, 'fill-journal.ts')

/** The process that fills the journal. */
export class JournalFiller {
  readonly #child: ChildProcess
  readonly #news: Promise<FillNews>[] = []
  readonly #take: ((news: FillNews) => void)[] = []
  readonly #ended: Promise<never>

  constructor(ground: Servers, environment: Environment) {
    this.#child = fork(program, [], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const { pid } = this.#child
    if (pid !== undefined) ground.keeper.watch(pid, 'KILL')
    this.#ended = new Promise((_resolve, reject) => {
      this.#child.once('exit', (code, signal) => {
        if (pid !== undefined) ground.keeper.forget(pid)
        reject(new Error(`filling the journal ended with ${code ?? signal}`))
      })
    })
    this.#ended.catch(() => {})
    for (let index = 0; index < 2; index++) {
      this.#news.push(new Promise((resolve) => this.#take.push(resolve)))
    }
    this.#child.on('message', (news: FillNews) => this.#take.shift()?.(news))
  }

  async leading(): Promise<void> {
    await this.#next('leading')
  }

  /** Resolves when the journal has confirmed all of it. */
  async write(order: FillOrder): Promise<void> {
    this.#child.send(order)
    await this.#next('filled')
  }

  async end(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended.catch(() => {})
  }

  async #next(wanted: FillNews['news']): Promise<void> {
    const news = await Promise.race([this.#news.shift(), this.#ended])
    if (news?.news !== wanted) throw new Error(`filling the journal: ${news?.news} in place of ${wanted}`)
  }
}
