import process from 'node:process'
import { Campus } from '../actors/campus.ts'
import { type Command, coursesOf } from '../actors/messages/commands.ts'
import { decide } from '../actors/rules/decide.ts'
import { evolve } from '../actors/rules/evolve.ts'
import { Dispatcher } from '../actors/dispatcher.ts'
import { faultOfRecord } from '../src/engine/record-check.ts'
import { recordOf } from '../actors/turn.ts'

// How many decisions one core makes: a student's add of one leg, decided and evolved, on a campus of the
// size that the README speaks of; what making its record costs, and the check that the batcher will take it; and what
// the mailboxes cost on top. Usage:
// node bench/decide.ts [seconds of CPU, default 3] [--json]

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

/** Nanoseconds of CPU per command of some rounds over all commands. */
interface Rounds {
  readonly best: number
  readonly median: number
  readonly mean: number
  readonly count: number
}

/** Repeats a round over `commands` commands until it has taken so much CPU. */
function measure(seconds: number, commands: number, round: () => void, prepare = () => {}): Rounds {
  const nsPerCommand: number[] = []
  let spentUs = 0
  while (spentUs < seconds * 1e6) {
    prepare()
    const begun = cpuUs()
    round()
    const roundUs = cpuUs() - begun
    spentUs += roundUs
    nsPerCommand.push((1e3 * roundUs) / commands)
  }
  const ascending = nsPerCommand.toSorted((a, b) => a - b)
  return {
    best: Math.round(ascending[0] ?? 0),
    median: Math.round(ascending[ascending.length >> 1] ?? 0),
    mean: Math.round((1e3 * spentUs) / (nsPerCommand.length * commands)),
    count: nsPerCommand.length,
  }
}

function measureDecide(seconds: number, campus: Campus, commands: readonly Command[]): Rounds {
  const round = () => {
    let done = 0
    for (const command of commands) if (carryOut(campus, command)) done++
    if (done !== commands.length) throw new Error(`only ${done} of ${commands.length} adds were done`)
  }
  return measure(seconds, commands.length, round, () => {
    for (const command of commands) takeBack(campus, command)
  })
}

/** Making the record of an add, and checking it if `checked`: as it is made, while it is near at hand. */
function measureRecords(seconds: number, commands: readonly Command[], checked: boolean): Rounds {
  const options = { request: 'mgkz3x1v-4fz9' }
  return measure(seconds, commands.length, () => {
    for (const [index, command] of commands.entries()) {
      const student = command.student ?? 0
      const [course = 0] = coursesOf(command.legs)
      const verdict = { effects: [{ type: 'registered', student, course, group: 1 }], remaining: 5 } as const
      const record = recordOf(command, verdict, options, index + 1, 1_790_000_000_000)
      if (checked && faultOfRecord(record) !== undefined) throw new Error('an add has a record that fits')
    }
  })
}

/** Commands that come at about the same time, and have their turns together. */
const arrivingTogether = 64

/** From posting a command to its release, with nothing done in its turn. */
function measureMailboxes(seconds: number, commands: readonly Command[]): Rounds {
  const dispatcher = new Dispatcher<Command>({ perCourse: 1024, perStudent: 1024 })
  const touched = commands.map(({ legs }) => coursesOf(legs))
  return measure(seconds, commands.length, () => {
    let turns = 0
    for (const [index, command] of commands.entries()) {
      dispatcher.post(command, touched[index] ?? [], command.student)
      if (dispatcher.depth < arrivingTogether && index + 1 < commands.length) continue
      dispatcher.run(
        (ticket) => {
          turns++
          dispatcher.release(ticket)
        },
        () => false,
      )
    }
    if (turns !== commands.length) throw new Error(`only ${turns} of ${commands.length} had their turn`)
  })
}

function main(seconds: number, asJson: boolean): void {
  const random = seededRandom(seed)
  const campus = buildCampus(random)
  const commands = buildAdds(random, campus)
  const decided = measureDecide(seconds, campus, commands)
  const recorded = measureRecords(seconds / 3, commands, false)
  const checked = measureRecords(seconds / 3, commands, true)
  const checkNs = Math.max(0, checked.best - recorded.best)
  const posted = measureMailboxes(seconds / 3, commands)
  if (asJson) {
    process.stdout.write(JSON.stringify({ decided, checkNs, posted, commands: commands.length }))
    return
  }
  const told = ({ best, median, count }: Rounds) =>
    `best round ${best} ns, median ${median} ns; ${count} rounds of ${commands.length}`
  process.stdout.write(
    `decide + evolve of a simple add: ${Math.round(1e9 / decided.mean).toLocaleString('en')} per second of CPU ` +
      `(${told(decided)}, ${groupCount} groups, ${studentCount} students, seed ${seed}, node ${process.version})\n` +
      `checking its record: ${checkNs} ns, ${((100 * checkNs) / decided.best).toFixed(1)} % of that (best rounds)\n` +
      `mailboxes and dispatch: ${posted.mean} ns per command (${told(posted)})\n`,
  )
}

main(Number(process.argv[2] ?? 3), process.argv.includes('--json'))
