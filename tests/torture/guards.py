"""The guards of the write path, and how to switch one off: to see that the checks of this folder can fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from infrastructure import appending, event_store
from infrastructure.database import connect
from infrastructure.positions import PostgresPositions, PostgresTransaction, database_errors


def without_check(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """Let every save pass one of the checks: head, claim, take or timeline."""
    begin, end = "bad AS MATERIALIZED (", "), n AS MATERIALIZED ("
    assert f"'{reason}'" in appending.APPEND
    assert appending.APPEND.count(begin) == appending.APPEND.count(end) == 1
    patched = appending.APPEND.replace(begin, f"{begin} SELECT * FROM (")
    monkeypatch.setattr(appending, "APPEND", patched.replace(end, f") b WHERE reason <> '{reason}' {end}"))


def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let transactions of several writers overlap."""
    assert "EXCLUSIVE" in event_store._LOCK
    monkeypatch.setattr(event_store, "_LOCK", "SELECT 1")


def without_constraint(dsn: str, table: str, *names: str) -> None:
    """Take the database's own constraints away, which refuse what the checks let pass."""
    with connect(dsn) as connection:
        for name in names:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


class Careless(PostgresPositions):
    """Positions that are moved whoever has moved them meanwhile."""

    @asynccontextmanager
    async def advance(
        self, follower: str, version: int, previous: int, position: int
    ) -> AsyncIterator[PostgresTransaction]:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(
                    "UPDATE positions SET position = %s WHERE follower = %s AND version = %s",
                    (position, follower, version),
                )
                yield PostgresTransaction(connection, follower)
