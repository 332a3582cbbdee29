import { effect, signal } from '@preact/signals'
import type { EventData } from '../client/api.ts'
import { Refused } from '../client/client.ts'
import {
  caller,
  catalog,
  heard,
  keyOf,
  loseSession,
  places,
  readCatalog,
  readMine,
  say,
  session,
  takeEvent,
} from './store.ts'
import { courseName, inDigits, words } from './words.ts'

/** The courses whose seats are on the screen. */
export const watched = signal<readonly number[]>([])

/** A server that lives says so every 20 s. */
const silenceMsMax = 50_000
/** What one stream takes. */
const coursesMax = 20
const settleMs = 700

/** Keeps one stream of events open while somebody is signed in; another one when other courses are on the screen. */
export function watchForever(): void {
  let stop = new AbortController()
  let timer = 0
  effect(() => {
    const student = session.value?.student
    const courses = watched.value.slice(0, coursesMax).join()
    clearTimeout(timer)
    timer = setTimeout(
      () => {
        stop.abort()
        stop = new AbortController()
        if (student !== undefined) void keepOpen(courses, stop.signal)
      },
      heard.peek() === undefined ? 0 : settleMs,
    )
  })
}

async function keepOpen(courses: string, stopped: AbortSignal): Promise<void> {
  let lastEventId: string | undefined
  while (!stopped.aborted) {
    const silence = new AbortController()
    let timer = 0
    const onHeard = () => {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), silenceMsMax)
      if (!stopped.aborted) heard.value = { atMs: Date.now(), isLive: true }
    }
    try {
      const query = { places: 'own', ...(courses !== '' && { course_id: courses }) } as const
      const options = { signal: AbortSignal.any([stopped, silence.signal]), onHeard }
      const events = caller().events(query, { ...options, ...(lastEventId !== undefined && { lastEventId }) })
      for await (const event of events) {
        lastEventId = event.id
        take(event, event.event === 'resync')
      }
    } catch (error) {
      if (stopped.aborted) return
      if (error instanceof Refused && error.problem.code === 'unauthenticated') return loseSession()
    } finally {
      clearTimeout(timer)
    }
    if (stopped.aborted) return
    if (heard.value !== undefined) heard.value = { ...heard.value, isLive: false }
    await new Promise((resolve) => setTimeout(resolve, 1000 + 2000 * Math.random()))
  }
}

function take(event: EventData, isWhole: boolean): void {
  const mustRead = takeEvent(event, isWhole)
  const isKnown = event.places.every((one) => catalog.value.has(keyOf(one.course_id, one.group_id)))
  if (!isKnown || event.places.some(({ change }) => change === 'time_changed'))
    void readCatalog().catch(() => {})
  if (mustRead || places.value === undefined) void readMine().catch(() => {})
  const { happened } = words.value
  for (const { course_id, group_id, change, reserve_queue_position } of event.places) {
    const course = catalog.value.get(keyOf(course_id, group_id))
    if (course === undefined || change === null) continue
    const name = courseName(course)
    if (change === 'promoted') say('good', happened.promoted(name))
    if (change === 'moved_up') say('news', happened.moved_up(name, inDigits(reserve_queue_position ?? 0)))
    if (change === 'time_changed') say('bad', happened.time_changed(name))
  }
}
