/** A command on its way: it stands in the mailbox of every actor that it touches, from posting to release. */
export interface Ticket<Item> {
  readonly item: Item
  readonly boxes: readonly Mailbox<Item>[]
}

/** One actor's queue. Kept only while it holds something. */
export class Mailbox<Item> {
  readonly kind: 'course' | 'student'
  readonly id: number
  /** Whose turn is next. Nearly always nobody waits behind it, and then there is no list. */
  head: Ticket<Item> | undefined
  #behind: Ticket<Item>[] | undefined
  /** Waiting, and decided but not yet released. */
  held = 0
  inRing = false

  constructor(kind: 'course' | 'student', id: number) {
    this.kind = kind
    this.id = id
    this.head = undefined
    this.#behind = undefined
  }

  push(ticket: Ticket<Item>): void {
    if (this.head === undefined) this.head = ticket
    else if (this.#behind === undefined) this.#behind = [ticket]
    else this.#behind.push(ticket)
  }

  /** The head has its turn. */
  shift(): void {
    this.head = this.#behind?.shift()
  }

  /** Whoever waits, in order. */
  waiting(): readonly Ticket<Item>[] {
    return this.head === undefined ? [] : [this.head, ...(this.#behind ?? [])]
  }
}

export function headsAll<Item>(ticket: Ticket<Item>): boolean {
  for (const box of ticket.boxes) if (box.head !== ticket) return false
  return true
}
