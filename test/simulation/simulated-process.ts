import type { Runtime } from '../../src/engine/ports.ts'
import type { Chaos } from './chaos.ts'
import type { Link } from './link.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** What every part of one simulated world shares. */
export interface World {
  readonly scheduler: Scheduler
  readonly chaos: Chaos
  /** Delays of the network, the disk and the event loops. */
  readonly timing: Random
  /** Milliseconds since the Unix epoch when the simulation begins. */
  readonly epochMs: number
}

export type ProcessKind = 'engine' | 'batcher'

/**
 * One incarnation of an operating-system process. All that runs in it runs through `schedule`, so that when it
 * is dead nothing of it ever runs again, and while it is suspended everything that reaches it piles up.
 */
export class SimulatedProcess {
  readonly name: string
  readonly kind: ProcessKind
  readonly world: World
  readonly runtime: Runtime
  readonly links = new Set<Link>()
  #state: 'running' | 'suspended' | 'dead' = 'running'
  #parked: { readonly label: string; readonly task: () => void }[] = []
  /** When it was suspended last; undefined while it runs. */
  suspendedSinceMs: number | undefined
  #elapsedMs = 0

  constructor(
    world: World,
    kind: ProcessKind,
    name: string,
    machine: { readonly ids: Random; readonly clockOffsetMs: () => number },
  ) {
    this.world = world
    this.kind = kind
    this.name = name
    this.runtime = {
      now: () => Math.floor(world.epochMs + world.scheduler.nowMs + machine.clockOffsetMs()),
      // A turn takes no simulated time, so looking at the clock does: turn budgets are used up.
      elapsed: () => (this.#elapsedMs = Math.max(this.#elapsedMs + 0.01, world.scheduler.nowMs)),
      uuid: () => machine.ids.uuid(),
      defer: (task) => void this.schedule(world.timing.between(0, 0.2), 'turn', task),
      after: (delayMs, task) => this.schedule(delayMs + world.timing.between(0, 1), 'timer', task),
    }
  }

  get isAlive(): boolean {
    return this.#state !== 'dead'
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** Runs `task` in this process, unless it is dead by then. @returns a function that cancels it */
  schedule(delayMs: number, label: string, task: () => void): () => void {
    let isCancelled = false
    const cancelEvent = this.world.scheduler.after(delayMs, () =>
      this.#run(label, () => {
        if (!isCancelled) task()
      }),
    )
    return () => {
      isCancelled = true
      cancelEvent()
    }
  }

  #run(label: string, task: () => void): void {
    if (this.#state === 'running') this.world.chaos.strike(this, label)
    // The strike may have changed it.
    if (this.isRunning) task()
    else if (this.isAlive) this.#parked.push({ label, task })
  }

  /** SIGKILL: nothing of it ever runs again; what its connections have not delivered may be lost. */
  crash(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#parked = []
    for (const link of this.links) link.clientDied()
  }

  /** SIGSTOP: nothing runs, connections stay up, until `wake`. */
  suspend(): void {
    if (this.#state !== 'running') return
    this.#state = 'suspended'
    this.suspendedSinceMs = this.world.scheduler.nowMs
    for (const link of this.links) link.onSilence?.()
  }

  /** SIGCONT: what piled up runs, timers first or as it came. */
  wake(): void {
    if (this.#state !== 'suspended') return
    this.#state = 'running'
    this.suspendedSinceMs = undefined
    const parked = this.#parked
    this.#parked = []
    const timersFirst = this.world.timing.chance(0.5)
    const isTimer = ({ label }: { label: string }) => label === 'timer'
    const inOrder = timersFirst
      ? [...parked.filter(isTimer), ...parked.filter((one) => !isTimer(one))]
      : parked
    for (const [index, { label, task }] of inOrder.entries()) this.schedule(index * 1e-4, label, task)
  }
}
