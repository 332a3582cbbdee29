import { effect } from '@preact/signals'
import { render } from 'preact'
import { resume } from './deeds.ts'
import { watchForever } from './live.ts'
import { Page } from './page.tsx'
import { watchOpening } from './plan.ts'
import { heard, phase, readCatalog, readMine, renewSession, say, session } from './store.ts'
import { words } from './words.ts'

/** How often the page looks by itself: at the catalog while it is searched, at the rest while no events come. */
const lookEveryMs = 60_000
/** Every so many looks at one's own standing too: staff may have changed it. */
const mineEvery = 5
let looks = 0
const renewEveryMs = 20_000

const root = document.getElementById('page')
if (root === null) throw new Error('the page has no place for itself')
render(<Page />, root)
watchForever()
watchOpening()

async function readAll(): Promise<void> {
  if (session.value === undefined) return
  await Promise.all([readCatalog(), readMine()])
}

function readQuietly(): void {
  // What cannot be read now is read at the next turn; the page says that it is not live.
  readAll().catch(() => {})
}

let student: number | undefined
effect(() => {
  const now = session.value?.student
  if (now === student) return
  student = now
  if (now === undefined) return
  readQuietly()
  void resume()
})

let before: typeof phase.value
effect(() => {
  const now = phase.value
  if (before === 'before' && now === 'open') say('news', words.peek().happened.opened)
  if (before === 'open' && now === 'after') say('news', words.peek().happened.closed)
  before = now
})

// Events tell the rest: thousands of pages that ask for what they know would be a storm of their own.
setInterval(
  () => {
    if (document.hidden || session.value === undefined) return
    if (location.hash.startsWith('#/find')) readCatalog().catch(() => {})
    if (heard.value?.isLive !== true || ++looks % mineEvery === 0) readMine().catch(() => {})
  },
  lookEveryMs * (0.75 + Math.random() / 2),
)
setInterval(() => {
  renewSession().catch(() => {})
}, renewEveryMs)
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) readQuietly()
})
addEventListener('online', readQuietly)
