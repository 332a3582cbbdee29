import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../../src/embedded/cluster.ts'

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

/** A TCP proxy on loopback whose connections can be cut, slowed, stopped and left half open. */
export class TcpProxy {
  readonly port: number
  readonly #server: Server
  readonly #targets: readonly number[]
  readonly #pairs = new Set<Pair>()
  #delayMs = 0
  #held: 'nothing' | 'answers' | 'everything' = 'nothing'
  #isShut = false

  private constructor(server: Server, port: number, targets: readonly number[]) {
    this.#server = server
    this.port = port
    this.#targets = targets
    server.on('connection', (near) => void this.#accept(near))
  }

  /** @param targets ports on loopback; each new connection goes to the first that accepts it */
  static async open(targets: readonly number[]): Promise<TcpProxy> {
    const port = await freePort()
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return new TcpProxy(server, port, targets)
  }

  /**
   * A proxy before one server on loopback.
   * @param address of the server: a URL with a port
   * @returns the same URL, with the proxy's port
   */
  static async inFrontOf(address: string): Promise<{ readonly proxy: TcpProxy; readonly url: string }> {
    const url = new URL(address)
    const proxy = await TcpProxy.open([Number(url.port)])
    url.hostname = '127.0.0.1'
    url.port = String(proxy.port)
    return { proxy, url: url.href }
  }

  /** Connections that are forwarded now. */
  get connectionCount(): number {
    return this.#pairs.size
  }

  /** Ends every connection at once, on both sides. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
    this.#pairs.clear()
  }

  /**
   * The side that connected loses its connections; the other side is not told, and sees silence.
   * @returns ends the silent sides
   */
  halfOpen(): () => void {
    const abandoned = [...this.#pairs].map(({ near, far }) => {
      far.removeAllListeners('data')
      far.removeAllListeners('close')
      far.resume()
      near.removeAllListeners('close')
      near.destroy()
      return far
    })
    this.#pairs.clear()
    return () => {
      for (const far of abandoned) far.destroy()
    }
  }

  /** From now on every chunk arrives this much later, in both directions. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs
  }

  /** Nothing, or no answer, passes any more, and nobody is told; new connections are taken and left in silence. */
  hold(what: 'answers' | 'everything' = 'everything'): void {
    this.#held = what
    for (const { near, far } of this.#pairs) {
      if (what === 'everything') near.pause()
      far.pause()
    }
  }

  /** New connections are refused, by an immediate end. */
  shut(): void {
    this.#isShut = true
    this.cut()
  }

  /** Everything passes again, what was held included. */
  restore(): void {
    this.#delayMs = 0
    this.#isShut = false
    if (this.#held === 'nothing') return
    this.#held = 'nothing'
    for (const { near, far } of this.#pairs) {
      near.resume()
      far.resume()
    }
  }

  /** Ends every connection and takes no more. */
  close(): void {
    this.#isShut = true
    this.#server.close()
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
    this.#pairs.clear()
  }

  async #accept(near: Socket): Promise<void> {
    near.on('error', () => {})
    if (this.#isShut) {
      near.destroy()
      return
    }
    near.pause()
    const far = await this.#reach()
    if (far === undefined || near.destroyed || this.#isShut) {
      near.destroy()
      far?.destroy()
      return
    }
    const pair: Pair = { near, far }
    this.#pairs.add(pair)
    this.#forward(pair, near, far)
    this.#forward(pair, far, near)
    if (this.#held !== 'nothing') far.pause()
    if (this.#held !== 'everything') near.resume()
  }

  async #reach(): Promise<Socket | undefined> {
    for (const port of this.#targets) {
      const far = connect({ port, host: '127.0.0.1', noDelay: true })
      const isUp = await new Promise<boolean>((resolve) => {
        far.once('connect', () => resolve(true))
        far.once('error', () => resolve(false))
      })
      if (isUp) {
        far.on('error', () => {})
        return far
      }
    }
    return undefined
  }

  #forward(pair: Pair, from: Socket, to: Socket): void {
    /** Chunks on their way, in order: a shorter delay overtakes nothing. */
    const delayed: { readonly chunk: Buffer; readonly dueMs: number }[] = []
    const passOn = () => {
      for (let [first] = delayed; first !== undefined; [first] = delayed) {
        const waitMs = first.dueMs - performance.now()
        if (waitMs > 0) {
          setTimeout(passOn, Math.ceil(waitMs))
          return
        }
        delayed.shift()
        to.write(first.chunk)
      }
      if (from.destroyed) to.end()
    }
    from.on('data', (chunk: Buffer) => {
      if (this.#delayMs > 0 || delayed.length > 0) {
        delayed.push({ chunk, dueMs: performance.now() + this.#delayMs })
        if (delayed.length === 1) passOn()
        return
      }
      if (to.write(chunk)) return
      from.pause()
      to.once('drain', () => {
        const isHeld = this.#held === 'everything' || (this.#held === 'answers' && from === pair.far)
        if (!isHeld) from.resume()
      })
    })
    from.on('close', () => {
      this.#pairs.delete(pair)
      // One that waits for this side to take more would never learn that it is gone.
      to.resume()
      if (delayed.length === 0) to.end()
    })
  }
}
