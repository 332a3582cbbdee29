/** How the files of `enrollment load` are written, for its `--help` and for the README. */
export const loadHelp = `\
Files are CSV (RFC 4180): UTF-8, commas, one header row that names the columns, in any order. Columns in
[brackets] may be left out. Every file is checked from end to end before anything is written; a faulty one
changes nothing, and up to 20 faults are told with file, line, column and reason.

  departments   id, name
  staff         id, [password], [password_plain], department_id
  students      id, [password], [password_plain], enrollment_start_time, [enrollment_end_time], max_units,
                remaining_actions, department_id, entry_year, gender
  courses       course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
                class_time, [exam_time], [exam_minutes], [sex_lock], [notes], [status]
  enrollments   student_id, course_id, group_id, [reserve_order]

  password        an argon2id or bcrypt hash, as another system exports it
  password_plain  a password to hash here, of at most 128 characters; a row has this or password, not both.
                  Hashing takes about 12 ms each: 100,000 students take 20 minutes. Delete the file after.
  …_time          ISO 8601 with the offset from UTC: 2026-09-01T07:00:00+03:30 or 2026-09-01T03:30Z.
                  Without an enrollment_end_time a window lasts for ENROLLMENT_WINDOW. No exam_time: no exam.
  class_time      weekly meetings: Sat 09:00-10:30; Mon 09:00-10:30 (or the packed number of an older
                  database). Empty: no class.
  gender          male or female; sex_lock the same, or empty: a group for one gender only
  status          open, closed (nobody may enter) or cancelled; empty: open
  exam_minutes    from 1 to 1440; empty: not known
  reserve_order   empty: a seat. A number: a place in the reserve queue, the lowest first. Seats beyond a group's
                  capacity and a second place of a student in a course are refused.
  others          whole numbers, not negative; a department must be in its file or in the database
`
