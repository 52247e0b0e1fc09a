-- Who may read the tables for analysts. The tables themselves are made from their declarations in
-- `projections`, by `infrastructure/tables.py`, because a rebuild makes them again at any time.

DO $$
BEGIN
    CREATE ROLE guerdon_analyst NOLOGIN;
EXCEPTION
    -- Roles belong to the whole server: another database may have made it, or a superuser has to.
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END
$$;
