-- Codes: lists that were brought in and are not issued yet, and who has tried codes in vain.

CREATE TABLE listed_codes (
    program text NOT NULL,
    code text NOT NULL,
    reward text NOT NULL,
    free_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (program, code)
);
CREATE INDEX listed_codes_free_idx ON listed_codes (program, reward, free_at);

COMMENT ON TABLE listed_codes IS 'Codes of rewards that were brought in and are not issued yet. No part of the log: back them up.';
COMMENT ON COLUMN listed_codes.code IS 'The code; it is removed when it is issued, and stands in the log from then on.';
COMMENT ON COLUMN listed_codes.reward IS 'The reward whose units it is for.';
COMMENT ON COLUMN listed_codes.free_at IS 'When it may be issued: later than now while somebody is about to. A code that a hold keeps is claimed.';

CREATE TABLE code_misses (
    program text NOT NULL,
    who text NOT NULL,
    misses int NOT NULL,
    counted_at timestamptz NOT NULL,
    waits_until timestamptz NOT NULL,
    PRIMARY KEY (program, who)
);

COMMENT ON TABLE code_misses IS 'Who has tried codes in vain, and how long they wait for it. No part of the log.';
COMMENT ON COLUMN code_misses.who IS 'A key, or the stream of a member.';
COMMENT ON COLUMN code_misses.misses IS 'Misses that are not forgotten yet, as of counted_at.';
COMMENT ON COLUMN code_misses.waits_until IS 'Until then nothing is looked up for them.';
