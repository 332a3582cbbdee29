import process from 'node:process'
import { Campus } from '../actors/campus.ts'
import { type Command, coursesOf } from '../actors/commands.ts'
import { decide } from '../actors/decide.ts'
import { evolve } from '../actors/evolve.ts'

// How many decisions one core makes: a student's add of one leg, decided and evolved, on a campus of the
// size that the README speaks of. Usage:
// node dist/bench/decide.js [seconds of CPU, default 3]

const groupCount = 1500
const studentCount = 1000
const coursesPerStudent = 7
const opensMs = 0
const seed = 0x5eed

/** Mulberry32: the same campus and the same commands in every run. */
function seededRandom(state: number): (below: number) => number {
  let a = state
  return (below) => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function buildCampus(random: (below: number) => number): Campus {
  const campus = new Campus()
  for (let course = 1; course <= groupCount; course++) {
    const startMinute = 8 * 60 + 90 * random(6)
    campus.addGroup({
      course,
      group: 1,
      department: 1 + (course % 60),
      name: `Course ${course}`,
      lecturer: 'N. N.',
      units: 1 + random(3),
      capacity: 20 + random(41),
      reserveCapacity: 10,
      exam: { startMs: 86_400_000 * course, endMs: 86_400_000 * course + 7_200_000 },
      meetings: [0, 2].map((day) => ({ day: day + random(2), startMinute, endMinute: startMinute + 90 })),
      genderLock: undefined,
      notes: '',
    })
  }
  for (let id = 1; id <= studentCount; id++) {
    const gender = id % 2 === 0 ? 'female' : 'male'
    const profile = { id, department: 1 + (id % 60), gender, maxUnits: 20, remainingActions: 5 } as const
    campus.addStudent({ ...profile, windowStartMs: opensMs, windowEndMs: opensMs + 3_600_000 })
  }
  return campus
}

/** Adds that succeed: `coursesPerStudent` of each student, in mixed order, without a conflict. */
function buildAdds(random: (below: number) => number, campus: Campus): Command[] {
  const commands: Command[] = []
  for (let round = 0; round < coursesPerStudent; round++) {
    for (let id = 1; id <= studentCount; id++) {
      const student = 1 + ((id * 7919) % studentCount)
      let command = addOf(student, 1 + random(groupCount))
      while (!carryOut(campus, command)) command = addOf(student, 1 + random(groupCount))
      commands.push(command)
    }
  }
  return commands
}

function addOf(student: number, course: number): Command {
  const legs = [{ do: 'add', course, group: 1, reserve: 'allow' }] as const
  return { actor: { role: 'student', id: student }, student, legs }
}

/** @returns whether it was done */
function carryOut(campus: Campus, command: Command): boolean {
  const answer = decide(campus, command, opensMs)
  if ('rejection' in answer || answer.effects === undefined) return false
  for (const effect of answer.effects) evolve(campus, effect)
  return true
}

function takeBack(campus: Campus, { student = 0, legs }: Command): void {
  for (const course of coursesOf(legs)) evolve(campus, { type: 'left', student, course, group: 1 })
}

/** Microseconds of CPU that this process has used: on a busy machine the clock on the wall says little. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function main(seconds: number): void {
  const random = seededRandom(seed)
  const campus = buildCampus(random)
  const commands = buildAdds(random, campus)
  const nsPerAdd: number[] = []
  let spentUs = 0
  while (spentUs < seconds * 1e6) {
    for (const command of commands) takeBack(campus, command)
    const begun = cpuUs()
    let done = 0
    for (const command of commands) if (carryOut(campus, command)) done++
    const roundUs = cpuUs() - begun
    if (done !== commands.length) throw new Error(`only ${done} of ${commands.length} adds were done`)
    spentUs += roundUs
    nsPerAdd.push((1e3 * roundUs) / commands.length)
  }
  const perSecond = (1e6 * nsPerAdd.length * commands.length) / spentUs
  const ascending = nsPerAdd.toSorted((a, b) => a - b).map(Math.round)
  process.stdout.write(
    `decide + evolve of a simple add: ${Math.round(perSecond).toLocaleString('en')} per second of CPU ` +
      `(best round ${ascending[0]} ns, median ${ascending[ascending.length >> 1]} ns); ` +
      `${nsPerAdd.length} rounds of ${commands.length}, ${groupCount} groups, ${studentCount} students, ` +
      `seed ${seed}, node ${process.version}\n`,
  )
}

main(Number(process.argv[2] ?? 3))
