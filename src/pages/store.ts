import { computed, signal } from '@preact/signals'
import type { Course, EventData, Me } from '../client/api.ts'
import { EnrollmentClient } from '../client/client.ts'
import type { Place } from './fit.ts'
import { clockOf, words } from './words.ts'

/** What the pages show, and how it is read from the server. */

export interface Session {
  readonly token: string
  readonly student: number
  /** Milliseconds since the Unix epoch. */
  readonly expiresMs: number
}

/** What is said to the student: a live region reads it out. */
export interface Message {
  readonly kind: 'good' | 'bad' | 'news'
  readonly title: string
  readonly reasons?: readonly string[]
}

const sessionStore = 'session'
/** Where the request is kept that has no answer yet. */
export const pendingStore = 'pending'
/** So long before a token ends, the next one is asked for. */
const renewMs = 5 * 60_000
const client = new EnrollmentClient(location.origin)

export const session = signal<Session | undefined>(keptSession())
export const me = signal<Me | undefined>(undefined)
/** Course by group, of the whole campus. */
export const catalog = signal<ReadonlyMap<string, Course>>(new Map())
export const departments = signal<readonly { readonly id: number; readonly name: string }[]>([])
export const message = signal<Message | undefined>(undefined)
/** By the device's clock, once a second. */
export const nowMs = signal(Date.now())
/** When the server said anything last, by the device's clock, and whether it goes on to. */
export const heard = signal<{ readonly atMs: number; readonly isLive: boolean } | undefined>(undefined)

interface Held {
  readonly key: string
  readonly position: number
}
const held = signal<readonly Held[] | undefined>(undefined)
/** Of the server's clock beyond the device's. */
const clockAheadMs = signal(0)

/** Undefined until they are known. */
export const places = computed<readonly Place[] | undefined>(() =>
  held.value?.flatMap(({ key, position }) => {
    const course = catalog.value.get(key)
    return course === undefined ? [] : [{ course, position }]
  }),
)
/** The moment, by the server's clock. */
export const serverNowMs = computed(() => nowMs.value + clockAheadMs.value)
export const phase = computed<'before' | 'open' | 'after' | undefined>(() => {
  if (me.value === undefined) return undefined
  if (serverNowMs.value < Date.parse(me.value.window.from)) return 'before'
  return serverNowMs.value < Date.parse(me.value.window.until) ? 'open' : 'after'
})

setInterval(() => (nowMs.value = Date.now()), 1000)

export function keyOf(course: number, group: number): string {
  return `${course}.${group}`
}

export function say(kind: Message['kind'], title: string, reasons: readonly string[] = []): void {
  message.value = { kind, title, reasons }
}

/** The client with the present token. */
export function caller(): EnrollmentClient {
  client.token = session.value?.token
  return client
}

function keptSession(): Session | undefined {
  const kept = sessionStorage.getItem(sessionStore)
  if (kept === null) return undefined
  const found = JSON.parse(kept) as Session
  return found.expiresMs > Date.now() ? found : undefined
}

/** Takes a token of `POST /login` or `POST /refresh`. */
export function takeToken(token: string): void {
  const claims = JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))) as {
    sub: string
    iat: number
    exp: number
  }
  const lifetimeMs = (claims.exp - claims.iat) * 1000
  const taken = { token, student: Number(claims.sub), expiresMs: Date.now() + lifetimeMs }
  sessionStorage.setItem(sessionStore, JSON.stringify(taken))
  session.value = taken
}

/** Forgets the student; what waits to be sent again is kept elsewhere. */
export function endSession(): void {
  sessionStorage.removeItem(sessionStore)
  session.value = undefined
  me.value = undefined
  held.value = undefined
  heard.value = undefined
}

/** The token is good no more. */
export function loseSession(): void {
  if (session.value === undefined) return
  endSession()
  const hasPending = sessionStorage.getItem(pendingStore) !== null
  say('bad', hasPending ? words.value.sessionEndedPending : words.value.sessionEnded)
}

/** Gets the next token in time; when the server gives none, says until when the session lasts. */
export async function renewSession(): Promise<void> {
  const now = session.value
  if (now === undefined) return
  const leftMs = now.expiresMs - Date.now()
  if (leftMs <= 0) return loseSession()
  if (leftMs > renewMs) return
  const answer = await caller().call('POST /refresh', {})
  if (answer.ok) takeToken(answer.data.token)
  else if (answer.status === 401) {
    const probe = await caller().call('GET /student/me', {})
    if (probe.status === 401) loseSession()
    else say('bad', words.value.sessionEndsSoon(clockOf(now.expiresMs)))
  }
}

/** Reads who the student is and what they hold. */
export async function readMine(): Promise<void> {
  const askedAtMs = Date.now()
  const [mine, courses] = await Promise.all([
    caller().call('GET /student/me', {}),
    caller().call('GET /student/course', {}),
  ])
  if (mine.status === 401 || courses.status === 401) return loseSession()
  if (!mine.ok || !courses.ok) return
  clockAheadMs.value = Date.parse(mine.data.server_time) - (askedAtMs + Date.now()) / 2
  me.value = mine.data
  learn(courses.data.data.map(({ course }) => course))
  held.value = courses.data.data.map(({ course, reserve_queue_position }) => ({
    key: keyOf(course.course_id, course.group_id),
    position: reserve_queue_position,
  }))
}

/** Reads the whole campus; a browser that has the newest version is told so in a few bytes. */
export async function readCatalog(): Promise<void> {
  const answer = await caller().call('GET /catalog', {})
  if (answer.ok) {
    catalog.value = new Map(answer.data.courses.map((one) => [keyOf(one.course_id, one.group_id), one]))
  }
  if (departments.value.length > 0) return
  const named = await caller().call('GET /departments', {})
  if (named.ok) departments.value = named.data.departments
}

/** Puts newer courses into the catalog. */
function learn(courses: readonly Course[]): void {
  const known = new Map(catalog.value)
  for (const one of courses) known.set(keyOf(one.course_id, one.group_id), one)
  catalog.value = known
}

/** @returns whether an event tells of something that must be read */
export function takeEvent({ seats, places: told }: EventData, isWhole: boolean): boolean {
  learn(
    seats.flatMap((one) => {
      const course = catalog.value.get(keyOf(one.course_id, one.group_id))
      return course === undefined ? [] : [{ ...course, ...one }]
    }),
  )
  const before = isWhole ? [] : (held.value ?? [])
  const others = before.filter(({ key }) => !told.some(({ course_id }) => key.startsWith(`${course_id}.`)))
  const now = told.flatMap(({ course_id, group_id, reserve_queue_position: position }) =>
    position === null ? [] : [{ key: keyOf(course_id, group_id), position }],
  )
  held.value = [...others, ...now]
  return !isWhole && told.length > 0
}
