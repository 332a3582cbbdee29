import type { AdminLeg, ChangeGroupLeg, ChangeStudentLeg } from '../messages/admin-commands.ts'
import type { AdoptLeg, Command, ReserveWish, StudentLeg } from '../messages/commands.ts'

export function add(at: string, reserve: ReserveWish = 'allow'): StudentLeg {
  return { do: 'add', ...placeAt(at), reserve }
}

export function drop(course: number): StudentLeg {
  return { do: 'drop', course }
}

export function move(at: string, terms: { allowReserve: boolean } = { allowReserve: false }): StudentLeg {
  return { do: 'move', ...placeAt(at), ...terms }
}

/** A student's request of one leg. */
export function asks(student: number, leg: StudentLeg): Command {
  return { actor: { role: 'student', id: student }, student, legs: [leg] }
}

/** A student's plan: judged whole, refused when it changes nothing. */
export function plans(student: number, ...legs: readonly StudentLeg[]): Command {
  return { actor: { role: 'student', id: student }, student, legs, plan: true }
}

/** A staff member of one department, or of the whole campus. */
export class Staff {
  readonly #actor: Command['actor']

  constructor(department: number, campusWide = false) {
    this.#actor = { role: 'staff', id: 900 + department, department, campusWide }
  }

  forceAdds(student: number, at: string, note?: string): Command {
    const leg = { do: 'force_add', ...placeAt(at), ...(note !== undefined && { note }) } as const
    return { actor: this.#actor, student, legs: [leg] }
  }

  forceDrops(student: number, at: string): Command {
    return { actor: this.#actor, student, legs: [{ do: 'force_drop', ...placeAt(at) }] }
  }

  /** What staff do with a course or a student itself; about `student` if it names one. */
  does(leg: AdminLeg, student?: number): Command {
    return { actor: this.#actor, legs: [leg], ...(student !== undefined && { student }) }
  }

  changes(at: string, changes: Omit<ChangeGroupLeg, 'do' | 'course' | 'group'>): Command {
    return this.does({ do: 'change_group', ...placeAt(at), ...changes })
  }

  /** @param what a group, or a course with all of them */
  opens(what: string | number): Command {
    return this.does({ do: 'open', ...placesAt(what) })
  }

  closes(what: string | number): Command {
    return this.does({ do: 'close', ...placesAt(what) })
  }

  cancels(what: string | number): Command {
    return this.does({ do: 'cancel', ...placesAt(what) })
  }

  changesStudent(student: number, changes: Omit<ChangeStudentLeg, 'do'>): Command {
    return this.does({ do: 'change_student', ...changes }, student)
  }

  setsCapacity(at: string, capacity: number): Command {
    return { actor: this.#actor, legs: [{ do: 'set_capacity', ...placeAt(at), capacity }] }
  }
}

/** Staff of department 1, which every sketched group belongs to unless it says otherwise. */
export const staff = new Staff(1)

export function adopts(course: number, duplicates: AdoptLeg['duplicates'] = []): Command {
  return { actor: { role: 'operator', id: 0 }, legs: [{ do: 'adopt', course, duplicates }] }
}

function placeAt(at: string): { course: number; group: number } {
  const [course = 0, group = 0] = at.split('/').map(Number)
  return { course, group }
}

function placesAt(what: string | number): { course: number; group?: number } {
  return typeof what === 'number' ? { course: what } : placeAt(what)
}
