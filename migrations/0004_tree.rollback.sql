DELETE FROM positions WHERE follower = 'trees';
DROP TABLE signing_keys;
DROP TABLE tree_tiles;
DROP TABLE trees;
