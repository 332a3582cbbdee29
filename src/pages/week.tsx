import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { pending, perform } from './deeds.ts'
import type { Place } from './fit.ts'
import { watched } from './live.ts'
import { PlanSection } from './plan-section.tsx'
import { me, places } from './store.ts'
import { courseName, dayOf, examOf, inDigits, meetingsOf, minuteOf, words } from './words.ts'

export function Week() {
  const { week, loading, noPlaces, findSome } = words.value
  const held = places.value
  const courses = (held ?? []).map(({ course }) => course.course_id).join()
  useEffect(() => {
    watched.value = courses === '' ? [] : courses.split(',').map(Number)
  }, [courses])
  return (
    <>
      <h1>{week}</h1>
      <PlanSection />
      {held === undefined && <p>{loading}</p>}
      {held?.length === 0 && (
        <p>
          {noPlaces} <a href="#/find">{findSome}</a>
        </p>
      )}
      {held !== undefined && held.length > 0 && (
        <>
          <Timetable held={held} />
          <h2>{words.value.places}</h2>
          <ul class="cards">
            {held.map((place) => (
              <HeldPlace key={`${place.course.course_id}.${place.course.group_id}`} place={place} />
            ))}
          </ul>
        </>
      )}
    </>
  )
}

const usualDays = [0, 1, 2, 3, 4]

/** A row for each time at which something begins. */
function Timetable({ held }: { readonly held: readonly Place[] }) {
  const { timetable, time, queued } = words.value
  const meetings = held.flatMap((place) => place.course.class_time.map((at) => ({ ...place, at })))
  if (meetings.length === 0) return null
  const days = [...new Set([...usualDays, ...meetings.map(({ at }) => at.day)])].toSorted((a, b) => a - b)
  const starts = [...new Set(meetings.map(({ at }) => at.start_minute))].toSorted((a, b) => a - b)
  return (
    <div class="timetable">
      <table>
        <caption>{timetable}</caption>
        <thead>
          <tr>
            <th scope="col">{time}</th>
            {days.map((day) => (
              <th key={day} scope="col">
                {dayOf(day)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {starts.map((start) => (
            <tr key={start}>
              <th scope="row">{minuteOf(start)}</th>
              {days.map((day) => (
                <td key={day}>
                  {meetings
                    .filter(({ at }) => at.day === day && at.start_minute === start)
                    .map(({ course, position, at }) => (
                      <div
                        key={`${course.course_id}.${at.end_minute}`}
                        class={position === 0 ? 'meeting' : 'meeting reserved'}
                      >
                        <bdi>{course.name}</bdi>
                        <span>
                          {minuteOf(at.start_minute)}–{minuteOf(at.end_minute)}
                          {position > 0 && ` · ${queued}`}
                        </span>
                      </div>
                    ))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function HeldPlace({ place: { course, position } }: { readonly place: Place }) {
  const text = words.value
  const isAsking = useSignal(false)
  const keepButton = useRef<HTMLButtonElement>(null)
  const dropButton = useRef<HTMLButtonElement>(null)
  const name = courseName(course)
  useEffect(() => {
    if (isAsking.value) keepButton.current?.focus()
  }, [isAsking.value])
  const drop = () => {
    isAsking.value = false
    document.getElementById('main')?.focus()
    perform([{ do: 'drop', course: course.course_id, group: course.group_id }])
  }
  const keep = () => {
    isAsking.value = false
    setTimeout(() => dropButton.current?.focus())
  }
  return (
    <li class={position === 0 ? 'card' : 'card reserved'}>
      <h3>
        <bdi>{course.name}</bdi> <small>{text.group(inDigits(course.group_id))}</small>
      </h3>
      <p class="badge">{position === 0 ? text.registered : text.queuedAt(inDigits(position))}</p>
      <p>
        <bdi>{course.lecturer}</bdi> · {text.courseUnits(inDigits(course.units))}
      </p>
      <p>{meetingsOf(course)}</p>
      <p>{examOf(course)}</p>
      {course.notes !== '' && (
        <p>
          <bdi>{course.notes}</bdi>
        </p>
      )}
      {isAsking.value ? (
        <div class="asking" role="group" aria-label={name}>
          <p>{text.dropCosts(inDigits(me.value?.remaining_actions ?? 0))}</p>
          <button type="button" class="danger" onClick={drop}>
            {text.dropReally}
          </button>
          <button type="button" ref={keepButton} onClick={keep}>
            {text.keep}
          </button>
        </div>
      ) : (
        <div class="deeds">
          <button
            type="button"
            ref={dropButton}
            aria-label={`${position === 0 ? text.drop : text.leaveQueue}: ${name}`}
            disabled={pending.value !== undefined}
            onClick={() => (isAsking.value = true)}
          >
            {position === 0 ? text.drop : text.leaveQueue}
          </button>
          <a
            class="button"
            href={`#/find?course=${course.course_id}`}
            aria-label={`${text.otherGroups}: ${name}`}
          >
            {text.otherGroups}
          </a>
        </div>
      )}
    </li>
  )
}
