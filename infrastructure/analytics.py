"""What analysts are answered over HTTP, out of the tables that followers keep."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import class_row, dict_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool

from application.liability import Day, Step
from infrastructure.positions import database_errors

Json = dict[str, Any]

_NUMBERS = frozenset(f"{name}{part}" for name in ("activities", "granted", "redeemed") for part in ("", "_squares"))

_DAYS = """
SELECT currency, day, sum(issued)::bigint AS issued, sum(redeemed)::bigint AS redeemed,
       sum(given_back)::bigint AS given_back, sum(expired)::bigint AS expired, sum(taken_back)::bigint AS taken_back,
       sum(adjusted)::bigint AS adjusted, sum(repaid)::bigint AS repaid, sum(moved)::bigint AS moved,
       sum(outstanding)::bigint AS outstanding, sum(debt)::bigint AS debt,
       sum(redeemed_minor)::bigint AS redeemed_minor,
       coalesce(sum(outstanding) FILTER (WHERE known_on > day), 0)::bigint AS restated
FROM {schema}.liability_daily
WHERE program = %(program)s AND (%(currency)s::text IS NULL OR currency = %(currency)s)
  AND (%(known_on)s::date IS NULL OR known_on <= %(known_on)s)
GROUP BY currency, day ORDER BY currency, day
"""
_STEPS = """
SELECT currency, cohort, age, issued, redeemed, expired, taken_back FROM {schema}.breakage_cohorts
WHERE program = %(program)s AND (%(currency)s::text IS NULL OR currency = %(currency)s)
ORDER BY currency, cohort, age
"""
_MOVEMENTS = """
SELECT position, version, line, currency, account, points, effective_at, recorded_at, kind, cause, lot, rule, rulebook,
       stream
FROM {schema}.movements
WHERE program = %(program)s AND (position, line) > (%(position)s, %(line)s)
  AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR recorded_at < %(until)s)
ORDER BY position, line LIMIT %(limit)s
"""
_RULES = """
SELECT day, rule, rulebook, currency, awards, limited, wanted, granted, clawed_back, failures
FROM {schema}.rule_performance_daily
WHERE program = %(program)s AND (%(since)s::date IS NULL OR day >= %(since)s)
  AND (%(until)s::date IS NULL OR day <= %(until)s)
ORDER BY day, rule, rulebook, currency OFFSET %(skip)s LIMIT %(limit)s
"""
# What each member did from the exposure on, and the sums and sums of squares of it by arm.
_ARMS = """
WITH each AS (
    SELECT e.experiment, e.arm,
           (SELECT count(*) FROM {schema}.activities a
             WHERE a.stream = e.stream AND a.id IS NOT NULL AND a.occurred_at >= e.exposed_at) AS activities,
           (SELECT coalesce(sum(w.granted), 0) FROM {schema}.awards w
             WHERE w.stream = e.stream AND w.occurred_at >= e.exposed_at) AS granted,
           (SELECT coalesce(sum(r.points), 0) FROM {schema}.redemptions r
             WHERE r.stream = e.stream AND r.redeemed_at >= e.exposed_at) AS redeemed
    FROM {schema}.experiments e
    WHERE e.program = %(program)s AND (%(experiment)s::text IS NULL OR e.experiment = %(experiment)s)
)
SELECT experiment, arm, count(*) AS members,
       sum(activities)::text AS activities, sum(activities::numeric ^ 2)::text AS activities_squares,
       sum(granted)::text AS granted, sum(granted::numeric ^ 2)::text AS granted_squares,
       sum(redeemed)::text AS redeemed, sum(redeemed::numeric ^ 2)::text AS redeemed_squares
FROM each GROUP BY experiment, arm ORDER BY experiment, arm
"""


class PostgresAnalytics:
    """The `Analytics` port and the plain tables. Nothing is prepared: tables are swapped when they are rebuilt."""

    def __init__(self, pool: AsyncConnectionPool[Any], schema: str) -> None:
        self._pool = pool
        self._schema = Identifier(schema)

    async def days(self, program: str, currency: str | None, known_on: date | None) -> Sequence[Day]:
        found: list[Day] = await self._all(
            _DAYS, {"program": program, "currency": currency, "known_on": known_on}, class_row(Day)
        )
        return found

    async def steps(self, program: str, currency: str | None) -> Sequence[Step]:
        found: list[Step] = await self._all(_STEPS, {"program": program, "currency": currency}, class_row(Step))
        return found

    async def movements(self, **asked: Any) -> list[Json]:
        return await self._all(_MOVEMENTS, asked, dict_row)

    async def rules(self, **asked: Any) -> list[Json]:
        return await self._all(_RULES, asked, dict_row)

    async def arms(self, program: str, experiment: str | None) -> list[Json]:
        """Members of each arm, with sums and sums of squares of what each did since."""
        found = await self._all(_ARMS, {"program": program, "experiment": experiment}, dict_row)
        return [
            {name: int(Decimal(value)) if name in _NUMBERS else value for name, value in row.items()} for row in found
        ]

    async def _all(self, query: LiteralString, params: Json, rows: Any) -> list[Any]:
        with database_errors():
            async with self._pool.connection() as connection, connection.cursor(row_factory=rows) as cursor:
                await cursor.execute(SQL(query).format(schema=self._schema), params, prepare=False)
                found: list[Any] = await cursor.fetchall()
                return found
