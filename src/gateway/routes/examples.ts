/**
 * One call of an operation, and what it answers. On the sample campus, in the order in which they stand here, each
 * goes through: a test makes every one of these calls.
 */
export interface OperationExample {
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: unknown
  /** The body of the 200; the text, where it is not JSON. Absent where the answer has none. */
  readonly reply: unknown
}

const at = '2026-09-01T05:00:00.125Z'
const theory = { course_id: 40103, group_id: 1 }
const course = {
  ...theory,
  units: 3,
  capacity: 40,
  registered_count: 12,
  exam_time: 1_767_254_400,
  class_time: [
    { day: 0, start_minute: 480, end_minute: 570 },
    { day: 2, start_minute: 480, end_minute: 570 },
  ],
  lecturer: 'Ada Brandt',
  name: 'Botany: Theory I',
  reserve_capacity: 10,
  reserved_count: 0,
  department: 40,
  sex_lock: null,
  notes: '',
  status: 'open',
}
const registered = { place: 'registered', reserve_queue_position: 0 }
const command = (seq: number, outcome: object) => ({ ...outcome, decision: { seq, at } })
const token = { token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJjZWEi…' }

/** Of a change by staff: nobody moves up, nobody is hurt, unless said. */
const changed = (seq: number, what: object = {}) =>
  command(seq, {
    dry_run: false,
    summary: [],
    promoted: { count: 0, students: [] },
    conflicts: { count: 0, students: [] },
    ended: { registered: 0, reserved: 0, students: [] },
    ...what,
  })
const seminar = { course_id: 40103, group_id: 9 }
const sunday = [{ day: 1, start_minute: 960, end_minute: 1050 }]

/** By the operation's id. A new operation needs an example here. */
export const operationExamples: Readonly<Record<string, OperationExample>> = {
  login: { body: { user: 1, password: 'student-1' }, reply: token },
  refresh: { reply: token },
  catalog: { query: { department: 40 }, reply: { courses: [course] } },
  addCourse: {
    body: theory,
    reply: command(1, { ...registered, remaining_actions: 12, ...theory }),
  },
  me: {
    reply: {
      student_id: 1,
      department: 40,
      gender: 'female',
      units: 3,
      max_units: 20,
      remaining_actions: 12,
      window: { from: '2026-09-01T04:30:00.000Z', until: '2026-09-01T05:30:00.000Z' },
      server_time: at,
    },
  },
  campusCatalog: { reply: { courses: [course] } },
  departments: { reply: { departments: [{ id: 40, name: 'Botany' }] } },
  ownCourses: { reply: { data: [{ course, reserve_queue_position: 0 }] } },
  moveToGroup: {
    body: { course_id: 40103, group_id: 2, allow_reserve: true },
    reply: command(2, { ...registered, remaining_actions: 11, course_id: 40103, group_id: 2 }),
  },
  plan: {
    body: {
      legs: [{ drop: { course_id: 40103 } }, { add: { course_id: 40110, group_id: 1, reserve: 'allow' } }],
    },
    reply: {
      dry_run: false,
      legs: [
        { do: 'drop', course_id: 40103, group_id: null, place: null, reserve_queue_position: null },
        { do: 'add', course_id: 40110, group_id: 1, ...registered },
      ],
      remaining_actions: 10,
      decision: { seq: 3, at },
    },
  },
  dropCourse: {
    query: { course_id: 40110 },
    reply: command(4, {
      place: null,
      reserve_queue_position: null,
      remaining_actions: 9,
      course_id: 40110,
      group_id: 1,
    }),
  },
  events: {
    query: { department: 40, places: 'own' },
    reply: `id: 1.5
event: changes
data: {"seats":[{"course_id":40103,"group_id":1,"department":40,"capacity":40,"registered_count":40,"reserve_capacity":10,"reserved_count":1}],"places":[{"course_id":40103,"group_id":1,"place":"reserved","reserve_queue_position":1,"change":"moved_up","detail":"You are now 1st in the queue for group 1 of course 40103."}]}

`,
  },
  eventTicket: { reply: { ticket: token.token, expires_in: 30 } },
  forceAdd: {
    body: { ...theory, std_id: 40, note: 'Graduates this term.' },
    reply: command(5, { ...registered, remaining_actions: 9, ...theory }),
  },
  studentCourses: { query: { std_id: 40 }, reply: { data: [{ course, reserve_queue_position: 0 }] } },
  courseStudents: {
    query: theory,
    reply: { registered_students: [40, 204, 517], reserved_queue_students: [] },
  },
  setCapacity: {
    body: { ...theory, capacity: 60 },
    reply: command(6, { ...theory, capacity: 60, promoted: [], dry_run: false }),
  },
  ownDecisions: {
    query: { limit: 1 },
    reply: {
      decisions: [
        {
          term: 1,
          seq: 4,
          at,
          actor: { role: 'student', id: 1 },
          student_id: 1,
          outcome: 'accepted',
          legs: [{ do: 'drop', course_id: 40110 }],
          effects: [{ type: 'left', student_id: 1, course_id: 40110, group_id: 1 }],
          reasons: [],
          remaining_actions: 9,
        },
      ],
      next: '1.4',
      up_to_date: true,
    },
  },
  decisions: {
    query: { student_id: 40, limit: 1 },
    reply: {
      decisions: [
        {
          term: 1,
          seq: 5,
          at,
          actor: { role: 'staff', id: 40 },
          student_id: 40,
          outcome: 'accepted',
          legs: [{ do: 'force_add', ...theory, note: 'Graduates this term.' }],
          effects: [{ type: 'registered', student_id: 40, ...theory }],
          reasons: [],
          remaining_actions: 9,
        },
      ],
      next: '1.5',
      up_to_date: true,
    },
  },
  listStudents: {
    query: { limit: 1 },
    reply: {
      students: [
        {
          student_id: 40,
          code: null,
          department: 40,
          gender: 'female',
          entry_year: 2024,
          max_units: 20,
          remaining_actions: 9,
          enrollment_start_time: '2026-09-01T04:00:00.000Z',
          enrollment_end_time: null,
          has_password: true,
        },
      ],
      next: '40',
      up_to_date: true,
    },
  },
  listGroups: {
    query: { limit: 1 },
    reply: {
      courses: [
        {
          ...theory,
          code: null,
          department: 40,
          name: course.name,
          lecturer: course.lecturer,
          units: course.units,
          capacity: course.capacity,
          reserve_capacity: course.reserve_capacity,
          class_time: course.class_time,
          exam_time: course.exam_time,
          exam_minutes: 120,
          sex_lock: null,
          notes: '',
          status: 'open',
        },
      ],
      next: '40103.1',
      up_to_date: true,
    },
  },
  forceDrop: {
    query: { ...theory, std_id: 40, note: 'Seated by mistake.' },
    reply: command(7, { place: null, reserve_queue_position: null, remaining_actions: 9, ...theory }),
  },
  addGroup: {
    body: {
      ...seminar,
      name: 'Botany: Theory I',
      lecturer: 'Ada Brandt',
      units: 3,
      capacity: 40,
      reserve_capacity: 10,
      class_time: [],
      exam_time: 1_767_254_400,
      exam_minutes: 120,
    },
    reply: changed(8),
  },
  changeGroup: {
    body: { ...seminar, capacity: 45, lecturer: 'Emmy Noether', class_time: sunday },
    reply: changed(9, {
      summary: ['1 student now has a time conflict, and keeps the place.'],
      conflicts: {
        count: 1,
        students: [{ student_id: 204, code: 'class_conflict', with: { course_id: 40110, group_id: 1 } }],
      },
    }),
  },
  openOrCloseCourse: { body: { ...seminar, status: 'closed' }, reply: changed(10) },
  cancelCourse: {
    query: { ...seminar, note: 'Too few students.' },
    reply: changed(11, {
      summary: ['2 seats and 0 reserve places ended for good.'],
      ended: { registered: 2, reserved: 0, students: [517, 204] },
    }),
  },
  addStudent: {
    body: {
      std_id: 99171334,
      gender: 'female',
      entry_year: 2026,
      max_units: 20,
      remaining_actions: 5,
      enrollment_start_time: '2026-09-01T07:00:00+03:30',
    },
    reply: changed(12),
  },
  changeStudent: {
    body: {
      std_id: 99171334,
      enrollment_end_time: '2026-09-01T09:00:00+03:30',
      note: 'The network was down.',
    },
    reply: changed(13),
  },
  setStudentPassword: {
    body: { std_id: 99171334, password: 'a first one, to be handed over' },
    reply: { ...changed(0), decision: null },
  },
  live: { reply: { status: 'live' } },
  ready: { reply: { state: 'leading', detail: 'leading term 1', term: 1 } },
  metrics: { reply: 'enrollment_engine_state{state="leading"} 1\n' },
}

interface Operation {
  readonly operationId?: string
  readonly parameters?: { readonly in: string; readonly name: string; example?: unknown }[]
  readonly requestBody?: { readonly content: Record<string, { example?: unknown }> }
  readonly responses: Record<string, { readonly content?: Record<string, { example?: unknown }> }>
}

/** Writes the examples into the document that @fastify/swagger has made. */
export function withExamples<Document extends object>(document: Document): Document {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> }
  for (const methods of Object.values(paths)) {
    for (const { operationId = '', parameters = [], requestBody, responses } of Object.values(methods)) {
      const example = operationExamples[operationId]
      if (example === undefined) continue
      for (const parameter of parameters) {
        const value = parameter.in === 'query' ? example.query?.[parameter.name] : undefined
        if (value !== undefined) parameter.example = value
      }
      if (example.body !== undefined) setExample(requestBody?.content, example.body)
      setExample(responses['200']?.content, example.reply)
    }
  }
  return document
}

function setExample(content: Record<string, { example?: unknown }> | undefined, example: unknown): void {
  for (const media of Object.values(content ?? {})) media.example = example
}
