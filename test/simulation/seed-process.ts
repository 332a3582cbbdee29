import type { Answer } from './run-seeds.ts'
import type { PlanWish } from './fault-plan.ts'
import { simulate } from './simulate.ts'

const wish = JSON.parse(process.argv[2] ?? '{}') as PlanWish

/** Runs the seeds that its parent names, one by one, until the parent disconnects. */
process.on('message', (seed: number) => {
  const before = process.cpuUsage()
  const send = (answer: Answer): void => void process.send?.(answer)
  simulate({ seed, wish }).then(
    (result) => send({ ...result, cpuMs: process.cpuUsage(before).user / 1000 }),
    (error: unknown) => send({ seed, crash: error instanceof Error ? String(error.stack) : String(error) }),
  )
})
