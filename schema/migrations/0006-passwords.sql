-- Staff set students' passwords. Hashes stay in the database: they pass through no command, record or journal message.

-- Who set whose password, and why. The last three columns are there as long as the idempotency key counts.
CREATE TABLE password_changes
(
  id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           TIMESTAMPTZ NOT NULL DEFAULT now(),
  staff_id     INTEGER     NOT NULL,
  student_id   INTEGER     NOT NULL,
  -- The request's id, as it stands in the logs.
  request      TEXT        NOT NULL,
  note         TEXT,
  key          TEXT,
  -- Of all that was asked but the password.
  request_hash TEXT,
  password     TEXT
);
CREATE UNIQUE INDEX password_changes_by_key ON password_changes (staff_id, key) WHERE key IS NOT NULL;
CREATE INDEX password_changes_by_student ON password_changes (student_id, at);

-- Sets a student's password and notes who did it, both or neither. With its owner's privileges: the server, which calls
-- it, may write no table, and so can set no password without leaving a trace.
-- Returns 'set', 'no_such_student', or 'key_taken' if this staff member's key came with a change before.
CREATE FUNCTION set_student_password(of_student INTEGER, new_password TEXT, by_staff INTEGER, of_request TEXT, why TEXT,
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
  EXECUTE format('ALTER FUNCTION set_student_password(INTEGER, TEXT, INTEGER, TEXT, TEXT, TEXT, TEXT) SET search_path = %I, pg_temp',
    current_schema());
END
$$;
REVOKE ALL ON FUNCTION set_student_password(INTEGER, TEXT, INTEGER, TEXT, TEXT, TEXT, TEXT) FROM PUBLIC;
