import type { Finding } from '../report/entry.ts'
import type { Servers } from '../deployment/servers.ts'
import { canonical } from './canonical.ts'
import { catalog } from './catalog.ts'
import { compare } from './compare.ts'
import { curves } from './curves.ts'
import { decide } from './decide.ts'
import { drain } from './drain.ts'
import { exportOfDecisions } from './export.ts'
import { gateway } from './gateway.ts'
import { hotCourse } from './hot-course.ts'
import { loginStorm } from './login-storm.ts'
import { memory } from './memory.ts'
import { oneCore } from './one-core.ts'
import { rate } from './rate.ts'
import { recover } from './recover.ts'
import { sustained } from './sustained.ts'

interface Scenario {
  readonly summary: string
  run(ground: Servers): Promise<Finding[]>
}

/** In the order in which `all` runs them. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  canonical: {
    summary: '1,000 students log in, wait for one another, and ask for 7 random courses of 1,500 each',
    run: canonical,
  },
  sustained: { summary: 'as much as 256 connections carry, for 20 s after a warm-up', run: sustained },
  compare: { summary: 'full load beside what people would use instead; the ratios', run: compare },
  rate: { summary: 'at 50% and 80% of the maximum, come what may: latencies', run: rate },
  'hot-course': {
    summary: '10,000 students want one course of 40 seats and 5 reserve places, others do not',
    run: hotCourse,
  },
  'login-storm': { summary: 'enrollment while others log in as fast as they can', run: loginStorm },
  catalog: { summary: 'lists of departments polled by everyone while seats change', run: catalog },
  drain: { summary: 'a backlog of 1,000,000 records, and what row by row would take', run: drain },
  recover: { summary: 'from SIGKILL to serving, with 1,000, 50,000 and 1,000,000 students', run: recover },
  export: {
    summary: '100,000 and 1,000,000 decisions written to a file: speed, and memory that does not grow',
    run: exportOfDecisions,
  },
  memory: { summary: 'what a campus adds to the heap of an idle server', run: memory },
  decide: { summary: 'the actors alone: decide and evolve, mailbox and dispatch', run: decide },
  'one-core': { summary: 'every part on one CPU, the load on another', run: oneCore },
  gateway: { summary: 'full load through gateways in processes of their own, CPU by tier', run: gateway },
  curves: { summary: 'what a request costs with more connections, courses, backlog', run: curves },
}
