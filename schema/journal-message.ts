import { adminEffects, adminLegs } from './journal-administration.ts'
import { personIdMax, storable } from './registry-limits.ts'

/**
 * The journal's messages (version 1) as JSON Schema. A batcher validates each before it applies anything, so
 * the integers are bound to the columns' ranges and text to what PostgreSQL can hold: no message that passes
 * can fail an INSERT. Upgrade batchers before engines: a version they do not know makes them stop and wait.
 */

const int32 = { type: 'integer', minimum: 0, maximum: 2_147_483_647 } as const
const positive = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const
const person = { type: 'integer', minimum: 0, maximum: personIdMax } as const
const safe = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
const smallint = { type: 'integer', minimum: -32_768, maximum: 32_767 } as const
const uuid = { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' } as const
const note = { type: 'string', maxLength: 1000, pattern: storable } as const
const role = { enum: ['student', 'staff', 'operator'] } as const

function object<P extends Record<string, unknown>>(properties: P, optional: readonly string[] = []) {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  } as const
}

const where = { course: int32, group: int32 } as const
const whose = { student: person, ...where } as const

const leg = {
  type: 'object',
  discriminator: { propertyName: 'do' },
  required: ['do'],
  oneOf: [
    object({ do: { const: 'add' }, ...where, reserve: { enum: ['allow', 'never', 'only'] } }),
    object({ do: { const: 'drop' }, course: int32 }),
    object({ do: { const: 'move' }, ...where, allowReserve: { type: 'boolean' } }),
    object({ do: { const: 'force_add' }, ...where, note }, ['note']),
    object({ do: { const: 'force_drop' }, ...where, note }, ['note']),
    object({ do: { const: 'set_capacity' }, ...where, capacity: int32, note }, ['note']),
    object({
      do: { const: 'adopt' },
      course: int32,
      duplicates: {
        type: 'array',
        items: object({ student: person, group: int32, rows: { type: 'array', items: int32 } }),
      },
    }),
    ...adminLegs,
  ],
} as const

const effect = {
  type: 'object',
  discriminator: { propertyName: 'type' },
  required: ['type'],
  oneOf: [
    object({ type: { const: 'registered' }, ...whose }),
    object({ type: { const: 'reserved' }, ...whose, order: safe, position: positive }),
    object({ type: { const: 'left' }, ...whose }),
    object({ type: { const: 'promoted' }, ...whose }),
    object({ type: { const: 'extra_seat_given' }, ...whose }),
    object({ type: { const: 'extra_seat_ended' }, ...whose }),
    object({ type: { const: 'actions_spent' }, student: person, count: positive, remaining: smallint }),
    object({ type: { const: 'capacity_changed' }, ...where, capacity: int32 }),
    object({ type: { const: 'duplicates_removed' }, ...whose, rows: { type: 'array', items: int32 } }),
    ...adminEffects,
  ],
} as const

/** Milliseconds of Unix time, up to the year 9999, which PostgreSQL's timestamps hold. */
const instant = { type: 'integer', minimum: 0, maximum: 253_402_300_799_999 } as const

const reason = object(
  {
    code: { type: 'string', pattern: '^[a-z_]{1,64}$' },
    leg: { type: 'integer', minimum: 0, maximum: 1000 },
    ...where,
    with: object(where),
    more: positive,
    window: object({ startMs: instant, endMs: instant }),
  },
  ['leg', 'course', 'group', 'with', 'more', 'window'],
)

/** One decision. */
export const recordSchema = {
  ...object(
    {
      seq: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
      at: instant,
      actor: object({ role, id: person }),
      student: person,
      legs: { type: 'array', minItems: 1, maxItems: 1000, items: leg },
      effects: { type: 'array', items: effect },
      reasons: { type: 'array', minItems: 1, items: reason },
      remaining: smallint,
      key: { type: 'string', pattern: '^[\\u0021-\\u007E]{1,255}$' },
      requestHash: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' },
      request: { type: 'string', pattern: '^[\\u0021-\\u007E]{1,64}$' },
    },
    ['student', 'effects', 'reasons', 'remaining', 'key', 'requestHash', 'request'],
  ),
  oneOf: [{ required: ['effects'] }, { required: ['reasons'] }],
} as const

const recordId = object({
  leader: uuid,
  seq: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
})
const campus = { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' } as const

/** A leader's marker: the first message of a term. */
export const startMessageSchema = object({
  version: { const: 1 },
  campus,
  start: object({ leader: uuid, after: uuid, seen: recordId }, ['seen']),
})

/** One group commit. */
export const batchMessageSchema = object({
  version: { const: 1 },
  campus,
  leader: uuid,
  records: { type: 'array', minItems: 1, items: recordSchema },
})
