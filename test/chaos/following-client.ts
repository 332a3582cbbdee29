import {
  type Call,
  HttpClient,
  type HttpClientOptions,
  NoReply,
  type Reply,
} from '../../kit/load/http-client.ts'

interface Door {
  readonly http: HttpClient
  /** Commands sent there that have no reply yet. */
  readonly unanswered: Set<symbol>
}

/**
 * A client's way to the leader: it knows every server's address, stays with the one that answers, and tries the next
 * when it is told `not_leading` or nothing at all.
 */
export class FollowingClient {
  readonly #doors: readonly Door[]
  /** The server that each caller believes in, by token. */
  readonly #beliefs = new Map<string, number>()
  /** Commands that were sent and ended without a reply. */
  readonly #cutOff = new Set<symbol>()

  constructor(ports: readonly number[], options: Omit<HttpClientOptions, 'port'>) {
    this.#doors = ports.map((port) => ({
      http: new HttpClient({ ...options, port }),
      unanswered: new Set(),
    }))
  }

  /** The commands that wait for this server's reply now. */
  unansweredAt(server: number): readonly symbol[] {
    return [...(this.#doors[server]?.unanswered ?? [])]
  }

  /** Whether one of these never got a reply. */
  wasCutOff(requests: readonly symbol[]): boolean {
    return requests.some((request) => this.#cutOff.has(request))
  }

  /** @throws NoReply */
  async send(call: Call): Promise<Reply> {
    const caller = call.token ?? ''
    const index = this.#beliefs.get(caller) ?? 0
    const door = this.#doors[index]
    if (door === undefined) throw new Error('there is no server to follow')
    const request = Symbol(call.path)
    if (call.method !== 'GET') door.unanswered.add(request)
    try {
      const reply = await door.http.send(call)
      if (reply.status === 503 && !/"(busy|login_busy|outcome_unknown)"/.test(reply.body)) {
        this.#turnFrom(caller, index)
      }
      return reply
    } catch (error) {
      if (error instanceof NoReply) {
        this.#turnFrom(caller, index)
        if (call.method !== 'GET' && !error.neverLeft) this.#cutOff.add(request)
      }
      throw error
    } finally {
      door.unanswered.delete(request)
    }
  }

  #turnFrom(caller: string, index: number): void {
    // Another request of the same caller may have turned already.
    if ((this.#beliefs.get(caller) ?? 0) === index)
      this.#beliefs.set(caller, (index + 1) % this.#doors.length)
  }

  close(): void {
    for (const { http } of this.#doors) http.close()
  }
}
