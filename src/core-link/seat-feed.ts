import type { Effect } from '../../actors/messages/records.ts'
import { SeatBoard, type SeatState } from '../engine/seat-board.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { isUsualEffect, readEffect, type UsualEffect, writeEffect } from './outcome-codec.ts'
import { toGateway } from './protocol.ts'

/**
 * Sends one gateway what the engine's board of seats shows: all of it once in a term, then every decision as it is
 * shown. Thousands who watch at the gateway cost the engine no more than this.
 */
export class SeatFeed {
  readonly #begin: () => ByteWriter
  readonly #fail: (bug: unknown) => void
  #board: SeatBoard | undefined
  #stop = (): void => {}

  /**
   * @param begin gives the writer of the frame that leaves next
   * @param fail ends the link: a bug here is no matter of the engine, which is in the middle of its replies
   */
  constructor(begin: () => ByteWriter, fail: (bug: unknown) => void) {
    this.#begin = begin
    this.#fail = fail
  }

  /** From now on about this board; undefined = none is led. */
  follow(board: SeatBoard | undefined): void {
    if (board === this.#board) return
    this.#stop()
    this.#board = board
    if (board === undefined) return
    const writer = this.#begin()
    writer.uint8(toGateway.seats)
    writer.longText(JSON.stringify(board.state()))
    this.#stop = board.listen((seq, effects = []) => {
      try {
        this.#tell(seq, effects)
      } catch (bug) {
        this.#stop()
        this.#fail(bug)
      }
    })
  }

  #tell(seq: number, effects: readonly Effect[]): void {
    const writer = this.#begin()
    let count = 0
    for (const effect of effects) {
      if (effect.type === 'actions_spent') continue
      count++
      if (isUsualEffect(effect) && count < 256) continue
      writer.uint8(toGateway.shownUnusual)
      writer.longText(JSON.stringify([seq, effects.filter(({ type }) => type !== 'actions_spent')]))
      return
    }
    writer.uint8(toGateway.shown)
    writer.float64(seq)
    writer.uint8(count)
    for (const effect of effects) {
      if (effect.type !== 'actions_spent') writeEffect(writer, effect as UsualEffect)
    }
  }

  stop(): void {
    this.#stop()
  }
}

/** The gateway's copy of the board. */
export class SeatMirror {
  #board: SeatBoard | undefined

  /** undefined until the engine has sent it. */
  get board(): SeatBoard | undefined {
    return this.#board
  }

  /** Reads what follows the byte `seats`. */
  readState(from: ByteReader): void {
    this.#board = SeatBoard.from(from.json() as SeatState)
  }

  /** Reads what follows the byte `shown`. */
  readShown(from: ByteReader): void {
    const seq = from.float64()
    const count = from.uint8()
    const effects: Effect[] = []
    for (let index = 0; index < count; index++) effects.push(readEffect(from))
    this.#board?.show(seq, effects)
  }

  /** Reads what follows the byte `shownUnusual`. */
  readUnusual(from: ByteReader): void {
    const [seq, effects] = from.json() as [number, Effect[]]
    this.#board?.show(seq, effects)
  }

  /** The term that it was of is over. */
  forget(): void {
    this.#board = undefined
  }
}
