-- What the engine and its batcher keep. No table here has a foreign key to students or enrolled_courses:
-- existing tools TRUNCATE both before a run.

-- One row: which campus this is, and the only journal that may feed it.
CREATE TABLE campus
(
  only_row   BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  id         TEXT        NOT NULL CHECK (id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  journal    TEXT,
  jwt_secret TEXT,
  -- Set by the sample campus, whose passwords everybody knows.
  is_sample  BOOLEAN     NOT NULL DEFAULT FALSE,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- One row: the newest applied decision. Locked by every batch, so batchers go one at a time.
CREATE TABLE journal_position
(
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  leader   UUID    NOT NULL,
  term     INTEGER NOT NULL CHECK (term >= 0),
  seq      BIGINT  NOT NULL CHECK (seq >= 0),
  at_ms    BIGINT  NOT NULL CHECK (at_ms >= 0)
);
INSERT INTO journal_position (leader, term, seq, at_ms) VALUES ('00000000-0000-0000-0000-000000000000', 0, 0, 0);

-- Every leader's marker that was judged.
CREATE TABLE leaders
(
  leader    UUID PRIMARY KEY,
  after     UUID        NOT NULL,
  -- Counts accepted leaders from 1; NULL = rejected.
  term      INTEGER UNIQUE CHECK (term > 0),
  judged_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Every decision, yes and no. Append-only. No foreign keys: a decision stands whatever happens to its people.
CREATE TABLE decisions
(
  term         INTEGER     NOT NULL,
  seq          BIGINT      NOT NULL,
  at           TIMESTAMPTZ NOT NULL,
  actor_role   TEXT        NOT NULL CHECK (actor_role IN ('student', 'staff', 'operator')),
  actor_id     INTEGER     NOT NULL,
  student_id   INTEGER,
  -- The record as it stood in the journal (schema/journal-message.ts), without what the columns say.
  legs         JSONB       NOT NULL,
  effects      JSONB,
  reasons      JSONB,
  remaining    SMALLINT,
  key          TEXT,
  request_hash TEXT,
  request      TEXT,
  -- For looking up: the course of the first leg, those of the others, and whom the decision touched besides
  -- student_id (promotions). Arrays are NULL where there is nothing to say, which is mostly.
  course_id      INTEGER NOT NULL,
  other_courses  INTEGER[],
  other_students INTEGER[],
  PRIMARY KEY (term, seq),
  CHECK ((effects IS NULL) <> (reasons IS NULL))
);
CREATE INDEX decisions_by_student ON decisions (student_id, term, seq);
CREATE INDEX decisions_by_key ON decisions (actor_role, actor_id, at) WHERE key IS NOT NULL;
CREATE INDEX decisions_by_course ON decisions (course_id, term, seq);
CREATE INDEX decisions_by_other_courses ON decisions USING gin (other_courses) WHERE other_courses IS NOT NULL;
CREATE INDEX decisions_by_other_students ON decisions USING gin (other_students) WHERE other_students IS NOT NULL;

-- Decisions of a deposed leader that reached the journal. Never applied, never acknowledged.
CREATE TABLE void_records
(
  leader   UUID        NOT NULL,
  seq      BIGINT      NOT NULL,
  record   JSONB       NOT NULL,
  found_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (leader, seq)
);

-- Effects that found no row to change, because somebody deleted it: the decision stands, the table cannot.
CREATE TABLE orphaned_effects
(
  term     INTEGER     NOT NULL,
  seq      BIGINT      NOT NULL,
  effect   JSONB       NOT NULL,
  found_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
