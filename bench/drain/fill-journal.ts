import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from '../../actors/messages/commands.ts'
import { Random } from '../../src/registry/random.ts'
import { buildEngine } from '../../src/main/compose/engine-part.ts'
import { openCampus, requireDatabaseUrl } from '../../src/main/compose/open-campus.ts'
import { ServiceProcess } from '../../src/main/service-process.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { pickCourses } from '../campus/bench-campus.ts'

// Fills the journal as a server does, by the engine itself and without HTTP: 7 courses for one student after another.
// Says over its channel when it leads and when everything is confirmed; begins when it is told how much.

/** What it is told to do. */
export interface FillOrder {
  readonly records: number
  readonly courses: number
  readonly seed: number
}

export type FillNews = { readonly news: 'leading' } | { readonly news: 'filled'; readonly records: number }

const perStudent = 7
/** Enough to fill the largest messages. */
const atOnce = 4000
const busyPauseMs = 5

function* commands({ records, courses, seed }: FillOrder): Generator<Command> {
  for (let student = 1, made = 0; made < records; student++) {
    for (const course of pickCourses(new Random(seed + student), courses, perStudent)) {
      if (made++ === records) return
      const legs = [{ do: 'add', course, group: 1, reserve: 'allow' }] as const
      yield { actor: { role: 'student', id: student }, student, legs }
    }
  }
}

function tell(news: FillNews): void {
  process.send?.(news)
}

const config = readConfig(process.env)
const host = new ServiceProcess('fill-journal', config, 'service')
process.once('disconnect', () => process.exit())
await host.run(async () => {
  const campus = await openCampus(requireDatabaseUrl(config, 'server'), config, host)
  const engine = await buildEngine(campus, config, host, {
    onState: (state) => {
      if (state === 'leading') tell({ news: 'leading' })
    },
  })
  host.onStop(() => engine.stop(host.graceMs))
  engine.run().catch((error: unknown) => host.fail(error))
  process.on('message', (order: FillOrder) => {
    fill(order).then(
      () => tell({ news: 'filled', records: order.records }),
      (error: unknown) => host.fail(error),
    )
  })

  async function fill(order: FillOrder): Promise<void> {
    const source = commands(order)
    const lane = async () => {
      for (const command of source) {
        let outcome = await engine.submit(command)
        // More at once than it lets in for now: surely not done, so it is asked again.
        while (outcome.kind === 'unavailable' && outcome.code === 'busy') {
          await sleep(busyPauseMs)
          outcome = await engine.submit(command)
        }
        if (outcome.kind !== 'decided') throw new Error(`not decided: ${JSON.stringify(outcome)}`)
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, order.records) }, lane))
  }
})
