-- A large state row is written again with every save: to compress it takes longer than to write it as it is.
ALTER TABLE state_rows ALTER COLUMN hot SET STORAGE EXTERNAL;
