import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { freePort } from '../src/embedded/cluster.ts'

/** A loopback port that leads to a server while it is open. Shut, nobody listens there, and connections are cut. */
export class ClosableProxy {
  /** The server's URL, by way of the door. */
  readonly url: string
  readonly port: number
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  private constructor(target: URL, port: number) {
    this.#target = { host: target.hostname, port: Number(target.port) }
    this.port = port
    const url = new URL(target)
    url.hostname = '127.0.0.1'
    url.port = String(port)
    this.url = url.href
  }

  /** Shut, to begin with. */
  static async to(url: string): Promise<ClosableProxy> {
    return new ClosableProxy(new URL(url), await freePort())
  }

  async open(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((inside) => {
      const outside = connect(this.#target)
      for (const [one, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        this.#sockets.add(one)
        one.pipe(other)
        one.on('error', () => other.destroy())
        one.once('close', () => {
          other.destroy()
          this.#sockets.delete(one)
        })
      }
    })
    this.#server = server
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
  }

  async shut(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
