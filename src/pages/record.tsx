import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Decisions } from '../client/api.ts'
import { nameOf, pending, reasonOf } from './deeds.ts'
import { caller } from './store.ts'
import { inDigits, momentOf, words } from './words.ts'

type Decision = Decisions['decisions'][number]

const decisions = signal<readonly Decision[] | undefined>(undefined)
const next = signal<string | null>(null)
const hasFailed = signal(false)

/** Reads the next page; the first one anew without a cursor. */
async function read(cursor?: string): Promise<void> {
  hasFailed.value = false
  const query = { limit: 30, ...(cursor !== undefined && { cursor }) }
  const answer = await caller()
    .call('GET /student/decisions', { query })
    .catch(() => undefined)
  if (answer?.ok !== true) {
    hasFailed.value = true
    return
  }
  decisions.value = [...(cursor === undefined ? [] : (decisions.value ?? [])), ...answer.data.decisions]
  next.value = answer.data.next
}

/** Own decisions with their reasons. */
export function Record() {
  const { record, recordIs, nothingDecided, notRead, loading, more } = words.value
  const isBusy = pending.value !== undefined
  useEffect(() => {
    decisions.value = undefined
    if (!isBusy) void read()
  }, [isBusy])
  const found = decisions.value
  return (
    <>
      <h1>{record}</h1>
      <p>{recordIs}</p>
      <p role="status" class="count">
        {hasFailed.value ? notRead : found === undefined ? loading : found.length === 0 ? nothingDecided : ''}
      </p>
      <ol class="record">
        {found?.map((one) => (
          <Entry key={`${one.term}.${one.seq}`} decision={one} />
        ))}
      </ol>
      {next.value !== null && (
        <button type="button" onClick={() => void read(next.value ?? undefined)}>
          {more}
        </button>
      )}
    </>
  )
}

function Entry({ decision }: { readonly decision: Decision }) {
  const { accepted, refusedShort, byStaff } = words.value
  const { at, outcome, actor, reasons } = decision
  const isYes = outcome === 'accepted'
  return (
    <li class="card">
      <p>
        <time dateTime={at}>{momentOf(at)}</time>
        {actor.role === 'staff' && ` · ${byStaff}`}
      </p>
      {titlesOf(decision).map((title) => (
        <p key={title}>
          <strong>{title}</strong>
        </p>
      ))}
      <p class={isYes ? 'fits' : 'failure'}>{isYes ? accepted : refusedShort}</p>
      {reasons.length > 0 && (
        <ul class="misfits">
          {reasons.map((reason) => (
            <li key={`${reason.code}${reason.leg ?? ''}${reason.with?.course_id ?? ''}`}>
              {reasonOf(reason)}
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}

/** What was asked for; where others asked, what it brought. Legs and effects are as the journal holds them. */
function titlesOf({ legs, effects }: Decision): string[] {
  const { deeds, otherDeed, happened, done } = words.value
  const groupOf = (part: Readonly<{ [name: string]: unknown }>) =>
    [Number(part['course_id']), Number(part['group_id'] ?? effects[0]?.['group_id'] ?? 0)] as const
  if (legs.length > 0) {
    return legs.map((leg) => deeds[String(leg['do'])]?.(nameOf(...groupOf(leg))) ?? otherDeed)
  }
  return effects.map((effect) => {
    const name = nameOf(...groupOf(effect))
    if (effect['type'] === 'promoted') return happened.promoted(name)
    if (effect['type'] === 'reserved') return done.reserved(name, inDigits(Number(effect['position'] ?? 0)))
    return effect['type'] === 'left' ? happened.left(name) : otherDeed
  })
}
