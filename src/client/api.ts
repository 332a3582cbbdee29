// oxlint-disable max-lines
// Made from the OpenAPI document by test/client/run.ts; a test fails when it is not what that would make.

export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  code: string
  reason: string
  reasons: {
    code: string
    detail: string
    leg?: number
    course_id?: number
    group_id?: number
    with?: { course_id: number; group_id: number }
    more?: number
    window?: { from: string; until: string }
  }[]
}

export type EventData = {
  seats: {
    course_id: number
    group_id: number
    department: number
    capacity: number
    registered_count: number
    reserve_capacity: number
    reserved_count: number
    status: 'open' | 'closed' | 'cancelled'
  }[]
  places: {
    course_id: number
    group_id: number
    place: 'registered' | 'reserved' | null
    reserve_queue_position: number | null
    change: 'registered' | 'reserved' | 'promoted' | 'moved_up' | 'left' | 'time_changed' | null
    detail: string
  }[]
}

export type Course = {
  course_id: number
  group_id: number
  units: number
  capacity: number
  extra_seats?: number
  registered_count: number
  exam_time: number
  exam_minutes?: number
  class_time: { day: number; start_minute: number; end_minute: number }[]
  lecturer: string
  name: string
  reserve_capacity: number
  reserved_count: number
  department: number
  sex_lock: 'male' | 'female' | null
  notes: string
  status: 'open' | 'closed' | 'cancelled'
  code?: string
}

export type StudentCourses = { data: { course: Course; reserve_queue_position: number }[] }

export type Catalog = { courses: Course[] }

export type Departments = { departments: { id: number; name: string }[] }

export type Me = {
  student_id: number
  department: number
  gender: 'male' | 'female'
  units: number
  max_units: number
  remaining_actions: number
  window: { from: string; until: string }
  server_time: string
}

export type Roster = {
  registered_students: number[]
  reserved_queue_students: number[]
  extra_seat_students?: number[]
}

export type Place = {
  place: 'registered' | 'reserved' | null
  reserve_queue_position: number | null
  remaining_actions: number | null
  course_id: number
  group_id: number
  decision: { seq: number; at: string }
}

export type Capacity = {
  course_id: number
  group_id: number
  capacity: number
  promoted: number[]
  dry_run: boolean
  decision: { seq: number; at: string } | null
}

export type Plan = {
  dry_run: boolean
  legs: {
    do: 'drop' | 'add' | 'move'
    course_id: number
    group_id: number | null
    place: 'registered' | 'reserved' | 'unchanged' | null
    reserve_queue_position: number | null
  }[]
  remaining_actions: number | null
  decision: { seq: number; at: string } | null
}

export type PlanLeg = {
  drop?: { course_id: number }
  add?: { course_id: number; group_id: number; reserve?: 'allow' | 'never' | 'only' }
  move?: { course_id: number; group_id: number; allow_reserve?: boolean }
}

export type Decisions = {
  decisions: {
    term: number
    seq: number
    at: string
    actor: { role: string; id: number | null }
    student_id: number | null
    outcome: 'accepted' | 'refused'
    legs: Record<string, unknown>[]
    effects: Record<string, unknown>[]
    reasons: {
      code: string
      detail: string
      leg?: number
      course_id?: number
      group_id?: number
      with?: { course_id: number; group_id: number }
      more?: number
      window?: { from: string; until: string }
    }[]
    remaining_actions: number | null
  }[]
  next: string | null
  up_to_date: boolean
}

export type Change = {
  dry_run: boolean
  summary: string[]
  promoted: { count: number; students: number[] }
  conflicts: {
    count: number
    students: {
      student_id: number
      code: 'class_conflict' | 'exam_conflict'
      with?: { course_id: number; group_id: number }
    }[]
  }
  ended: { registered: number; reserved: number; students: number[] }
  decision: { seq: number; at: string } | null
}

export type ListedStudents = {
  students: {
    student_id: number
    code: string | null
    department: number
    gender: 'male' | 'female'
    entry_year: number
    max_units: number
    remaining_actions: number
    enrollment_start_time: string
    enrollment_end_time: string | null
    has_password: boolean
  }[]
  next: string | null
  up_to_date: boolean
}

export type ListedGroups = {
  courses: {
    course_id: number
    group_id: number
    code: string | null
    department: number
    name: string
    lecturer: string
    units: number
    capacity: number
    reserve_capacity: number
    class_time: { day: number; start_minute: number; end_minute: number }[]
    exam_time: number
    exam_minutes: number | null
    sex_lock: 'male' | 'female' | null
    notes: string
    status: 'open' | 'closed' | 'cancelled'
  }[]
  next: string | null
  up_to_date: boolean
}

export type Token = { token: string }

/** Every operation by its method and path. */
export interface Operations {
  /** Log in */
  'POST /login': {
    query: undefined
    headers: undefined
    body: { user: number | string; password: string; staff?: boolean }
    reply: Token
    problems: 'malformed' | 'unauthenticated' | 'too_many_requests' | 'login_busy'
  }
  /** Get the next token */
  'POST /refresh': {
    query: undefined
    headers: undefined
    body: undefined
    reply: Token
    problems: 'malformed' | 'unauthenticated' | 'too_many_requests' | 'login_busy'
  }
  /** Add a course */
  'PUT /student/course': {
    query: undefined
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: { course_id: number; group_id: number; reserve?: 'allow' | 'never' | 'only' }
    reply: Place | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'no_such_student'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'outside_enrollment_window'
      | 'already_enrolled'
      | 'course_cancelled'
      | 'course_closed'
      | 'gender_locked'
      | 'unit_limit'
      | 'class_conflict'
      | 'exam_conflict'
      | 'course_full'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Move to another group of a course */
  'PATCH /student/course': {
    query: undefined
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: { course_id: number; group_id: number; allow_reserve?: boolean }
    reply: Place | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'no_such_student'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'outside_enrollment_window'
      | 'not_enrolled'
      | 'no_change'
      | 'course_cancelled'
      | 'course_closed'
      | 'gender_locked'
      | 'unit_limit'
      | 'class_conflict'
      | 'exam_conflict'
      | 'no_actions_left'
      | 'move_would_lose_seat'
      | 'course_full'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Drop a course */
  'DELETE /student/course': {
    query: { course_id: number }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: undefined
    reply: Place | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'no_such_student'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'outside_enrollment_window'
      | 'not_enrolled'
      | 'no_actions_left'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** The courses that you hold a place in */
  'GET /student/course': {
    query: undefined
    headers: undefined
    body: undefined
    reply: StudentCourses
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'no_such_student'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** Several changes at once, all or none */
  'POST /student/plan': {
    query: undefined
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: { legs: PlanLeg[]; dry_run?: boolean }
    reply: Plan
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'no_such_student'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'outside_enrollment_window'
      | 'already_enrolled'
      | 'not_enrolled'
      | 'no_change'
      | 'course_cancelled'
      | 'course_closed'
      | 'gender_locked'
      | 'unit_limit'
      | 'class_conflict'
      | 'exam_conflict'
      | 'no_actions_left'
      | 'move_would_lose_seat'
      | 'course_full'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Who you are, what you may, and when */
  'GET /student/me': {
    query: undefined
    headers: undefined
    body: undefined
    reply: Me
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'no_such_student'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** The courses of a department */
  'GET /student/courses': {
    query: { department: number }
    headers: undefined
    body: undefined
    reply: Catalog
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'no_such_department'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** The courses of all departments */
  'GET /catalog': {
    query: undefined
    headers: undefined
    body: undefined
    reply: Catalog
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** The departments */
  'GET /departments': {
    query: undefined
    headers: undefined
    body: undefined
    reply: Departments
    problems: 'malformed' | 'unauthenticated' | 'too_many_requests' | 'journal_unavailable'
  }
  /** Seat a student, whatever the rules say */
  'PUT /staff/force-std': {
    query: undefined
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: {
      course_id?: number
      group_id: number
      std_id?: number
      note?: string
      std_code?: string
      course_code?: string
    }
    reply: Place | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_student'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'already_enrolled'
      | 'course_cancelled'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Take a student’s place away */
  'DELETE /staff/force-std': {
    query: {
      std_id?: number
      course_id?: number
      group_id: number
      note?: string
      std_code?: string
      course_code?: string
    }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: undefined
    reply: Place | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_student'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'not_enrolled'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Set the seats of a group */
  'PATCH /staff/capacity': {
    query: { dry_run?: '' | 'true' | 'false' }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: {
      course_id?: number
      group_id: number
      capacity?: number
      new_capacity?: number
      note?: string
      course_code?: string
    }
    reply: Capacity | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'course_cancelled'
      | 'capacity_below_registered'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** The courses that a student holds a place in */
  'GET /staff/student-courses': {
    query: { std_id?: number; std_code?: string }
    headers: undefined
    body: undefined
    reply: StudentCourses
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_student'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** The students of a group */
  'GET /staff/course-students': {
    query: { course_id?: number; group_id: number; course_code?: string }
    headers: undefined
    body: undefined
    reply: Roster
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_course'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** Change a group of a course */
  'PATCH /staff/course': {
    query: { dry_run?: '' | 'true' | 'false' }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: {
      course_id?: number
      group_id: number
      capacity?: number
      reserve_capacity?: number
      lecturer?: string
      notes?: string
      class_time?: { day: number; start_minute: number; end_minute: number }[]
      exam_time?: number
      exam_minutes?: number
      note?: string
      course_code?: string
    }
    reply: Change | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'course_cancelled'
      | 'capacity_below_registered'
      | 'reserve_capacity_below_waiting'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Add a course, or another group of one */
  'POST /staff/course': {
    query: { dry_run?: '' | 'true' | 'false' }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: {
      course_id?: number
      group_id: number
      department?: number
      name: string
      lecturer: string
      units: number
      capacity: number
      reserve_capacity: number
      class_time: { day: number; start_minute: number; end_minute: number }[]
      exam_time?: number
      exam_minutes?: number
      sex_lock?: 'male' | 'female'
      notes?: string
      note?: string
      course_code?: string
    }
    reply: Change | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_department'
      | 'idempotency_in_flight'
      | 'group_exists'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Cancel a course */
  'DELETE /staff/course': {
    query: {
      course_id?: number
      group_id?: number
      note?: string
      dry_run?: '' | 'true' | 'false'
      course_code?: string
    }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: undefined
    reply: Change | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'too_many_places'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Open or close a course */
  'PUT /staff/course-status': {
    query: { dry_run?: '' | 'true' | 'false' }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: {
      course_id?: number
      group_id?: number
      status: 'open' | 'closed'
      note?: string
      course_code?: string
    }
    reply: Change | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_course'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'course_cancelled'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Move a student’s window, or change their units and actions */
  'PATCH /staff/student': {
    query: { dry_run?: '' | 'true' | 'false' }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: {
      std_id?: number
      enrollment_start_time?: string
      enrollment_end_time?: string
      max_units?: number
      remaining_actions?: number
      note?: string
      std_code?: string
    }
    reply: Change | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_student'
      | 'set_aside'
      | 'idempotency_in_flight'
      | 'window_ends_first'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Add a student */
  'POST /staff/student': {
    query: { dry_run?: '' | 'true' | 'false' }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: {
      std_id: number
      department?: number
      gender: 'male' | 'female'
      entry_year: number
      max_units: number
      remaining_actions: number
      enrollment_start_time: string
      enrollment_end_time?: string
      note?: string
    }
    reply: Change | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_department'
      | 'idempotency_in_flight'
      | 'student_exists'
      | 'window_ends_first'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'not_storable'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** Set a student’s password */
  'PUT /staff/student-password': {
    query: { dry_run?: '' | 'true' | 'false' }
    headers: { 'Idempotency-Key'?: string; Prefer?: string }
    body: { std_id?: number; password: string; note?: string; std_code?: string }
    reply: Change | undefined
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_student'
      | 'idempotency_mismatch'
      | 'too_many_requests'
      | 'login_busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
      | 'outcome_unknown'
  }
  /** What was decided about you, and why */
  'GET /student/decisions': {
    query: { cursor?: string; limit?: number }
    headers: undefined
    body: undefined
    reply: Decisions
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** Who did what when, yes or no, and why */
  'GET /staff/decisions': {
    query: {
      student_id?: number
      course_id?: number
      group_id?: number
      from?: string
      to?: string
      cursor?: string
      limit?: number
      student_code?: string
      course_code?: string
    }
    headers: undefined
    body: undefined
    reply: Decisions
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_student'
      | 'no_such_course'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** The students that you administer */
  'GET /staff/students': {
    query: { department?: number; cursor?: string; limit?: number }
    headers: undefined
    body: undefined
    reply: ListedStudents
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** The course groups that you administer */
  'GET /staff/courses': {
    query: { department?: number; cursor?: string; limit?: number }
    headers: undefined
    body: undefined
    reply: ListedGroups
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'too_many_requests'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** Seats and queues as they change */
  'GET /events': {
    query: { department?: number; course_id?: string; places?: 'own'; last_event_id?: string }
    headers: undefined
    body: undefined
    reply: string
    problems:
      | 'malformed'
      | 'unauthenticated'
      | 'wrong_role'
      | 'other_department'
      | 'no_such_student'
      | 'no_such_course'
      | 'too_many_requests'
      | 'busy'
      | 'not_leading'
      | 'recovering'
      | 'journal_unavailable'
  }
  /** Get a ticket for one stream of events */
  'POST /events/tickets': {
    query: undefined
    headers: undefined
    body: undefined
    reply: { ticket: string; expires_in: number }
    problems: 'malformed' | 'unauthenticated' | 'too_many_requests'
  }
  /** Whether the process answers */
  'GET /healthz': {
    query: undefined
    headers: undefined
    body: undefined
    reply: { status: string }
    problems: never
  }
  /** Whether this server leads and has recovered */
  'GET /readyz': {
    query: undefined
    headers: undefined
    body: undefined
    reply: { state: string; detail: string; term: number }
    problems: 'not_leading' | 'recovering' | 'journal_unavailable'
  }
  /** Metrics for Prometheus */
  'GET /metrics': {
    query: undefined
    headers: undefined
    body: undefined
    reply: string
    problems: never
  }
}
