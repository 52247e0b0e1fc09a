-- The inbox: activities that were taken and are to be recorded, and those that cannot be.

CREATE TABLE inbox (
    ref uuid PRIMARY KEY,
    program text NOT NULL,
    number bigserial NOT NULL,
    bucket int NOT NULL,
    lane text NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    key text,
    hash text NOT NULL,
    actor text NOT NULL,
    correlation text,
    body bytea,
    state text NOT NULL DEFAULT 'waiting',
    received_at timestamptz NOT NULL,
    ended_at timestamptz,
    activity text,
    position bigint,
    code text,
    detail text NOT NULL DEFAULT ''
) WITH (
    -- Every row changes once, soon after it came.
    autovacuum_vacuum_scale_factor = 0.05
);
CREATE UNIQUE INDEX inbox_key_idx ON inbox (program, key) WHERE key IS NOT NULL;
CREATE INDEX inbox_waiting_idx ON inbox (bucket, number) WHERE state = 'waiting';
CREATE INDEX inbox_parked_idx ON inbox (program, number) WHERE state = 'parked';
CREATE INDEX inbox_ended_idx ON inbox (ended_at) WHERE state <> 'waiting';

COMMENT ON TABLE inbox IS 'Activities that were taken to be recorded later, with what became of them. No part of the log.';
COMMENT ON COLUMN inbox.ref IS 'Follows from program, source and id: the same activity is the same row.';
COMMENT ON COLUMN inbox.number IS 'The order in which they came.';
COMMENT ON COLUMN inbox.bucket IS 'Whoever records holds a lock on a bucket, so that each lane is worked on in order.';
COMMENT ON COLUMN inbox.lane IS 'Whose it is: a member''s id, or the fingerprint of an e-mail address; empty once recorded.';
COMMENT ON COLUMN inbox.key IS 'The idempotency key it came with; none once it is parked.';
COMMENT ON COLUMN inbox.hash IS 'Keyed fingerprint of the body, to tell a repetition from another activity of the same name.';
COMMENT ON COLUMN inbox.body IS 'The activity as cipher text; none once it is recorded, or the member erased.';
COMMENT ON COLUMN inbox.state IS 'waiting, recorded, or parked: refused, or broken.';
COMMENT ON COLUMN inbox.activity IS 'The reference of the recorded activity.';
COMMENT ON COLUMN inbox.code IS 'Why it is parked, as a code of a problem.';
