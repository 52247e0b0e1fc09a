-- The Merkle tree of each program's log, kept by a follower, and the keys that sign its checkpoints.

CREATE TABLE trees (
    program text PRIMARY KEY,
    size bigint NOT NULL,
    position bigint NOT NULL
);

COMMENT ON TABLE trees IS 'How far the Merkle tree of each program''s log has grown. Can be rebuilt from the log.';
COMMENT ON COLUMN trees.size IS 'Number of leaves: entries of the program.';
COMMENT ON COLUMN trees.position IS 'Position of the last leaf''s entry in the whole log.';

CREATE TABLE tree_tiles (
    program text NOT NULL,
    level int NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    positions bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (program, level, number)
) WITH (fillfactor = 70);
-- Where the leaf of an entry stands.
CREATE INDEX tree_tiles_position_idx ON tree_tiles (program, (positions[1])) WHERE level = 0;
-- Hashes do not compress.
ALTER TABLE tree_tiles ALTER hashes SET STORAGE EXTERNAL;

COMMENT ON TABLE tree_tiles IS 'The hashes of the trees, 32 neighbours a row. Can be rebuilt from the log.';
COMMENT ON COLUMN tree_tiles.level IS 'Level 0 has the hashes of leaves, each further level the roots of full tiles of the level before.';
COMMENT ON COLUMN tree_tiles.number IS 'Which tile of its level, from 0.';
COMMENT ON COLUMN tree_tiles.hashes IS 'Up to 32 hashes of 32 bytes, from left to right.';
COMMENT ON COLUMN tree_tiles.positions IS 'On level 0, the position of each leaf''s entry in the whole log.';

CREATE TABLE signing_keys (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    public bytea NOT NULL UNIQUE,
    private bytea,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_in_use_idx ON signing_keys ((true)) WHERE retired_at IS NULL;

COMMENT ON TABLE signing_keys IS 'The keys that sign checkpoints. One is in use; what older ones have signed stays valid.';
COMMENT ON COLUMN signing_keys.name IS 'Name of this installation in its checkpoints; the same for all its keys.';
COMMENT ON COLUMN signing_keys.public IS 'The Ed25519 public key.';
COMMENT ON COLUMN signing_keys.private IS 'The private key, wrapped by the master key; gone once the key is retired.';
