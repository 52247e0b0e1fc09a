-- A ceiling may be lowered below what is taken: then nothing more is taken, and what comes back still does.
ALTER TABLE takes DROP CONSTRAINT takes_not_above_ceiling;
COMMENT ON COLUMN takes.ceiling IS 'How much there was by the rules of the last save that took or gave back.';

-- How far the sweeper has brought edited rules to members who did nothing since.
ALTER TABLE programs ADD COLUMN edits_swept int NOT NULL DEFAULT 0;
COMMENT ON COLUMN programs.edits_swept IS 'The last version whose edits of what members have the sweeper has gone through with everybody.';
