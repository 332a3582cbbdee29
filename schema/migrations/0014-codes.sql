-- People and courses may have a code: how the university writes them where a number cannot (letters, leading zeros).

ALTER TABLE students ADD COLUMN code TEXT CONSTRAINT students_code_once UNIQUE,
  ADD CONSTRAINT students_code_is_a_line CHECK (code ~ '^\S([^[:cntrl:]]*\S)?$' AND length(code) <= 64);
ALTER TABLE staff ADD COLUMN code TEXT CONSTRAINT staff_code_once UNIQUE,
  ADD CONSTRAINT staff_code_is_a_line CHECK (code ~ '^\S([^[:cntrl:]]*\S)?$' AND length(code) <= 64);
-- The groups of a course may share its code, or have one each.
ALTER TABLE courses ADD COLUMN code TEXT,
  ADD CONSTRAINT courses_code_is_a_line CHECK (code ~ '^\S([^[:cntrl:]]*\S)?$' AND length(code) <= 64);
CREATE INDEX courses_by_code ON courses (code) WHERE code IS NOT NULL;

CREATE FUNCTION refuse_code_of_another_course() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- One at a time: two transactions would not see each other's rows.
  PERFORM pg_advisory_xact_lock(1701733747, 3);
  IF EXISTS (SELECT FROM courses WHERE code = NEW.code AND course_id <> NEW.course_id) THEN
    RAISE EXCEPTION 'another course has the code %', NEW.code
      USING ERRCODE = 'unique_violation', DETAIL = format('Key (code)=(%s) already exists.', NEW.code);
  END IF;
  RETURN NULL;
END
$$;
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION refuse_code_of_another_course() SET search_path = %I, pg_temp', current_schema());
END
$$;
CREATE TRIGGER one_course_a_code AFTER INSERT OR UPDATE OF code, course_id ON courses FOR EACH ROW
  WHEN (NEW.code IS NOT NULL) EXECUTE FUNCTION refuse_code_of_another_course();
