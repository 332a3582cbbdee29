import type { AdoptLeg, Leg } from './commands.ts'
import type { RefusalCode, RejectionCode } from './refusals.ts'

type Code = RefusalCode | RejectionCode

const entry = [
  'no_such_student',
  'no_such_course',
  'set_aside',
  'outside_enrollment_window',
  'course_cancelled',
  'course_closed',
  'gender_locked',
  'unit_limit',
  'class_conflict',
  'exam_conflict',
  'course_full',
] as const
const override = ['other_department', 'no_such_course', 'set_aside'] as const
const move = [...entry, 'not_enrolled', 'no_change', 'no_actions_left', 'move_would_lose_seat'] as const

/**
 * All that a command of one leg can be refused or turned away with, by what the leg does. The reference of the REST API is
 * made from it; every story and property of the actors' tests fails at an answer that is not listed.
 */
export const refusalsByDeed = {
  add: [...entry, 'already_enrolled'],
  drop: [
    'no_such_student',
    'no_such_course',
    'set_aside',
    'outside_enrollment_window',
    'not_enrolled',
    'no_actions_left',
  ],
  move,
  force_add: [...override, 'no_such_student', 'already_enrolled', 'course_cancelled'],
  force_drop: [...override, 'no_such_student', 'not_enrolled'],
  set_capacity: [...override, 'course_cancelled', 'capacity_below_registered'],
  change_group: [
    ...override,
    'course_cancelled',
    'capacity_below_registered',
    'reserve_capacity_below_waiting',
  ],
  open: [...override, 'course_cancelled'],
  close: [...override, 'course_cancelled'],
  cancel: [...override, 'too_many_places'],
  add_group: ['other_department', 'no_such_department', 'group_exists'],
  change_student: ['other_department', 'no_such_student', 'set_aside', 'window_ends_first'],
  add_student: ['other_department', 'no_such_department', 'student_exists', 'window_ends_first'],
} as const satisfies Record<Exclude<Leg, AdoptLeg>['do'], readonly Code[]>

/** The same of a command with several legs, and of a plan. */
export const refusalsOfPlan = [...move, 'already_enrolled'] as const satisfies readonly Code[]
