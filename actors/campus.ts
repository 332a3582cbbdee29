import { Course, CourseGroup, type GroupProfile } from './course.ts'
import { type EnrollmentWindow, Student, type StudentProfile } from './student.ts'

/** The whole state of one campus: every course and every student, by id. */
export class Campus {
  readonly courses = new Map<number, Course>()
  readonly students = new Map<number, Student>()
  /** Those that courses and students may be added to. */
  readonly departments = new Set<number>()
  /** Groups by department, for catalogs. */
  readonly groupsByDepartment = new Map<number, CourseGroup[]>()
  /** Whether any student or group was ever set aside: nearly always not, and then nobody looks. */
  hasFaults = false
  readonly #windows = new Map<number, Map<number, EnrollmentWindow>>()

  addGroup(profile: GroupProfile): CourseGroup {
    let course = this.courses.get(profile.course)
    if (course === undefined) {
      course = new Course(profile.course)
      this.courses.set(profile.course, course)
    }
    if (course.find(profile.group) !== undefined) {
      throw new Error(`group ${profile.group} of course ${profile.course} was added twice`)
    }
    const group = new CourseGroup(profile)
    course.groups.push(group)
    if (profile.faults !== undefined) this.hasFaults = true
    this.departments.add(profile.department)
    const siblings = this.groupsByDepartment.get(profile.department)
    if (siblings === undefined) this.groupsByDepartment.set(profile.department, [group])
    else siblings.push(group)
    return group
  }

  addStudent(profile: StudentProfile): Student {
    if (this.students.has(profile.id)) throw new Error(`student ${profile.id} was added twice`)
    const student = new Student(profile, this.#window(profile.windowStartMs, profile.windowEndMs))
    this.students.set(profile.id, student)
    if (profile.faults !== undefined) this.hasFaults = true
    return student
  }

  /** Gives a student another profile. */
  changeStudent(profile: StudentProfile): void {
    const { id, windowStartMs, windowEndMs } = profile
    this.student(id).become(profile, this.#window(windowStartMs, windowEndMs))
  }

  /** One object for each window there is: many students share few, and then it is near at hand when one of them asks. */
  #window(startMs: number, endMs: number): EnrollmentWindow {
    let byEnd = this.#windows.get(startMs)
    if (byEnd === undefined) this.#windows.set(startMs, (byEnd = new Map()))
    let window = byEnd.get(endMs)
    if (window === undefined) byEnd.set(endMs, (window = { startMs, endMs }))
    return window
  }

  findGroup(course: number, group: number): CourseGroup | undefined {
    return this.courses.get(course)?.find(group)
  }

  course(id: number): Course {
    const found = this.courses.get(id)
    if (found === undefined) throw new Error(`no course ${id} in this campus`)
    return found
  }

  group(course: number, group: number): CourseGroup {
    const found = this.findGroup(course, group)
    if (found === undefined) throw new Error(`no group ${group} of course ${course} in this campus`)
    return found
  }

  student(id: number): Student {
    const found = this.students.get(id)
    if (found === undefined) throw new Error(`no student ${id} in this campus`)
    return found
  }

  /**
   * Seats a student as the tables say, in the order of the rows; for recovery, before the first decision.
   * @param order the reserve order, or undefined for a seat
   * @param isExtra whether the seat is beyond the capacity
   */
  place(studentId: number, group: CourseGroup, order: number | undefined, isExtra = false): void {
    if (order === undefined) group.registered.push(studentId)
    else insertIntoQueue(group, studentId, order)
    if (isExtra) group.extra.push(studentId)
    this.students.get(studentId)?.enter(group)
  }
}

/** Rows arrive in any order; the queue is by order number. */
function insertIntoQueue(group: CourseGroup, student: number, order: number): void {
  let index = group.queueOrders.length
  while (index > 0 && (group.queueOrders[index - 1] ?? 0) > order) index--
  group.queue.splice(index, 0, student)
  group.queueOrders.splice(index, 0, order)
}
