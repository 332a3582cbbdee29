const faultsShown = 20

/** One thing that must hold, over all the evidence. */
export class Check {
  /** What holds, as a sentence. */
  readonly claim: string
  /** How many cases were looked at. */
  examined = 0
  /** How many of them were wrong; the first ones are told. */
  faultCount = 0
  readonly faults: string[] = []

  constructor(claim: string) {
    this.claim = claim
  }

  get holds(): boolean {
    return this.faultCount === 0
  }

  fault(what: string): void {
    this.faultCount++
    if (this.faults.length < faultsShown) this.faults.push(what)
  }

  /** Looks at one case. */
  expect(holds: boolean, what: () => string): void {
    this.examined++
    if (!holds) this.fault(what())
  }
}
