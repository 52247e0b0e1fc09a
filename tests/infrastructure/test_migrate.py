"""Migrations apply once, together, and can be taken back."""

from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from uuid import UUID

import psycopg
import pytest
from eventsourcing.application import Application
from psycopg.conninfo import conninfo_to_dict

from infrastructure.database import connect
from infrastructure.migrate import migrate


class Stored(Application[UUID]):
    """The library looks for the table named after the application."""

    name = "stored"


_TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_name NOT LIKE '%yoyo%'
"""


def test_the_second_time_nothing_is_missing(empty_database_url: str) -> None:
    assert migrate(empty_database_url)[0] == "0001_log"
    assert migrate(empty_database_url) == []


def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrate, [empty_database_url] * 4))
    assert sorted(len(names) for names in applied)[:3] == [0, 0, 0]
    assert ["0001_log"] in [names[:1] for names in applied]


def test_a_connection_string_of_pairs_is_understood(empty_database_url: str) -> None:
    pairs = " ".join(f"{name}={value}" for name, value in conninfo_to_dict(empty_database_url).items())
    assert migrate(pairs) != []


def test_every_table_and_every_column_of_the_log_is_explained(database_url: str) -> None:
    with connect(database_url) as connection:
        unexplained = connection.execute(
            """
            SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum >= 0
            WHERE relname IN ('stored_events', 'state_rows') AND attnum > 0
              AND col_description(pg_class.oid, attnum) IS NULL
            UNION ALL
            SELECT relname, '' FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE '%yoyo%'
              AND obj_description(oid) IS NULL
            """
        ).fetchall()
    assert unexplained == []


def test_no_quantity_is_taken_below_zero(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO takes VALUES ('p', 'stock', 'mug', 2, 2)")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE takes SET used = used - 3")


def test_a_stock_application_of_the_library_reads_the_log(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute(
            """
            INSERT INTO stored_events
                (originator_id, originator_version, topic, state, program, kind, recorded_at, digest, seal)
            VALUES ('00000000-0000-0000-0000-000000000001', 1, 'Entry', '{}', 'p', 'member', now(), '', '')
            """
        )
    parts = conninfo_to_dict(database_url)
    application = Stored(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_PORT": str(parts.get("port", 5432)),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_PASSWORD": str(parts.get("password", "-")),
            "POSTGRES_ORIGINATOR_ID_TYPE": "uuid",
            "CREATE_TABLE": "no",
        }
    )
    try:
        (notification,) = application.recorder.select_notifications(start=None, limit=10)
    finally:
        application.close()
    assert (notification.originator_version, notification.topic) == (1, "Entry")


def test_the_rollback_leaves_nothing(database_url: str) -> None:
    steps = sorted(path.name for path in files("migrations").iterdir() if path.name.endswith(".rollback.sql"))
    with connect(database_url) as connection:
        for name in reversed(steps):
            connection.execute((files("migrations") / name).read_text("utf-8").encode())
        assert connection.execute(_TABLES).fetchall() == []
