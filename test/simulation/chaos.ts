import type { Coverage } from './coverage.ts'
import type { Link } from './link.ts'
import type { Random } from './random.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** How often what goes wrong, per step; a seed draws its own, so that some runs know no faults of a kind. */
export interface ChaosRates {
  readonly crash: number
  readonly suspend: number
  readonly cut: number
  readonly late: number
}

export const noChaos: ChaosRates = { crash: 0, suspend: 0, cut: 0, late: 0 }

/** What happens all the time; the other steps are struck more often, that none is left out. */
const everyday = new Set([
  'request',
  'turn',
  'delivery',
  'publish ok',
  'applied notice',
  'begin ok',
  'copy ok',
  'fold ok',
  'commit ok',
  'ack',
  'publish',
  'begin',
  'copy',
  'fold',
  'commit',
  'notice',
])

/** Strikes at single steps: before a process handles something, before or after a server does. */
export class Chaos {
  rates: ChaosRates = noChaos
  /** Whether the process may be killed now. */
  mayCrash: (process: SimulatedProcess) => boolean = () => true
  onCrash: (process: SimulatedProcess) => void = () => {}
  onSuspend: (process: SimulatedProcess) => void = () => {}
  readonly #random: Random
  readonly #coverage: Coverage

  constructor(random: Random, coverage: Coverage) {
    this.#random = random
    this.#coverage = coverage
  }

  /** Called before `process` does what `label` says. */
  strike(process: SimulatedProcess, label: string): void {
    const { crash, suspend } = this.rates
    if (crash + suspend === 0) return
    const weight = label === 'timer' ? 0.02 : everyday.has(label) ? 1 : 12
    const draw = this.#random.next()
    if (draw < crash * weight && this.mayCrash(process)) {
      this.#coverage.fault(`${process.kind} killed before: ${label}`)
      this.onCrash(process)
    } else if (draw >= crash * weight && draw < (crash + suspend) * weight) {
      this.#coverage.fault(`${process.kind} suspended`)
      this.onSuspend(process)
    }
  }

  /** What becomes of the connection as `label` reaches the server. */
  fateOf(link: Link, label: string): 'arrives' | 'cut before' | 'cut after' {
    if (this.rates.cut === 0) return 'arrives'
    const draw = this.#random.next()
    const cut = this.rates.cut * (everyday.has(label) ? 1 : 4)
    if (draw >= cut) return 'arrives'
    const fate = draw < cut / 2 ? 'cut before' : 'cut after'
    this.#coverage.fault(`${link.server} connection ${fate}: ${label}`)
    return fate
  }

  /** Milliseconds that an answer is late. */
  lateness(label: string): number {
    if (this.rates.late === 0 || !this.#random.chance(this.rates.late)) return 0
    this.#coverage.fault(label === 'publish ok' ? 'confirm late' : 'answer late')
    return this.#random.chance(0.2) ? this.#random.between(1000, 9000) : this.#random.between(5, 300)
  }
}
