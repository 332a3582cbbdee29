-- A database knows itself, and since when its journal feeds it.

-- The cluster's system identifier and the database's oid, as `identifier/oid`: a restored dump or a copy by TEMPLATE has
-- others than it says here, and neither serves nor writes until somebody says what it is. A promoted standby has the same.
ALTER TABLE campus ADD COLUMN database_id TEXT;
UPDATE campus SET database_id = concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
  (SELECT oid FROM pg_database WHERE datname = current_database()));
-- Later terms came through this journal, so its queue must be there: a missing one is lost, not new.
ALTER TABLE campus ADD COLUMN journal_since_term INTEGER NOT NULL DEFAULT 0;

-- Somebody said that a queue which is gone, or could not be asked, may be forgotten with what it held.
CREATE TABLE accepted_losses
(
  at          TIMESTAMPTZ NOT NULL DEFAULT now(),
  journal     TEXT        NOT NULL,
  -- The newest decision that the tables had then.
  leader      UUID        NOT NULL,
  term        INTEGER     NOT NULL,
  seq         BIGINT      NOT NULL,
  accepted_by TEXT        NOT NULL DEFAULT current_user
);
