import type { CampusSize } from '../campus/bench-campus.ts'
import { Generator } from '../load/generator-process.ts'
import { type Finding, loadFigures } from '../report/entry.ts'
import { EngineDeployment, jwtSecret } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure, type Target } from '../deployment/target.ts'

const usualConnections = 256

/** A campus that a run under full load does not exhaust. */
export function roomyCampus({ isTiny }: Servers): CampusSize {
  const students = isTiny ? 6000 : 60_000
  return { students, courses: 1500, capacity: students, reserveCapacity: 0 }
}

/**
 * As much as 256 connections carry: on each, one student after another asks for 7 random courses that are to be had.
 * The processes are warm: the same load has run before.
 */
export async function sustained(ground: Servers): Promise<Finding[]> {
  const size = roomyCampus(ground)
  const site = await EngineDeployment.open(ground, { size })
  try {
    return [await sustain(ground, site, { scenario: 'sustained', subject: 'engine', size })]
  } finally {
    await site.stop()
  }
}

export interface FullLoad {
  readonly scenario: string
  readonly subject: string
  readonly size: CampusSize
  readonly seconds?: number
  readonly connections?: number
  /** Students who have not enrolled yet: all, unless told. */
  readonly callers?: { readonly first: number; readonly count: number; readonly stride?: number }
  /** Places that each student holds already, as the campus was made with. */
  readonly held?: number
  readonly perStudent?: number
  /** What the load generator runs under. */
  readonly generatorPrefix?: readonly string[]
}

/** Full load on a target, after a quarter of it to warm up. */
export async function sustain(ground: Servers, target: Target, load: FullLoad): Promise<Finding> {
  const { size, scenario, subject, held = 0, perStudent = 7, connections = usualConnections } = load
  const seconds = ground.isTiny ? 0.5 : (load.seconds ?? 20)
  const callers = load.callers ?? { first: 1, count: size.students }
  const generator = new Generator(load.generatorPrefix)
  try {
    await generator.open('students', {
      host: target.host,
      port: target.port,
      seed: ground.seed,
      callers: { ...callers, tokens: { secret: jwtSecret } },
      traffic: { kind: 'courses', courses: size.courses, perStudent, wish: 'possible', held },
      pace: { kind: 'closed', connections },
    })
    await generator.run({ students: { forMs: seconds * 250 } })
    const measured = await measure(target, generator, { students: { forMs: seconds * 1000 } })
    return {
      scenario,
      subject,
      conditions: { students: size.students, courses: size.courses, connections },
      figures: loadFigures(measured, 'students'),
      counts: measured.streams['students']?.replies ?? {},
    }
  } finally {
    generator.end()
  }
}
