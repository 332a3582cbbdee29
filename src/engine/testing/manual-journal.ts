import { JournalLost, type JournalMessage, type JournalTerm, type RecordId } from '../ports.ts'

/** A term whose confirms come when the test says so. */
export class ManualTerm implements JournalTerm {
  readonly appended: JournalMessage[] = []
  readonly ended: Promise<string>
  blocked = false
  #open = true
  #end: (why: string) => void = () => {}
  #outstanding: { resolve: () => void; reject: (error: Error) => void } | undefined
  #onApplied: (applied: RecordId) => void = () => {}

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get open(): boolean {
    return this.#open
  }

  async append(message: JournalMessage): Promise<void> {
    if (this.#outstanding !== undefined) throw new Error('two batches in flight')
    this.appended.push(message)
    await new Promise<void>((resolve, reject) => {
      this.#outstanding = { resolve, reject }
    })
  }

  confirm(): void {
    const outstanding = this.#outstanding
    this.#outstanding = undefined
    outstanding?.resolve()
  }

  apply(applied: RecordId): void {
    this.#onApplied(applied)
  }

  /** The term ends; an outstanding append is lost. */
  lose(why: string): void {
    this.#open = false
    this.#outstanding?.reject(new JournalLost(why))
    this.#outstanding = undefined
    this.#end(why)
  }

  onApplied(listener: (applied: RecordId) => void): void {
    this.#onApplied = listener
  }

  async close(): Promise<void> {
    this.lose('closed')
  }
}
