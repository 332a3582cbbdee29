import { headsAll, Mailbox, type Ticket } from './mailbox.ts'

// What an actor is here. Each course (`course.ts`) and each student (`student.ts`) is an actor: it owns its state, and the
// campus (`campus.ts`) is the register of all of them. The dispatcher holds a mailbox (`mailbox.ts`) for every actor that has
// commands. A command (`messages/commands.ts`) is one message to a student and to some courses: it enters all their mailboxes
// at one moment, and its turn (`turn.ts`) comes when it is first in each. The turn judges it by the rules (`rules/`), and
// changes all its actors.
//
// Guaranteed: each actor handles its commands in the order of arrival; a turn is never interrupted; every mailbox has a
// bound, and a hot course delays others by one turn at most. Not guaranteed: isolation. All actors live in one thread and one
// memory, and the rules of a turn read every actor that they need.

export interface MailboxBounds {
  /** Commands that one course may hold, waiting or not yet durable: its share of the commit bound. */
  readonly perCourse: number
  readonly perStudent: number
}

/**
 * Decides whose turn it is. A command enters all its mailboxes or, when one of them is full, none. There is no deadlock:
 * the oldest command of all is first in every mailbox that it is in. Turns go round-robin between courses, so that a hot course
 * delays the others by one turn at most, unless they wait for a student whose earlier command is in its queue.
 */
export class Dispatcher<Item> {
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
