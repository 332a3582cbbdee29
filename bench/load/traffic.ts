import { createHmac } from 'node:crypto'
import { Random } from '../../src/registry/random.ts'
import { departmentOfCourse, drawCourses, pickCourses, placesOf } from '../campus/bench-campus.ts'
import { requestText } from './wire-client.ts'

/** Whose requests are sent: the students from `first` on, each of whom has a token. */
export interface Callers {
  readonly first: number
  readonly count: number
  /** From one of them to the next; 1 unless told. */
  readonly stride?: number
  /** Signed here with the server's key, or got by logging in; `{id}` in the password stands for who it is. */
  readonly tokens: { readonly secret: string } | { readonly password: string } | 'none'
}

/** What the requests of one stream ask for. */
export type Traffic =
  /** Each student in turn asks for so many courses, one after another: any, or such that each can be had. */
  | {
      readonly kind: 'courses'
      readonly courses: number
      readonly perStudent: number
      readonly wish: 'any' | 'possible'
      /** Places that each student holds already, as the campus was made with. */
      readonly held?: number
    }
  /** Each student in turn asks for so many different groups of these, one after another. */
  | {
      readonly kind: 'listed'
      readonly groups: readonly (readonly [course: number, group: number])[]
      readonly perStudent: number
    }
  /** Each student in turn asks once for the same course. */
  | { readonly kind: 'one-course'; readonly course: number }
  /** Students look at the courses of one department after another, over and over, as a page that shows free seats does. */
  | { readonly kind: 'catalog'; readonly departments: number }
  /** Each student in turn logs in. */
  | { readonly kind: 'login'; readonly password: string }

/** One request, ready to be sent. */
export interface Outgoing {
  readonly text: string
  /** Called with the entity tag of the reply, where it has one. */
  readonly onEtag?: (etag: string) => void
}

/** The requests of one student, in order; undefined = that was all. */
export type Session = () => Outgoing | undefined

/** Requests of one student before the connection turns to the next: fewer than a burst that is let through. */
const looksOfOne = 10

/** A supply of sessions, the same ones for the same seed. */
export class TrafficSource {
  readonly #traffic: Traffic
  readonly #callers: Callers
  readonly #tokens: readonly string[]
  readonly #seed: number
  /** By department, the newest that anybody was shown. */
  readonly #etags = new Map<number, string>()
  #looks = 0
  #next = 0

  /** @param tokens of the callers, in their order */
  constructor(traffic: Traffic, callers: Callers, tokens: readonly string[], seed: number) {
    this.#traffic = traffic
    this.#callers = callers
    this.#tokens = tokens
    this.#seed = seed
  }

  /** @returns undefined when every student has had their turn */
  openSession(): Session | undefined {
    const { kind } = this.#traffic
    // Looking takes nothing away: when everybody has looked, the first looks again.
    const index = kind === 'catalog' ? this.#next++ % this.#callers.count : this.#next++
    if (index >= this.#callers.count) return undefined
    const { first, stride = 1 } = this.#callers
    const student = first + index * stride
    const token = this.#tokens[index] ?? ''
    if (kind === 'catalog') return this.#openLook(token, this.#traffic.departments)
    const requests = this.#requestsOf(student, token)
    let at = 0
    return () => {
      const text = requests[at++]
      return text === undefined ? undefined : { text }
    }
  }

  /** A few looks, each with the tag of what was seen of the department before. */
  #openLook(token: string, departments: number): Session {
    let left = looksOfOne
    return () => {
      if (left-- === 0) return undefined
      const department = 1 + (this.#looks++ % departments)
      const seen = this.#etags.get(department)
      const headers = seen === undefined ? '' : `If-None-Match: ${seen}\r\n`
      const path = `/student/courses?department=${department}`
      return {
        text: requestText({ method: 'GET', path, token, headers }),
        onEtag: (etag) => this.#etags.set(department, etag),
      }
    }
  }

  #requestsOf(student: number, token: string): string[] {
    const traffic = this.#traffic
    if (traffic.kind === 'one-course') return [addRequest(traffic.course, token)]
    if (traffic.kind === 'login') return [loginRequest(student, traffic.password)]
    if (traffic.kind === 'catalog') return []
    const random = new Random(this.#seed + student * 7919)
    if (traffic.kind === 'listed') {
      return drawCourses(random, traffic.groups.length, traffic.perStudent).map((number) => {
        const [course = 0, group = 0] = traffic.groups[number - 1] ?? []
        return addRequest(course, token, group)
      })
    }
    const { courses, perStudent, wish, held = 0 } = traffic
    const holds = placesOf(student, courses, held)
    const wanted =
      wish === 'any'
        ? drawCourses(random, courses, perStudent)
        : pickCourses(random, courses, perStudent, holds)
    return wanted.map((course) => addRequest(course, token))
  }
}

function addRequest(course: number, token: string, group = 1): string {
  return requestText({
    method: 'PUT',
    path: '/student/course',
    token,
    body: `{"course_id":${course},"group_id":${group}}`,
  })
}

/** The token that the server would issue, made with its own key: a storm of logins is not what is measured. */
export function signToken(student: number, secret: string): string {
  const now = Math.floor(Date.now() / 1000)
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: 'cea',
    sub: String(student),
    department: departmentOfCourse(student),
    staff: false,
    iat: now,
    nbf: now,
    exp: now + 3600,
  }
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

export function loginRequest(user: number, password: string): string {
  return requestText({ method: 'POST', path: '/login', body: JSON.stringify({ user, password }) })
}
