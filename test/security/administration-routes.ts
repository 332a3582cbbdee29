import { bothStaff, type Case, foreign } from './route-cases.ts'

const newGroup = {
  group_id: 1,
  name: 'Topology',
  lecturer: 'Emmy',
  units: 3,
  capacity: 4,
  reserve_capacity: 2,
  class_time: [],
}
const newStudent = {
  std_id: 9,
  gender: 'female',
  entry_year: 2026,
  max_units: 20,
  remaining_actions: 3,
  enrollment_start_time: '2026-09-21T07:00:00Z',
}

/** What staff do with courses and students themselves, and who may. */
export const administrationTable: Readonly<Record<string, readonly Case[]>> = {
  'PATCH /staff/course': [
    {
      line: 'PATCH /staff/course',
      body: { course_id: 10, group_id: 1, notes: 'Room 4' },
      gets: bothStaff('204', foreign),
    },
    {
      line: 'PATCH /staff/course?dry_run',
      body: { course_id: 20, group_id: 1, notes: 'Room 4' },
      gets: bothStaff(foreign, '200'),
    },
    {
      line: 'PATCH /staff/course',
      body: { course_id: 10, group_id: 1, notes: 'Room 4', department: 2 },
      gets: bothStaff('400 malformed', '400 malformed'),
    },
  ],
  'POST /staff/course': [
    {
      line: 'POST /staff/course',
      body: { ...newGroup, course_id: 12 },
      gets: bothStaff('204', foreign),
    },
    {
      line: 'POST /staff/course',
      body: { ...newGroup, course_id: 12, department: 1 },
      gets: bothStaff('204', foreign),
    },
    // Another group is for the course's own department.
    {
      line: 'POST /staff/course',
      body: { ...newGroup, course_id: 20, group_id: 2, department: 2 },
      gets: bothStaff(foreign, '204'),
    },
  ],
  'PUT /staff/course-status': [
    {
      line: 'PUT /staff/course-status',
      body: { course_id: 10, status: 'closed' },
      gets: bothStaff('204', foreign),
    },
    {
      line: 'PUT /staff/course-status',
      body: { course_id: 20, group_id: 1, status: 'open' },
      gets: bothStaff(foreign, '204'),
    },
  ],
  'DELETE /staff/course': [
    { line: 'DELETE /staff/course?course_id=10', gets: bothStaff('204', foreign) },
    { line: 'DELETE /staff/course?course_id=20&group_id=1', gets: bothStaff(foreign, '204') },
    { line: 'DELETE /staff/course?course_id=20&dry_run', gets: bothStaff(foreign, '200') },
  ],
  'PATCH /staff/student': [
    { line: 'PATCH /staff/student', body: { std_id: 1, max_units: 30 }, gets: bothStaff('204', foreign) },
    { line: 'PATCH /staff/student', body: { std_id: 2, max_units: 30 }, gets: bothStaff(foreign, '204') },
    // A place in one's own course lets staff see a student, not change them.
    { line: 'PATCH /staff/student', body: { std_id: 3, max_units: 30 }, gets: bothStaff(foreign, '204') },
    {
      line: 'PATCH /staff/student?dry_run=true',
      body: { std_id: 3, max_units: 30 },
      gets: bothStaff(foreign, '200'),
    },
  ],
  'PUT /staff/student-password': [
    {
      line: 'PUT /staff/student-password',
      body: { std_id: 1, password: 'pass-1234' },
      gets: bothStaff('204', foreign),
    },
    // As with the student's window: a place in one's own course is not enough.
    {
      line: 'PUT /staff/student-password',
      body: { std_id: 3, password: 'pass-1234' },
      gets: bothStaff(foreign, '204'),
    },
    {
      line: 'PUT /staff/student-password?dry_run',
      body: { std_id: 3, password: 'pass-1234' },
      gets: bothStaff(foreign, '200'),
    },
    {
      line: 'PUT /staff/student-password',
      body: { staff_id: 1, password: 'pass-1234' },
      gets: bothStaff('400 malformed', '400 malformed'),
    },
  ],
  'POST /staff/student': [
    { line: 'POST /staff/student', body: { ...newStudent, department: 1 }, gets: bothStaff('204', foreign) },
    { line: 'POST /staff/student', body: { ...newStudent, department: 2 }, gets: bothStaff(foreign, '204') },
    {
      line: 'POST /staff/student',
      body: { ...newStudent, password: 'secret' },
      gets: bothStaff('400 malformed', '400 malformed'),
    },
  ],
}
