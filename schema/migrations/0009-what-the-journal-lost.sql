-- What is known of records that the journal lost, so that no restart forgets it.

-- Records that came without those before them; the leader is asked to send these again. Empty when nothing is missing.
CREATE TABLE early_records
(
  leader    UUID   NOT NULL,
  first_seq BIGINT NOT NULL,
  last_seq  BIGINT NOT NULL,
  records   JSONB  NOT NULL,
  PRIMARY KEY (leader, first_seq, last_seq)
);

-- The newest record of a leader that was answered for while PostgreSQL was behind, or that was seen here and is lost. Nobody
-- leads until `decisions` holds it, or a person has accepted the loss.
CREATE TABLE answered_records
(
  leader      UUID PRIMARY KEY,
  seq         BIGINT      NOT NULL,
  noted_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- When the batcher found that it is lost; NULL while it may still come.
  lost_at     TIMESTAMPTZ,
  -- When a person decided to go on without it.
  accepted_at TIMESTAMPTZ
);
