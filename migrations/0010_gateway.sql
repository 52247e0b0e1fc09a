-- The gateway: who sends messages in words of their own, and what became of each.

CREATE TABLE gateway_sources (
    id text PRIMARY KEY,
    program text NOT NULL,
    name text NOT NULL,
    mapping int NOT NULL,
    document bytea NOT NULL,
    key bytea NOT NULL,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX gateway_sources_program_idx ON gateway_sources (program, id);

COMMENT ON TABLE gateway_sources IS 'Other systems whose messages are taken in. No part of the log.';
COMMENT ON COLUMN gateway_sources.mapping IS 'Number of the mapping in use, from 1.';
COMMENT ON COLUMN gateway_sources.document IS 'That mapping, as JSON.';
COMMENT ON COLUMN gateway_sources.key IS 'Key of the source, wrapped by the master key: secrets and letters are sealed under it.';
COMMENT ON COLUMN gateway_sources.secret IS 'What messages are signed with, sealed.';
COMMENT ON COLUMN gateway_sources.previous_secret IS 'The one before, which counts besides until previous_until.';

CREATE TABLE gateway_mappings (
    source text NOT NULL REFERENCES gateway_sources ON DELETE CASCADE,
    mapping int NOT NULL,
    document bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, mapping)
);

COMMENT ON TABLE gateway_mappings IS 'Every mapping that a source has had. Never changed: the log names source and number as actor.';

CREATE TABLE gateway_inbox (
    id text PRIMARY KEY,
    source text NOT NULL REFERENCES gateway_sources ON DELETE CASCADE,
    program text NOT NULL,
    event text NOT NULL,
    mapping int NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    member text NOT NULL,
    ref text NOT NULL,
    position bigint NOT NULL,
    attempts int NOT NULL,
    received_at timestamptz NOT NULL,
    due_at timestamptz,
    ended_at timestamptz,
    sealed bytea
) WITH (fillfactor = 80);
-- What was not genuine takes nobody's place.
CREATE UNIQUE INDEX gateway_inbox_event_idx ON gateway_inbox (source, event) WHERE state <> 'refused';
CREATE INDEX gateway_inbox_due_idx ON gateway_inbox (due_at) WHERE state = 'waiting';
CREATE INDEX gateway_inbox_received_idx ON gateway_inbox (program, received_at, id);
CREATE INDEX gateway_inbox_refused_idx ON gateway_inbox (source, received_at) WHERE state = 'refused';

COMMENT ON TABLE gateway_inbox IS 'Messages that were taken in, and what became of each.';
COMMENT ON COLUMN gateway_inbox.event IS 'Id of the message at its sender; the digest of its text where it has none.';
COMMENT ON COLUMN gateway_inbox.state IS 'waiting, recorded, dead (cannot be carried out as it is), or refused (not genuine).';
COMMENT ON COLUMN gateway_inbox.due_at IS 'When to carry it out; null while it waits for a key of gateway_waits.';
COMMENT ON COLUMN gateway_inbox.sealed IS 'Its text, sealed under the key of the source; null once it is recorded or too old.';

CREATE TABLE gateway_waits (
    program text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    letter text NOT NULL REFERENCES gateway_inbox ON DELETE CASCADE,
    PRIMARY KEY (program, kind, key, letter)
);
CREATE INDEX gateway_waits_letter_idx ON gateway_waits (letter);

COMMENT ON TABLE gateway_waits IS 'Claims of the log that letters wait for. E-mail addresses and external ids as a keyed fingerprint.';

-- Notices: what members are told by e-mail.

CREATE TABLE notice_settings (
    program text PRIMARY KEY,
    document bytea NOT NULL,
    after bigint NOT NULL
);

COMMENT ON TABLE notice_settings IS 'What a program tells its members, and in which words. No part of the log.';
COMMENT ON COLUMN notice_settings.after IS 'Position of the log behind which the telling began.';

CREATE TABLE notices (
    program text NOT NULL,
    stream uuid NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    about bytea NOT NULL,
    state text NOT NULL,
    reason text NOT NULL,
    attempts int NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (program, stream, key)
) WITH (fillfactor = 80);
CREATE INDEX notices_due_idx ON notices (due_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX notices_created_idx ON notices (program, created_at, key);

COMMENT ON TABLE notices IS 'What members are to be told, and were lately. Without addresses and texts: those are made when it is told.';
COMMENT ON COLUMN notices.key IS 'Names the notice for good, so that it is told once.';
COMMENT ON COLUMN notices.about IS 'What it is about, as JSON.';
COMMENT ON COLUMN notices.state IS 'waiting, sending, sent, skipped, dead (given up), or unknown: a process died while it sent, and nobody sends it again.';
COMMENT ON COLUMN notices.due_at IS 'When to tell it; of one that is sending, when that is no longer believed.';
