-- The corrections of a program are listed without a look at its members. No save changes these columns.

CREATE INDEX state_rows_corrections_idx ON state_rows (program, stream) WHERE kind = 'correction';
