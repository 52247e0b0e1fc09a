-- Who looked at members, and who administered: a table that only grows, until what is in it is old. And what a master
-- key that is rotated must leave as it is.

CREATE TABLE access_log (
    id bigserial PRIMARY KEY,
    program text NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    member uuid,
    about text NOT NULL DEFAULT '',
    request text NOT NULL DEFAULT ''
);
CREATE INDEX access_log_program_idx ON access_log (program, id);
CREATE INDEX access_log_member_idx ON access_log (program, member, id) WHERE member IS NOT NULL;
CREATE INDEX access_log_actor_idx ON access_log (program, actor, id);
CREATE INDEX access_log_at_idx ON access_log (at);

COMMENT ON TABLE access_log IS 'Who looked at members, and who administered. No personal data, and no part of the log.';
COMMENT ON COLUMN access_log.kind IS 'read: members were looked at; act: something was administered.';
COMMENT ON COLUMN access_log.actor IS 'Who: a key, or the command line.';
COMMENT ON COLUMN access_log.what IS 'Method and route of a read, the command on the command line, or the name of the act.';
COMMENT ON COLUMN access_log.member IS 'Stream of the member; null where several were listed.';
COMMENT ON COLUMN access_log.about IS 'What an act was about: a key, a version, a correction, a webhook.';
COMMENT ON COLUMN access_log.request IS 'Id of the request, as in the entries of the log.';

-- What must not change with the master key, wrapped by it.
CREATE TABLE secrets (
    name text PRIMARY KEY,
    secret bytea NOT NULL
);

COMMENT ON TABLE secrets IS 'Secrets of this installation that outlive a master key, wrapped by the one in use.';
COMMENT ON COLUMN secrets.name IS 'api-keys: what the hashes of API keys are made with.';

CREATE FUNCTION access_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < now() - interval '30 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'access_log only grows: a row is neither changed, nor removed in its first 30 days';
END
$$;
CREATE TRIGGER access_log_rows BEFORE UPDATE OR DELETE ON access_log
    FOR EACH ROW EXECUTE FUNCTION access_log_only_grows();
CREATE TRIGGER access_log_whole BEFORE TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION access_log_only_grows();
