import { createHmac } from 'node:crypto'

/** Who asks for what, in a campus that is made for it: everybody may take every course, and there is room. */
export const groupCount = 600
export const firstCourse = 1001
/** Courses with a seat or two each, for those who compete. */
export const scarceCount = 400
export const firstScarce = 5001
/** Courses that all overlap, for plans that cannot be. */
export const conflictingCount = 20
export const firstConflicting = 9001
/** A plan of twenty legs that breaks as many rules as one can. */
export const conflictingPlan = JSON.stringify({
  legs: Array.from({ length: conflictingCount }, (_, index) => ({
    add: { course_id: firstConflicting + index, group_id: 1 },
  })),
})

/** Where staff read the decisions about a student, a long page of them. */
export function decisionsOf(student: number): string {
  return `/staff/decisions?student_id=${student}&limit=200`
}

/** Spreads indexes over everything, the same way every time. */
function scatter(index: number): number {
  let z = Math.imul(index + 0x9e3779b9, 0x85ebca6b) >>> 0
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35) >>> 0
  return (z ^ (z >>> 16)) >>> 0
}

/** A token as `POST /login` gives it, made with the server's own secret: logging in is not what is tried here. */
export function tokenOf(id: number, secret: string, { staff = false } = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'cea',
    sub: String(id),
    department: 1,
    staff,
    iat: now,
    nbf: now,
    exp: now + 3600,
  }
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** The whole request, ready to be written. */
function putCourse(token: string, key: string, course: number): string {
  const body = `{"course_id":${course},"group_id":1}`
  return (
    `PUT /student/course HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
    `Idempotency-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  )
}

function deleteCourse(token: string, key: string, course: number): string {
  return (
    `DELETE /student/course?course_id=${course} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
    `Idempotency-Key: ${key}\r\n\r\n`
  )
}

/** The key that request `index` carries; its number tells which one it was. */
export function keyOf(index: number): string {
  return `overload-${index}`
}

/** Request `index` of somebody who competes: any of the scarce courses. */
export function scarceRequestOf(index: number, token: string): string {
  return putCourse(token, keyOf(index), firstScarce + (scatter(index) % scarceCount))
}

/**
 * Request `index`: two of three add a course, the others drop one, whoever holds it.
 * @param students the first so many of the tokens are used
 */
export function requestOf(index: number, tokens: readonly string[], students: number): string {
  const drawn = scatter(index)
  const token = tokens[drawn % students] ?? ''
  // A student's requests are about a few courses, so that some of them drop what they hold.
  const course = firstCourse + (((drawn % students) * 7 + ((drawn >>> 20) % 12)) % groupCount)
  return index % 3 === 2 ? deleteCourse(token, keyOf(index), course) : putCourse(token, keyOf(index), course)
}
