import { useRef } from 'preact/hooks'
import type { Course } from '../client/api.ts'
import { pending } from './deeds.ts'
import { misfitsOf } from './fit.ts'
import { misfitInWords } from './find.tsx'
import { arm, heldWithPlan, plan, planned, sendPlan, takeOffPlan } from './plan.ts'
import { me, phase } from './store.ts'
import { courseName, inDigits, meetingsOf, words } from './words.ts'

/** What the student wants, and what stands in its way; nothing while there is no plan. */
export function PlanSection() {
  const text = words.value
  const heading = useRef<HTMLHeadingElement>(null)
  if (planned.value.length === 0) return null
  const isArmed = plan.value.armed !== undefined
  return (
    <section class="plan" aria-label={text.plan}>
      <h2 ref={heading} tabIndex={-1}>
        {text.plan}
      </h2>
      <p>{text.planIs}</p>
      <ul>
        {planned.value.map((course) => (
          <Wish key={course.course_id} course={course} onOff={() => heading.current?.focus()} />
        ))}
      </ul>
      {phase.value === 'before' && (
        <>
          <p role="status">{isArmed && <strong>{text.armed}</strong>}</p>
          <button type="button" class={isArmed ? '' : 'main'} onClick={() => arm(!isArmed)}>
            {isArmed ? text.disarm : text.arm}
          </button>
        </>
      )}
      {phase.value === 'open' && (
        <button type="button" class="main" aria-disabled={pending.value !== undefined} onClick={sendPlan}>
          {text.sendPlan}
        </button>
      )}
    </section>
  )
}

function Wish({ course, onOff }: { readonly course: Course; readonly onOff: () => void }) {
  const { offPlan, group } = words.value
  const mine = me.value
  const others = heldWithPlan.value.filter((place) => place.course.course_id !== course.course_id)
  const misfits = mine === undefined ? [] : misfitsOf(course, mine, others)
  const takeOff = () => {
    takeOffPlan(course)
    onOff()
  }
  return (
    <li>
      <p>
        <bdi>{course.name}</bdi> <small>{group(inDigits(course.group_id))}</small> · {meetingsOf(course)}
      </p>
      {misfits.length > 0 && (
        <ul class="misfits">
          {misfits.map((one) => (
            <li key={`${one.code}${one.other?.course_id ?? ''}`}>{misfitInWords(one, course)}</li>
          ))}
        </ul>
      )}
      <button type="button" class="plain" aria-label={`${offPlan}: ${courseName(course)}`} onClick={takeOff}>
        {offPlan}
      </button>
    </li>
  )
}
