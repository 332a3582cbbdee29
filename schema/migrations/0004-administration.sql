-- Staff change courses and students while the engine runs.

-- Whether newcomers may enter. A cancelled group never opens again, and nobody holds a place in it.
ALTER TABLE courses ADD COLUMN status TEXT NOT NULL DEFAULT 'open'
  CONSTRAINT courses_status_known CHECK (status IN ('open', 'closed', 'cancelled'));

-- A student who was added without a password cannot log in: no hash looks like this.
ALTER TABLE students ALTER COLUMN password SET DEFAULT '!';

-- A decision may be about a student alone.
ALTER TABLE decisions ALTER COLUMN course_id DROP NOT NULL;

-- The rest of what decisions decide. NULL = taken before this migration; the next leader takes another one.
ALTER TABLE baseline_courses
  ADD COLUMN status           TEXT,
  ADD COLUMN reserve_capacity INTEGER,
  ADD COLUMN lecturer         TEXT,
  ADD COLUMN notes            TEXT,
  ADD COLUMN exam_time        TIMESTAMP,
  ADD COLUMN exam_minutes     SMALLINT,
  ADD COLUMN class_time       INTEGER,
  ADD COLUMN meetings         JSONB;
ALTER TABLE baseline_students
  ADD COLUMN max_units             SMALLINT,
  ADD COLUMN enrollment_start_time TIMESTAMP,
  ADD COLUMN enrollment_end_time   TIMESTAMP;

-- As before, and an UPDATE of those columns counts too.
CREATE OR REPLACE FUNCTION note_outside_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO outside_changes (table_name, operation) VALUES (TG_TABLE_NAME, TG_OP);
  ELSIF TG_TABLE_NAME = 'enrolled_courses' THEN
    IF TG_OP = 'UPDATE' THEN
      INSERT INTO outside_changes (table_name, operation, student_id, course_id, group_id)
      WITH before AS (SELECT id, student_id, course_id, group_id, reserved, reserve_order FROM old_rows),
        after AS (SELECT id, student_id, course_id, group_id, reserved, reserve_order FROM new_rows)
      SELECT DISTINCT TG_TABLE_NAME, TG_OP, student_id, course_id, group_id
      FROM ((TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) AS changed;
    ELSE
      INSERT INTO outside_changes (table_name, operation, student_id, course_id, group_id)
      SELECT TG_TABLE_NAME, TG_OP, student_id, course_id, group_id FROM changed_rows;
    END IF;
  ELSIF TG_TABLE_NAME = 'courses' THEN
    IF TG_OP = 'UPDATE' THEN
      INSERT INTO outside_changes (table_name, operation, course_id, group_id)
      WITH before AS (SELECT course_id, group_id, capacity, reserve_capacity, status, lecturer, notes, exam_time,
          exam_minutes, class_time, meetings FROM old_rows),
        after AS (SELECT course_id, group_id, capacity, reserve_capacity, status, lecturer, notes, exam_time,
          exam_minutes, class_time, meetings FROM new_rows)
      SELECT DISTINCT TG_TABLE_NAME, TG_OP, course_id, group_id
      FROM ((TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) AS changed;
    ELSE
      INSERT INTO outside_changes (table_name, operation, course_id, group_id)
      SELECT TG_TABLE_NAME, TG_OP, course_id, group_id FROM changed_rows;
    END IF;
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO outside_changes (table_name, operation, student_id)
    WITH before AS (SELECT id, remaining_actions, max_units, enrollment_start_time, enrollment_end_time FROM old_rows),
      after AS (SELECT id, remaining_actions, max_units, enrollment_start_time, enrollment_end_time FROM new_rows)
    SELECT DISTINCT TG_TABLE_NAME, TG_OP, id
    FROM ((TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) AS changed;
  ELSE
    INSERT INTO outside_changes (table_name, operation, student_id)
    SELECT TG_TABLE_NAME, TG_OP, id FROM changed_rows;
  END IF;
  RETURN NULL;
END
$$;

DO $$
BEGIN
  -- Nobody's temporary table of the same name is written instead.
  EXECUTE format('ALTER FUNCTION note_outside_change() SET search_path = %I, pg_temp', current_schema());
END
$$;
