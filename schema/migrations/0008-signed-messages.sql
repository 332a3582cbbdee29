-- Messages in RabbitMQ carry a signature of the campus; whatever else is found in the queue is kept here and stops nobody.

-- The first key signs, all of them verify. Made here, so that nobody but the owner needs to write it.
ALTER TABLE campus ADD COLUMN journal_keys TEXT[] NOT NULL
  DEFAULT ARRAY [encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')), 'hex')]
  CHECK (array_position(journal_keys, NULL) IS NULL AND cardinality(journal_keys) > 0);

-- Whether messages without a signature are still read: what older versions left in the queue. Ends for good when the first
-- leader begins whose marker does not come from such a version.
ALTER TABLE journal_position ADD COLUMN accepts_unsigned BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE journal_position SET accepts_unsigned = term > 0;

-- The id of the key that signed the marker; NULL without a broker, and for older versions.
ALTER TABLE leaders ADD COLUMN signed_with TEXT;

-- Copies of messages that were in the queue and are no decisions: what is not of this campus, and what an operator took out.
CREATE TABLE set_aside_messages
(
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  found_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
  reason     TEXT        NOT NULL CHECK (reason IN ('unsigned', 'wrongly_signed', 'other_campus', 'unreadable',
    'changed_duplicate', 'not_understood')),
  detail     TEXT        NOT NULL,
  -- JSON, not JSONB, which does not take every text that a header may hold.
  headers    JSON        NOT NULL,
  -- The first 4 MiB of it, as it was found.
  body       BYTEA       NOT NULL,
  bytes      BIGINT      NOT NULL,
  -- SHA-256 of the body: how a message is known again when it comes back.
  digest     BYTEA       NOT NULL,
  -- One of ours stops the batcher until an operator decides to go on without it. Who, when and why:
  decided_by TEXT,
  decided_at TIMESTAMPTZ,
  note       TEXT,
  -- When the batcher took it out of the queue.
  taken_out_at TIMESTAMPTZ,
  CHECK (num_nulls(decided_by, decided_at, note) IN (0, 3)),
  CHECK ((reason = 'not_understood') OR (decided_at IS NULL AND taken_out_at IS NOT NULL))
);
CREATE UNIQUE INDEX set_aside_messages_not_understood ON set_aside_messages (digest) WHERE reason = 'not_understood';
