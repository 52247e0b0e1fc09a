ALTER TABLE takes ADD CONSTRAINT takes_not_above_ceiling CHECK (used <= ceiling) NOT VALID;
COMMENT ON COLUMN takes.ceiling IS 'How much there is.';
ALTER TABLE programs DROP COLUMN edits_swept;
