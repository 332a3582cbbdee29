import { setTimeout as sleep } from 'node:timers/promises'
import { HttpClient } from '../../kit/load/http-client.ts'

const pollMs = 50
const answerTimeoutMs = 1000

/** How long the service was without a leader after one was lost. */
export interface Takeover {
  readonly cause: string
  readonly tookMs: number
  /** Another server stood by, and nothing else was broken meanwhile. */
  readonly isUndisturbed: boolean
}

interface Loss {
  readonly cause: string
  readonly atMs: number
  readonly term: number
  isUndisturbed: boolean
}

/** What a server says of itself. */
export interface Standing {
  /** 0 = does not lead. */
  readonly term: number
  readonly isStandingBy: boolean
  readonly decidedSeq: number
  readonly confirmedSeq: number
}

/** Asks every server, again and again, whether it leads. */
export class LeaderWatch {
  readonly takeovers: Takeover[] = []
  readonly #doors: readonly HttpClient[]
  readonly #standings: (Standing | undefined)[]
  #losses: Loss[] = []
  #isOver = false
  readonly #polling: Promise<unknown>

  constructor(ports: readonly number[]) {
    this.#doors = ports.map(
      (port) => new HttpClient({ host: '127.0.0.1', port, connectionsMax: 1, timeoutMs: answerTimeoutMs }),
    )
    this.#standings = ports.map(() => undefined)
    this.#polling = Promise.all(this.#doors.map((door, index) => this.#follow(door, index)))
  }

  /** The server that led when it was last asked, by number; the one of the highest term if there are two. */
  get leader(): number | undefined {
    const terms = this.#standings.map((standing) => standing?.term ?? 0)
    const highest = Math.max(...terms)
    return highest === 0 ? undefined : terms.indexOf(highest)
  }

  get standing(): Standing | undefined {
    return this.leader === undefined ? undefined : this.#standings[this.leader]
  }

  /** Resolves once somebody leads; to false if nobody does before this long. */
  async untilLed(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (this.leader === undefined) {
      if (performance.now() > deadline) return false
      await sleep(20)
    }
    return true
  }

  /** The leader is lost now: takes the time until one of a later term leads. */
  noteLoss(cause: string, isUndisturbed: boolean): void {
    const term = this.standing?.term ?? 0
    const hasStandby = this.#standings.some((standing) => standing?.isStandingBy === true)
    this.#losses.push({ cause, atMs: performance.now(), term, isUndisturbed: isUndisturbed && hasStandby })
  }

  /** Something else breaks now. */
  noteDisturbance(): void {
    for (const loss of this.#losses) loss.isUndisturbed = false
  }

  async #follow(door: HttpClient, index: number): Promise<void> {
    while (!this.#isOver) {
      this.#standings[index] = await this.#ask(door)
      this.#settleLosses()
      await sleep(pollMs)
    }
  }

  async #ask(door: HttpClient): Promise<Standing | undefined> {
    try {
      const { status, body } = await door.send({ method: 'GET', path: '/metrics' })
      if (status !== 200) return undefined
      const gauge = (name: string) =>
        Number(new RegExp(`^enrollment_${name} (\\d+)$`, 'm').exec(body)?.[1] ?? 0)
      return {
        term: gauge('term'),
        isStandingBy: gauge('engine_state{state="standby"}') === 1,
        decidedSeq: gauge('decided_seq'),
        confirmedSeq: gauge('confirmed_seq'),
      }
    } catch {
      return undefined
    }
  }

  #settleLosses(): void {
    const term = this.standing?.term ?? 0
    const now = performance.now()
    for (const { cause, atMs, isUndisturbed, term: lost } of this.#losses) {
      if (term > lost) this.takeovers.push({ cause, tookMs: now - atMs, isUndisturbed })
    }
    this.#losses = this.#losses.filter((loss) => loss.term >= term)
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#polling
    for (const door of this.#doors) door.close()
  }
}
