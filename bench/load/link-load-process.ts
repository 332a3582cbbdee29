import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { LinkLoad, LinkOrder, LinkResult } from './link-load.ts'

/** Commands over the link, from a process of its own. */
export class LinkLoadProcess {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, 'link-load.ts'))

  async open(load: LinkLoad): Promise<void> {
    await this.#tell({ do: 'open', load })
  }

  /** Resolves with the last answer. */
  async run(commands: number): Promise<LinkResult> {
    const result = await this.#tell({ do: 'run', commands })
    if (result === undefined) throw new Error('the load ran nothing')
    return result
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  async #tell(order: LinkOrder): Promise<LinkResult | undefined> {
    const answer = await new Promise<{ result?: LinkResult; error?: string }>((resolve, reject) => {
      this.#child.once('message', resolve)
      this.#child.once('exit', (code) => reject(new Error(`the load on the link ended with ${code}`)))
      this.#child.send(order)
    })
    this.#child.removeAllListeners('exit')
    if (answer.error !== undefined) throw new Error(`load on the link: ${answer.error}`)
    return answer.result
  }
}
