import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, HttpClient, type Reply } from '../../kit/load/http-client.ts'
import type { Target } from './target.ts'

/** A service elsewhere, and who may load it. */
export interface RemoteService {
  /** http://host:port */
  readonly url: URL
  /** Students by number, both included; each enrolls once. */
  readonly students: { readonly first: number; readonly last: number }
  /** Of all of them; `{id}` stands for their number. */
  readonly password: string
  readonly departments: number
}

/** Takes load like any other; what it costs there is not seen from here. */
export class RemoteDeployment implements Target {
  readonly host: string
  readonly port: number
  readonly groups = []
  readonly #http: HttpClient

  constructor({ url }: RemoteService) {
    this.host = url.hostname
    this.port = Number(url.port || '80')
    this.#http = new HttpClient({ host: this.host, port: this.port, connectionsMax: 2, timeoutMs: 20_000 })
  }

  async untilWritten(): Promise<void> {}

  async stop(): Promise<void> {
    this.#http.close()
  }

  /** Every course group that the catalogs of the departments show, as pairs of numbers. */
  async courseGroups({
    students,
    password,
    departments,
  }: RemoteService): Promise<(readonly [number, number])[]> {
    const user = students.first
    const login = await this.#http.send({
      method: 'POST',
      path: '/login',
      body: { user, password: password.replaceAll('{id}', String(user)) },
    })
    if (login.status !== 200) throw new Error(`student ${user} cannot log in: ${login.status} ${login.body}`)
    const { token } = JSON.parse(login.body) as { token: string }
    const groups: (readonly [number, number])[] = []
    for (let department = 1; department <= departments; department++) {
      const path = `/student/courses?department=${department}`
      const { body, status } = await this.#askPatiently({ method: 'GET', path, token })
      if (status !== 200) continue
      const { courses } = JSON.parse(body) as { courses: { course_id: number; group_id: number }[] }
      for (const { course_id, group_id } of courses) groups.push([course_id, group_id])
    }
    if (groups.length === 0) throw new Error(`departments 1 to ${departments} show no courses`)
    return groups
  }

  /** Again for as long as it was too fast. */
  async #askPatiently(call: Call): Promise<Reply> {
    for (;;) {
      const reply = await this.#http.send(call)
      if (reply.status !== 429) return reply
      await sleep(1000 * Number(reply.headers['retry-after'] ?? 1))
    }
  }
}
