-- What the tables held when a leader first served them: where `enrollment verify` begins its replay.
-- `term` is the term that began from it; decisions of that term and later ones are replayed over it.
CREATE TABLE baseline
(
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  term     INTEGER     NOT NULL,
  taken_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TABLE baseline_places
(
  student_id    INTEGER NOT NULL,
  course_id     INTEGER NOT NULL,
  group_id      INTEGER NOT NULL,
  -- NULL = a seat, else the order in the reserve queue.
  reserve_order BIGINT
);
CREATE TABLE baseline_courses
(
  course_id INTEGER NOT NULL,
  group_id  INTEGER NOT NULL,
  capacity  INTEGER NOT NULL,
  PRIMARY KEY (course_id, group_id)
);
CREATE TABLE baseline_students
(
  id                INTEGER PRIMARY KEY,
  remaining_actions SMALLINT NOT NULL
);

-- Changes that somebody other than the batcher made to what decisions decide. `verify` names differences
-- by them; the next leader serves the tables as it finds them and takes a new baseline.
CREATE TABLE outside_changes
(
  id         BIGSERIAL PRIMARY KEY,
  at         TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  by_role    TEXT        NOT NULL DEFAULT session_user,
  table_name TEXT        NOT NULL,
  operation  TEXT        NOT NULL,
  -- NULL where the operation was about all rows (TRUNCATE, a load).
  student_id INTEGER,
  course_id  INTEGER,
  group_id   INTEGER,
  -- The term whose baseline took it in; NULL = no leader has served it yet.
  absorbed_by_term INTEGER
);
CREATE INDEX outside_changes_not_absorbed ON outside_changes (id) WHERE absorbed_by_term IS NULL;

-- The batcher says `SET enrollment.writer = 'batcher'` on its connection; a bulk load says 'load' and writes
-- one row by itself. An UPDATE counts only where it touches what decisions decide: a new password does not.
-- With its owner's privileges: whoever may change the tables need not know of this one.
CREATE FUNCTION note_outside_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
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
      WITH before AS (SELECT course_id, group_id, capacity FROM old_rows),
        after AS (SELECT course_id, group_id, capacity FROM new_rows)
      SELECT DISTINCT TG_TABLE_NAME, TG_OP, course_id, group_id
      FROM ((TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) AS changed;
    ELSE
      INSERT INTO outside_changes (table_name, operation, course_id, group_id)
      SELECT TG_TABLE_NAME, TG_OP, course_id, group_id FROM changed_rows;
    END IF;
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO outside_changes (table_name, operation, student_id)
    WITH before AS (SELECT id, remaining_actions FROM old_rows),
      after AS (SELECT id, remaining_actions FROM new_rows)
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
DECLARE
  watched TEXT;
BEGIN
  -- Nobody's temporary table of the same name is written instead.
  EXECUTE format('ALTER FUNCTION note_outside_change() SET search_path = %I, pg_temp', current_schema());
  FOREACH watched IN ARRAY ARRAY ['students', 'courses', 'enrolled_courses'] LOOP
    EXECUTE format(
      'CREATE TRIGGER note_outside_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT
       WHEN (coalesce(current_setting(''enrollment.writer'', true), '''') = '''') EXECUTE FUNCTION note_outside_change()', watched);
    EXECUTE format(
      'CREATE TRIGGER note_outside_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
       WHEN (coalesce(current_setting(''enrollment.writer'', true), '''') = '''') EXECUTE FUNCTION note_outside_change()', watched);
    EXECUTE format(
      'CREATE TRIGGER note_outside_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT
       WHEN (coalesce(current_setting(''enrollment.writer'', true), '''') = '''') EXECUTE FUNCTION note_outside_change()', watched);
    EXECUTE format(
      'CREATE TRIGGER note_outside_truncate AFTER TRUNCATE ON %I FOR EACH STATEMENT
       WHEN (coalesce(current_setting(''enrollment.writer'', true), '''') = '''') EXECUTE FUNCTION note_outside_change()', watched);
  END LOOP;
END
$$;
