import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { caller, message, takeToken } from './store.ts'
import { inDigits, words } from './words.ts'

export function SignIn() {
  const text = words.value
  const user = useSignal('')
  const password = useSignal('')
  const isSending = useSignal(false)
  const failure = useSignal('')
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [])

  const send = async (event: Event) => {
    event.preventDefault()
    if (isSending.value) return
    isSending.value = true
    failure.value = ''
    try {
      failure.value = await signIn(user.value, password.value)
    } catch {
      failure.value = text.noAnswer
    } finally {
      isSending.value = false
    }
    if (failure.value !== '') first.current?.focus()
  }

  return (
    <form class="sign-in" onSubmit={(event) => void send(event)}>
      <h1>{text.signIn}</h1>
      <label for="user">{text.user}</label>
      <input
        id="user"
        ref={first}
        autocomplete="username"
        required
        dir="ltr"
        aria-describedby="failure"
        value={user}
        onInput={(event) => (user.value = event.currentTarget.value)}
      />
      <label for="password">{text.password}</label>
      <input
        id="password"
        type="password"
        autocomplete="current-password"
        required
        dir="ltr"
        value={password}
        onInput={(event) => (password.value = event.currentTarget.value)}
      />
      <p id="failure" class="failure" role="alert">
        {failure}
      </p>
      <button type="submit" class="main">
        {isSending.value ? text.signingIn : text.signIn}
      </button>
    </form>
  )
}

/** @returns why not; empty when it worked */
async function signIn(user: string, password: string): Promise<string> {
  const text = words.peek()
  // Persian and Arabic keyboards write other digits.
  const latin = user
    .trim()
    .replaceAll(/[۰-۹٠-٩]/g, (digit) => String('۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩'.indexOf(digit) % 10))
  const number = /^\d{1,15}$/.test(latin) ? Number(latin) : latin
  const answer = await caller().call('POST /login', { body: { user: number, password } })
  if (answer.ok) {
    message.value = undefined
    takeToken(answer.data.token)
    return ''
  }
  if (answer.problem.code === 'unauthenticated') return text.wrongPassword
  const { retryAfterSeconds } = answer
  if (answer.problem.code === 'too_many_requests' && retryAfterSeconds !== undefined) {
    return text.tooManyLogins(inDigits(retryAfterSeconds))
  }
  return text.noAnswer
}
