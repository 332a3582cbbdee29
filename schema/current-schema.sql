-- What schema/migrations make, for reading and for review: a migration's effect shows here. Never run it.
-- After a new migration, in a migrated database: pg_dump --schema-only --no-owner --no-privileges

CREATE TYPE public.sex AS ENUM (
    'male',
    'female'
);

CREATE FUNCTION public.archive_decisions(month_table text) RETURNS bigint
    LANGUAGE plpgsql
    SET lock_timeout TO '1s'
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  needed_from INTEGER := coalesce((SELECT term FROM baseline), 0);
  newest_term INTEGER;
  newest TIMESTAMPTZ;
  total BIGINT;
BEGIN
  IF month_table = 'decisions_default' OR NOT EXISTS (
    SELECT FROM pg_inherits WHERE inhparent = 'decisions'::regclass AND inhrelid = to_regclass(quote_ident(month_table)))
  THEN
    RAISE EXCEPTION '% is no month of decisions', month_table;
  END IF;
  EXECUTE format('SELECT max(term), max(at), count(*) FROM %I', month_table) INTO newest_term, newest, total;
  IF newest_term >= needed_from THEN
    RAISE EXCEPTION '% holds decisions of term %, and enrollment verify replays from term % on', month_table,
      newest_term, needed_from
      USING HINT = 'A new baseline is taken when a server begins to lead after enrollment load.';
  END IF;
  IF newest > now() - interval '2 days' OR to_char(now() AT TIME ZONE 'UTC', '"decisions_"YYYY_MM') <= month_table
    AND month_table <> 'decisions_earliest'
  THEN
    RAISE EXCEPTION '% is not over yet', month_table;
  END IF;
  EXECUTE format('INSERT INTO archived_decisions (partition, term, decisions, last_seq, newest_at)
    SELECT %L, term, count(*), max(seq), max(at) FROM %I GROUP BY term', month_table, month_table);
  EXECUTE format('ALTER TABLE decisions DETACH PARTITION %I', month_table);
  RETURN total;
END
$$;

CREATE FUNCTION public.make_decision_partitions() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout TO '1s'
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
  this_month TIMESTAMP := date_trunc('month', now() AT TIME ZONE 'UTC');
  month TIMESTAMP;
  partition TEXT;
  first_at TIMESTAMPTZ;
  end_at TIMESTAMPTZ;
  made INTEGER := 0;
BEGIN
  -- One at a time: batchers may start together.
  PERFORM pg_advisory_xact_lock(1701733747, 2);
  FOR month IN
    SELECT this_month + ahead * interval '1 month' FROM generate_series(0, 2) AS ahead
    UNION
    SELECT date_trunc('month', at AT TIME ZONE 'UTC') FROM decisions_default WHERE at < this_month AT TIME ZONE 'UTC'
    ORDER BY 1
  LOOP
    first_at := month AT TIME ZONE 'UTC';
    end_at := (month + interval '1 month') AT TIME ZONE 'UTC';
    partition := 'decisions_' || to_char(month, 'YYYY_MM');
    -- Of an archived month, too, as long as its table stands.
    CONTINUE WHEN to_regclass(quote_ident(partition)) IS NOT NULL OR EXISTS (
      SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      WHERE inhparent = 'decisions'::regclass
        AND substring(pg_get_expr(relpartbound, inhrelid) FROM 'TO \(''(.+?)''\)')::timestamptz > first_at
        AND coalesce(substring(pg_get_expr(relpartbound, inhrelid) FROM 'FROM \(''(.+?)''\)')::timestamptz,
          '-infinity') <= first_at);
    -- Attached, not made in place: that would lock the whole table against the batcher.
    EXECUTE format('CREATE TABLE %I (LIKE decisions INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (term, seq))',
      partition);
    LOCK TABLE decisions_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH waiting AS (DELETE FROM decisions_default WHERE at >= $1 AND at < $2 RETURNING *)
      INSERT INTO %I SELECT * FROM waiting', partition) USING first_at, end_at;
    EXECUTE format('ALTER TABLE decisions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
      partition, first_at, end_at);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$_$;

CREATE FUNCTION public.note_account_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO account_epochs (staff, id, changed_at, xact)
  VALUES (TG_TABLE_NAME = 'staff', OLD.id, clock_timestamp(), pg_current_xact_id())
  ON CONFLICT ON CONSTRAINT account_epochs_pkey DO UPDATE SET changed_at = excluded.changed_at, xact = excluded.xact;
  RETURN NULL;
END
$$;

CREATE FUNCTION public.note_accounts_added() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  UPDATE account_epochs SET changed_at = clock_timestamp(), xact = pg_current_xact_id()
  FROM added WHERE account_epochs.staff = (TG_TABLE_NAME = 'staff') AND account_epochs.id = added.id;
  RETURN NULL;
END
$$;

CREATE FUNCTION public.note_outside_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.refuse_code_of_another_course() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.set_student_password(of_student bigint, new_password text, by_staff bigint, of_request text, why text, with_key text, asked text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE TABLE public.account_epochs (
    staff boolean NOT NULL,
    id bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    xact xid8 NOT NULL
);

CREATE TABLE public.accepted_losses (
    at timestamp with time zone DEFAULT now() NOT NULL,
    journal text NOT NULL,
    leader uuid NOT NULL,
    term integer NOT NULL,
    seq bigint NOT NULL,
    accepted_by text DEFAULT CURRENT_USER NOT NULL
);

CREATE TABLE public.archived_decisions (
    partition text NOT NULL,
    term integer NOT NULL,
    decisions bigint NOT NULL,
    last_seq bigint NOT NULL,
    newest_at timestamp with time zone NOT NULL,
    archived_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.baseline (
    only_row boolean DEFAULT true NOT NULL,
    term integer NOT NULL,
    taken_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT baseline_only_row_check CHECK (only_row)
);

CREATE TABLE public.baseline_courses (
    course_id integer NOT NULL,
    group_id integer NOT NULL,
    capacity integer NOT NULL,
    status text,
    reserve_capacity integer,
    lecturer text,
    notes text,
    exam_time timestamp with time zone,
    exam_minutes smallint,
    class_time integer,
    meetings jsonb
);

CREATE TABLE public.baseline_places (
    student_id bigint NOT NULL,
    course_id integer NOT NULL,
    group_id integer NOT NULL,
    reserve_order bigint,
    extra_seat boolean DEFAULT false NOT NULL
);

CREATE TABLE public.baseline_students (
    id bigint NOT NULL,
    remaining_actions smallint NOT NULL,
    max_units smallint,
    enrollment_start_time timestamp with time zone,
    enrollment_end_time timestamp with time zone
);

CREATE TABLE public.campus (
    only_row boolean DEFAULT true NOT NULL,
    id text NOT NULL,
    journal text,
    jwt_secret text,
    is_sample boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    journal_keys text[] DEFAULT ARRAY[encode(sha256(convert_to(((gen_random_uuid())::text || (gen_random_uuid())::text), 'UTF8'::name)), 'hex'::text)] NOT NULL,
    database_id text,
    journal_since_term integer DEFAULT 0 NOT NULL,
    CONSTRAINT campus_id_check CHECK ((id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT campus_journal_keys_check CHECK (((array_position(journal_keys, NULL::text) IS NULL) AND (cardinality(journal_keys) > 0))),
    CONSTRAINT campus_only_row_check CHECK (only_row)
);

CREATE TABLE public.courses (
    course_id integer NOT NULL,
    group_id integer NOT NULL,
    for_department smallint NOT NULL,
    name text NOT NULL,
    lecturer text NOT NULL,
    units smallint NOT NULL,
    capacity integer NOT NULL,
    reserve_capacity integer NOT NULL,
    exam_time timestamp with time zone,
    class_time integer NOT NULL,
    sex_lock public.sex,
    notes text NOT NULL,
    exam_minutes smallint,
    meetings jsonb,
    status text DEFAULT 'open'::text NOT NULL,
    code text,
    CONSTRAINT courses_code_is_a_line CHECK (((code ~ '^\S([^[:cntrl:]]*\S)?$'::text) AND (length(code) <= 64))),
    CONSTRAINT courses_meetings_are_times_of_a_week CHECK (((meetings IS NULL) OR ((jsonb_typeof(meetings) = 'array'::text) AND (jsonb_array_length(meetings) = jsonb_array_length(jsonb_path_query_array(meetings, 'strict $[*]?(((((((@."day" >= 0 && @."day" <= 6) && @."day".floor() == @."day") && @."start_minute" >= 0) && @."start_minute".floor() == @."start_minute") && @."end_minute" > @."start_minute") && @."end_minute" <= 1440) && @."end_minute".floor() == @."end_minute")'::jsonpath)))))),
    CONSTRAINT courses_status_known CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text, 'cancelled'::text])))
);

CREATE TABLE public.decisions (
    term integer NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_role text NOT NULL,
    actor_id bigint NOT NULL,
    student_id bigint,
    legs jsonb NOT NULL,
    effects jsonb,
    reasons jsonb,
    remaining smallint,
    key text,
    request_hash text,
    request text,
    course_id integer,
    other_courses integer[],
    other_students bigint[],
    CONSTRAINT decisions_actor_role_check CHECK ((actor_role = ANY (ARRAY['student'::text, 'staff'::text, 'operator'::text]))),
    CONSTRAINT decisions_check CHECK (((effects IS NULL) <> (reasons IS NULL)))
)
PARTITION BY RANGE (at);

CREATE TABLE public.decisions_default (
    term integer NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_role text NOT NULL,
    actor_id bigint NOT NULL,
    student_id bigint,
    legs jsonb NOT NULL,
    effects jsonb,
    reasons jsonb,
    remaining smallint,
    key text,
    request_hash text,
    request text,
    course_id integer,
    other_courses integer[],
    other_students bigint[],
    CONSTRAINT decisions_actor_role_check CHECK ((actor_role = ANY (ARRAY['student'::text, 'staff'::text, 'operator'::text]))),
    CONSTRAINT decisions_check CHECK (((effects IS NULL) <> (reasons IS NULL)))
);

CREATE TABLE public.decisions_earliest (
    term integer NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_role text NOT NULL,
    actor_id bigint NOT NULL,
    student_id bigint,
    legs jsonb NOT NULL,
    effects jsonb,
    reasons jsonb,
    remaining smallint,
    key text,
    request_hash text,
    request text,
    course_id integer,
    other_courses integer[],
    other_students bigint[],
    CONSTRAINT decisions_actor_role_check CHECK ((actor_role = ANY (ARRAY['student'::text, 'staff'::text, 'operator'::text]))),
    CONSTRAINT decisions_check CHECK (((effects IS NULL) <> (reasons IS NULL)))
);

CREATE TABLE public.departments (
    id smallint NOT NULL,
    name text NOT NULL
);

CREATE SEQUENCE public.departments_id_seq
    AS smallint
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.departments_id_seq OWNED BY public.departments.id;

CREATE TABLE public.enrolled_courses (
    id integer NOT NULL,
    course_id integer NOT NULL,
    group_id integer NOT NULL,
    student_id bigint NOT NULL,
    reserved boolean DEFAULT false NOT NULL,
    reserve_order bigint,
    extra_seat boolean DEFAULT false NOT NULL,
    CONSTRAINT enrolled_courses_extra_seat_is_a_seat CHECK ((NOT (reserved AND extra_seat)))
);

CREATE SEQUENCE public.enrolled_courses_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.enrolled_courses_id_seq OWNED BY public.enrolled_courses.id;

CREATE TABLE public.enrollment_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.journal_position (
    only_row boolean DEFAULT true NOT NULL,
    leader uuid NOT NULL,
    term integer NOT NULL,
    seq bigint NOT NULL,
    at_ms bigint NOT NULL,
    accepts_unsigned boolean DEFAULT false NOT NULL,
    CONSTRAINT journal_position_at_ms_check CHECK ((at_ms >= 0)),
    CONSTRAINT journal_position_only_row_check CHECK (only_row),
    CONSTRAINT journal_position_seq_check CHECK ((seq >= 0)),
    CONSTRAINT journal_position_term_check CHECK ((term >= 0))
);

CREATE TABLE public.leaders (
    leader uuid NOT NULL,
    after uuid NOT NULL,
    term integer,
    judged_at timestamp with time zone DEFAULT now() NOT NULL,
    signed_with text,
    CONSTRAINT leaders_term_check CHECK ((term > 0))
);

CREATE TABLE public.orphaned_effects (
    term integer NOT NULL,
    seq bigint NOT NULL,
    effect jsonb NOT NULL,
    found_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.outside_changes (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    by_role text DEFAULT SESSION_USER NOT NULL,
    table_name text NOT NULL,
    operation text NOT NULL,
    student_id bigint,
    course_id integer,
    group_id integer,
    absorbed_by_term integer
);

CREATE SEQUENCE public.outside_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.outside_changes_id_seq OWNED BY public.outside_changes.id;

CREATE TABLE public.password_changes (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    staff_id bigint NOT NULL,
    student_id bigint NOT NULL,
    request text NOT NULL,
    note text,
    key text,
    request_hash text,
    password text
);

ALTER TABLE public.password_changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.password_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.set_aside_messages (
    id bigint NOT NULL,
    found_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    headers json NOT NULL,
    body bytea NOT NULL,
    bytes bigint NOT NULL,
    digest bytea NOT NULL,
    decided_by text,
    decided_at timestamp with time zone,
    note text,
    taken_out_at timestamp with time zone,
    CONSTRAINT set_aside_messages_check CHECK ((num_nulls(decided_by, decided_at, note) = ANY (ARRAY[0, 3]))),
    CONSTRAINT set_aside_messages_check1 CHECK (((reason = 'not_understood'::text) OR ((decided_at IS NULL) AND (taken_out_at IS NOT NULL)))),
    CONSTRAINT set_aside_messages_reason_check CHECK ((reason = ANY (ARRAY['unsigned'::text, 'wrongly_signed'::text, 'other_campus'::text, 'unreadable'::text, 'changed_duplicate'::text, 'not_understood'::text])))
);

ALTER TABLE public.set_aside_messages ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.set_aside_messages_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.staff (
    id bigint NOT NULL,
    password text NOT NULL,
    department_id smallint NOT NULL,
    code text,
    CONSTRAINT staff_code_is_a_line CHECK (((code ~ '^\S([^[:cntrl:]]*\S)?$'::text) AND (length(code) <= 64))),
    CONSTRAINT staff_id_exact_in_json CHECK ((abs(id) <= '9007199254740991'::bigint))
);

CREATE TABLE public.students (
    id bigint NOT NULL,
    password text DEFAULT '!'::text NOT NULL,
    enrollment_start_time timestamp with time zone NOT NULL,
    max_units smallint NOT NULL,
    remaining_actions smallint NOT NULL,
    department_id smallint NOT NULL,
    entry_year smallint NOT NULL,
    gender public.sex NOT NULL,
    enrollment_end_time timestamp with time zone,
    code text,
    CONSTRAINT students_code_is_a_line CHECK (((code ~ '^\S([^[:cntrl:]]*\S)?$'::text) AND (length(code) <= 64))),
    CONSTRAINT students_id_exact_in_json CHECK ((abs(id) <= '9007199254740991'::bigint))
);

CREATE TABLE public.answered_records (
    leader uuid NOT NULL,
    seq bigint NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    lost_at timestamp with time zone,
    accepted_at timestamp with time zone
);

CREATE TABLE public.early_records (
    leader uuid NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    records jsonb NOT NULL
);

CREATE TABLE public.void_records (
    leader uuid NOT NULL,
    seq bigint NOT NULL,
    record jsonb NOT NULL,
    found_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.decisions ATTACH PARTITION public.decisions_default DEFAULT;

ALTER TABLE ONLY public.decisions ATTACH PARTITION public.decisions_earliest FOR VALUES FROM (MINVALUE) TO ('2026-11-01 00:00:00+00');

ALTER TABLE ONLY public.departments ALTER COLUMN id SET DEFAULT nextval('public.departments_id_seq'::regclass);

ALTER TABLE ONLY public.enrolled_courses ALTER COLUMN id SET DEFAULT nextval('public.enrolled_courses_id_seq'::regclass);

ALTER TABLE ONLY public.outside_changes ALTER COLUMN id SET DEFAULT nextval('public.outside_changes_id_seq'::regclass);

ALTER TABLE ONLY public.account_epochs
    ADD CONSTRAINT account_epochs_pkey PRIMARY KEY (staff, id);

ALTER TABLE ONLY public.archived_decisions
    ADD CONSTRAINT archived_decisions_pkey PRIMARY KEY (partition, term);

ALTER TABLE ONLY public.baseline_courses
    ADD CONSTRAINT baseline_courses_pkey PRIMARY KEY (course_id, group_id);

ALTER TABLE ONLY public.baseline
    ADD CONSTRAINT baseline_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.baseline_students
    ADD CONSTRAINT baseline_students_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.campus
    ADD CONSTRAINT campus_pkey PRIMARY KEY (only_row);

ALTER TABLE public.courses
    ADD CONSTRAINT courses_exam_length CHECK (((exam_minutes IS NULL) OR (exam_minutes > 0))) NOT VALID;

ALTER TABLE public.courses
    ADD CONSTRAINT courses_numbers_not_negative CHECK (((capacity >= 0) AND (reserve_capacity >= 0) AND (units >= 0) AND (course_id >= 0) AND (group_id >= 0))) NOT VALID;

ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_pkey PRIMARY KEY (course_id, group_id);

ALTER TABLE ONLY public.decisions_default
    ADD CONSTRAINT decisions_default_pkey PRIMARY KEY (term, seq);

ALTER TABLE ONLY public.decisions_earliest
    ADD CONSTRAINT decisions_earliest_pkey PRIMARY KEY (term, seq);

ALTER TABLE ONLY public.departments
    ADD CONSTRAINT departments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.enrolled_courses
    ADD CONSTRAINT enrolled_courses_pkey PRIMARY KEY (id);

ALTER TABLE public.enrolled_courses
    ADD CONSTRAINT enrolled_courses_seat_has_no_order CHECK ((reserved OR (reserve_order IS NULL))) NOT VALID;

ALTER TABLE ONLY public.enrollment_migrations
    ADD CONSTRAINT enrollment_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.journal_position
    ADD CONSTRAINT journal_position_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.leaders
    ADD CONSTRAINT leaders_pkey PRIMARY KEY (leader);

ALTER TABLE ONLY public.leaders
    ADD CONSTRAINT leaders_term_key UNIQUE (term);

ALTER TABLE ONLY public.outside_changes
    ADD CONSTRAINT outside_changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.password_changes
    ADD CONSTRAINT password_changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.set_aside_messages
    ADD CONSTRAINT set_aside_messages_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_code_once UNIQUE (code);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.students
    ADD CONSTRAINT students_code_once UNIQUE (code);

ALTER TABLE public.students
    ADD CONSTRAINT students_numbers_not_negative CHECK (((id >= 0) AND (max_units >= 0))) NOT VALID;

ALTER TABLE ONLY public.students
    ADD CONSTRAINT students_pkey PRIMARY KEY (id);

ALTER TABLE public.students
    ADD CONSTRAINT students_window_ends_after_start CHECK (((enrollment_end_time IS NULL) OR (enrollment_end_time > enrollment_start_time))) NOT VALID;

ALTER TABLE ONLY public.answered_records
    ADD CONSTRAINT answered_records_pkey PRIMARY KEY (leader);

ALTER TABLE ONLY public.early_records
    ADD CONSTRAINT early_records_pkey PRIMARY KEY (leader, first_seq, last_seq);

ALTER TABLE ONLY public.void_records
    ADD CONSTRAINT void_records_pkey PRIMARY KEY (leader, seq);

CREATE INDEX account_epochs_by_xact ON public.account_epochs USING btree (xact);

CREATE INDEX courses_by_code ON public.courses USING btree (code) WHERE (code IS NOT NULL);

CREATE INDEX decisions_by_course ON ONLY public.decisions USING btree (course_id, term, seq);

CREATE INDEX decisions_by_key ON ONLY public.decisions USING btree (actor_role, actor_id, at) WHERE (key IS NOT NULL);

CREATE INDEX decisions_by_other_courses ON ONLY public.decisions USING gin (other_courses) WHERE (other_courses IS NOT NULL);

CREATE INDEX decisions_by_other_students ON ONLY public.decisions USING gin (other_students) WHERE (other_students IS NOT NULL);

CREATE INDEX decisions_by_student ON ONLY public.decisions USING btree (student_id, term, seq);

CREATE INDEX decisions_default_actor_role_actor_id_at_idx ON public.decisions_default USING btree (actor_role, actor_id, at) WHERE (key IS NOT NULL);

CREATE INDEX decisions_default_course_id_term_seq_idx ON public.decisions_default USING btree (course_id, term, seq);

CREATE INDEX decisions_default_other_courses_idx ON public.decisions_default USING gin (other_courses) WHERE (other_courses IS NOT NULL);

CREATE INDEX decisions_default_other_students_idx ON public.decisions_default USING gin (other_students) WHERE (other_students IS NOT NULL);

CREATE INDEX decisions_default_student_id_term_seq_idx ON public.decisions_default USING btree (student_id, term, seq);

CREATE INDEX decisions_earliest_by_course ON public.decisions_earliest USING btree (course_id, term, seq);

CREATE INDEX decisions_earliest_by_key ON public.decisions_earliest USING btree (actor_role, actor_id, at) WHERE (key IS NOT NULL);

CREATE INDEX decisions_earliest_by_other_courses ON public.decisions_earliest USING gin (other_courses) WHERE (other_courses IS NOT NULL);

CREATE INDEX decisions_earliest_by_other_students ON public.decisions_earliest USING gin (other_students) WHERE (other_students IS NOT NULL);

CREATE INDEX decisions_earliest_by_student ON public.decisions_earliest USING btree (student_id, term, seq);

CREATE INDEX enrolled_courses_by_group ON public.enrolled_courses USING btree (course_id, group_id);

CREATE UNIQUE INDEX enrolled_courses_once ON public.enrolled_courses USING btree (student_id, course_id, group_id);

CREATE INDEX outside_changes_not_absorbed ON public.outside_changes USING btree (id) WHERE (absorbed_by_term IS NULL);

CREATE UNIQUE INDEX password_changes_by_key ON public.password_changes USING btree (staff_id, key) WHERE (key IS NOT NULL);

CREATE INDEX password_changes_by_student ON public.password_changes USING btree (student_id, at);

ALTER INDEX public.decisions_by_key ATTACH PARTITION public.decisions_default_actor_role_actor_id_at_idx;

ALTER INDEX public.decisions_by_course ATTACH PARTITION public.decisions_default_course_id_term_seq_idx;

ALTER INDEX public.decisions_by_other_courses ATTACH PARTITION public.decisions_default_other_courses_idx;

ALTER INDEX public.decisions_by_other_students ATTACH PARTITION public.decisions_default_other_students_idx;

ALTER INDEX public.decisions_by_student ATTACH PARTITION public.decisions_default_student_id_term_seq_idx;

ALTER INDEX public.decisions_by_course ATTACH PARTITION public.decisions_earliest_by_course;

ALTER INDEX public.decisions_by_key ATTACH PARTITION public.decisions_earliest_by_key;

ALTER INDEX public.decisions_by_other_courses ATTACH PARTITION public.decisions_earliest_by_other_courses;

ALTER INDEX public.decisions_by_other_students ATTACH PARTITION public.decisions_earliest_by_other_students;

ALTER INDEX public.decisions_by_student ATTACH PARTITION public.decisions_earliest_by_student;

CREATE UNIQUE INDEX set_aside_messages_not_understood ON public.set_aside_messages USING btree (digest) WHERE (reason = 'not_understood'::text);

CREATE TRIGGER account_changed AFTER UPDATE OF password, department_id ON public.staff FOR EACH ROW WHEN (((old.password IS DISTINCT FROM new.password) OR (old.department_id IS DISTINCT FROM new.department_id))) EXECUTE FUNCTION public.note_account_change();

CREATE TRIGGER account_changed AFTER UPDATE OF password ON public.students FOR EACH ROW WHEN ((old.password IS DISTINCT FROM new.password)) EXECUTE FUNCTION public.note_account_change();

CREATE TRIGGER account_removed AFTER DELETE ON public.staff FOR EACH ROW EXECUTE FUNCTION public.note_account_change();

CREATE TRIGGER account_removed AFTER DELETE ON public.students FOR EACH ROW EXECUTE FUNCTION public.note_account_change();

CREATE TRIGGER accounts_added AFTER INSERT ON public.staff REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.note_accounts_added();

CREATE TRIGGER accounts_added AFTER INSERT ON public.students REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.note_accounts_added();

CREATE TRIGGER note_outside_delete AFTER DELETE ON public.courses REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_delete AFTER DELETE ON public.enrolled_courses REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_delete AFTER DELETE ON public.students REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_insert AFTER INSERT ON public.courses REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_insert AFTER INSERT ON public.enrolled_courses REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_insert AFTER INSERT ON public.students REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_truncate AFTER TRUNCATE ON public.courses FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_truncate AFTER TRUNCATE ON public.enrolled_courses FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_truncate AFTER TRUNCATE ON public.students FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_update AFTER UPDATE ON public.courses REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_update AFTER UPDATE ON public.enrolled_courses REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER note_outside_update AFTER UPDATE ON public.students REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((COALESCE(current_setting('enrollment.writer'::text, true), ''::text) = ''::text)) EXECUTE FUNCTION public.note_outside_change();

CREATE TRIGGER one_course_a_code AFTER INSERT OR UPDATE OF code, course_id ON public.courses FOR EACH ROW WHEN ((new.code IS NOT NULL)) EXECUTE FUNCTION public.refuse_code_of_another_course();

ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_for_department_fkey FOREIGN KEY (for_department) REFERENCES public.departments(id);

ALTER TABLE ONLY public.enrolled_courses
    ADD CONSTRAINT enrolled_courses_course_id_group_id_fkey FOREIGN KEY (course_id, group_id) REFERENCES public.courses(course_id, group_id);

ALTER TABLE ONLY public.enrolled_courses
    ADD CONSTRAINT enrolled_courses_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_department_id_fkey FOREIGN KEY (department_id) REFERENCES public.departments(id);

ALTER TABLE ONLY public.students
    ADD CONSTRAINT students_department_id_fkey FOREIGN KEY (department_id) REFERENCES public.departments(id);

