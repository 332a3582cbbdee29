-- `decisions` by month (UTC), so that old months can be archived in one go. docs/decisions/ says why by `at` and what
-- keeps (term, seq) unique. Nothing is copied: the table of before becomes the first partition, with its indexes;
-- attaching it reads it once.

ALTER TABLE decisions RENAME TO decisions_earliest;
ALTER TABLE decisions_earliest RENAME CONSTRAINT decisions_pkey TO decisions_earliest_pkey;
ALTER INDEX decisions_by_student RENAME TO decisions_earliest_by_student;
ALTER INDEX decisions_by_key RENAME TO decisions_earliest_by_key;
ALTER INDEX decisions_by_course RENAME TO decisions_earliest_by_course;
ALTER INDEX decisions_by_other_courses RENAME TO decisions_earliest_by_other_courses;
ALTER INDEX decisions_by_other_students RENAME TO decisions_earliest_by_other_students;

-- No key of its own: it would have to hold `at`. Every partition has the primary key (term, seq).
CREATE TABLE decisions (LIKE decisions_earliest INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (at);
CREATE INDEX decisions_by_student ON decisions (student_id, term, seq);
CREATE INDEX decisions_by_key ON decisions (actor_role, actor_id, at) WHERE key IS NOT NULL;
CREATE INDEX decisions_by_course ON decisions (course_id, term, seq);
CREATE INDEX decisions_by_other_courses ON decisions USING gin (other_courses) WHERE other_courses IS NOT NULL;
CREATE INDEX decisions_by_other_students ON decisions USING gin (other_students) WHERE other_students IS NOT NULL;

-- Up to the month after the newest decision, or to the beginning of this month.
DO $$
DECLARE
  month TIMESTAMP := date_trunc('month', now() AT TIME ZONE 'UTC');
  newest TIMESTAMPTZ;
BEGIN
  SELECT max(at) INTO newest FROM decisions_earliest;
  IF newest IS NOT NULL THEN
    month := greatest(month, date_trunc('month', newest AT TIME ZONE 'UTC') + interval '1 month');
  END IF;
  EXECUTE format('ALTER TABLE decisions ATTACH PARTITION decisions_earliest FOR VALUES FROM (MINVALUE) TO (%L)',
    month AT TIME ZONE 'UTC');
END
$$;

-- What no month is there for: a clock that is far ahead, or months that could not be made in time. Never refused.
CREATE TABLE decisions_default PARTITION OF decisions (PRIMARY KEY (term, seq)) DEFAULT;

-- Makes this month's partition and those of the two next ones, and returns how many were lacking. What waits for them
-- in decisions_default is moved there. With its owner's privileges: the batcher, which calls it, owns no table.
-- Gives up (55P03) rather than keep others waiting behind it; there is time until the month begins.
CREATE FUNCTION make_decision_partitions() RETURNS INTEGER LANGUAGE plpgsql SECURITY DEFINER
  SET lock_timeout = '1s' AS $$
DECLARE
  month TIMESTAMP;
  partition TEXT;
  first_at TIMESTAMPTZ;
  end_at TIMESTAMPTZ;
  made INTEGER := 0;
BEGIN
  -- One at a time: batchers may start together.
  PERFORM pg_advisory_xact_lock(1701733747, 2);
  FOR ahead IN 0..2 LOOP
    month := date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month';
    first_at := month AT TIME ZONE 'UTC';
    end_at := (month + interval '1 month') AT TIME ZONE 'UTC';
    partition := 'decisions_' || to_char(month, 'YYYY_MM');
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
$$;

-- What left `decisions` for the archive, term by term: a month may end within a term, and `enrollment verify` counts.
CREATE TABLE archived_decisions
(
  partition   TEXT        NOT NULL,
  term        INTEGER     NOT NULL,
  decisions   BIGINT      NOT NULL,
  last_seq    BIGINT      NOT NULL,
  newest_at   TIMESTAMPTZ NOT NULL,
  archived_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (partition, term)
);

-- Takes a month out of `decisions` and returns how many it holds; it stays as a table of its own, to be dropped
-- once its export is safe. Refuses what is still needed: decisions that a replay from the baseline begins with, and
-- those whose idempotency keys still count. For the owner of the tables.
CREATE FUNCTION archive_decisions(month_table TEXT) RETURNS BIGINT LANGUAGE plpgsql
  SET lock_timeout = '1s' AS $$
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

DO $$
BEGIN
  -- Nobody's temporary table of the same name is written instead.
  EXECUTE format('ALTER FUNCTION make_decision_partitions() SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION archive_decisions(TEXT) SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION make_decision_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION archive_decisions(TEXT) FROM PUBLIC;
