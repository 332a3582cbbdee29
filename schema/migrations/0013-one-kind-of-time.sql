-- Tables made here take what the replaced system's tables take, and both kinds end alike: every time is an instant
-- (TIMESTAMPTZ), whatever zone a session or the database is in; no exam is NULL; numbers of people are BIGINT, up to
-- 2^53 - 1, which JSON carries exactly. Each table is rewritten once: docs/deploying.md says how long that takes.

-- Times without a zone become what they meant: UTC. Those that have a zone keep their instants.
SET LOCAL TIME ZONE 'UTC';

ALTER TABLE students
  ALTER COLUMN id TYPE BIGINT,
  ALTER COLUMN enrollment_start_time TYPE TIMESTAMPTZ,
  ALTER COLUMN enrollment_end_time TYPE TIMESTAMPTZ,
  ADD CONSTRAINT students_id_exact_in_json CHECK (abs(id) <= 9007199254740991);
ALTER TABLE staff
  ALTER COLUMN id TYPE BIGINT,
  ADD CONSTRAINT staff_id_exact_in_json CHECK (abs(id) <= 9007199254740991);
ALTER TABLE courses
  ALTER COLUMN exam_time DROP NOT NULL,
  -- Unix time 0 said "no exam".
  ALTER COLUMN exam_time TYPE TIMESTAMPTZ USING nullif(exam_time, 'epoch');
ALTER TABLE enrolled_courses ALTER COLUMN student_id TYPE BIGINT;
ALTER TABLE baseline_students
  ALTER COLUMN id TYPE BIGINT,
  ALTER COLUMN enrollment_start_time TYPE TIMESTAMPTZ,
  ALTER COLUMN enrollment_end_time TYPE TIMESTAMPTZ;
ALTER TABLE baseline_courses ALTER COLUMN exam_time TYPE TIMESTAMPTZ USING nullif(exam_time, 'epoch');
ALTER TABLE baseline_places ALTER COLUMN student_id TYPE BIGINT;
ALTER TABLE outside_changes ALTER COLUMN student_id TYPE BIGINT;
ALTER TABLE password_changes ALTER COLUMN staff_id TYPE BIGINT, ALTER COLUMN student_id TYPE BIGINT;

DO $$
DECLARE
  wanted RECORD;
  found TEXT;
BEGIN
  -- Archived months too, as long as they stand: they can be attached again only with the types of `decisions`.
  FOR found IN
    SELECT 'decisions' UNION
    SELECT partition FROM archived_decisions
    WHERE to_regclass(quote_ident(partition)) IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(quote_ident(partition)))
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN actor_id TYPE BIGINT, ALTER COLUMN student_id TYPE BIGINT,
      ALTER COLUMN other_students TYPE BIGINT[]', found);
  END LOOP;

  -- The replaced system counts departments by a sequence in every table that names one, and names references otherwise.
  FOR wanted IN SELECT * FROM (VALUES ('staff', 'department_id'), ('students', 'department_id'), ('courses', 'for_department'))
    AS counted (of_table, of_column)
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I DROP DEFAULT', wanted.of_table, wanted.of_column);
    found := pg_get_serial_sequence(wanted.of_table, wanted.of_column);
    IF found IS NOT NULL THEN
      EXECUTE 'DROP SEQUENCE ' || found;
    END IF;
  END LOOP;
  FOR wanted IN
    SELECT conrelid::regclass AS of_table, conname, expected
    FROM (VALUES ('staff', 'departments', 'staff_department_id_fkey'),
        ('students', 'departments', 'students_department_id_fkey'),
        ('courses', 'departments', 'courses_for_department_fkey'),
        ('enrolled_courses', 'courses', 'enrolled_courses_course_id_group_id_fkey'),
        ('enrolled_courses', 'students', 'enrolled_courses_student_id_fkey')) AS named (of_table, names, expected)
      JOIN pg_constraint ON contype = 'f' AND conrelid = of_table::regclass AND confrelid = names::regclass
    WHERE conname <> expected
  LOOP
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', wanted.of_table, wanted.conname, wanted.expected);
  END LOOP;
END
$$;

-- Made anew with the columns, and named anew: as they were.
ALTER INDEX IF EXISTS decisions_earliest_actor_role_actor_id_at_idx RENAME TO decisions_earliest_by_key;
ALTER INDEX IF EXISTS decisions_earliest_other_students_idx RENAME TO decisions_earliest_by_other_students;
ALTER INDEX IF EXISTS decisions_earliest_student_id_term_seq_idx RENAME TO decisions_earliest_by_student;

-- As before, for numbers of this size.
DROP FUNCTION set_student_password(INTEGER, TEXT, INTEGER, TEXT, TEXT, TEXT, TEXT);
CREATE FUNCTION set_student_password(of_student BIGINT, new_password TEXT, by_staff BIGINT, of_request TEXT, why TEXT,
  with_key TEXT, asked TEXT) RETURNS TEXT LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM FROM students WHERE id = of_student FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 'no_such_student';
  END IF;
  UPDATE password_changes SET key = NULL, request_hash = NULL, password = NULL
  WHERE key IS NOT NULL AND at < now() - interval '24 hours';
  INSERT INTO password_changes (staff_id, student_id, request, note, key, request_hash, password)
  VALUES (by_staff, of_student, of_request, why, with_key, CASE WHEN with_key IS NOT NULL THEN asked END,
    CASE WHEN with_key IS NOT NULL THEN new_password END)
  ON CONFLICT (staff_id, key) WHERE key IS NOT NULL DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'key_taken';
  END IF;
  UPDATE students SET password = new_password WHERE id = of_student;
  RETURN 'set';
END
$$;
DO $$
BEGIN
  -- Nobody's temporary table of the same name is written instead.
  EXECUTE format('ALTER FUNCTION set_student_password(BIGINT, TEXT, BIGINT, TEXT, TEXT, TEXT, TEXT) SET search_path = %I, pg_temp',
    current_schema());
END
$$;
REVOKE ALL ON FUNCTION set_student_password(BIGINT, TEXT, BIGINT, TEXT, TEXT, TEXT, TEXT) FROM PUBLIC;

-- The replaced system's own tables have no default here.
ALTER TABLE enrolled_courses ALTER COLUMN reserved SET DEFAULT FALSE;
