"""Leaderboards in PostgreSQL: boards read from the tables that the followers keep."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal
from psycopg_pool import AsyncConnectionPool

from application.leaderboard_places import Open, Place
from domain.rules.ranking import BUCKET_BITS, DEPTHS, Ranked, Result, Standing, Ties, ranked
from infrastructure.positions import database_errors

_PLACE = SQL("program = %(program)s AND leaderboard = %(leaderboard)s AND board = %(board)s AND period = %(period)s")
_ROW = SQL("stream, score, tiebreak, moves, reached_at, reached_position")

# Where places do not count there are none, and the index has the whole order.
_ORDER = SQL("score DESC, reached_at, reached_position")
_BACK_ORDER = SQL("score DESC, tiebreak DESC, reached_at, reached_position")
_REVERSE = SQL("score, reached_at DESC, reached_position DESC")
_BACK_REVERSE = SQL("score, tiebreak, reached_at DESC, reached_position DESC")

# Whether a row is before another one of the same score.
_SOONER = SQL("(e.reached_at, e.reached_position) < (o.reached_at, o.reached_position)")
_BACK_SOONER = SQL("(e.tiebreak > o.tiebreak OR e.tiebreak = o.tiebreak AND {})").format(_SOONER)

_PAGE = SQL("SELECT {row} FROM {entries} WHERE {place} ORDER BY {order} OFFSET %(offset)s LIMIT %(limit)s")

# A row and its neighbours. Those that share its score are asked for apart: so the index finds where they begin.
_AROUND = SQL("""
SELECT e.* FROM (SELECT {row} FROM {entries} WHERE {place} AND stream = %(stream)s) o, LATERAL (
    (SELECT * FROM (
        (SELECT {row} FROM {entries} e WHERE {place} AND score = o.score AND {sooner} ORDER BY {reverse} LIMIT %(some)s)
        UNION ALL
        (SELECT {row} FROM {entries} e WHERE {place} AND score > o.score ORDER BY {reverse} LIMIT %(some)s)
    ) above ORDER BY {reverse} LIMIT %(some)s)
    UNION ALL
    (SELECT * FROM (
        (SELECT {row} FROM {entries} e WHERE {place} AND score = o.score AND NOT {sooner}
         ORDER BY {order} LIMIT 1 + %(some)s)
        UNION ALL
        (SELECT {row} FROM {entries} e WHERE {place} AND score < o.score ORDER BY {order} LIMIT %(some)s)
    ) below ORDER BY {order} LIMIT 1 + %(some)s)
) e
""")

# Of rows that follow each other on a board: how many ranks, and how many rows, are before the first of them.
_NUMBERED = SQL("""
WITH found AS MATERIALIZED ({rows}), o AS (SELECT * FROM found ORDER BY {order} LIMIT 1)
SELECT {row}, (SELECT {better} FROM o), (SELECT {before} FROM o) FROM found ORDER BY {order}
""")
_HIGHER = SQL("""(
    SELECT coalesce(sum(members), 0)::bigint FROM generate_series(0, {top}) deep, {counts}
    WHERE {place} AND depth = deep AND bucket > o.score >> (deep * {bits})::int
        AND bucket <= CASE deep WHEN {top} THEN {most} ELSE o.score >> (deep * {bits})::int | {mask} END
)""")
_SCORES = SQL("(SELECT count(*) FROM {counts} WHERE {place} AND depth = 0 AND bucket > o.score)")
_TIED = SQL("(SELECT count(*) FROM {entries} e WHERE {place} AND score = o.score AND {sooner})")
# Those that share the first rank need not be told apart: as if the rows found were the last of them.
_SHARING = SQL("""(
    (SELECT members FROM {counts} WHERE {place} AND depth = 0 AND bucket = o.score)
    - (SELECT count(*) FROM found WHERE score = o.score)
)""")
_PLACED_BETTER = SQL("e.tiebreak > o.tiebreak")


class PostgresScores:
    """The `Scores` port. Nothing here is prepared: tables are swapped when they are rebuilt."""

    def __init__(self, pool: AsyncConnectionPool[Any], schema: str, follower: str) -> None:
        self._pool = pool
        self._follower = follower
        self._entries = Identifier(schema, "leaderboard_entries")
        self._scores = Identifier(schema, "leaderboard_scores")
        self._totals = Identifier(schema, "leaderboard_totals")
        counts = Identifier(schema, "leaderboard_counts")
        self._pages = {ties: _numbered(_PAGE, ties, self._entries, counts) for ties in get_args(Ties)}
        self._arounds = {ties: _numbered(_AROUND, ties, self._entries, counts) for ties in get_args(Ties)}

    async def boards(self, program: str, board: str | None = None) -> list[tuple[str, str]]:
        """(leaderboard, board) of all that have results, or of those with this name."""
        query = SQL("SELECT DISTINCT leaderboard, board FROM {} WHERE program = %s").format(self._totals)
        if board is not None:
            query += SQL(" AND board = %s")
        async with self._look() as look:
            rows = await look.execute(query + SQL(" ORDER BY 1, 2"), [program] + [board] * (board is not None))
            return [(leaderboard, name) for leaderboard, name in await rows.fetchall()]

    async def page(self, place: Place, ties: Ties, offset: int, limit: int) -> list[Ranked]:
        return await self._ranked(self._pages[ties], ties, _words(place) | {"offset": offset, "limit": limit})

    async def around(self, place: Place, ties: Ties, member: UUID, neighbours: int) -> list[Ranked]:
        """The member's row with up to so many above it and below it; empty when the member is not on the board."""
        return await self._ranked(self._arounds[ties], ties, _words(place) | {"stream": member, "some": neighbours})

    async def _ranked(self, query: Composed, ties: Ties, words: dict[str, Any]) -> list[Ranked]:
        # One statement is one moment of the tables: a rank and its row need no transaction to agree.
        with database_errors():
            async with self._pool.connection() as connection:
                found = await (await _Look(connection).execute(query, words)).fetchall()
        if not found:
            return []
        better, before = found[0][-2:]
        return list(ranked(ties, (_standing(row[:-2]) for row in found), better + 1, before))

    async def whole(self, place: Place) -> tuple[int, list[Standing]]:
        """All standings, in the order of the board, and the position of the log that they are of."""
        query = SQL("SELECT {} FROM {} WHERE {} ORDER BY {}").format(_ROW, self._entries, _PLACE, _BACK_ORDER)
        async with self._look() as look:
            at = await look.execute("SELECT position FROM positions WHERE follower = %s", [self._follower])
            position = await at.fetchone()
            rows = await look.execute(query, _words(place))
            return position[0] if position else 0, [_standing(row) for row in await rows.fetchall()]

    async def results(
        self,
        place: Place,
        *,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        position: int | None = None,
    ) -> list[Result]:
        """Results that took effect by `as_of`, were recorded by `known_at`, and stand in the log up to `position`."""
        query = SQL("SELECT stream, score, places, taken_back, effective_at, position FROM {} WHERE {}").format(
            self._scores, _PLACE
        )
        bounds = {"effective_at": as_of, "recorded_at": known_at, "position": position}
        for name, bound in bounds.items():
            if bound is not None:
                query += SQL(" AND {} <= {}").format(Identifier(name), SQL(f"%({name})s"))
        async with self._look() as look:
            rows = await look.execute(query, _words(place) | bounds)
            return [
                Result(member, score, tuple(places), *rest) for member, score, places, *rest in await rows.fetchall()
            ]

    async def open(self, program: str) -> list[Open]:
        """Boards with results that are not closed."""
        query = SQL(
            "SELECT t.leaderboard, t.board, t.period FROM {} t WHERE t.program = %(program)s AND NOT EXISTS ("
            " SELECT FROM claims c WHERE c.program = t.program AND c.kind = 'close'"
            " AND c.key = concat_ws(chr(31), t.leaderboard, t.board, t.period)) ORDER BY t.period, 1, 2"
        ).format(self._totals)
        async with self._look() as look:
            return [Open(*row) for row in await (await look.execute(query, {"program": program})).fetchall()]

    async def unpaid(self, program: str) -> list[int]:
        """Versions of the entries that closed a board whose prizes are not all paid."""
        query = (
            "SELECT c.version FROM claims c WHERE c.program = %(program)s AND c.kind = 'close' AND NOT EXISTS ("
            " SELECT FROM claims p WHERE p.program = c.program AND p.kind = 'prizes' AND p.key = c.key) ORDER BY 1"
        )
        async with self._look() as look:
            return [version for (version,) in await (await look.execute(query, {"program": program})).fetchall()]

    @asynccontextmanager
    async def _look(self) -> AsyncIterator["_Look"]:
        """One unchanging view of the tables: a rank and its row are of the same moment."""
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield _Look(connection)


class _Look:
    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def execute(self, query: Any, words: Any) -> psycopg.AsyncCursor[Any]:
        return await self._connection.cursor(binary=True).execute(query, words, prepare=False)


def _words(place: Place) -> dict[str, Any]:
    return {
        "program": place.program,
        "leaderboard": place.leaderboard,
        "board": place.board,
        "period": place.period,
    }


def _numbered(rows: SQL, ties: Ties, entries: Identifier, counts: Identifier) -> Composed:
    """The query for rows of a board, with what their ranks begin at."""
    back = ties == "count_back"
    order, reverse = (_BACK_ORDER, _BACK_REVERSE) if back else (_ORDER, _REVERSE)
    sooner = _BACK_SOONER if back else _SOONER
    names = {"row": _ROW, "place": _PLACE, "entries": entries, "counts": counts, "order": order, "reverse": reverse}
    numbers = {"top": DEPTHS[-1], "bits": BUCKET_BITS, "mask": (1 << BUCKET_BITS) - 1, "most": 2**63 - 1}
    higher = _HIGHER.format(**names, **{name: Literal(number) for name, number in numbers.items()})
    match ties:
        case "dense":
            better = before = _SCORES.format(**names)
        case "competition":
            better, before = higher, SQL("{} + {}").format(higher, _SHARING.format(**names))
        case "ordinal":
            better = before = SQL("{} + {}").format(higher, _TIED.format(sooner=sooner, **names))
        case _:
            better = SQL("{} + {}").format(higher, _TIED.format(sooner=_PLACED_BETTER, **names))
            before = SQL("{} + {}").format(higher, _TIED.format(sooner=sooner, **names))
    return _NUMBERED.format(rows=rows.format(sooner=sooner, **names), better=better, before=before, **names)


def _standing(row: tuple[Any, ...]) -> Standing:
    member, score, tiebreak, *rest = row
    return Standing(member, score, tuple(tiebreak), *rest)
