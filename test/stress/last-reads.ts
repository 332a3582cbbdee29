import { catalogShown, placesShown, rosterShown } from './calls.ts'
import type { StressCampus } from './campus.ts'
import type { ReadLog, ShownGroup } from './history.ts'
import type { Sender } from './sender.ts'

interface Tokens {
  readonly students: ReadonlyMap<number, string>
  readonly staff: ReadonlyMap<number, string>
}

/**
 * Reads everything that there is to read, once all is quiet: every student's courses, as themselves or by staff of
 * their department, every roster, and every department's catalog.
 * @throws if something cannot be read
 */
export async function readEverything(
  sender: Sender,
  { students, groups, staff }: StressCampus,
  tokens: Tokens,
): Promise<{ readonly reads: ReadLog[]; readonly groups: ShownGroup[] }> {
  const staffOf = (department: number) => {
    const member = staff.find((one) => one.department === department)
    return tokens.staff.get(member?.id ?? 0)
  }
  const read = async (path: string, token: string | undefined) => {
    const reply = token === undefined ? undefined : await sender.read(path, token)
    if (reply === undefined) throw new Error(`GET ${path} was not answered with 200`)
    return reply
  }
  const reads: ReadLog[] = []
  for (const { id, department } of students) {
    const own = tokens.students.get(id)
    const replies = [await read(`/staff/student-courses?std_id=${id}`, staffOf(department))]
    if (own !== undefined) replies.push(await read('/student/course', own))
    for (const reply of replies) {
      const { sentMs, receivedMs } = reply
      reads.push({ what: 'student', student: id, places: placesShown(reply), sentMs, receivedMs })
    }
  }
  for (const { course, group, department } of groups) {
    const path = `/staff/course-students?course_id=${course}&group_id=${group}`
    const reply = await read(path, staffOf(department))
    const { sentMs, receivedMs } = reply
    reads.push({ what: 'roster', course, group, ...rosterShown(reply), sentMs, receivedMs })
  }
  const [anybody] = tokens.students.values()
  const shown: ShownGroup[] = []
  for (const department of new Set(groups.map((group) => group.department))) {
    shown.push(...catalogShown(await read(`/student/courses?department=${department}`, anybody)))
  }
  return { reads, groups: shown }
}
