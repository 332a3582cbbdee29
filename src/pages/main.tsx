import { effect } from '@preact/signals'
import { render } from 'preact'
import { resume } from './deeds.ts'
import { watchForever } from './live.ts'
import { Page } from './page.tsx'
import { phase, readCatalog, readMine, renewSession, say, session } from './store.ts'
import { words } from './words.ts'

const catalogEveryMs = 20_000
const renewEveryMs = 20_000

const root = document.getElementById('page')
if (root === null) throw new Error('the page has no place for itself')
render(<Page />, root)
watchForever()

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

setInterval(() => {
  if (!document.hidden) readQuietly()
}, catalogEveryMs)
setInterval(() => {
  renewSession().catch(() => {})
}, renewEveryMs)
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) readQuietly()
})
addEventListener('online', readQuietly)
