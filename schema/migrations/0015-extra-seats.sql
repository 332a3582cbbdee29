-- A seat that staff give in a full group is an extra one and ends with its holder: more may be registered than the capacity
-- says, and who sits beyond it is marked. What earlier versions forced is on record as a larger capacity, and stays so.

ALTER TABLE enrolled_courses ADD COLUMN extra_seat BOOLEAN NOT NULL DEFAULT FALSE,
  ADD CONSTRAINT enrolled_courses_extra_seat_is_a_seat CHECK (NOT (reserved AND extra_seat));
-- A baseline that an earlier version took had none.
ALTER TABLE baseline_places ADD COLUMN extra_seat BOOLEAN NOT NULL DEFAULT FALSE;

-- As before, and an UPDATE of that column counts too.
CREATE OR REPLACE FUNCTION note_outside_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO outside_changes (table_name, operation) VALUES (TG_TABLE_NAME, TG_OP);
  ELSIF TG_TABLE_NAME = 'enrolled_courses' THEN
    IF TG_OP = 'UPDATE' THEN
      INSERT INTO outside_changes (table_name, operation, student_id, course_id, group_id)
      WITH before AS (SELECT id, student_id, course_id, group_id, reserved, reserve_order, extra_seat FROM old_rows),
        after AS (SELECT id, student_id, course_id, group_id, reserved, reserve_order, extra_seat FROM new_rows)
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
