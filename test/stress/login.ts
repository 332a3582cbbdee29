import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpClient } from '../../kit/load/http-client.ts'
import { password } from './campus.ts'

const atOnce = 16

/**
 * Logs everybody in, some at once.
 * @returns a token each
 * @throws if one is refused
 */
export async function logIn(
  http: Pick<HttpClient, 'send'>,
  ids: readonly number[],
  options: { readonly staff: boolean },
): Promise<Map<number, string>> {
  const tokens = new Map<number, string>()
  const waiting = [...ids]
  const lane = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      tokens.set(id, await logOneIn(http, id, options.staff))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return tokens
}

async function logOneIn(http: Pick<HttpClient, 'send'>, user: number, staff: boolean): Promise<string> {
  for (;;) {
    const { status, headers, body } = await http.send({
      method: 'POST',
      path: '/login',
      body: { user, password, staff },
    })
    if (status === 200) return (JSON.parse(body) as { token: string }).token
    if (status !== 503) throw new Error(`login of ${user}: ${status} ${body}`)
    await sleep(Number(headers['retry-after'] ?? 1) * 1000)
  }
}
