-- The tables that existing data and tools use. A database of the system that this one replaces has them
-- already; nothing here changes a row of it. Timestamps without a zone are UTC.

DO $$
BEGIN
  IF to_regtype('sex') IS NULL THEN
    CREATE TYPE sex AS ENUM ('male', 'female');
  END IF;
END
$$;

CREATE TABLE IF NOT EXISTS departments
(
  id   SMALLSERIAL PRIMARY KEY,
  name TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS staff
(
  id            INTEGER PRIMARY KEY,
  password      TEXT     NOT NULL,
  department_id SMALLINT NOT NULL REFERENCES departments (id)
);

CREATE TABLE IF NOT EXISTS students
(
  id                    INTEGER PRIMARY KEY,
  password              TEXT      NOT NULL,
  enrollment_start_time TIMESTAMP NOT NULL,
  max_units             SMALLINT  NOT NULL,
  remaining_actions     SMALLINT  NOT NULL,
  department_id         SMALLINT  NOT NULL REFERENCES departments (id),
  entry_year            SMALLINT  NOT NULL,
  gender                sex       NOT NULL
);

CREATE TABLE IF NOT EXISTS courses
(
  course_id        INTEGER   NOT NULL,
  group_id         INTEGER   NOT NULL,
  for_department   SMALLINT  NOT NULL REFERENCES departments (id),
  name             TEXT      NOT NULL,
  lecturer         TEXT      NOT NULL,
  units            SMALLINT  NOT NULL,
  capacity         INTEGER   NOT NULL,
  reserve_capacity INTEGER   NOT NULL,
  exam_time        TIMESTAMP NOT NULL,
  class_time       INTEGER   NOT NULL,
  sex_lock         sex,
  notes            TEXT      NOT NULL,
  PRIMARY KEY (course_id, group_id)
);

CREATE TABLE IF NOT EXISTS enrolled_courses
(
  id         SERIAL PRIMARY KEY,
  course_id  INTEGER NOT NULL,
  group_id   INTEGER NOT NULL,
  student_id INTEGER NOT NULL REFERENCES students (id),
  reserved   BOOLEAN NOT NULL DEFAULT FALSE,
  FOREIGN KEY (course_id, group_id) REFERENCES courses (course_id, group_id)
);

-- Older versions of the replaced system had no reserve flag.
ALTER TABLE enrolled_courses ADD COLUMN IF NOT EXISTS reserved BOOLEAN NOT NULL DEFAULT FALSE;

-- What we add: every column is nullable or has a default, so that older INSERTs keep working.
-- Without an end, a window lasts as long as the server is told to (one hour by default).
ALTER TABLE students ADD COLUMN IF NOT EXISTS enrollment_end_time TIMESTAMP;
-- Without a length, an exam is the instant of its start.
ALTER TABLE courses ADD COLUMN IF NOT EXISTS exam_minutes SMALLINT;
-- Meetings that differ by day, as [{"day", "start_minute", "end_minute"}, …]; class_time counts without it.
ALTER TABLE courses ADD COLUMN IF NOT EXISTS meetings JSONB;
-- The queue's order among reserved rows. Rows written by hand have none: their id counts.
ALTER TABLE enrolled_courses ADD COLUMN IF NOT EXISTS reserve_order BIGINT;

-- NOT VALID: new rows obey, and what an older system left does not stop the migration.
ALTER TABLE courses ADD CONSTRAINT courses_numbers_not_negative
  CHECK (capacity >= 0 AND reserve_capacity >= 0 AND units >= 0 AND course_id >= 0 AND group_id >= 0) NOT VALID;
ALTER TABLE courses ADD CONSTRAINT courses_exam_length
  CHECK (exam_minutes IS NULL OR exam_minutes > 0) NOT VALID;
-- As many meetings as are what they must be, and no other.
ALTER TABLE courses ADD CONSTRAINT courses_meetings_are_times_of_a_week
  CHECK (meetings IS NULL OR jsonb_typeof(meetings) = 'array' AND jsonb_array_length(meetings) =
    jsonb_array_length(jsonb_path_query_array(meetings, 'strict $[*] ? (
      @.day >= 0 && @.day <= 6 && @.day.floor() == @.day &&
      @.start_minute >= 0 && @.start_minute.floor() == @.start_minute &&
      @.end_minute > @.start_minute && @.end_minute <= 1440 && @.end_minute.floor() == @.end_minute)')));
ALTER TABLE students ADD CONSTRAINT students_numbers_not_negative
  CHECK (id >= 0 AND max_units >= 0) NOT VALID;
ALTER TABLE students ADD CONSTRAINT students_window_ends_after_start
  CHECK (enrollment_end_time IS NULL OR enrollment_end_time > enrollment_start_time) NOT VALID;
ALTER TABLE enrolled_courses ADD CONSTRAINT enrolled_courses_seat_has_no_order
  CHECK (reserved OR reserve_order IS NULL) NOT VALID;

CREATE INDEX IF NOT EXISTS enrolled_courses_by_group ON enrolled_courses (course_id, group_id);

-- Duplicates are among the replaced system's known bugs; where they stand, adoption removes them on record
-- and then creates this index.
DO $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM enrolled_courses GROUP BY student_id, course_id, group_id HAVING count(*) > 1
  ) THEN
    CREATE UNIQUE INDEX enrolled_courses_once ON enrolled_courses (student_id, course_id, group_id);
  END IF;
END
$$;
