import type { SimulatedProcess } from './simulated-process.ts'

interface Message {
  readonly label: string
  readonly run: () => void
}

/**
 * One connection of a simulated process to a simulated server: what is sent arrives in order or, once the
 * connection is gone, not at all. Each end learns of the end by itself, maybe seconds apart.
 */
export class Link {
  readonly process: SimulatedProcess
  readonly server: string
  clientOpen = true
  serverOpen = true
  /** The server learns that the client is gone. */
  onServerEnd: (() => void) | undefined
  /** The client learns that the server is gone. */
  onClientEnd: ((why: string) => void) | undefined
  /** The client has fallen silent (suspended). */
  onSilence: (() => void) | undefined
  #isCut = false
  readonly #toServer: Message[] = []
  readonly #toClient: Message[] = []
  #serverBusyUntilMs = 0
  #clientBusyUntilMs = 0
  readonly #awaiting = new Set<(why: string) => void>()

  constructor(process: SimulatedProcess, server: string) {
    this.process = process
    this.server = server
    process.links.add(this)
  }

  /** Sends to the server; `run` is what the server does on arrival. */
  send(label: string, run: () => void): void {
    if (!this.clientOpen || this.#isCut) return
    this.#toServer.push({ label, run })
    this.#expectAtServer()
  }

  #expectAtServer(): void {
    const { scheduler, timing } = this.process.world
    this.#serverBusyUntilMs = Math.max(this.#serverBusyUntilMs, scheduler.nowMs + timing.between(0.05, 0.4))
    scheduler.after(this.#serverBusyUntilMs - scheduler.nowMs, () => this.#arriveAtServer())
  }

  #arriveAtServer(): void {
    const message = this.#toServer.shift()
    if (message === undefined || !this.serverOpen) return
    const { chaos } = this.process.world
    const fate = message.label === 'end' ? 'arrives' : chaos.fateOf(this, message.label)
    if (fate === 'cut before') this.cut()
    else message.run()
    if (fate === 'cut after') this.cut()
  }

  /** Sends to the client; `run` is what the client does on arrival. */
  deliver(label: string, run: () => void): void {
    if (!this.serverOpen || this.#isCut) return
    this.#toClient.push({ label, run })
    this.#expectAtClient(label)
  }

  #expectAtClient(label: string): void {
    const { scheduler, timing, chaos } = this.process.world
    const delayMs = timing.between(0.05, 0.4) + chaos.lateness(label)
    this.#clientBusyUntilMs = Math.max(this.#clientBusyUntilMs, scheduler.nowMs + delayMs)
    this.process.schedule(this.#clientBusyUntilMs - scheduler.nowMs, label, () => this.#arriveAtClient())
  }

  #arriveAtClient(): void {
    if (this.clientOpen) this.#toClient.shift()?.run()
  }

  /**
   * Asks the server and resolves with its answer.
   * @param serve what the server does; it answers by `reply` or `fail`, at once or later
   */
  async call<T>(
    label: string,
    serve: (reply: (value: T) => void, fail: (why: string) => void) => void,
  ): Promise<T> {
    if (!this.clientOpen) throw new Error('the connection is closed')
    return await new Promise<T>((resolve, reject) => {
      const onEnd = (why: string): void => reject(new Error(why))
      this.#awaiting.add(onEnd)
      const settle = (run: () => void) => () => {
        this.#awaiting.delete(onEnd)
        run()
      }
      this.send(label, () =>
        serve(
          (value) =>
            this.deliver(
              `${label} ok`,
              settle(() => resolve(value)),
            ),
          (why) =>
            this.deliver(
              `${label} failed`,
              settle(() => reject(new Error(why))),
            ),
        ),
      )
    })
  }

  /** The network drops the connection: some of what is under way is lost, and each end notices in its time. */
  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    const { timing, scheduler } = this.process.world
    this.#toServer.splice(timing.integer(0, this.#toServer.length))
    this.#toClient.splice(timing.integer(0, this.#toClient.length))
    const noticeMs = () => (timing.chance(0.7) ? timing.between(0, 50) : timing.between(50, 11_000))
    scheduler.after(noticeMs(), () => this.#endServer())
    this.process.schedule(noticeMs(), 'connection lost', () => this.#endClient('the connection was lost'))
  }

  /** The server ends it (a restart, a time-out): the client finds out behind what was under way. */
  endByServer(why: string): void {
    if (!this.serverOpen) return
    const { timing } = this.process.world
    this.#toClient.splice(timing.integer(0, this.#toClient.length))
    this.deliver('connection lost', () => this.#endClient(why))
    this.#endServer()
  }

  /** The client closes it in good order. */
  endByClient(): void {
    if (!this.clientOpen) return
    this.send('end', () => this.#endServer())
    this.#endClient('closed')
  }

  clientDied(): void {
    const { timing } = this.process.world
    this.clientOpen = false
    this.process.links.delete(this)
    this.#toServer.splice(timing.integer(0, this.#toServer.length))
    if (this.#isCut) return
    this.#isCut = true
    this.#toServer.push({ label: 'end', run: () => this.#endServer() })
    this.#expectAtServer()
  }

  #endServer(): void {
    if (!this.serverOpen) return
    this.serverOpen = false
    this.onServerEnd?.()
  }

  #endClient(why: string): void {
    if (!this.clientOpen) return
    this.clientOpen = false
    this.process.links.delete(this)
    for (const onEnd of this.#awaiting) onEnd(why)
    this.#awaiting.clear()
    this.onClientEnd?.(why)
  }
}
