"""Rotating the master key: every key that it wraps is wrapped by the new one. The keys themselves stay.

Rows are gone through in pages, each in a transaction of its own, so that servers are never kept waiting; whoever was
killed starts again and finds the pages that are done as they are. A member who is erased meanwhile stays erased: only
rows that are there, and are what was read, are changed.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from infrastructure.vault import Vault

PAGE = 1_000
WRAPPED = (
    ("member_keys", "stream", "key"),
    ("programs", "id", "key"),
    ("webhooks", "id", "secret"),
    ("webhooks", "id", "previous_secret"),
    ("signing_keys", "id", "private"),
    ("secrets", "name", "secret"),
    ("gateway_sources", "id", "key"),
)
"""Table, the column that names a row, and the column that is wrapped."""

Progress = Callable[[int, int], None]


def rewrap(
    connection: psycopg.Connection, vault: Vault, *, page: int = PAGE, progress: Progress = lambda _done, _total: None
) -> dict[str, int]:
    """How many keys of each table were wrapped anew. Raises Unreadable for one that neither master key opens."""
    done, total = 0, sum(_count(connection, table, column) for table, _, column in WRAPPED)
    changed: dict[str, int] = {table: 0 for table, _, _ in WRAPPED}
    for table, name, column in WRAPPED:
        names = {"table": Identifier(table), "name": Identifier(name), "column": Identifier(column)}
        begin = SQL("SELECT {name}, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {name} LIMIT %s")
        go_on = SQL(
            "SELECT {name}, {column} FROM {table} WHERE {column} IS NOT NULL AND {name} > %s ORDER BY {name} LIMIT %s"
        )
        update = SQL("UPDATE {table} SET {column} = %s WHERE {name} = %s AND {column} = %s").format(**names)
        rows: list[Any] = connection.execute(begin.format(**names), (page,)).fetchall()
        while rows:
            with connection.transaction(), connection.cursor() as cursor:
                for row, old in rows:
                    new = vault.rewrapped(bytes(old))
                    if new is not None:
                        cursor.execute(update, (new, row, old))
                        changed[table] += cursor.rowcount
            done += len(rows)
            progress(done, total)
            rows = connection.execute(go_on.format(**names), (rows[-1][0], page)).fetchall()
    return changed


def _count(connection: psycopg.Connection, table: str, column: str) -> int:
    query = SQL("SELECT count({column}) FROM {table}").format(table=Identifier(table), column=Identifier(column))
    row = connection.execute(query).fetchone()
    return int(row[0]) if row is not None else 0
