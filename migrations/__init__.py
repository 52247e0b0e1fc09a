"""The tables as plain SQL, a numbered file per step with its `.rollback.sql` beside it."""
