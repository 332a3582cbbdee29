import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Answer, Order, RunResult, StreamSpec } from './generator.ts'
import type { Extent } from './stream.ts'

const program = join(import.meta.dirname, 'generator.ts')

/** The load generator, in a process of its own, so that what it takes is not taken for the service's. */
export class Generator {
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  /** @param prefix a command that runs another, such as `taskset -c 1` */
  constructor(prefix: readonly string[] = []) {
    const [command, ...args] = [...prefix, process.execPath]
    this.#child = fork(program, [], { execPath: command, execArgv: args, serialization: 'advanced' })
    this.#ended = new Promise((_resolve, reject) => {
      this.#child.once('exit', (code, signal) =>
        reject(new Error(`the load generator ended with ${code ?? signal}`)),
      )
    })
    this.#ended.catch(() => {})
  }

  /** Gets the callers' tokens and opens the connections. */
  async open(name: string, stream: StreamSpec): Promise<void> {
    await this.#tell({ do: 'open', name, stream })
  }

  /** Runs these streams at the same time, each to its own extent; resolves with the last reply. */
  async run(extents: Readonly<Record<string, Extent>>): Promise<RunResult> {
    const result = await this.#tell({ do: 'run', extents })
    if (result === undefined) throw new Error('the load generator ran nothing')
    return result
  }

  async closeStream(name: string): Promise<void> {
    await this.#tell({ do: 'close', name })
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  async #tell(order: Order): Promise<RunResult | undefined> {
    const answered = new Promise<Answer>((resolve) => {
      this.#child.once('message', (answer: Answer) => resolve(answer))
    })
    this.#child.send(order)
    const answer = await Promise.race([answered, this.#ended])
    if ('error' in answer) throw new Error(`load generator: ${answer.error}`)
    return answer.result
  }
}
