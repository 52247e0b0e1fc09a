"""Bring a database to the tables this code expects."""

import glob
import logging
from importlib.resources import as_file, files
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations

from infrastructure.database import connect

# One number for all of Guerdon's migrations; any constant does ("guerdon" in ASCII).
_ADVISORY_LOCK = 0x6775_6572_646F_6E


def migrate(dsn: str) -> list[str]:
    """Apply what is missing, in order, and return the names applied.

    Processes that start together wait for each other on an advisory lock. PostgreSQL frees it with
    the connection; the lock row of yoyo would outlive a killed process, so it isn't used.
    """
    # yoyo tells the story of each step at level INFO; the names returned are enough.
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    with (
        connect(dsn) as guard,
        as_file(files("migrations")) as folder,
    ):
        guard.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        backend = get_backend(_url_for_yoyo(dsn))
        try:
            # The folder is a package, and yoyo would take its Python file for a migration.
            steps = read_migrations(glob.escape(str(folder))).filter(lambda step: step.path.endswith(".sql"))
            missing = backend.to_apply(steps)
            names = [migration.id for migration in missing]
            backend.apply_migrations(missing)
        finally:
            backend.connection.close()
    return names


def _url_for_yoyo(dsn: str) -> str:
    # Everything goes into the query, which yoyo hands on as it is: a socket directory or a list of
    # hosts would not survive its reading of the other parts of a URL.
    return "postgresql+psycopg:///?" + urlencode(conninfo_to_dict(dsn))
