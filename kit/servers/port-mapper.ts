import { createServer, type Server, type Socket } from 'node:net'

/** Requests and answers of Erlang's port mapper protocol (epmd), by their first byte. */
const register = 120
const registered = 118
const registeredShort = 121
const portPlease = 122
const portIs = 119
const names = 110

const visibleNode = 77
const versions = { lowest: 5, highest: 6 }

export interface PortMapperOptions {
  /** Where a node is that did not register here; undefined = there is none. */
  readonly find: (name: string) => Promise<number | undefined>
  /** Called when a node registers. */
  readonly onRegistered: (name: string, port: number) => void
}

/**
 * The port mapper of one Erlang node, in place of `epmd`. What it says of the other nodes is its owner's choice: with
 * the ports of proxies, all that nodes say to each other passes through them, and can be cut.
 */
export class PortMapper {
  readonly port: number
  readonly #server: Server
  readonly #options: PortMapperOptions
  readonly #ports = new Map<string, number>()
  #creation = 1

  private constructor(server: Server, port: number, options: PortMapperOptions) {
    this.#server = server
    this.port = port
    this.#options = options
    server.on('connection', (socket) => this.#serve(socket))
  }

  static async open(options: PortMapperOptions): Promise<PortMapper> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the port mapper has no port')
    // What it serves ends with this process anyway.
    server.unref()
    return new PortMapper(server, address.port, options)
  }

  close(): void {
    this.#server.close()
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0)
    socket.unref()
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const request = received.subarray(2, 2 + received.readUInt16BE(0))
      received = Buffer.alloc(0)
      void this.#answer(socket, request)
    })
  }

  async #answer(socket: Socket, request: Buffer): Promise<void> {
    const kind = request[0]
    if (kind === register) {
      this.#register(socket, request)
    } else if (kind === portPlease) {
      const name = request.subarray(1).toString('latin1')
      socket.end(portAnswer(name, this.#ports.get(name) ?? (await this.#options.find(name))))
    } else if (kind === names) {
      const lines = [...this.#ports].map(([name, port]) => `name ${name} at port ${port}\n`)
      const head = Buffer.alloc(4)
      head.writeUInt32BE(this.port)
      socket.end(Buffer.concat([head, Buffer.from(lines.join(''), 'latin1')]))
    } else {
      socket.destroy()
    }
  }

  /** A node is registered for as long as its connection stays. */
  #register(socket: Socket, request: Buffer): void {
    const port = request.readUInt16BE(1)
    const highest = request.readUInt16BE(5)
    const length = request.readUInt16BE(9)
    const name = request.subarray(11, 11 + length).toString('latin1')
    this.#ports.set(name, port)
    socket.on('close', () => this.#ports.delete(name))
    this.#options.onRegistered(name, port)
    const creation = ++this.#creation
    const answer = Buffer.alloc(highest >= 6 ? 6 : 4)
    answer[0] = highest >= 6 ? registered : registeredShort
    if (highest >= 6) answer.writeUInt32BE(creation, 2)
    else answer.writeUInt16BE(creation, 2)
    socket.write(answer)
  }
}

function portAnswer(name: string, port: number | undefined): Buffer {
  if (port === undefined) return Buffer.from([portIs, 1])
  const answer = Buffer.alloc(12 + name.length + 2)
  answer[0] = portIs
  answer.writeUInt16BE(port, 2)
  answer[4] = visibleNode
  answer.writeUInt16BE(versions.highest, 6)
  answer.writeUInt16BE(versions.lowest, 8)
  answer.writeUInt16BE(name.length, 10)
  answer.write(name, 12, 'latin1')
  return answer
}
