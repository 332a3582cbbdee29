/** How the files of `enrollment load` are written, for its `--help` and for the README. */
export const fileHelp = `\
Files are CSV (RFC 4180): UTF-8, commas, one header row that names the columns, in any order. Columns in
[brackets] may be left out. Every file is checked from end to end before anything is written; a faulty one
changes nothing; of each kind of fault the first is told, with file, line, column and reason, and their number.

  departments   id, name
  staff         id, [password], [password_plain], department_id, [code]
  students      id, [password], [password_plain], enrollment_start_time, [enrollment_end_time], max_units,
                remaining_actions, department_id, entry_year, gender, [code]
  courses       course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
                class_time, [exam_time], [exam_minutes], [sex_lock], [notes], [status], [code]
  enrollments   student_id, course_id, group_id, [reserve_order], [extra_seat], [id], [reserved]

  password        an argon2id or bcrypt hash, as another system exports it
  password_plain  a password to hash here, of at most 128 characters; a row has this or password, not both.
                  Hashing takes about 12 ms each: 100,000 students take 20 minutes. Delete the file after.
  …_time          ISO 8601 with the offset from UTC: 2026-09-01T07:00:00+03:30 or 2026-09-01T03:30Z, or as psql
                  writes it: 2026-09-01 03:30:00.5+00.
                  Without an enrollment_end_time a window lasts for ENROLLMENT_WINDOW. No exam_time: no exam.
  class_time      weekly meetings: Sat 09:00-10:30; Mon 09:00-10:30. An end before the start is on the next day.
                  Or the number of the column, which is kept as it is. Empty: no class.
  gender          male or female; sex_lock the same, or empty: a group for one gender only
  status          open, closed (nobody may enter) or cancelled; empty: open
  code            how the university writes the person or the course: text, kept as it is, one for each; accepted at
                  login in place of the number
  exam_minutes    from 1 to 1440; empty: not known
  reserve_order   empty: a seat. A number: a place in the reserve queue, the lowest first. Who waits beside a free
                  seat gets it. A second place of a student in a course is refused.
  extra_seat      yes: a seat beyond the group's capacity, refused without it; it ends with its holder
  id, reserved    of an older table's rows: where reserved is true, the id is the order
  others          whole numbers without leading zeros; an id up to 9007199254740991; a department must be in its file or in the database
`
