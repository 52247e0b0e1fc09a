"""Leaderboards in PostgreSQL: boards read from the tables that the followers keep."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Composed, Identifier
from psycopg_pool import AsyncConnectionPool

from application.leaderboards import Open, Place
from domain.rules.ranking import Ranked, Result, Standing, Ties, ranked
from infrastructure.positions import database_errors

_PLACE = SQL("program = %(program)s AND leaderboard = %(leaderboard)s AND board = %(board)s AND period = %(period)s")
_ROW = SQL("stream, score, tiebreak, moves, reached_at, reached_position")

# Where places do not count there are none, and the index has the whole order.
_ORDER = SQL("score DESC, reached_at, reached_position")
_BACK_ORDER = SQL("score DESC, tiebreak DESC, reached_at, reached_position")

_FIRST = SQL("(reached_at, reached_position) < (%(reached_at)s, %(reached_position)s)")
_AHEAD = SQL("score >= %(score)s AND (score > %(score)s OR {})").format(_FIRST)
_BACK_AHEAD = SQL(
    "score >= %(score)s AND (score > %(score)s OR tiebreak > %(tiebreak)s::bigint[]"
    " OR tiebreak = %(tiebreak)s::bigint[] AND {})"
).format(_FIRST)
_BETTER: dict[Ties, SQL] = {
    "competition": SQL("SELECT count(*) FROM {} WHERE {} AND score > %(score)s"),
    "dense": SQL("SELECT count(DISTINCT score) FROM {} WHERE {} AND score > %(score)s"),
    "count_back": SQL(
        "SELECT count(*) FROM {} WHERE {} AND score >= %(score)s"
        " AND (score > %(score)s OR tiebreak > %(tiebreak)s::bigint[])"
    ),
}
"""How many rows have a better rank (of dense ranks: how many ranks are better)."""


class PostgresScores:
    """The `Scores` port. Nothing here is prepared: tables are swapped when they are rebuilt."""

    def __init__(self, pool: AsyncConnectionPool[Any], schema: str, follower: str) -> None:
        self._pool = pool
        self._follower = follower
        self._entries = Identifier(schema, "leaderboard_entries")
        self._scores = Identifier(schema, "leaderboard_scores")
        self._totals = Identifier(schema, "leaderboard_totals")

    async def boards(self, program: str, board: str | None = None) -> list[tuple[str, str]]:
        """(leaderboard, board) of all that have results, or of those with this name."""
        query = SQL("SELECT DISTINCT leaderboard, board FROM {} WHERE program = %s").format(self._totals)
        if board is not None:
            query += SQL(" AND board = %s")
        async with self._look() as look:
            rows = await look.execute(query + SQL(" ORDER BY 1, 2"), [program] + [board] * (board is not None))
            return [(leaderboard, name) for leaderboard, name in await rows.fetchall()]

    async def page(self, place: Place, ties: Ties, offset: int, limit: int) -> list[Ranked]:
        async with self._look() as look:
            return await self._page(look, place, ties, offset, limit)

    async def around(self, place: Place, ties: Ties, member: UUID, neighbours: int) -> list[Ranked]:
        """The member's row with up to so many above it and below it; empty when the member is not on the board."""
        query = SQL("SELECT {} FROM {} WHERE {} AND stream = %(stream)s").format(_ROW, self._entries, _PLACE)
        async with self._look() as look:
            found = await (await look.execute(query, _words(place) | {"stream": member})).fetchone()
            if found is None:
                return []
            ahead = _BACK_AHEAD if ties == "count_back" else _AHEAD
            above = await self._count(
                look, SQL("SELECT count(*) FROM {} WHERE {} AND {}").format(self._entries, _PLACE, ahead), place,
                _standing(found),
            )  # fmt: skip
            offset = max(0, above - neighbours)
            return await self._page(look, place, ties, offset, above - offset + 1 + neighbours)

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

    async def _page(self, look: "_Look", place: Place, ties: Ties, offset: int, limit: int) -> list[Ranked]:
        by = _BACK_ORDER if ties == "count_back" else _ORDER
        query = SQL("SELECT {} FROM {} WHERE {} ORDER BY {} OFFSET %(offset)s LIMIT %(limit)s").format(
            _ROW, self._entries, _PLACE, by
        )
        found = await look.execute(query, _words(place) | {"offset": offset, "limit": limit})
        rows = [_standing(row) for row in await found.fetchall()]
        if not rows:
            return []
        better = offset
        if ties != "ordinal":
            better = await self._count(look, _BETTER[ties].format(self._entries, _PLACE), place, rows[0])
        return list(ranked(ties, rows, better + 1, offset))

    async def _count(self, look: "_Look", query: Composed, place: Place, standing: Standing) -> int:
        words = _words(place) | {
            "score": standing.score,
            "tiebreak": list(standing.tiebreak),
            "reached_at": standing.reached_at,
            "reached_position": standing.reached_position,
        }
        found = await (await look.execute(query, words)).fetchone()
        assert found is not None
        count: int = found[0]
        return count

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


def _standing(row: tuple[Any, ...]) -> Standing:
    member, score, tiebreak, *rest = row
    return Standing(member, score, tuple(tiebreak), *rest)
