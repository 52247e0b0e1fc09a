"""Stored rows for audits, in one snapshot, streamed in order of stream.

A synchronous reader with a connection of its own, opened in whatever process the audit's task runs in. It reads
what is there, however it was put there: a value that PostgreSQL holds but Python does not is given as one that
no entry has.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.adapt import Buffer
from psycopg.types.datetime import TimestamptzBinaryLoader

from application.audit import Claimed, Connect, Head
from application.folding import Connect as Fold
from application.folding import States
from application.tree_audit import Grown
from application.trees import FOLLOWER, Kept, Leaf
from domain.log import Row
from infrastructure.database import connect
from infrastructure.signing import PublicKey

_ROW = """SELECT program, kind, originator_id, originator_version, notification_id, recorded_at,
                 coalesce(topic, ''), coalesce(state, ''), digest, seal FROM stored_events"""
_HEAD = "SELECT stream, program, kind, version, position, recorded_at, digest, shape, hot FROM state_rows"
_CLAIM = "SELECT stream, program, kind, key, version, position, hash FROM claims"
_IN_RANGE = "BETWEEN %(first)s AND %(last)s"
# A stream belongs to a program when any of its rows, or its state row, says so: a changed column must not hide it.
_OF_PROGRAM = """(SELECT originator_id FROM stored_events WHERE program = %(program)s
                  UNION SELECT stream FROM state_rows WHERE program = %(program)s)"""
_STATES = """COPY (SELECT originator_id, state FROM stored_events
                   WHERE kind = 'member' AND originator_id BETWEEN %(first)s AND %(last)s
                       AND (%(program)s::text IS NULL OR program = %(program)s)
                   ORDER BY originator_id, originator_version) TO STDOUT (FORMAT binary)"""
_PAGE = 2000


class PostgresRowReader:
    """The `RowReader` port over one connection in one transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def total(self, program: str | None) -> int:
        query = "SELECT count(*) FROM stored_events WHERE %(program)s::text IS NULL OR program = %(program)s"
        ((count,),) = self._connection.execute(query, {"program": program}).fetchall()
        return int(count)

    def stream(self, stream: UUID) -> Sequence[Row]:
        query = f"{_ROW} WHERE originator_id = %(stream)s ORDER BY originator_version"
        return list(self._pages(query, Row, stream=stream))

    def rows(self, program: str | None, first: UUID, last: UUID) -> Iterator[Row]:
        return self._pages(
            f"{_ROW} WHERE originator_id {_IN_RANGE} {_of(program, 'originator_id')}"
            " ORDER BY originator_id, originator_version",
            Row, program=program, first=first, last=last,
        )  # fmt: skip

    def states(self, program: str | None, first: UUID, last: UUID) -> Generator[tuple[UUID, bytes]]:
        """Members' entries by stream and version; copied out, which is the quickest way there is."""
        params = {"program": program, "first": first, "last": last}
        with self._connection.cursor() as cursor, cursor.copy(_STATES, params) as copy:
            copy.set_types(["uuid", "bytea"])
            yield from copy.rows()

    def heads(self, program: str | None, first: UUID, last: UUID) -> Iterator[Head]:
        return self._pages(
            f"{_HEAD} WHERE stream {_IN_RANGE} {_of(program, 'stream')} ORDER BY stream",
            Head, program=program, first=first, last=last,
        )  # fmt: skip

    def claims(self, program: str | None, first: UUID, last: UUID) -> Iterator[Claimed]:
        return self._pages(
            f"{_CLAIM} WHERE stream {_IN_RANGE} {_of(program, 'stream', 'OR program = %(program)s')} ORDER BY stream",
            Claimed, program=program, first=first, last=last,
        )  # fmt: skip

    def takes(self, program: str | None) -> dict[tuple[str, str, str], int]:
        query = "SELECT program, kind, key, used FROM takes WHERE %(program)s::text IS NULL OR program = %(program)s"
        return {(row[0], row[1], row[2]): row[3] for row in self._connection.execute(query, {"program": program})}

    def programs(self, program: str | None) -> Sequence[str]:
        query = """SELECT id FROM programs UNION SELECT program FROM trees ORDER BY 1"""
        found = [name for (name,) in self._connection.execute(query)]
        return found if program is None else [name for name in found if name == program]

    def tree(self, program: str) -> Grown:
        query = """SELECT coalesce((SELECT size FROM trees WHERE program = %s), 0),
                          coalesce((SELECT position FROM positions WHERE follower = %s), 0)"""
        ((size, read_up_to),) = self._connection.execute(query, (program, FOLLOWER)).fetchall()
        return Grown(size, read_up_to)

    def tiles(self, program: str, level: int, first: int, end: int) -> Iterator[tuple[int, Kept]]:
        query = """SELECT number, hashes, positions FROM tree_tiles WHERE program = %(program)s
                   AND level = %(level)s AND number >= %(first)s AND number < %(end)s ORDER BY number"""
        return self._pages(query, _tile, program=program, level=level, first=first, end=end)

    def leaves(self, program: str, after: int, upto: int) -> Iterator[Leaf]:
        query = """SELECT program, notification_id, seal FROM stored_events WHERE program = %(program)s
                   AND notification_id > %(after)s AND notification_id <= %(upto)s ORDER BY notification_id"""
        return self._pages(query, Leaf, program=program, after=after, upto=upto)

    def published(self) -> list[PublicKey]:
        query = "SELECT name, public, created_at, retired_at FROM signing_keys ORDER BY id"
        return [PublicKey(*row) for row in self._connection.execute(query)]

    def _pages(self, query: str, shape: Any, **params: Any) -> Iterator[Any]:
        """Rows from a cursor on the server, so that no more than a page of them is here."""
        with self._connection.cursor(name=f"audit_{uuid4().hex}") as cursor:
            cursor.itersize = _PAGE
            cursor.execute(query, params, binary=True)
            for row in cursor:
                yield shape(*row)


def _tile(number: int, hashes: bytes, positions: list[int]) -> tuple[int, Kept]:
    return number, Kept(hashes, positions)


def _of(program: str | None, column: str, more: str = "") -> str:
    return f"AND ({column} IN {_OF_PROGRAM} {more})" if program is not None else ""


class _AnyTimestamp(TimestamptzBinaryLoader):
    """Timestamps, where PostgreSQL's calendar is longer than Python's."""

    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            return datetime.max.replace(tzinfo=UTC)


@contextmanager
def open_reader(dsn: str) -> Iterator[PostgresRowReader]:
    """A reader whose every answer is of one moment."""
    with connect(dsn) as connection:
        connection.adapters.register_loader("timestamptz", _AnyTimestamp)
        connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield PostgresRowReader(connection)


@contextmanager
def open_states(dsn: str) -> Iterator[States]:
    """The same for a fold."""
    with open_reader(dsn) as reader:
        yield reader


def states(dsn: str) -> Fold:
    """How the tasks of a fold open their views."""
    return partial(open_states, dsn)


def readers(dsn: str) -> Connect:
    """How the tasks of an audit open their readers."""
    return partial(open_reader, dsn)
