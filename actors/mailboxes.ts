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

function headsAll<Item>(ticket: Ticket<Item>): boolean {
  for (const box of ticket.boxes) if (box.head !== ticket) return false
  return true
}

export interface MailboxBounds {
  /** Commands that one course may hold, waiting or not yet durable: its share of the commit bound. */
  readonly perCourse: number
  readonly perStudent: number
}

/**
 * The mailboxes of all actors of a campus. A command enters the mailbox of every course and of the student
 * that it touches, all at one moment or (one of them full) none, and runs when it is at the head of all of
 * them. So each actor sees its commands in the order of arrival, and there is no deadlock: the oldest
 * command of all heads every mailbox it is in. Turns go round-robin between courses, so that a hot course
 * delays the others by one turn at most, unless they wait for a student whose earlier command is in its queue.
 */
export class Mailboxes<Item> {
  readonly #bounds: MailboxBounds
  readonly #courses = new Map<number, Mailbox<Item>>()
  readonly #students = new Map<number, Mailbox<Item>>()
  /** Mailboxes with somebody waiting, in the order of their next turn: of courses, and of students alone. */
  #ring: Mailbox<Item>[] = []
  #depth = 0

  constructor(bounds: MailboxBounds) {
    this.#bounds = bounds
  }

  /** Commands that wait for their turn. */
  get depth(): number {
    return this.#depth
  }

  /** @returns undefined, with nothing changed, when one of the mailboxes is full */
  post(item: Item, courses: readonly number[], student: number | undefined): Ticket<Item> | undefined {
    const boxes: Mailbox<Item>[] = []
    for (const id of courses) {
      const box = this.#courses.get(id) ?? new Mailbox<Item>('course', id)
      if (box.held >= this.#bounds.perCourse) return undefined
      if (boxes.length === 0 || !boxes.some((other) => other.id === id)) boxes.push(box)
    }
    if (student !== undefined) {
      const box = this.#students.get(student) ?? new Mailbox<Item>('student', student)
      if (box.held >= this.#bounds.perStudent) return undefined
      boxes.push(box)
    }
    const ticket: Ticket<Item> = { item, boxes }
    for (const box of boxes) this.#enter(box, ticket)
    // What is about a student alone takes its turn among the courses.
    if (courses.length === 0) for (const box of boxes) this.#takeTurns(box)
    this.#depth++
    return ticket
  }

  #enter(box: Mailbox<Item>, ticket: Ticket<Item>): void {
    if (box.held === 0) (box.kind === 'course' ? this.#courses : this.#students).set(box.id, box)
    box.held++
    box.push(ticket)
    if (box.kind === 'course') this.#takeTurns(box)
  }

  #takeTurns(box: Mailbox<Item>): void {
    if (box.inRing) return
    box.inRing = true
    this.#ring.push(box)
  }

  /**
   * Gives turns until nobody waits or `spent` says that the time is up; it is asked after each round over
   * the courses, and within long rounds every so many turns.
   * @param turn must not throw and must not wait; it may release the ticket
   */
  run(turn: (ticket: Ticket<Item>) => void, spent: () => boolean, turnsBetween = 64): void {
    let turns = 0
    while (this.#ring.length > 0) {
      const round = this.#ring
      this.#ring = []
      for (let index = 0; index < round.length; index++) {
        if (++turns % turnsBetween === 0 && spent()) {
          this.#ring = round.slice(index).concat(this.#ring)
          return
        }
        const box = round[index] as Mailbox<Item>
        const ticket = box.head
        if (ticket !== undefined && headsAll(ticket)) {
          for (const other of ticket.boxes) other.shift()
          this.#depth--
          turn(ticket)
        }
        box.inRing = box.head !== undefined
        if (box.inRing) this.#ring.push(box)
      }
      if (spent()) return
    }
  }

  /** The command's place in the bounds is free again: its decision is durable, or there will be none. */
  release(ticket: Ticket<Item>): void {
    for (const box of ticket.boxes) {
      box.held--
      if (box.held === 0) (box.kind === 'course' ? this.#courses : this.#students).delete(box.id)
    }
  }

  /** Empties all mailboxes; for the end of a term. @returns the commands that never had their turn */
  drain(): Item[] {
    const waiting = new Set<Ticket<Item>>()
    for (const box of this.#courses.values()) for (const ticket of box.waiting()) waiting.add(ticket)
    for (const box of this.#students.values()) for (const ticket of box.waiting()) waiting.add(ticket)
    this.#courses.clear()
    this.#students.clear()
    this.#ring = []
    this.#depth = 0
    return [...waiting].map((ticket) => ticket.item)
  }
}
