-- Three roles, each with what its processes need and no more:
--
--   enrollment_migrator   owns the tables: enrollment migrate, load, adopt, verify
--   enrollment_server     reads, and claims the journal and the key of the tokens: enrollment server
--   enrollment_batcher    writes what decisions decide: enrollment batcher
--
-- Run it before the first `enrollment migrate`, which makes the tables, and again after every one: the first time
-- as a superuser (or an owner of the database who may make roles), later as the migrator. It may be repeated.
-- The roles have no password and cannot log in yet: ALTER ROLE enrollment_server LOGIN PASSWORD '…'.
--
-- With the direct journal (no RABBITMQ_ADDRESS) the server writes its decisions by itself:
--   GRANT enrollment_batcher TO enrollment_server;

DO $$
DECLARE
  campus_role TEXT;
  ours TEXT;
BEGIN
  FOREACH campus_role IN ARRAY ARRAY ['enrollment_migrator', 'enrollment_server', 'enrollment_batcher'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = campus_role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', campus_role);
    END IF;
  END LOOP;

  -- Nobody else comes in, or makes anything here.
  IF pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE') THEN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO enrollment_migrator, enrollment_server, enrollment_batcher',
      current_database());
    -- A batch's effects are staged in a temporary table.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO enrollment_batcher', current_database());
  END IF;
  -- Everybody's, unless somebody took it away: by it a database knows that it is no copy.
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    GRANT EXECUTE ON FUNCTION pg_control_system() TO enrollment_migrator, enrollment_server, enrollment_batcher;
    -- Without it all works too, and PostgreSQL does half as much again for each place: src/store/table-store.ts.
    IF current_setting('server_version_num')::int >= 150000 THEN
      EXECUTE 'GRANT SET ON PARAMETER session_replication_role TO enrollment_batcher';
    END IF;
  END IF;
  IF pg_has_role(current_user, (SELECT nspowner FROM pg_namespace WHERE nspname = 'public'), 'USAGE') THEN
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE, CREATE ON SCHEMA public TO enrollment_migrator;
    GRANT USAGE ON SCHEMA public TO enrollment_server, enrollment_batcher;
  END IF;

  -- What somebody else made (the replaced system, or a start as a superuser) becomes the migrator's.
  FOR ours IN
    SELECT format('ALTER TABLE %s OWNER TO enrollment_migrator', oid::regclass) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relowner <> 'enrollment_migrator'::regrole
      AND (relname ~ '^decisions_(earliest|default|\d{4}_\d\d)$' OR relname IN ('departments', 'staff', 'students', 'courses', 'enrolled_courses', 'campus', 'journal_position',
        'leaders', 'decisions', 'void_records', 'orphaned_effects', 'baseline', 'baseline_places', 'baseline_courses',
        'baseline_students', 'outside_changes', 'archived_decisions',
        'password_changes', 'set_aside_messages', 'accepted_losses', 'enrollment_migrations', 'early_records',
        'answered_records', 'account_epochs'))
    UNION ALL
    SELECT format('ALTER TYPE %s OWNER TO enrollment_migrator', oid::regtype) FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typname = 'sex' AND typowner <> 'enrollment_migrator'::regrole
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO enrollment_migrator', oid::regprocedure) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proname IN ('note_outside_change', 'refuse_code_of_another_course', 'make_decision_partitions', 'archive_decisions',
        'set_student_password', 'note_account_change', 'note_accounts_added')
      AND proowner <> 'enrollment_migrator'::regrole
  LOOP
    EXECUTE ours;
  END LOOP;

  IF to_regclass('public.enrollment_migrations') IS NULL THEN
    RAISE NOTICE 'the tables are not made yet: run enrollment migrate as enrollment_migrator, then this file again';
    RETURN;
  END IF;

  -- What an earlier version of this file granted and this one does not.
  FOR ours IN
    SELECT format('REVOKE ALL ON %s FROM PUBLIC, enrollment_server, enrollment_batcher', oid::regclass) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S') AND relowner = 'enrollment_migrator'::regrole
  LOOP
    EXECUTE ours;
  END LOOP;

  GRANT SELECT ON enrollment_migrations, departments, staff, students, courses, enrolled_courses, campus,
    journal_position, leaders, decisions, account_epochs TO enrollment_server;
  -- What it has answered for while PostgreSQL is behind.
  GRANT SELECT (leader, seq), INSERT (leader, seq), UPDATE (seq, noted_at) ON answered_records TO enrollment_server;
  -- Claimed once, by whoever starts first.
  GRANT UPDATE (journal, jwt_secret) ON campus TO enrollment_server;
  -- Passwords that staff set, and only so that it is noted who did.
  GRANT SELECT (staff_id, key, at, request_hash, password) ON password_changes TO enrollment_server;
  GRANT EXECUTE ON FUNCTION set_student_password(BIGINT, TEXT, BIGINT, TEXT, TEXT, TEXT, TEXT) TO enrollment_server;

  -- Neither passwords nor the key of the tokens: the batcher knows nobody's secrets but the keys of the journal's messages,
  -- which only the owner changes.
  GRANT SELECT ON enrollment_migrations, enrolled_courses, journal_position, leaders, decisions, baseline,
    baseline_places, baseline_courses, baseline_students, outside_changes, archived_decisions TO enrollment_batcher;
  GRANT SELECT (id, journal, journal_keys, journal_since_term, database_id, is_sample), UPDATE (journal) ON campus TO enrollment_batcher;
  -- All but the password: who adds a student, or changes one that is there already, reads what it writes.
  GRANT SELECT (id, enrollment_start_time, enrollment_end_time, max_units, remaining_actions, department_id, entry_year,
    gender) ON students TO enrollment_batcher;
  -- Everything about a new student but the password: without one, nobody logs in.
  GRANT INSERT (id, enrollment_start_time, enrollment_end_time, max_units, remaining_actions, department_id, entry_year,
    gender), UPDATE (enrollment_start_time, enrollment_end_time, max_units, remaining_actions, department_id, entry_year,
    gender) ON students TO enrollment_batcher;
  GRANT SELECT, INSERT, UPDATE ON courses TO enrollment_batcher;
  GRANT SELECT ON departments TO enrollment_batcher;
  GRANT INSERT, DELETE, UPDATE (reserved, reserve_order, extra_seat) ON enrolled_courses TO enrollment_batcher;
  GRANT USAGE ON SEQUENCE enrolled_courses_id_seq TO enrollment_batcher;
  GRANT UPDATE (leader, term, seq, at_ms, accepts_unsigned) ON journal_position TO enrollment_batcher;
  -- It makes the months of decisions ahead, and owns none of them.
  GRANT EXECUTE ON FUNCTION make_decision_partitions() TO enrollment_batcher;
  -- Append-only: what was decided, and who led, is never changed or deleted.
  GRANT INSERT ON decisions, leaders, void_records, orphaned_effects TO enrollment_batcher;
  -- What is missing, until it is there.
  GRANT SELECT, INSERT, DELETE ON early_records TO enrollment_batcher;
  GRANT SELECT, DELETE, INSERT (leader, seq, lost_at), UPDATE (seq, lost_at) ON answered_records TO enrollment_batcher;
  -- It keeps copies, and takes a message of ours out of the queue only by a decision that it cannot make.
  GRANT INSERT (reason, detail, headers, body, bytes, digest, taken_out_at), SELECT (digest, reason, decided_at),
    UPDATE (taken_out_at) ON set_aside_messages TO enrollment_batcher;
  GRANT INSERT, DELETE ON baseline, baseline_places, baseline_courses, baseline_students TO enrollment_batcher;
  GRANT UPDATE (absorbed_by_term) ON outside_changes TO enrollment_batcher;
END
$$;
