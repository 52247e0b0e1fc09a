"""Tables filled in parallel: each task reads its range of the log and copies its rows in, in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from msgspec.structs import astuple
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from application.fill import Filler
from application.follow import Overtaken, Table
from domain.log import Row
from infrastructure.database import connect
from infrastructure.positions import database_errors

_ROWS = """SELECT originator_id AS stream, originator_version AS version, topic, state, notification_id AS position,
                  program, kind, recorded_at, digest, seal FROM stored_events
           WHERE originator_id BETWEEN %s AND %s AND notification_id <= %s
           ORDER BY originator_id, originator_version"""
_PAGE = 2_000


class PostgresFiller:
    """The `Filler` port."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str, types: Mapping[str, Sequence[str]]) -> None:
        self._connection = connection
        self._schema = schema
        self._types = types

    def rows(self, upto: int, first: UUID, last: UUID) -> Iterator[Row]:
        """From a cursor on the server, so that no more than a page of them is here."""
        with self._connection.cursor("filler", row_factory=class_row(Row)) as cursor:
            cursor.itersize = _PAGE
            cursor.execute(_ROWS, (first, last, upto), binary=True)
            yield from cursor

    def add(self, table: Table, rows: Sequence[Any]) -> None:
        if not rows:
            return
        target = Identifier(self._schema, table.name)
        with self._connection.cursor().copy(SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(target)) as copy:
            copy.set_types(self._types[table.name])
            for row in rows:
                copy.write_row(astuple(row))


@contextmanager
def open_filler(dsn: str, schema: str, made_at: datetime, types: Mapping[str, Sequence[str]]) -> Iterator[Filler]:
    """A filler of the tables that were made at that moment. Raises Overtaken when there are others, or none.

    `types` are those of each table's columns.
    """
    with database_errors(), connect(dsn) as connection, connection.transaction():
        # What is lost with the last moment before a power cut is lost with the tables' position, and made again.
        connection.execute("SET LOCAL synchronous_commit = off")
        # The lock keeps whoever makes or swaps the tables waiting until this task is through.
        found = connection.execute(
            "SELECT FROM positions WHERE follower = %s AND position = 0 AND updated_at = %s FOR SHARE",
            (schema, made_at),
        )
        if found.rowcount != 1:
            raise Overtaken
        yield PostgresFiller(connection, schema, types)
