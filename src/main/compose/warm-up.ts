import { randomBytes, randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { pino } from 'pino'
import { Campus } from '../../../actors/campus.ts'
import type { Command, Leg } from '../../../actors/messages/commands.ts'
import type { Config } from '../../config/config.ts'
import { CommandStages } from '../../engine/command-stages.ts'
import { Engine } from '../../engine/engine.ts'
import { keyLifetimeMs } from '../../engine/key-memory.ts'
import { KeyArchive } from '../../engine/key-archive.ts'
import { decodeMessage, encodeMessage } from '../../engine/messages.ts'
import type { CampusStore, Journal, JournalMessage, JournalTerm, RecordId } from '../../engine/ports.ts'
import type { EnrollmentService } from '../../engine/service.ts'
import { buildGateway } from '../../gateway/app.ts'
import { closeGateway, openGateway } from '../../gateway/listen.ts'
import { keysOf } from '../../gateway/auth/token-keys.ts'
import { Tokens } from '../../gateway/auth/tokens.ts'
import { Seal } from '../../journal/seal.ts'
import { stageBatch } from '../../store/fold.ts'
import { groupFromRow, studentFromIntegers } from '../../store/profiles.ts'
import { termLimitsOf } from './engine-part.ts'
import { nodeRuntime } from '../node-runtime.ts'
import type { ServiceProcess } from '../service-process.ts'

/** What a process will do: answer clients (`rest`), and whether it writes what was decided into the tables. */
export interface Work {
  readonly rest: boolean
  readonly writes: boolean
}

export type WarmHost = Pick<ServiceProcess, 'signal' | 'log'>

const students = 64
const courses = 48
const department = 1
const seats = 40
/** By then all code is compiled: a fast machine ends before the time is over. */
const roundsMax = 60
const closeMs = 100

/**
 * Lets a process do its own work on a campus that is not there, until its code is compiled: sockets, parsing, tokens, turns,
 * the journal's text and signature, replies, what COPY takes. A cold process pays several times the CPU for its first
 * thousands of requests, and these come in the first second of an opening or of a takeover. Nothing of it reaches a journal, a
 * table, a metric, a log or anybody's view: engine, gateway and campus are made for it and dropped.
 * It lasts for ENROLLMENT_WARM_UP at most, and ends at once when the process is told to stop.
 * A process that cannot (no loopback, say) goes on without.
 * @returns how many commands were decided
 */
export async function warmUp(config: Config, { rest, writes }: Work, host: WarmHost): Promise<number> {
  if (config.warmUpMs === 0 || host.signal.aborted) return 0
  let beganMs = performance.now()
  const goesOn = () => !host.signal.aborted && performance.now() - beganMs < config.warmUpMs
  const journal = new ScratchJournal(writes)
  let onLeading = () => {}
  const leading = new Promise<void>((resolve) => (onLeading = resolve))
  const engine = new Engine({
    campusId: 'warm-up',
    journal,
    store: scratchStore(journal, config.windowMs),
    runtime: nodeRuntime,
    limits: termLimitsOf(config),
    stages: new CommandStages(),
    onState: (state) => {
      if (state === 'leading') onLeading()
    },
  })
  const running = engine.run()
  try {
    await Promise.race([leading, running])
    await journal.seal.refresh()
    beganMs = performance.now()
    await (rest ? askOverHttp(engine, config, goesOn) : submitAll(engine, goesOn))
    const { decidedSeq } = engine.status()
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(1)
    host.log.info(`warm after ${seconds} s and ${decidedSeq} decisions on a campus that is not there`)
    return decidedSeq
  } catch (err) {
    host.log.warn({ err }, 'not warmed up; the first requests cost more')
    return 0
  } finally {
    await engine.stop(closeMs)
    await running
  }
}

/** Confirms what it is given in the next turn of the event loop, as a broker that answers at once. */
class ScratchJournal implements Journal {
  readonly identity = 'warm-up'
  readonly seal = new Seal('warm-up', () => Promise.resolve([randomBytes(32).toString('hex')]))
  leader: string = randomUUID()
  readonly #writes: boolean

  constructor(writes: boolean) {
    this.#writes = writes
  }

  acquire(): Promise<JournalTerm> {
    let end = (_why: string) => {}
    const ended = new Promise<string>((resolve) => (end = resolve))
    let open = true
    let onApplied = (_applied: RecordId) => {}
    return Promise.resolve({
      append: async (message) => {
        const newest = this.#carry(message)
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (newest !== undefined) onApplied(newest)
      },
      ended,
      get open() {
        return open
      },
      blocked: false,
      onApplied: (listener) => (onApplied = listener),
      close: () => {
        open = false
        end('warm')
        return Promise.resolve()
      },
    })
  }

  #carry(message: JournalMessage): RecordId | undefined {
    if ('start' in message) {
      this.leader = message.start.leader
      return undefined
    }
    const body = encodeMessage(message)
    if (this.seal.hasKeys) this.seal.provenanceOf('journal', body, this.seal.sign('journal', body))
    if (this.#writes) {
      const read = decodeMessage(body, 'warm-up')
      if (!('start' in read)) stageBatch(read.records, 1)
    }
    const newest = message.records.at(-1)
    return newest && { leader: message.leader, seq: newest.seq }
  }
}

function scratchStore(journal: ScratchJournal, windowMs: number): CampusStore {
  const position = (term: number) => ({ leader: journal.leader, seq: 0, term, atMs: 0 })
  return {
    readPosition: () => Promise.resolve(position(0)),
    noteAnswered: () => Promise.resolve(),
    readClock: () => Promise.resolve(nodeRuntime.now()),
    readJournalStart: () => Promise.resolve(0),
    judgementOf: () => Promise.resolve('accepted'),
    loadCampus: (_leader, { keysBytesMax }) =>
      Promise.resolve({
        campus: scratchCampus(windowMs),
        position: position(1),
        keys: new KeyArchive(keysBytesMax, keyLifetimeMs),
      }),
    loadStudent: () => Promise.resolve(undefined),
    findKey: () => Promise.resolve(undefined),
  }
}

/** From rows as the tables hold them, so that the objects are those of a real campus. */
function scratchCampus(windowMs: number): Campus {
  const campus = new Campus()
  campus.departments.add(department)
  for (let course = 1; course <= courses; course++) {
    for (const group of [1, 2]) {
      campus.addGroup(
        groupFromRow({
          course_id: course,
          group_id: group,
          for_department: department,
          name: `Course ${course}`,
          units: 1 + (course % 3),
          capacity: seats,
          sex_lock: course % 16 === 0 ? 'female' : null,
          code: null,
          status: 'open',
          reserve_capacity: 8,
          lecturer: 'N. N.',
          notes: '',
          exam_ms: course % 2 === 0 ? Date.UTC(2031, 0, 1 + (course % 8), 8 + group) : null,
          exam_minutes: null,
          class_time: 0,
          meetings: [
            { day: course % 6, start_minute: 480 + 60 * (course % 8), end_minute: 540 + 60 * (course % 8) },
          ],
        }),
      )
    }
  }
  const startMs = nodeRuntime.now() - 60_000
  for (let id = 1; id <= students; id++) {
    campus.addStudent(studentFromIntegers([id, department, id % 2, 20, 30_000, startMs], 2 * windowMs))
  }
  return campus
}

async function submitAll(service: EnrollmentService, goesOn: () => boolean): Promise<void> {
  for (let round = 0; goesOn() && round < 10 * roundsMax; round++) {
    const course = 1 + (round % courses)
    const leg: Leg =
      round % 2 === 0 ? { do: 'add', course, group: 1, reserve: 'allow' } : { do: 'drop', course: course - 1 }
    const outcomes = Array.from({ length: students }, (_, index) => {
      const command: Command = { actor: { role: 'student', id: 1 + index }, student: 1 + index, legs: [leg] }
      return service.submit(command, { request: randomUUID() })
    })
    await Promise.all(outcomes)
  }
}

/** As students do: most on connections that they keep, others on a new one for each request. */
async function askOverHttp(service: EnrollmentService, config: Config, goesOn: () => boolean): Promise<void> {
  const secrets = [randomBytes(32).toString('hex')] as const
  const app = buildGateway({
    service,
    accounts: nobody,
    searchDecisions: () => Promise.resolve({ decisions: [], hasMore: false }),
    lists: {
      students: () => Promise.resolve([]),
      groups: () => Promise.resolve([]),
      departments: () => Promise.resolve([]),
    },
    jwtSecrets: secrets,
    staffScope: config.staffScope,
    limits: { ...config, studentRate: { count: 1_000_000, perMs: 1 }, studentBurst: 1_000_000 },
    now: () => nodeRuntime.now(),
    logger: pino({ level: 'silent' }),
    trustProxy: false,
    corsOrigins: config.corsOrigins,
  })
  const url = new URL(await openGateway(app, { protocol: 'tcp', host: '127.0.0.1', port: 0 }))
  const tokens = new Tokens(keysOf(app, secrets))
  const nowMs = nodeRuntime.now()
  try {
    await Promise.all(
      Array.from({ length: students }, async (_, index) => {
        const id = 1 + index
        const token = tokens.issue(
          { id, department, staff: false },
          { beganMs: nowMs, passwordTag: undefined },
          nowMs,
        )
        const client = new ScratchClient(Number(url.port), token, index % 4 === 0)
        try {
          for (let round = 0; goesOn() && round < roundsMax; round++) {
            for (const request of requestsOf(id, round)) if (goesOn()) await client.ask(...request)
          }
        } finally {
          client.close()
        }
      }),
    )
  } finally {
    await closeGateway(app, closeMs)
  }
}

/** A student's round: the catalog, seats taken, refused, moved and given back. */
function requestsOf(id: number, round: number): [line: string, body?: object, headers?: string][] {
  const course = 1 + ((id + 7 * round) % courses)
  const other = 1 + ((course + 11) % courses)
  const third = 1 + ((course + 23) % courses)
  const key = `Idempotency-Key: ${id}-${round}\r\n`
  return [
    [`GET /student/courses?department=${department}`],
    ['PUT /student/course', { course_id: course, group_id: 1 }],
    ['PUT /student/course', { course_id: course, group_id: 1 }],
    ['PUT /student/course', { course_id: other, group_id: 2 }, key],
    ['GET /student/course'],
    ['PATCH /student/course', { course_id: course, group_id: 2 }, 'Prefer: return=representation\r\n'],
    ['POST /student/plan', { legs: [{ add: { course_id: third, group_id: 1 } }] }],
    ['POST /student/plan', { legs: [{ drop: { course_id: third } }], dry_run: true }],
    [`DELETE /student/course?course_id=${third}`],
    [`DELETE /student/course?course_id=${course}`],
    [`DELETE /student/course?course_id=${other}`],
  ]
}

const nobody = {
  findAccount: () => Promise.resolve(undefined),
  numberOfCode: () => Promise.resolve(undefined),
  hashKinds: () => Promise.resolve([]),
  setStudentPassword: () => Promise.resolve('no_such_student' as const),
  findPasswordChange: () => Promise.resolve(undefined),
}

/** One student's end of HTTP, as little of it as answers of ours need. */
class ScratchClient {
  readonly #port: number
  readonly #token: string
  readonly #keepsNothing: boolean
  #socket: Socket | undefined

  constructor(port: number, token: string, keepsNothing: boolean) {
    this.#port = port
    this.#token = token
    this.#keepsNothing = keepsNothing
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  /** Resolves when the answer is there, whatever it says, or the connection has ended. */
  async ask(line: string, body?: object, headers = ''): Promise<void> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const kind =
      body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n`
    this.#socket ??= connect(this.#port, '127.0.0.1').setNoDelay()
    const socket = this.#socket
    await new Promise<void>((resolve) => {
      let answer = ''
      const done = () => {
        socket.off('data', take).off('close', done).off('error', done)
        resolve()
      }
      const take = (chunk: Buffer) => {
        answer += chunk.toString('latin1')
        if (isWhole(answer)) done()
      }
      socket.on('data', take).once('close', done).once('error', done)
      socket.write(
        `${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${this.#token}\r\n${headers}${kind}\r\n${text}`,
      )
    })
    if (this.#keepsNothing || socket.destroyed) this.close()
  }
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return false
  const [, length = '0'] = /\r\ncontent-length: (\d+)/i.exec(answer) ?? []
  return answer.length >= end + 4 + Number(length)
}
