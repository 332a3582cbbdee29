import assert from 'node:assert/strict'
import { after, afterEach, before } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { type Program, type ServerProcess } from '../../kit/command-line.ts'
import { DeterminedStudents } from '../../kit/determined-students.ts'
import type { HttpClient } from '../../kit/rest-client.ts'
import { createProcessCampus, logIn, placesIn, type ProcessCampus } from './process-fixture.ts'

/** Students on their way to a place in each of some courses. */
export type Rush = DeterminedStudents & { readonly courses: readonly number[] }

const studentCount = 30
const coursesOfOneRush = 9

/**
 * A campus and its students through the tests of one `describe`, each of which finds things as the one before left
 * them; everything that was started ends with it.
 */
export class RegistrationDay {
  tokens: ReadonlyMap<number, string> = new Map()
  #campus: ProcessCampus | undefined
  #nextCourse = 401
  readonly #cleanups: (() => unknown)[] = []
  readonly #rushes: Rush[] = []

  /** To be made inside a `describe`, before its own hooks. */
  constructor() {
    before(async () => {
      const campus = await createProcessCampus()
      this.#campus = campus
      this.cleanUpWith(() => campus.remove())
    })
    afterEach(async () => {
      for (const students of this.#rushes.splice(0)) await students.leave()
    })
    after(async () => {
      for (const cleanup of this.#cleanups.toReversed()) await cleanup()
    })
  }

  get campus(): ProcessCampus {
    assert.ok(this.#campus, 'the hooks have run')
    return this.#campus
  }

  /** After the tests; what was added last goes first. */
  cleanUpWith(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup)
  }

  /** Kills the program after the tests, if it still runs. */
  running<P extends Program>(program: P): P {
    this.cleanUpWith(() => program.kill())
    return program
  }

  async logInAt(server: ServerProcess): Promise<void> {
    this.tokens = await logIn(server, studentCount)
  }

  /** A course that nobody has asked for yet. */
  nextCourse(): number {
    return this.#nextCourse++
  }

  /**
   * Those who are logged in all want the next courses.
   * @param client of the server to ask now
   */
  rush(client: () => HttpClient): Rush {
    const courses = Array.from({ length: coursesOfOneRush }, () => this.nextCourse())
    const students = new DeterminedStudents(this.tokens, courses, client)
    const rush = Object.assign(students, { courses })
    this.#rushes.push(rush)
    return rush
  }

  async assertEverybodyIsIn({ courses, wrong }: Rush): Promise<void> {
    assert.deepEqual(wrong, [])
    const all = [...this.tokens.keys()].flatMap((student) =>
      courses.map((course) => `${student} ${course} 1`),
    )
    const found = () => placesIn(this.campus.database, courses)
    await eventually(async () => (await found()).length >= all.length)
    assert.deepEqual(await found(), all.toSorted())
  }
}
