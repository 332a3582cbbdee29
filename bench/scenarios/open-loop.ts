import type { CampusSize } from '../campus/bench-campus.ts'
import { Generator } from '../load/generator-process.ts'
import type { Pace } from '../load/stream.ts'
import type { Callers, Traffic } from '../load/traffic.ts'
import { served } from '../report/entry.ts'
import { jwtSecret } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure, type Measurement, type Target } from '../deployment/target.ts'

const connections = 256
const perStudent = 7

/** Streams of students who have not enrolled yet, one after another, on one target and from one generator. */
export class LoadFixture {
  readonly target: Target
  readonly generator = new Generator()
  readonly #ground: Servers
  readonly #size: CampusSize
  #nextStudent = 1
  #names = 0

  constructor(ground: Servers, target: Target, size: CampusSize) {
    this.#ground = ground
    this.target = target
    this.#size = size
  }

  /** @returns the stream's name */
  async open(traffic: Traffic, pace: Pace, callers: Callers): Promise<string> {
    const name = `stream ${++this.#names}`
    const { host, port } = this.target
    await this.generator.open(name, { host, port, seed: this.#ground.seed, callers, traffic, pace })
    return name
  }

  /** Random courses that are to be had, by students enough for so many requests. */
  async openEnrollment(pace: Pace, requests: number): Promise<string> {
    const { courses } = this.#size
    const traffic = { kind: 'courses', courses, perStudent, wish: 'possible' } as const
    return await this.open(traffic, pace, this.freshStudents(Math.ceil(requests / perStudent) + connections))
  }

  /** @throws when the campus has no more */
  freshStudents(count: number): Callers {
    const first = this.#nextStudent
    this.#nextStudent += count
    if (this.#nextStudent > this.#size.students + 1) {
      throw new Error(`the campus has only ${this.#size.students} students`)
    }
    return { first, count, tokens: { secret: jwtSecret } }
  }

  /** So many requests a second for so long, after a second of it to warm up. */
  async atRate(perSecond: number, seconds: number): Promise<{ name: string; measured: Measurement }> {
    const pace = { kind: 'open', connections, perSecond } as const
    const name = await this.openEnrollment(pace, perSecond * (seconds + 1.5))
    await this.generator.run({ [name]: { forMs: 1000 } })
    const measured = await measure(this.target, this.generator, { [name]: { forMs: seconds * 1000 } })
    await this.generator.closeStream(name)
    return { name, measured }
  }

  /** What the target carries at most, requests per second: 256 connections without a pause. */
  async maximum(seconds: number): Promise<number> {
    const guess = this.#ground.isTiny ? 2000 : 12_000
    const name = await this.openEnrollment({ kind: 'closed', connections }, guess * seconds * 1.4)
    await this.generator.run({ [name]: { forMs: seconds * 400 } })
    const { streams } = await measure(this.target, this.generator, { [name]: { forMs: seconds * 1000 } })
    await this.generator.closeStream(name)
    const result = streams[name]
    if (result === undefined) throw new Error('nothing was measured')
    return (1000 * served(result.replies)) / result.elapsedMs
  }

  end(): void {
    this.generator.end()
  }
}

export function resultOf(measured: Measurement, name: string) {
  const result = measured.streams[name]
  if (result === undefined) throw new Error(`there is no stream ${name}`)
  return result
}
