import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Course } from '../client/api.ts'
import { nothing, pending, perform } from './deeds.ts'
import { freeQueue, freeSeats, holds, type Misfit, misfitsOf } from './fit.ts'
import { watched } from './live.ts'
import { heldWithPlan, isPlanned, putOnPlan, takeOffPlan } from './plan.ts'
import { catalog, departments, me, phase, places } from './store.ts'
import { courseName, examOf, inDigits, meetingsOf, words } from './words.ts'

const query = signal('')
const department = signal('')
const onlyFree = signal(false)
const onlyFitting = signal(false)
const pageSize = 20
const shownMax = signal(pageSize)

/** `#/find?course=40103` shows the groups of one course. */
function takeAddress(): void {
  const [, wanted] = /^#\/find\?course=(\d+)$/.exec(location.hash) ?? []
  if (wanted === undefined) return
  query.value = wanted
  department.value = ''
  onlyFree.value = false
  onlyFitting.value = false
}
takeAddress()
addEventListener('hashchange', takeAddress)

interface Found {
  readonly course: Course
  readonly misfits: readonly Misfit[]
}

function search(): Found[] {
  const wanted = query.value
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const mine = me.value
  const held = places.value ?? []
  const found: Found[] = []
  for (const course of catalog.value.values()) {
    if (department.value !== '' && String(course.department) !== department.value) continue
    if (onlyFree.value && (freeSeats(course) === 0 || course.status !== 'open')) continue
    const text = `${course.name} ${course.lecturer} ${course.code ?? ''} ${course.course_id}`.toLowerCase()
    if (!wanted.every((word) => text.includes(word))) continue
    const misfits =
      mine === undefined ? [] : misfitsOf(course, mine, phase.value === 'before' ? heldWithPlan.value : held)
    if (onlyFitting.value && (misfits.length > 0 || holds(held, course))) continue
    found.push({ course, misfits })
  }
  return found
}

export function Find() {
  const text = words.value
  const box = useRef<HTMLInputElement>(null)
  const list = useRef<HTMLUListElement>(null)
  const found = catalog.value.size === 0 ? undefined : search()
  const shown = found?.slice(0, shownMax.value) ?? []
  const courses = [...new Set(shown.map(({ course }) => course.course_id))].join()
  useEffect(() => {
    watched.value = courses === '' ? [] : courses.split(',').map(Number)
  }, [courses])
  const change = (set: () => void) => {
    set()
    shownMax.value = pageSize
  }
  const onKey = (event: KeyboardEvent) => {
    const buttons = [...(list.current?.querySelectorAll<HTMLElement>('li') ?? [])].flatMap((item) => {
      const button = item.querySelector<HTMLElement>('button')
      return button === null ? [] : [button]
    })
    const index = buttons.indexOf(document.activeElement as HTMLElement)
    if (event.key === 'Escape') {
      change(() => (query.value = ''))
      box.current?.focus()
    } else if (event.key === 'ArrowDown') buttons[index + 1]?.focus()
    else if (event.key === 'ArrowUp') (index === 0 ? box.current : buttons[index - 1])?.focus()
    else return
    event.preventDefault()
  }
  const onFilterKey = (event: KeyboardEvent) => {
    if (event.target === box.current) onKey(event)
  }
  return (
    <>
      <h1>{text.find}</h1>
      <form
        class="filters"
        role="search"
        onSubmit={(event) => event.preventDefault()}
        onKeyDown={onFilterKey}
      >
        <label class="wide">
          {text.search}
          <input
            type="search"
            ref={box}
            dir="auto"
            value={query}
            onInput={(event) => change(() => (query.value = event.currentTarget.value))}
          />
        </label>
        <label>
          {text.department}
          <select
            value={department}
            onChange={(event) => change(() => (department.value = event.currentTarget.value))}
          >
            <option value="">{text.allDepartments}</option>
            {departments.value.map(({ id, name }) => (
              <option key={id} value={String(id)}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <Check label={text.onlyFree} box={onlyFree} onChange={change} />
        <Check label={text.onlyFitting} box={onlyFitting} onChange={change} />
      </form>
      <p role="status" class="count">
        {found === undefined
          ? text.loading
          : found.length === 0
            ? text.nothingFound
            : text.found(inDigits(found.length))}
      </p>
      <ul class="cards" ref={list} onKeyDown={onKey}>
        {shown.map((one) => (
          <Group key={`${one.course.course_id}.${one.course.group_id}`} {...one} />
        ))}
      </ul>
      {found !== undefined && found.length > shown.length && (
        <button type="button" onClick={() => (shownMax.value += pageSize)}>
          {text.more}
        </button>
      )}
    </>
  )
}

function Check(props: {
  readonly label: string
  readonly box: typeof onlyFree
  readonly onChange: (set: () => void) => void
}) {
  const { label, box, onChange } = props
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={box}
        onChange={(event) => onChange(() => (box.value = event.currentTarget.checked))}
      />
      {label}
    </label>
  )
}

function Group({ course, misfits }: Found) {
  const text = words.value
  const held = places.value ?? []
  const isMine = holds(held, course)
  const seats = freeSeats(course)
  return (
    <li class={misfits.length > 0 ? 'card misfit' : 'card'}>
      <h2>
        <bdi>{course.name}</bdi> <small>{text.group(inDigits(course.group_id))}</small>
      </h2>
      <p>
        <bdi>{course.lecturer}</bdi> · {text.courseUnits(inDigits(course.units))} ·{' '}
        <bdi>{course.code ?? inDigits(course.course_id)}</bdi>
        {course.sex_lock !== null && ` · ${course.sex_lock === 'female' ? text.forWomen : text.forMen}`}
      </p>
      <p>{meetingsOf(course)}</p>
      <p>{examOf(course)}</p>
      {course.notes !== '' && (
        <p>
          <bdi>{course.notes}</bdi>
        </p>
      )}
      <p class="seats">
        <meter
          min={0}
          max={Math.max(1, course.capacity)}
          value={course.registered_count}
          aria-hidden="true"
        />
        {seats > 0
          ? text.seatsFree(inDigits(seats), inDigits(course.capacity))
          : `${text.full(inDigits(course.capacity))} · ${queueInWords(course)}`}
      </p>
      {isMine ? <p class="fits">{text.yours}</p> : <Fit course={course} misfits={misfits} />}
    </li>
  )
}

function queueInWords({ reserve_capacity, reserved_count }: Course): string {
  const { noQueue, waiting } = words.value
  return reserve_capacity === 0 ? noQueue : waiting(inDigits(reserved_count), inDigits(reserve_capacity))
}

/** Whether it can be taken, why not, and the button. */
function Fit({ course, misfits }: Found) {
  const text = words.value
  const isMove = (places.value ?? []).some((place) => place.course.course_id === course.course_id)
  const needsQueue = freeSeats(course) === 0 && freeQueue(course) > 0
  const action = isMove ? (needsQueue ? text.moveToQueue : text.move) : needsQueue ? text.join : text.add
  const where = { course: course.course_id, group: course.group_id }
  const send = () =>
    perform([isMove ? { do: 'move', ...where, allowReserve: needsQueue } : { do: 'add', ...where }])
  const isOnPlan = isPlanned(course)
  return (
    <>
      {misfits.length === 0 ? (
        <p class="fits">{isOnPlan ? text.onPlan : text.fits}</p>
      ) : (
        <ul class="misfits">
          {misfits.map((one) => (
            <li key={`${one.code}${one.other?.course_id ?? ''}`}>{misfitInWords(one, course)}</li>
          ))}
        </ul>
      )}
      {isMove && <p>{text.moveCosts}</p>}
      <div class="deeds">
        {phase.value !== 'before' && (
          <button
            type="button"
            class={misfits.length === 0 ? 'main' : ''}
            aria-label={`${misfits.length === 0 ? action : text.tryAnyway}: ${courseName(course)}`}
            aria-disabled={pending.value !== undefined}
            onClick={send}
          >
            {misfits.length === 0 ? action : text.tryAnyway}
          </button>
        )}
        {(phase.value === 'before' || isOnPlan) && (
          <button
            type="button"
            class={phase.value === 'before' && !isOnPlan && misfits.length === 0 ? 'main' : ''}
            aria-label={`${isOnPlan ? text.offPlan : text.toPlan}: ${courseName(course)}`}
            onClick={() => (isOnPlan ? takeOffPlan(course) : putOnPlan(course))}
          >
            {isOnPlan ? text.offPlan : text.toPlan}
          </button>
        )}
      </div>
    </>
  )
}

export function misfitInWords({ code, other, units }: Misfit, course: Course): string {
  const sentence = words.value.reasons[code]
  if (sentence === undefined) return code
  return sentence({
    ...nothing,
    other: other === undefined ? '' : courseName(other),
    lock: course.sex_lock ?? undefined,
    units: units === undefined ? '' : inDigits(units),
    maxUnits: inDigits(me.value?.max_units ?? 0),
  })
}
