-- As before, and also the months that are over and that nobody made in their time: what was decided in them waits in
-- decisions_default, where no archive would ever find it.
CREATE OR REPLACE FUNCTION make_decision_partitions() RETURNS INTEGER LANGUAGE plpgsql SECURITY DEFINER
  SET lock_timeout = '1s' AS $$
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
$$;

DO $$
BEGIN
  -- Nobody's temporary table of the same name is written instead.
  EXECUTE format('ALTER FUNCTION make_decision_partitions() SET search_path = %I, pg_temp', current_schema());
END
$$;
