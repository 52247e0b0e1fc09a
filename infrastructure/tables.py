"""The boards in PostgreSQL: tables made from their declarations, filled by COPY, swapped whole, and digested."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import partial
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import psycopg
from msgspec.structs import astuple
from psycopg.sql import SQL, Composed, Identifier
from psycopg.sql import Literal as Quoted
from psycopg_pool import AsyncConnectionPool

from application.fill import Connect
from application.follow import Boards, Key, OtherVersion, Standing, Table, Transaction, View
from infrastructure.filler import open_filler
from infrastructure.positions import database_errors

ANALYST = "guerdon_analyst"
"""The role that may read the boards; a migration makes it where it may. Grant it to those who analyse."""

SURROGATES = frozenset({"position", "reached_position"})
"""Columns that differ after a restore into another database, and are no part of a digest."""

# C: the same order on every machine, and the order of the index, so that a digest sorts nothing.
_TYPES: dict[object, tuple[str, str]] = {
    str: ("text", ' COLLATE "C"'),
    int: ("bigint", ""),
    bool: ("boolean", ""),
    UUID: ("uuid", ""),
    datetime: ("timestamptz", ""),
    date: ("date", ""),
    list[int]: ("bigint[]", ""),
    list[str]: ("text[]", ' COLLATE "C"'),
}


class Column(msgspec.Struct, frozen=True):
    name: str
    type: str
    collation: str
    optional: bool
    comment: str


def columns(table: Table) -> list[Column]:
    """The columns that the fields of a table's row declare."""
    hints = get_type_hints(table.row, include_extras=True)
    return [_column(table, field, hints[field]) for field in table.row.__struct_fields__]


def _column(table: Table, name: str, hint: Any) -> Column:
    if not hasattr(hint, "__metadata__"):
        raise TypeError(f"{table.name}.{name} is not explained")
    plain, optional = hint.__origin__, False
    if get_origin(plain) in (UnionType, Union):
        (plain,) = (part for part in get_args(plain) if part is not NoneType)
        optional = True
    if get_origin(plain) is Literal:
        plain = str
    kind, collation = _TYPES[plain]
    return Column(name, kind, collation, optional, hint.__metadata__[0])


class PostgresTables:
    """The `Tables` and `Rebuilding` ports for the boards of one schema."""

    def __init__(self, boards: Boards, pool: AsyncConnectionPool[Any]) -> None:
        self._boards = boards
        self._pool = pool
        self._columns = {table.name: columns(table) for table in boards.tables}

    # --- rows, inside a follower's transaction ----------------------------------------------------
    # Nothing here is prepared: a prepared statement would go on writing to tables that were swapped away.

    async def load(self, transaction: Transaction, schema: str, table: Table, keys: Collection[Key]) -> dict[Key, Any]:
        found = await transaction.connection.cursor(binary=True).execute(
            SQL("SELECT t.* FROM {table} t JOIN unnest({arrays}) AS k({names}) USING ({names})").format(
                table=Identifier(schema, table.name),
                arrays=self._arrays(table),
                names=_names(table.key),
            ),
            [list(values) for values in zip(*keys, strict=True)],
            prepare=False,
        )
        # `USING` moves the key to the front of `*`, not of `t.*`.
        rows = [table.row(*values) for values in await found.fetchall()]
        return {tuple(getattr(row, name) for name in table.key): row for row in rows}

    async def add(self, transaction: Transaction, schema: str, table: Table, rows: Sequence[Any]) -> None:
        await self._copy(transaction.connection, Identifier(schema, table.name), table, rows)

    async def replace(self, transaction: Transaction, schema: str, table: Table, rows: Sequence[Any]) -> None:
        connection = transaction.connection
        draft, target = Identifier("pg_temp", f"changed_{table.name}"), Identifier(schema, table.name)
        # One per connection, not per batch: each would leave its row in the catalogue.
        await connection.execute(
            SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {}) ON COMMIT DELETE ROWS").format(
                Identifier(f"changed_{table.name}"), target
            ),
            prepare=False,
        )
        await self._copy(connection, draft, table, rows)
        rest = [column.name for column in self._columns[table.name] if column.name not in table.key]
        await connection.execute(
            SQL("INSERT INTO {} SELECT * FROM {} ON CONFLICT ({}) DO UPDATE SET {}").format(
                target,
                draft,
                _names(table.key),
                SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(name)) for name in rest),
            ),
            prepare=False,
        )

    async def remove(self, transaction: Transaction, schema: str, table: Table, keys: Collection[Key]) -> None:
        await transaction.connection.execute(
            SQL("DELETE FROM {table} t USING unnest({arrays}) AS k({names}) WHERE ({ours}) = ({theirs})").format(
                table=Identifier(schema, table.name),
                arrays=self._arrays(table),
                names=_names(table.key),
                ours=SQL(", ").join(SQL("t.{}").format(Identifier(name)) for name in table.key),
                theirs=SQL(", ").join(SQL("k.{}").format(Identifier(name)) for name in table.key),
            ),
            [list(values) for values in zip(*keys, strict=True)],
            prepare=False,
        )

    def _arrays(self, table: Table) -> Composed:
        """A parameter for each part of the key: an array of that part of many keys."""
        kinds = {column.name: column.type for column in self._columns[table.name]}
        return SQL(", ").join(SQL("%s::" + kinds[name] + "[]") for name in table.key)

    async def _copy(
        self, connection: psycopg.AsyncConnection[Any], target: Identifier, table: Table, rows: Sequence[Any]
    ) -> None:
        async with connection.cursor().copy(SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(target)) as copy:
            copy.set_types([column.type for column in self._columns[table.name]])
            # A coroutine for each row would take longer than the row: only a full buffer is waited for.
            written = copy.formatter.write_row
            for row in rows:
                if block := written(astuple(row)):
                    await copy.write(block)

    # --- whole schemas ----------------------------------------------------------------------------

    async def ensure(self) -> None:
        """Make the schema where it is missing. Part of migrating; processes may do it at the same time."""
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await _alone(connection, self._boards.name)
                if not await _exists(connection, self._boards.name):
                    await self._create(connection, self._boards.name)

    async def create(self, schema: str) -> Connect:
        """Make the schema anew, empty, its follower at the beginning. What was there is gone.

        Answers how tasks may fill it, until its follower moves.
        """
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await _alone(connection, self._boards.name)
                made_at = await self._create(connection, schema)
        types = {name: [column.type for column in declared] for name, declared in self._columns.items()}
        assert isinstance(self._pool.conninfo, str)
        return partial(open_filler, self._pool.conninfo, schema, made_at, types)

    async def _create(self, connection: psycopg.AsyncConnection[Any], schema: str) -> datetime:
        # First of all: who still fills tables that are about to go holds a lock on this row.
        await connection.execute("DELETE FROM positions WHERE follower = %s", (schema,))
        await connection.execute("DELETE FROM parked WHERE follower = %s", (schema,))
        name = Identifier(schema)
        await connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
        await connection.execute(SQL("CREATE SCHEMA {}").format(name))
        await connection.execute(
            SQL(
                "COMMENT ON SCHEMA {} IS 'Tables for analysts, made from the log and rebuilt from it at any time.'"
            ).format(name)
        )
        for table in self._boards.tables:
            for statement in _definition(schema, table, self._columns[table.name]):
                await connection.execute(statement)
        for view in self._boards.views:
            for statement in _view(schema, view):
                await connection.execute(statement)
        found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (ANALYST,))
        if await found.fetchone() is not None:
            reader = Identifier(ANALYST)
            await connection.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, reader))
            await connection.execute(SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(name, reader))
        made = await connection.execute(
            "INSERT INTO positions (follower, position, version, updated_at) VALUES (%s, 0, %s, now())"
            " RETURNING updated_at",
            (schema, self._boards.version),
        )
        ((made_at,),) = await made.fetchall()
        assert isinstance(made_at, datetime)
        return made_at

    async def swap(self, schema: str) -> Standing | None:
        """Put `schema` in the place of the live one; readers see the one or the other, never neither.

        Answers None, and does nothing, when the live tables have read further. Raises OtherVersion when
        they are of newer code.
        """
        live, old = self._boards.name, f"{self._boards.name}_old"
        with database_errors():
            await self._drop(old)
            async with self._pool.connection() as connection, connection.transaction():
                await _alone(connection, live)
                found = await connection.execute(
                    "SELECT follower, position, version FROM positions WHERE follower = ANY(%s)"
                    " ORDER BY follower FOR UPDATE",
                    ([live, schema],),
                )
                standings = {name: Standing(*rest) for name, *rest in await found.fetchall()}
                rebuilt, served = standings[schema], standings.get(live)
                if served is not None:
                    if served.version > rebuilt.version:
                        raise OtherVersion(live, served.version)
                    if served.position > rebuilt.position:
                        return None
                if await _exists(connection, live):
                    await _rename(connection, live, old)
                await _rename(connection, schema, live)
                for name in ("positions", "parked"):
                    table = Identifier(name)
                    await connection.execute(SQL("DELETE FROM {} WHERE follower = %s").format(table), (live,))
                    await connection.execute(
                        SQL("UPDATE {} SET follower = %s WHERE follower = %s").format(table), (live, schema)
                    )
            # Apart from the swap: it waits for whoever still reads the old tables, and new readers must not.
            await self._drop(old)
        return rebuilt

    async def _drop(self, schema: str) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))

    async def digests(self, schema: str | None = None) -> dict[str, str]:
        """SHA-256 of each table: of what COPY writes of its rows by primary key, without surrogate columns.

        All tables are read as of one moment. `psql -c "COPY (...) TO STDOUT" | sha256sum` gives the same in UTC.
        """
        found = {}
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                await connection.execute("SET LOCAL TimeZone = 'UTC'")
                await connection.execute("SET LOCAL DateStyle = 'ISO'")
                await connection.execute("SET LOCAL client_encoding = 'UTF8'")
                for table in self._boards.tables:
                    found[table.name] = await self._digest(connection, schema or self._boards.name, table)
        return found

    async def _digest(self, connection: psycopg.AsyncConnection[Any], schema: str, table: Table) -> str:
        names = [column.name for column in self._columns[table.name] if column.name not in SURROGATES]
        query = SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
            _names(names), Identifier(schema, table.name), _names(table.key)
        )
        hashed = hashlib.sha256()
        async with connection.cursor().copy(query) as copy:
            async for piece in copy:
                hashed.update(piece)
        return hashed.hexdigest()


def _names(names: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))


def _definition(schema: str, table: Table, declared: Sequence[Column]) -> list[Composed]:
    name = Identifier(schema, table.name)
    lines: list[Composed] = [
        SQL("{} " + column.type + column.collation + ("" if column.optional else " NOT NULL")).format(
            Identifier(column.name)
        )
        for column in declared
    ]
    lines.append(SQL("PRIMARY KEY ({})").format(_names(table.key)))
    # Rows that change find room beside themselves.
    room = SQL(" WITH (fillfactor = 80)" if table.replaced else "")
    return [
        SQL("CREATE TABLE {} ({}){}").format(name, SQL(", ").join(lines), room),
        *(SQL("CREATE INDEX ON {} " + index).format(name) for index in table.indexes),
        SQL("COMMENT ON TABLE {} IS {}").format(name, Quoted(table.comment)),
        *(
            SQL("COMMENT ON COLUMN {} IS {}").format(
                Identifier(schema, table.name, column.name), Quoted(column.comment)
            )
            for column in declared
        ),
    ]


def _view(schema: str, view: View) -> list[Composed]:
    name = Identifier(schema, view.name)
    return [
        SQL("CREATE VIEW {} AS ").format(name) + SQL(view.query).format(schema=Identifier(schema)),
        SQL("COMMENT ON VIEW {} IS {}").format(name, Quoted(view.comment)),
        *(
            SQL("COMMENT ON COLUMN {} IS {}").format(Identifier(schema, view.name, column), Quoted(comment))
            for column, comment in view.columns.items()
        ),
    ]


async def _alone(connection: psycopg.AsyncConnection[Any], schema: str) -> None:
    """Of processes that make or swap schemas at once, one at a time."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"guerdon {schema}",))


async def _exists(connection: psycopg.AsyncConnection[Any], schema: str) -> bool:
    found = await connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,))
    return await found.fetchone() is not None


async def _rename(connection: psycopg.AsyncConnection[Any], schema: str, new: str) -> None:
    await connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(Identifier(schema), Identifier(new)))
