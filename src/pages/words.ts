import { computed, effect, signal } from '@preact/signals'
import type { Course } from '../client/api.ts'
import { english, type Language } from './languages/en.ts'
import { persian } from './languages/fa.ts'

/** Numbers, moments and names as the chosen language writes them. A further language is one more file and one more entry. */

export const languages: readonly Language[] = [english, persian]

const storeName = 'language'

function firstChoice(): Language {
  const wanted = [localStorage.getItem(storeName), ...navigator.languages]
  for (const one of wanted) {
    const found = languages.find(({ code }) => one !== null && one.startsWith(code))
    if (found !== undefined) return found
  }
  return english
}

const chosen = signal(firstChoice())
/** Every text, in the language that was chosen. */
export const words = computed(() => chosen.value)

export function choose(language: Language): void {
  localStorage.setItem(storeName, language.code)
  chosen.value = language
}

effect(() => {
  document.documentElement.lang = chosen.value.code
  document.documentElement.dir = chosen.value.direction
  document.title = chosen.value.title
})

const formats = computed(() => {
  const { locale } = chosen.value
  const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  return {
    number: new Intl.NumberFormat(locale, { useGrouping: false }),
    two: new Intl.NumberFormat(locale, { useGrouping: false, minimumIntegerDigits: 2 }),
    moment: new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'long', ...clock }),
    otherYear: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric', ...clock }),
    clock: new Intl.DateTimeFormat(locale, clock),
    day: new Intl.DateTimeFormat(locale, { weekday: 'long', timeZone: 'UTC' }),
    shortDay: new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone: 'UTC' }),
  }
})

export function inDigits(number: number): string {
  return formats.value.number.format(number)
}

/** @param at anything that `Date` takes */
export function momentOf(at: number | string): string {
  const when = new Date(at)
  const { moment, otherYear } = formats.value
  return (when.getFullYear() === new Date().getFullYear() ? moment : otherYear).format(when)
}

export function clockOf(at: number): string {
  return formats.value.clock.format(new Date(at))
}

/** 0 = Saturday … 6 = Friday. */
export function dayOf(day: number, length: 'long' | 'short' = 'long'): string {
  const { day: long, shortDay } = formats.value
  return (length === 'long' ? long : shortDay).format(Date.UTC(2000, 0, 1 + day))
}

export function minuteOf(minute: number): string {
  const { two } = formats.value
  return `${two.format(Math.floor(minute / 60))}:${two.format(minute % 60)}`
}

/** The two largest units: `2 h 13 min`. */
export function durationOf(ms: number): string {
  const { d, h, min, s } = chosen.value.duration
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), d],
    [Math.floor(seconds / 3600) % 24, h],
    [Math.floor(seconds / 60) % 60, min],
    [seconds % 60, s],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2)
  return shown.map(([count, unit]) => `${inDigits(count)} ${unit}`).join(' ')
}

/** A name that may run the other way than the text around it. */
export function apart(name: string): string {
  return `\u2068${name}\u2069`
}

export function courseName(course: Pick<Course, 'name' | 'group_id'>): string {
  return `${apart(course.name)} (${words.value.group(inDigits(course.group_id))})`
}

export function meetingsOf({ class_time }: Course): string {
  const times = new Map<string, string[]>()
  for (const { day, start_minute, end_minute } of class_time) {
    const range = `${minuteOf(start_minute)}–${minuteOf(end_minute)}`
    times.set(range, [...(times.get(range) ?? []), dayOf(day)])
  }
  const shown = [...times].map(([range, days]) => `${words.value.list(days)} ${range}`)
  return shown.length === 0 ? words.value.noMeetings : shown.join(' · ')
}

export function examOf({ exam_time }: Course): string {
  return exam_time === 0 ? words.value.noExam : words.value.exam(momentOf(exam_time * 1000))
}
