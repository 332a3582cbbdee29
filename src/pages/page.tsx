import { signal } from '@preact/signals'
import { Find } from './find.tsx'
import { pending, stopTrying, waiting } from './deeds.ts'
import { Record } from './record.tsx'
import { SignIn } from './sign-in.tsx'
import { endSession, heard, me, message, nowMs, phase, places, say, serverNowMs, session } from './store.ts'
import { Week } from './week.tsx'
import { choose, durationOf, inDigits, languages, momentOf, words } from './words.ts'

/** Which of the pages is shown: what the address says behind `#/`. */
const shown = signal(location.hash.slice(2).split('?')[0])
addEventListener('hashchange', () => {
  shown.value = location.hash.slice(2).split('?')[0]
  scrollTo(0, 0)
  document.getElementById('main')?.focus({ preventScroll: true })
})

export function Page() {
  const { title, skip } = words.value
  return (
    <>
      <a class="skip" href="#main" onClick={focusMain}>
        {skip}
      </a>
      <header>
        <div class="bar">
          <p class="title">{title}</p>
          <Languages />
          {session.value && <Student number={session.value.student} />}
        </div>
        {session.value && <Standing />}
        {session.value && <Navigation />}
      </header>
      <Messages />
      <main id="main" tabIndex={-1}>
        {session.value === undefined ? <SignIn /> : <Shown />}
      </main>
    </>
  )
}

function Shown() {
  if (shown.value === 'find') return <Find />
  return shown.value === 'record' ? <Record /> : <Week />
}

function focusMain(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function Languages() {
  return (
    <div class="languages" role="group" aria-label={words.value.language}>
      {languages.map((one) => (
        <button
          key={one.code}
          type="button"
          class="plain"
          lang={one.code}
          aria-pressed={one.code === words.value.code}
          onClick={() => choose(one)}
        >
          {one.name}
        </button>
      ))}
    </div>
  )
}

function Student({ number }: { readonly number: number }) {
  const { student, signOut, signedOut } = words.value
  const leave = () => {
    endSession()
    say('news', signedOut)
  }
  return (
    <div class="student">
      <span>{student(inDigits(number))}</span>
      <button type="button" class="plain" onClick={leave}>
        {signOut}
      </button>
    </div>
  )
}

function Navigation() {
  const { pages, week, find, record } = words.value
  const current = (name: string) => ({
    'aria-current': shown.value === name ? ('page' as const) : undefined,
  })
  return (
    <nav aria-label={pages}>
      <a href="#/" {...current('')}>
        {week}
      </a>
      <a href="#/find" {...current('find')}>
        {find}
      </a>
      <a href="#/record" {...current('record')}>
        {record}
      </a>
    </nav>
  )
}

/** What the student may, until when, and how old all this is. */
function Standing() {
  const { units, actions, from, loading } = words.value
  const mine = me.value
  if (mine === undefined) return <p class="standing">{loading}</p>
  const held = (places.value ?? []).reduce((sum, { course }) => sum + course.units, 0)
  return (
    <div class="standing">
      <p class={`window ${phase.value}`}>
        <strong role="timer">{windowInWords()}</strong>
        <span>{from(momentOf(mine.window.from), momentOf(mine.window.until))}</span>
      </p>
      <p>{units(inDigits(held), inDigits(mine.max_units))}</p>
      <p>{actions(inDigits(mine.remaining_actions))}</p>
      <Freshness />
    </div>
  )
}

function windowInWords(): string {
  const { opensIn, openFor, closedSince } = words.value
  if (me.value === undefined) return ''
  const { from, until } = me.value.window
  if (phase.value === 'before') return opensIn(durationOf(Date.parse(from) - serverNowMs.value))
  if (phase.value === 'open') return openFor(durationOf(Date.parse(until) - serverNowMs.value))
  return closedSince(momentOf(until))
}

function Freshness() {
  const { live, notLive, loading } = words.value
  const last = heard.value
  if (last === undefined) return <p class="freshness">{loading}</p>
  if (last.isLive) return <p class="freshness live">{live}</p>
  return <p class="freshness away">{notLive(durationOf(nowMs.value - last.atMs))}</p>
}

/** What happened last, and what is under way: read out as it comes. */
function Messages() {
  const { messages, dismiss, sending, again, againIn, stopTrying: stop } = words.value
  const told = message.value
  const why = waiting.value
  return (
    <section class="messages" aria-label={messages}>
      <div role="status">
        {told && (
          <div class={`message ${told.kind}`}>
            <p>{told.title}</p>
            {told.reasons !== undefined && told.reasons.length > 0 && (
              <ul>
                {told.reasons.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
              </ul>
            )}
          </div>
        )}
        {pending.value && session.value && (
          <div class="message news">
            <p>{why === undefined ? sending : again[why.why]}</p>
          </div>
        )}
      </div>
      {told && !pending.value && (
        <button
          type="button"
          class="plain dismiss"
          aria-label={dismiss}
          onClick={() => (message.value = undefined)}
        >
          <span aria-hidden="true">✕</span>
        </button>
      )}
      {pending.value && session.value && why && (
        <p class="again">
          {againIn(inDigits(Math.max(0, Math.ceil((why.untilMs - nowMs.value) / 1000))))}{' '}
          <button type="button" onClick={stopTrying}>
            {stop}
          </button>
        </p>
      )}
    </section>
  )
}
