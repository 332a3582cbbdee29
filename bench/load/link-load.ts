import { RemoteEngine } from '../../src/core-link/remote-engine.ts'
import { Random } from '../../src/registry/random.ts'
import { pickCourses } from '../campus/bench-campus.ts'

// The process that sends commands over the link as many gateways together would, without HTTP before it: so the engine
// is what is busy. `link-load-process.ts` starts it.

export interface LinkLoad {
  readonly path: string
  readonly campus: string
  readonly secret: string
  readonly students: number
  readonly courses: number
  readonly perStudent: number
  /** Commands that wait for their answers at the same time. */
  readonly atOnce: number
  readonly seed: number
}

export type LinkOrder =
  | { readonly do: 'open'; readonly load: LinkLoad }
  | { readonly do: 'run'; readonly commands: number }

export interface LinkResult {
  readonly commands: number
  readonly elapsedMs: number
  readonly outcomes: Readonly<Record<string, number>>
}

let engine: RemoteEngine | undefined
let load: LinkLoad | undefined
let sent = 0

async function carryOut(order: LinkOrder): Promise<LinkResult | undefined> {
  if (order.do === 'open') {
    load = order.load
    const { path, campus, secret } = load
    const addresses = [{ protocol: 'unix', path }] as const
    engine = new RemoteEngine({ addresses, campus, secrets: [secret], gateway: 'bench', log: () => {} })
    while (engine.status().state !== 'leading') await new Promise((resolve) => setTimeout(resolve, 10))
    return undefined
  }
  if (load === undefined || engine === undefined) throw new Error('nothing is open')
  const { atOnce } = load
  const outcomes: Record<string, number> = {}
  const begunMs = performance.now()
  const upTo = sent + order.commands
  await Promise.all(Array.from({ length: atOnce }, () => runLane(upTo, outcomes)))
  return { commands: order.commands, elapsedMs: performance.now() - begunMs, outcomes }
}

async function runLane(upTo: number, outcomes: Record<string, number>): Promise<void> {
  if (load === undefined || engine === undefined) return
  const { students, courses, perStudent, seed } = load
  while (sent < upTo) {
    const index = sent++
    // Everybody's first course, then everybody's second.
    const id = 1 + (index % students)
    const wishes = pickCourses(new Random(seed + id * 7919), courses, perStudent)
    const course = wishes[Math.floor(index / students) % perStudent] ?? 1
    const outcome = await engine.submit(
      {
        actor: { role: 'student', id },
        student: id,
        legs: [{ do: 'add', course, group: 1, reserve: 'allow' }],
      },
      { request: `bench-load-${index.toString(36)}` },
    )
    const label = outcome.kind === 'decided' ? (outcome.record.reasons?.[0]?.code ?? 'yes') : outcome.code
    outcomes[label] = (outcomes[label] ?? 0) + 1
  }
}

process.on('message', (order: LinkOrder) => {
  carryOut(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
// Ends with the process that started it.
process.on('disconnect', () => process.exit())
