-- The log, the rows kept beside it, and the tables of operation.

-- The log. `stored_events` has the columns of the eventsourcing library's PostgreSQL recorder, in its
-- order and under its names, so that a stock application of that library can read it.

CREATE TABLE stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text,
    state bytea,
    notification_id bigserial NOT NULL,
    program text NOT NULL,
    kind text NOT NULL,
    recorded_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    seal bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
) WITH (
    -- Rows are only ever added: no dead rows to collect, but fresh statistics to keep.
    autovacuum_vacuum_threshold = 100000000,
    autovacuum_vacuum_scale_factor = 0.5,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.01
);
CREATE UNIQUE INDEX stored_events_notification_id_idx ON stored_events (notification_id);
CREATE INDEX stored_events_program_idx ON stored_events (program, notification_id);

COMMENT ON TABLE stored_events IS 'The log: one row per accepted command and stream. Rows are added, never changed or removed.';
COMMENT ON COLUMN stored_events.originator_id IS 'The stream: a member, a program, a reward.';
COMMENT ON COLUMN stored_events.originator_version IS 'Number of the entry in its stream, from 1, without gaps.';
COMMENT ON COLUMN stored_events.topic IS 'Name of the entry''s shape; never a module path.';
COMMENT ON COLUMN stored_events.state IS 'The entry as JSON bytes: input, facts, pins, events and resulting balances.';
COMMENT ON COLUMN stored_events.notification_id IS 'Position in the whole log: increasing, opaque, possibly with gaps.';
COMMENT ON COLUMN stored_events.program IS 'The program that the stream belongs to.';
COMMENT ON COLUMN stored_events.kind IS 'What the stream is: member, program or reward.';
COMMENT ON COLUMN stored_events.recorded_at IS 'When the entry was accepted, by the program''s clock; strictly increasing in a stream.';
COMMENT ON COLUMN stored_events.digest IS 'SHA-256 over the stream''s previous digest and this row''s stored bytes.';
COMMENT ON COLUMN stored_events.seal IS 'SHA-256 over digest and position: binds the row to its place in the whole log.';

-- The type through which that library's recorder passes rows. Its name is the library's.
CREATE TYPE stored_event_uuid AS (
    originator_id uuid,
    originator_version bigint,
    topic text,
    state bytea
);

-- Rows that follow from the log and are written in the transaction that writes the entry.

CREATE TABLE state_rows (
    stream uuid PRIMARY KEY,
    program text NOT NULL,
    kind text NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    shape int NOT NULL,
    due_at timestamptz,
    hot bytea NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX state_rows_due_idx ON state_rows (program, due_at) WHERE due_at IS NOT NULL;

COMMENT ON TABLE state_rows IS 'Head and state of each stream: what the next decision needs. Can be rebuilt from the log.';
COMMENT ON COLUMN state_rows.stream IS 'The stream, as in stored_events.originator_id.';
COMMENT ON COLUMN state_rows.program IS 'The program that the stream belongs to.';
COMMENT ON COLUMN state_rows.kind IS 'What the stream is: member, program or reward.';
COMMENT ON COLUMN state_rows.version IS 'Number of the stream''s last entry.';
COMMENT ON COLUMN state_rows.position IS 'Position of the stream''s last entry in the whole log.';
COMMENT ON COLUMN state_rows.recorded_at IS 'When the stream''s last entry was accepted.';
COMMENT ON COLUMN state_rows.digest IS 'Digest of the stream''s last entry.';
COMMENT ON COLUMN state_rows.shape IS 'Shape of `hot`; code that writes another shape folds from the log instead of reading it.';
COMMENT ON COLUMN state_rows.due_at IS 'When time alone will next change the stream (an expiry, a review), for the sweeper.';
COMMENT ON COLUMN state_rows.hot IS 'The encoded state.';

CREATE TABLE cold_rows (
    stream uuid NOT NULL,
    month int NOT NULL,
    shape int NOT NULL,
    version bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (stream, month)
);

COMMENT ON TABLE cold_rows IS 'Older history of a stream by month, read for late activities and returns. Can be rebuilt from the log.';
COMMENT ON COLUMN cold_rows.month IS 'Year times twelve plus month from zero.';
COMMENT ON COLUMN cold_rows.shape IS 'Shape of `body`.';
COMMENT ON COLUMN cold_rows.version IS 'Number of the entry that last changed this month.';
COMMENT ON COLUMN cold_rows.body IS 'The encoded history.';

CREATE TABLE claims (
    program text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    stream uuid NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    hash text NOT NULL DEFAULT '',
    PRIMARY KEY (program, kind, key)
);

COMMENT ON TABLE claims IS 'Keys that may be used once: activity ids, idempotency keys, identities, codes. Can be rebuilt from the log.';
COMMENT ON COLUMN claims.kind IS 'What sort of key.';
COMMENT ON COLUMN claims.key IS 'The key; e-mail addresses and external ids as a keyed fingerprint.';
COMMENT ON COLUMN claims.stream IS 'The stream that holds the claim.';
COMMENT ON COLUMN claims.version IS 'Number of the entry that made the claim.';
COMMENT ON COLUMN claims.position IS 'Position of that entry in the whole log.';
COMMENT ON COLUMN claims.hash IS 'Keyed fingerprint of the request, to tell a repetition from another request under the same key.';

CREATE TABLE takes (
    program text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    used bigint NOT NULL,
    ceiling bigint NOT NULL,
    PRIMARY KEY (program, kind, key),
    CONSTRAINT takes_not_below_zero CHECK (used >= 0),
    CONSTRAINT takes_not_above_ceiling CHECK (used <= ceiling)
);

COMMENT ON TABLE takes IS 'Quantities with a ceiling: stock, budgets, uses of a code. Can be rebuilt from the log.';
COMMENT ON COLUMN takes.kind IS 'What sort of quantity.';
COMMENT ON COLUMN takes.key IS 'Which one.';
COMMENT ON COLUMN takes.used IS 'How much is taken.';
COMMENT ON COLUMN takes.ceiling IS 'How much there is.';

-- Keys, kept outside the log: deleting a member's key makes the personal fields in the log unreadable.

CREATE TABLE programs (
    id text PRIMARY KEY,
    stream uuid NOT NULL UNIQUE,
    sandbox boolean NOT NULL,
    timeline int NOT NULL DEFAULT 0,
    clock timestamptz,
    key bytea NOT NULL
);

COMMENT ON TABLE programs IS 'The programs of this installation.';
COMMENT ON COLUMN programs.stream IS 'The program''s own stream.';
COMMENT ON COLUMN programs.sandbox IS 'Whether the program is for trying things: its clock may be set.';
COMMENT ON COLUMN programs.timeline IS 'Number of the rulebook timeline; a save decided under another number decides again.';
COMMENT ON COLUMN programs.clock IS 'The set clock of a sandbox; null means real time.';
COMMENT ON COLUMN programs.key IS 'Key of the program''s fingerprints, wrapped by the master key.';

CREATE TABLE member_keys (
    stream uuid PRIMARY KEY,
    program text NOT NULL,
    key bytea NOT NULL
);

COMMENT ON TABLE member_keys IS 'One key per member. Deleting the row is erasure.';
COMMENT ON COLUMN member_keys.key IS 'Key of the member''s personal fields, wrapped by the master key.';

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    program text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

COMMENT ON TABLE api_keys IS 'Who may call the API. The key itself is not stored.';

-- Operation.

CREATE TABLE drafts (
    program text NOT NULL,
    number int NOT NULL,
    document bytea NOT NULL,
    note text NOT NULL DEFAULT '',
    etag text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    published_version int,
    PRIMARY KEY (program, number)
);

COMMENT ON TABLE drafts IS 'Rulebooks being written, as sent.';

CREATE TABLE refusals (
    id bigserial PRIMARY KEY,
    program text NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL
);
CREATE INDEX refusals_program_idx ON refusals (program, id);

COMMENT ON TABLE refusals IS 'The latest refusals, for the console. Not part of the log; old rows are removed.';

CREATE TABLE jobs (
    id text PRIMARY KEY,
    program text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    request bytea NOT NULL,
    result bytea,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX jobs_program_idx ON jobs (program, created_at);

COMMENT ON TABLE jobs IS 'Long work: imports, simulations, replays, with their progress.';

CREATE TABLE positions (
    follower text PRIMARY KEY,
    position bigint NOT NULL,
    version int NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON TABLE positions IS 'How far each follower has read the log.';
COMMENT ON COLUMN positions.version IS 'Version of the follower; rows of another version are rebuilt from the first entry.';

CREATE TABLE parked (
    follower text NOT NULL,
    stream uuid NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL,
    PRIMARY KEY (follower, position)
);
CREATE INDEX parked_stream_idx ON parked (follower, stream);

COMMENT ON TABLE parked IS 'Entries a follower could not take; later entries of the same stream wait behind them.';
