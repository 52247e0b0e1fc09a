-- Webhooks: who is told of what happens, and what is still to be told.

CREATE TABLE webhooks (
    id text PRIMARY KEY,
    program text NOT NULL,
    url text NOT NULL,
    types text[] NOT NULL,
    fields bytea NOT NULL,
    ordered boolean NOT NULL,
    description text NOT NULL,
    after bigint NOT NULL,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until timestamptz,
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    disabled_at timestamptz,
    disabled_because text NOT NULL DEFAULT ''
);
CREATE INDEX webhooks_program_idx ON webhooks (program, id);

COMMENT ON TABLE webhooks IS 'Addresses of other systems that are told of events. No part of the log.';
COMMENT ON COLUMN webhooks.types IS 'Events that are told, by name; empty for all.';
COMMENT ON COLUMN webhooks.fields IS 'Values that fields of an event must have, as JSON.';
COMMENT ON COLUMN webhooks.ordered IS 'Whether the events of a member go one after the other.';
COMMENT ON COLUMN webhooks.after IS 'Position of the log behind which the telling began.';
COMMENT ON COLUMN webhooks.secret IS 'What deliveries are signed with, wrapped by the master key.';
COMMENT ON COLUMN webhooks.previous_secret IS 'The one before; deliveries are signed with both until previous_until.';
COMMENT ON COLUMN webhooks.failing_since IS 'Since when no delivery has succeeded; null while they do.';

CREATE TABLE webhook_deliveries (
    webhook text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    position bigint NOT NULL,
    number int NOT NULL,
    stream uuid NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    state text NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    ended_at timestamptz,
    status int,
    latency_ms int,
    error text NOT NULL DEFAULT '',
    PRIMARY KEY (webhook, position, number)
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (webhook, due_at, position, number) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_order_idx ON webhook_deliveries (webhook, stream, position, number) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_ended_idx ON webhook_deliveries (ended_at) WHERE state = 'delivered';

COMMENT ON TABLE webhook_deliveries IS 'Events to tell, and those told lately. What is told is read from the log when it is sent.';
COMMENT ON COLUMN webhook_deliveries.number IS 'Which event of the entry, from 0.';
COMMENT ON COLUMN webhook_deliveries.state IS 'waiting, delivered, or dead: given up.';
COMMENT ON COLUMN webhook_deliveries.due_at IS 'When to try (again). Whoever tries moves it on first, so that one who dies is followed by another.';
COMMENT ON COLUMN webhook_deliveries.status IS 'What the last attempt was answered with, if it was.';
