import { signal } from '@preact/signals'
import type { PlanLeg, Problem } from '../client/api.ts'
import type { Answer } from '../client/client.ts'
import type { ReasonAbout } from './languages/en.ts'
import { caller, catalog, keyOf, loseSession, me, pendingStore, readMine, say, session } from './store.ts'
import { apart, courseName, inDigits, momentOf, words } from './words.ts'

/** What a student asks for. */
export interface Deed {
  readonly do: 'add' | 'move' | 'drop'
  readonly course: number
  readonly group: number
  /** A move may give up a seat for a place in the queue. */
  readonly allowReserve?: boolean
}

/** A request that is on its way, kept over reloads and sessions: whenever it is sent, it is the same one. */
interface Pending {
  /** One goes out by itself, several as a plan: all or none. */
  readonly deeds: readonly Deed[]
  readonly key: string
  readonly student: number
}

export type Trouble = 'busy' | 'unknown' | 'away' | 'often'

export const pending = signal<Pending | undefined>(keptPending())
/** Why the request goes out again, and when; undefined while it is out. */
export const waiting = signal<{ readonly why: Trouble; readonly untilMs: number } | undefined>(undefined)

const replyMsMax = 20_000
const pauseMsMax = 8000
const troubles: Readonly<Record<string, Trouble>> = {
  busy: 'busy',
  too_many_requests: 'often',
  outcome_unknown: 'unknown',
  idempotency_in_flight: 'unknown',
  not_leading: 'away',
  recovering: 'away',
  journal_unavailable: 'away',
}

let isRunning = false
let wake = (): void => {}

function keptPending(): Pending | undefined {
  const kept = sessionStorage.getItem(pendingStore)
  return kept === null ? undefined : (JSON.parse(kept) as Pending)
}

function keep(one: Pending | undefined): void {
  pending.value = one
  if (one === undefined) sessionStorage.removeItem(pendingStore)
  else sessionStorage.setItem(pendingStore, JSON.stringify(one))
}

/** Not `randomUUID`, which browsers have over HTTPS only. */
export function newKey(): string {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))]
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Sends a request until there is an answer, always with the same key. One at a time. */
export function perform(deeds: readonly Deed[], key = newKey()): void {
  const student = session.value?.student
  if (student === undefined || pending.value !== undefined) return
  keep({ deeds, key, student })
  void resume()
}

/** Goes on with a request that a reload or the end of a session interrupted. */
export async function resume(): Promise<void> {
  const one = pending.value
  if (one === undefined || isRunning || session.value === undefined) return
  if (one.student !== session.value.student) return keep(undefined)
  isRunning = true
  try {
    await untilAnswered(one)
  } finally {
    isRunning = false
    waiting.value = undefined
  }
}

async function untilAnswered(one: Pending): Promise<void> {
  for (let attempt = 0; pending.value === one; attempt++) {
    waiting.value = undefined
    const answer = await send(one).catch(() => undefined)
    if (pending.value !== one) return
    if (answer?.status === 401) return loseSession()
    const why = answer === undefined ? 'away' : answer.ok ? undefined : troubles[answer.problem.code]
    if (answer !== undefined && why === undefined) {
      keep(undefined)
      tell(one.deeds, answer)
      await readMine().catch(() => {})
      return
    }
    const { retryAfterSeconds = 0.5 * 2 ** attempt } = answer?.ok === false ? answer : {}
    const pauseMs = Math.min(pauseMsMax, retryAfterSeconds * 1000) * (1 + Math.random() / 2)
    waiting.value = { why: why ?? 'away', untilMs: Date.now() + pauseMs }
    await new Promise<void>((resolve) => {
      wake = resolve
      setTimeout(resolve, pauseMs)
    })
  }
}

/** Gives up waiting for an answer. */
export function stopTrying(): void {
  keep(undefined)
  wake()
  say('bad', words.value.stopped)
  void readMine().catch(() => {})
}

type Told = Answer<
  'PUT /student/course' | 'PATCH /student/course' | 'DELETE /student/course' | 'POST /student/plan'
>

async function send({ deeds, key }: Pending): Promise<Told> {
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error('no answer')), replyMsMax)
  })
  return await Promise.race([sendOnce(deeds, key), late])
}

function sendOnce(deeds: readonly Deed[], key: string): Promise<Told> {
  const headers = { 'Idempotency-Key': key, Prefer: 'return=representation' }
  const client = caller()
  const [only, second] = deeds
  if (only === undefined || second !== undefined) {
    return client.call('POST /student/plan', { body: { legs: deeds.map(legOf) }, headers })
  }
  const { course: course_id, group: group_id, allowReserve = false } = only
  switch (only.do) {
    case 'drop':
      return client.call('DELETE /student/course', { query: { course_id }, headers })
    case 'move':
      return client.call('PATCH /student/course', {
        body: { course_id, group_id, allow_reserve: allowReserve },
        headers,
      })
    case 'add':
      return client.call('PUT /student/course', { body: { course_id, group_id }, headers })
  }
}

function legOf({ do: what, course: course_id, group: group_id }: Deed): PlanLeg {
  if (what === 'drop') return { drop: { course_id } }
  return what === 'move' ? { move: { course_id, group_id } } : { add: { course_id, group_id } }
}

function tell(deeds: readonly Deed[], answer: Told): void {
  const { done, refused, list } = words.value
  const names = deeds.map(({ course, group }) => nameOf(course, group))
  if (!answer.ok) {
    const isPlan = deeds.length > 1
    const reasons = answer.problem.reasons.map((reason) => {
      const name = reason.leg === undefined ? undefined : names[reason.leg]
      return isPlan && name !== undefined ? `${name}: ${reasonOf(reason)}` : reasonOf(reason)
    })
    say('bad', refused(list(names)), reasons)
    return
  }
  const outcomes = (
    answer.data !== undefined && 'legs' in answer.data ? answer.data.legs : [answer.data]
  ).map((one, index) => {
    const name = names[index] ?? ''
    if (one?.place === 'registered') return done.registered(name)
    if (one?.place === 'reserved') return done.reserved(name, inDigits(one.reserve_queue_position ?? 0))
    return done.dropped(name)
  })
  say('good', outcomes[0] ?? '', outcomes.slice(1))
}

export function nameOf(course: number, group: number): string {
  const known = catalog.value.get(keyOf(course, group))
  return known === undefined ? inDigits(course) : courseName(known)
}

/** A reason of the server in the student's language; in the server's words where the language has none for it. */
export function reasonOf({
  code,
  detail,
  course_id,
  group_id,
  with: other,
  window,
}: Problem['reasons'][number]): string {
  const sentence = words.value.reasons[code]
  if (sentence === undefined) return apart(detail)
  return sentence({
    ...nothing,
    other: other === undefined ? '' : nameOf(other.course_id, other.group_id),
    from: window === undefined ? '' : momentOf(window.from),
    until: window === undefined ? '' : momentOf(window.until),
    lock: lockOf(course_id, group_id),
  })
}

function lockOf(course = 0, group = 0): ReasonAbout['lock'] {
  return (
    catalog.value.get(keyOf(course, group))?.sex_lock ?? (me.value?.gender === 'male' ? 'female' : 'male')
  )
}

export const nothing: ReasonAbout = {
  other: '',
  from: '',
  until: '',
  lock: undefined,
  units: '',
  maxUnits: '',
}
