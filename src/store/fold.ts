import type { DecisionRecord, Effect } from '../../actors/messages/records.ts'
import { arrayText, type CopyField, CopyRows } from './copy.ts'
import { detailsOf, foldAdministration, prepareAdministration } from './fold-administration.ts'

/**
 * Whether another program has put a trigger or a foreign key on a table that batches write. Ours do nothing for a batch of
 * places; the others must see every row.
 */
const hasTriggersOfOthers = `EXISTS (
  SELECT FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O' AND tgfoid <> ALL (ARRAY(
      SELECT oid FROM pg_proc WHERE proname = ANY ('{note_outside_change,note_account_change,note_accounts_added,refuse_code_of_another_course}')))
    AND tgrelid = ANY (ARRAY(SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('decisions'))
      || ARRAY[to_regclass('decisions'), to_regclass('enrolled_courses'), to_regclass('students'), to_regclass('courses'),
        to_regclass('journal_position'), to_regclass('orphaned_effects')]::oid[]))
  OR EXISTS (
    SELECT FROM pg_constraint, to_regclass('enrolled_courses') AS places WHERE contype = 'f' AND (confrelid = places
      OR conrelid = places AND confrelid <> ALL (ARRAY[to_regclass('students'), to_regclass('courses')]::oid[])))`

/**
 * How a batch of decisions becomes rows. Records are copied into `decisions`, and their effects (flattened, numbered in
 * the order in which they happened) into a table of the session; from there a few statements fold them into the tables
 * that say how the campus stands. The last effect on a place, a capacity or a student's actions wins.
 *
 * The statements are prepared once per session, and their plans must not depend on the statistics of the moment: a table
 * that was analyzed while it was empty is taken for empty by a plan that then serves it for hours. So whatever is read is
 * reached from the batch through a key, by scalar subqueries and arrays that leave the planner no other way (a join
 * would). A batch of one costs no planning, and no batch ever reads a table from end to end.
 */
export const prepareSession = `
  SET enrollment.writer = 'batcher';
  SET plan_cache_mode = force_generic_plan;
  SET enable_seqscan = off;
  SET enable_hashjoin = off;
  SET enable_mergejoin = off;
  SET jit = off;

  CREATE TEMPORARY TABLE staged_effects
  (
    ordinal INTEGER, seq BIGINT, type TEXT, student_id BIGINT, course_id INTEGER, group_id INTEGER,
    -- The order of a reserve place, the capacity, the remaining actions.
    number BIGINT, row_ids INTEGER[],
    -- Columns of a course or a student, by name.
    details JSONB
  ) ON COMMIT DELETE ROWS;

  PREPARE delete_duplicates AS
  WITH surplus AS MATERIALIZED (
    SELECT unnest(row_ids) AS id, student_id, course_id, group_id
    FROM staged_effects WHERE type = 'duplicates_removed'
  )
  DELETE FROM enrolled_courses AS place USING surplus
  WHERE place.id = ANY (ARRAY(SELECT id FROM surplus))
    AND place.id = surplus.id AND place.student_id = surplus.student_id
    AND place.course_id = surplus.course_id AND place.group_id = surplus.group_id;

  PREPARE fold_places (INTEGER) AS
  WITH last AS MATERIALIZED (
    SELECT DISTINCT ON (student_id, course_id, group_id) ordinal, seq, type, student_id, course_id, group_id,
      type = 'reserved' AS reserved, CASE WHEN type = 'reserved' THEN number END AS reserve_order,
      -- It follows the effect that gave the seat.
      type = 'extra_seat_given' AS extra_seat
    FROM staged_effects
    WHERE type IN ('registered', 'reserved', 'promoted', 'left', 'extra_seat_given', 'extra_seat_ended')
    ORDER BY student_id, course_id, group_id, ordinal DESC
  ), found AS MATERIALIZED (
    SELECT last.*, (
        SELECT place.id FROM enrolled_courses AS place WHERE place.student_id = last.student_id
          AND place.course_id = last.course_id AND place.group_id = last.group_id LIMIT 1
      ) AS place_id
    FROM last
  ), left_behind AS (
    DELETE FROM enrolled_courses
    WHERE id = ANY (ARRAY(SELECT place_id FROM found WHERE type = 'left' AND place_id IS NOT NULL))
  ), kept AS (
    UPDATE enrolled_courses AS place
    SET reserved = found.reserved, reserve_order = found.reserve_order, extra_seat = found.extra_seat
    FROM found WHERE found.type <> 'left' AND place.id = found.place_id
      AND place.id = ANY (ARRAY(SELECT place_id FROM found WHERE type <> 'left' AND place_id IS NOT NULL))
  ), absent AS MATERIALIZED (
    SELECT found.*,
      -- Locked as a foreign key locks them: neither goes away before this transaction ends.
      (SELECT TRUE FROM students WHERE students.id = found.student_id FOR KEY SHARE) IS NOT NULL
        AND (SELECT TRUE FROM courses WHERE courses.course_id = found.course_id AND courses.group_id = found.group_id
          FOR KEY SHARE) IS NOT NULL AS has_room
    FROM found WHERE found.type <> 'left' AND found.place_id IS NULL
  ), entered AS (
    INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved, reserve_order, extra_seat)
    SELECT course_id, group_id, student_id, reserved, reserve_order, extra_seat FROM absent WHERE has_room ORDER BY ordinal
    -- Somebody else may write the same place at this moment; it is noted as an outside change.
    ON CONFLICT DO NOTHING
  )
  INSERT INTO orphaned_effects (term, seq, effect)
  SELECT $1, seq, jsonb_strip_nulls(jsonb_build_object('type', type, 'student', student_id, 'course', course_id,
    'group', group_id, 'order', reserve_order))
  FROM absent WHERE NOT has_room;

  PREPARE fold_capacities (INTEGER) AS
  WITH last AS MATERIALIZED (
    SELECT DISTINCT ON (course_id, group_id) seq, course_id, group_id, number
    FROM staged_effects WHERE type = 'capacity_changed'
    ORDER BY course_id, group_id, ordinal DESC
  ), changed AS (
    UPDATE courses SET capacity = last.number FROM last
    WHERE courses.course_id = last.course_id AND courses.group_id = last.group_id
      AND courses.course_id = ANY (ARRAY(SELECT course_id FROM last))
  )
  INSERT INTO orphaned_effects (term, seq, effect)
  SELECT $1, seq, jsonb_build_object('type', 'capacity_changed', 'course', course_id, 'group', group_id,
    'capacity', number)
  FROM last
  WHERE (SELECT TRUE FROM courses
    WHERE courses.course_id = last.course_id AND courses.group_id = last.group_id) IS NULL;

  PREPARE fold_actions (INTEGER) AS
  WITH last AS MATERIALIZED (
    SELECT DISTINCT ON (student_id) seq, type, student_id, number
    FROM staged_effects WHERE type IN ('actions_spent', 'actions_changed')
    ORDER BY student_id, ordinal DESC
  ), changed AS (
    UPDATE students SET remaining_actions = last.number FROM last
    WHERE students.id = last.student_id AND students.id = ANY (ARRAY(SELECT student_id FROM last))
  )
  INSERT INTO orphaned_effects (term, seq, effect)
  SELECT $1, seq, jsonb_build_object('type', type, 'student', student_id, 'remaining', number)
  FROM last
  WHERE (SELECT TRUE FROM students WHERE students.id = last.student_id) IS NULL;

  ${prepareAdministration}

  PREPARE move_position (BIGINT, BIGINT) AS
  UPDATE journal_position SET seq = $1, at_ms = greatest(at_ms, $2);

  PREPARE lock_position AS
  SELECT leader, term, seq, at_ms, accepts_unsigned, EXISTS (SELECT FROM early_records) AS has_early,
    current_setting('session_replication_role') AS role, (${hasTriggersOfOthers}) AS has_triggers
  FROM journal_position FOR UPDATE`

/** Only if it has to: a role without the right to set this is refused even where nothing would change. */
const wakeTriggers = `SELECT set_config('session_replication_role', 'origin', TRUE)
  WHERE current_setting('session_replication_role') <> 'origin'`

export const clearStaged = 'DELETE FROM staged_effects'

export const copyDecisions = `
  COPY decisions (term, seq, at, actor_role, actor_id, student_id, legs, effects, reasons, remaining, key,
    request_hash, request, course_id, other_courses, other_students) FROM STDIN`

export const copyEffects = `
  COPY staged_effects (ordinal, seq, type, student_id, course_id, group_id, number, row_ids, details) FROM STDIN`

/** What is to be copied for one batch, and the statements that its effects call for. */
export interface StagedBatch {
  readonly decisions: CopyRows
  readonly effects: CopyRows
  /** One string for one round trip. */
  readonly foldStatements: string
}

/** @param records at least one, `seq` ascending */
export function stageBatch(records: readonly DecisionRecord[], term: number): StagedBatch {
  const decisions = new CopyRows()
  const effects = new CopyRows()
  const types = new Set<Effect['type']>()
  let newestAt = 0
  for (const record of records) {
    decisions.add([term, ...decisionFields(record)])
    for (const effect of record.effects ?? []) {
      types.add(effect.type)
      effects.add([effects.rows, record.seq, ...effectFields(effect)])
    }
    newestAt = Math.max(newestAt, record.at)
  }
  const { before, after } = foldAdministration(types, term)
  const statements: string[] = []
  // What these add refers to departments, and wakes triggers: they have PostgreSQL do all that it does for others.
  if (before.length > 0) statements.push(wakeTriggers)
  statements.push(...before)
  // Before the places: a surplus row would stand in the way of the one that counts.
  if (types.has('duplicates_removed')) statements.push('EXECUTE delete_duplicates')
  if (placeTypes.some((type) => types.has(type))) statements.push(`EXECUTE fold_places(${term})`)
  if (types.has('capacity_changed')) statements.push(`EXECUTE fold_capacities(${term})`)
  if (types.has('actions_spent') || types.has('actions_changed'))
    statements.push(`EXECUTE fold_actions(${term})`)
  statements.push(...after)
  statements.push(`EXECUTE move_position(${records.at(-1)?.seq}, ${newestAt})`)
  return { decisions, effects, foldStatements: statements.join('; ') }
}

const placeTypes = [
  'registered',
  'reserved',
  'promoted',
  'left',
  'extra_seat_given',
  'extra_seat_ended',
] as const

function decisionFields(record: DecisionRecord): CopyField[] {
  const [first] = record.legs
  const course = first !== undefined && 'course' in first ? first.course : undefined
  const courses = new Set<number>()
  for (const leg of record.legs) if ('course' in leg && leg.course !== course) courses.add(leg.course)
  const students = new Set<number>()
  for (const effect of record.effects ?? []) {
    if ('student' in effect && effect.student !== record.student) students.add(effect.student)
  }
  return [
    record.seq,
    new Date(record.at).toISOString(),
    record.actor.role,
    record.actor.id,
    record.student,
    JSON.stringify(record.legs),
    record.effects && JSON.stringify(record.effects),
    record.reasons && JSON.stringify(record.reasons),
    record.remaining,
    record.key,
    record.requestHash,
    record.request,
    course,
    arrayOrNull(courses),
    arrayOrNull(students),
  ]
}

function arrayOrNull(numbers: ReadonlySet<number>): string | undefined {
  return numbers.size === 0 ? undefined : arrayText(numbers)
}

const nowhere = { course: undefined, group: undefined }

/** type, student, course, group, number, row ids, details */
function effectFields(effect: Effect): CopyField[] {
  switch (effect.type) {
    case 'registered':
    case 'left':
    case 'promoted':
    case 'extra_seat_given':
    case 'extra_seat_ended':
      return [effect.type, effect.student, effect.course, effect.group, undefined, undefined, undefined]
    case 'reserved':
      return [effect.type, effect.student, effect.course, effect.group, effect.order, undefined, undefined]
    case 'actions_spent':
    case 'actions_changed':
      return [effect.type, effect.student, undefined, undefined, effect.remaining, undefined, undefined]
    case 'capacity_changed':
      return [effect.type, undefined, effect.course, effect.group, effect.capacity, undefined, undefined]
    case 'duplicates_removed':
      return [
        effect.type,
        effect.student,
        effect.course,
        effect.group,
        undefined,
        arrayText(effect.rows),
        undefined,
      ]
    case 'group_changed':
    case 'group_opened':
    case 'group_closed':
    case 'group_cancelled':
    case 'group_added':
    case 'conflicts_arose':
    case 'student_added':
    case 'window_changed':
    case 'max_units_changed': {
      const student = 'student' in effect ? effect.student : undefined
      const { course, group } = 'course' in effect ? effect : nowhere
      return [effect.type, student, course, group, undefined, undefined, JSON.stringify(detailsOf(effect))]
    }
  }
}
