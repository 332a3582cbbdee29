import type { CatalogReply } from '../../../schema/rest.ts'
import type { EnrollmentService, Unavailable } from '../../engine/service.ts'
import { courseReplyOf } from './representations.ts'

/** A department's catalog as it goes over the wire. */
export interface CatalogText {
  readonly version: string
  /** A `CatalogReply` as JSON. */
  readonly text: string
}

/** Catalogs are polled by everybody and are large: each version of one is written out once. */
export class CatalogReplies {
  readonly #service: EnrollmentService
  readonly #newest = new Map<number, CatalogText>()

  constructor(service: EnrollmentService) {
    this.#service = service
  }

  /**
   * @param reader the student who asks
   * @returns undefined if there is no such department
   */
  async of(department: number, reader: number): Promise<CatalogText | Unavailable | undefined> {
    const shown = await this.#service.catalog({
      department,
      reader,
      known: this.#newest.get(department)?.version,
    })
    if (shown.kind === 'unavailable') return shown
    const { version, groups, isUnknown } = shown.view
    if (isUnknown) return undefined
    const newest = this.#newest.get(department)
    if (newest?.version === version) return newest
    if (groups === undefined) {
      // Another one came in between; it is the newer one, or of a newer term.
      return newest ?? { kind: 'unavailable', code: 'recovering' }
    }
    const reply: CatalogReply = { courses: groups.map(courseReplyOf) }
    const written = { version, text: JSON.stringify(reply) }
    this.#newest.set(department, written)
    return written
  }
}

/** Whether a client has this version already. Source: RFC 9110, section 13.1.2 (weak comparison). */
export function isKnown(version: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === `"${version}"`)
}
