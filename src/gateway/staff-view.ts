import type { FastifyReply } from 'fastify'
import type { EnrollmentService, RosterView, StudentView } from '../engine/service.ts'
import { refuseUnavailable } from './commands.ts'
import { sendProblem } from './problems.ts'
import type { Caller } from './tokens.ts'

/**
 * What a staff member may see: the courses of their own department, and students who belong to it or hold a
 * place in its courses. What they may not see, or what does not exist, is answered here.
 */
export class StaffView {
  readonly #service: EnrollmentService
  readonly #campusWide: boolean

  constructor(service: EnrollmentService, campusWide: boolean) {
    this.#service = service
    this.#campusWide = campusWide
  }

  async student(caller: Caller, id: number, reply: FastifyReply): Promise<StudentView | undefined> {
    const shown = await this.#service.studentView(id)
    if (shown.kind === 'unavailable') return refuseUnavailable(reply, shown)
    const student = shown.view
    if (student === undefined) return sendProblem(reply, 'no_such_student')
    if (this.#campusWide || belongsTo(student, caller.department)) return student
    return sendProblem(reply, 'other_department', {
      detail: 'The student belongs to another department and holds no place in a course of yours.',
    })
  }

  async roster(
    caller: Caller,
    course: number,
    group: number,
    reply: FastifyReply,
  ): Promise<RosterView | undefined> {
    const shown = await this.#service.roster(course, group)
    if (shown.kind === 'unavailable') return refuseUnavailable(reply, shown)
    const roster = shown.view
    if (roster === undefined) {
      return sendProblem(reply, 'no_such_course', {
        detail: `There is no group ${group} of course ${course}.`,
      })
    }
    if (this.#campusWide || roster.department === caller.department) return roster
    return sendProblem(reply, 'other_department', {
      detail: `Group ${group} of course ${course} belongs to another department.`,
    })
  }
}

function belongsTo(student: StudentView, department: number): boolean {
  return (
    student.department === department || student.places.some(({ group }) => group.department === department)
  )
}
