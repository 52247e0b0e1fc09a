"""What a program looks like as a whole, for the console: figures and lists out of the tables that followers keep.

Each question is bounded by an index, or is asked once when a page is opened and never again while it is watched.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool

from domain.numbers import MAX_AMOUNT
from infrastructure.positions import database_errors

Json = dict[str, Any]

WINDOW = timedelta(minutes=60)
_PAGE, _BUSIEST = 500, 128_000
"""Entries among which the last hour is looked for: so many first, then four times as many, up to so many."""

_STEPS = """
SELECT effective_at, sum(points)::bigint FROM {schema}.movements
WHERE stream = %s AND account = 'member' AND currency = %s AND effective_at <= %s AND recorded_at <= %s
GROUP BY 1 ORDER BY 1
"""
_RULES = """
SELECT rule, currency, sum(awards)::bigint AS awards, sum(granted)::bigint AS granted, sum(limited)::bigint AS limited,
       sum(failures)::bigint AS failures
FROM {schema}.rule_performance_daily WHERE program = %s AND day = %s
GROUP BY rule, currency ORDER BY sum(failures) DESC, sum(granted) DESC, rule LIMIT %s
"""
_EARNED = """
SELECT currency, sum(granted)::bigint AS points FROM {schema}.rule_performance_daily
WHERE program = %s AND day = %s AND currency <> '' GROUP BY 1 ORDER BY 1
"""
_SPENT = """
SELECT currency, sum(points)::bigint AS points, count(*) AS redemptions FROM {schema}.redemptions
WHERE program = %s AND redeemed_at >= %s GROUP BY 1 ORDER BY 1
"""
_ENDING = """
SELECT currency, sum(remaining)::bigint AS points FROM {schema}.lots
WHERE program = %s AND remaining > 0 AND expires_at >= %s AND expires_at < %s GROUP BY 1 ORDER BY 1
"""
_OWED = """
SELECT currency, sum(debt)::bigint AS points, count(*) AS members FROM {schema}.balances
WHERE program = %s AND debt > 0 GROUP BY 1 ORDER BY 1
"""
_MEMBERS = "SELECT status, members FROM {schema}.member_counts WHERE program = %s ORDER BY 1"
_TIERS = """
SELECT tier_set, level, sum(CASE way WHEN 'came' THEN changes ELSE -changes END)::bigint AS members
FROM {schema}.tier_counts WHERE program = %s GROUP BY 1, 2 ORDER BY 1, 2
"""
_BY_DAY = """
SELECT day, sum(granted - clawed_back)::bigint AS points FROM {schema}.rule_performance_daily
WHERE program = %s AND rule = ANY(%s) AND currency = %s GROUP BY 1 ORDER BY 1
"""
_AWARDED = """
SELECT m.member, a.rule, a.granted AS points, a.currency, a.occurred_at FROM {schema}.awards a
LEFT JOIN {schema}.members m USING (stream)
WHERE a.program = %s AND a.rule = ANY(%s) AND a.granted > 0 ORDER BY a.day DESC, a.position DESC LIMIT %s
"""
_ASSIGNED = """
SELECT m.member, o.state, o.progress, o.points, coalesce(o.currency, '') AS currency, o.assigned_at, o.ends_at
FROM {schema}.offer_progress o LEFT JOIN {schema}.members m USING (stream)
WHERE o.program = %s AND o.offer = %s ORDER BY o.assigned_at DESC, o.position DESC LIMIT %s
"""
_EXPOSED = """
SELECT m.member, e.arm, e.exposed_at FROM {schema}.experiments e LEFT JOIN {schema}.members m USING (stream)
WHERE e.program = %s AND e.experiment = %s ORDER BY e.position DESC LIMIT %s
"""
_NEWEST = """
SELECT member, status, enrolled_at FROM {schema}.members WHERE program = %s AND member IS NOT NULL
ORDER BY enrolled_at DESC, stream LIMIT %s
"""
_REDEMPTIONS = """
SELECT m.member, r.redemption, r.currency, r.points, r.redeemed_at FROM {schema}.redemptions r
LEFT JOIN {schema}.members m USING (stream)
WHERE r.program = %s AND r.redeemed_at >= %s ORDER BY r.redeemed_at DESC LIMIT %s
"""
_CLAIMED = """
SELECT reward, sum(quantity)::bigint AS units FROM {schema}.redemptions
WHERE program = %s AND redeemed_at >= %s AND reward IS NOT NULL AND state IN ('held', 'confirmed') GROUP BY reward
"""
_EXPIRING = """
SELECT m.member, l.currency, l.remaining AS points, l.expires_at, l.rule FROM {schema}.lots l
LEFT JOIN {schema}.members m USING (stream)
WHERE l.program = %s AND l.remaining > 0 AND l.expires_at >= %s AND l.expires_at < %s
ORDER BY l.expires_at, l.stream LIMIT %s
"""
_DEBTS = """
SELECT m.member, b.currency, b.debt AS points, b.recorded_at FROM {schema}.balances b
LEFT JOIN {schema}.members m USING (stream)
WHERE b.program = %s AND b.debt > 0 ORDER BY b.debt DESC, b.stream LIMIT %s
"""
_PER_MINUTE = """
SELECT date_trunc('minute', recorded_at) AS minute, min(recorded_at) AS since, min(notification_id) AS position,
       count(*) FILTER (WHERE kind = 'member') AS count
FROM (
    SELECT recorded_at, notification_id, kind FROM stored_events WHERE program = %s AND notification_id < %s
    ORDER BY notification_id DESC LIMIT %s
) newest GROUP BY 1
"""
_PARKED = """
SELECT k.follower, k.position, k.error, k.parked_at, m.member FROM parked k
JOIN state_rows s USING (stream) LEFT JOIN {schema}.members m USING (stream)
WHERE s.program = %s ORDER BY k.position LIMIT %s
"""
_ACTIVITIES = """
SELECT a.source, a.id, a.type, a.occurred_at, m.member FROM {schema}.activities a
LEFT JOIN {schema}.members m USING (stream)
WHERE a.program = %s AND a.id IS NOT NULL ORDER BY a.day DESC, a.position DESC LIMIT %s
"""
# A lot whose end has come waits to be swept: nobody can spend it any more.
_OUTSTANDING = """
SELECT currency, state, width_bucket(occurred_at, %s::timestamptz[]) AS age,
       date_trunc('month', (expires_at - interval '1 microsecond') AT TIME ZONE %s)::date AS month,
       sum(remaining)::bigint AS points, count(*) AS lots
FROM {schema}.lots WHERE program = %s AND remaining > 0 AND (expires_at IS NULL OR expires_at > %s) GROUP BY 1, 2, 3, 4
"""
_OFFERS = """
SELECT offer, count(*) AS assigned, count(*) FILTER (WHERE state = 'open') AS open,
       count(*) FILTER (WHERE state = 'completed') AS completed, count(*) FILTER (WHERE state = 'closed') AS closed,
       count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn, sum(points)::bigint AS points,
       sum(uses)::bigint AS uses
FROM {schema}.offer_progress WHERE program = %s GROUP BY 1 ORDER BY max(assigned_at) DESC, offer
"""
_BEGUN = """
SELECT EXISTS (SELECT FROM {schema}.members WHERE program = %(program)s) AS member,
       EXISTS (SELECT FROM {schema}.activities WHERE program = %(program)s AND id IS NOT NULL) AS activity,
       EXISTS (SELECT FROM {schema}.redemptions WHERE program = %(program)s) AS redemption
"""
# Bytes are looked for, because somebody may have made rows unreadable; whoever asks looks at what was found.
_LOOKED_THROUGH = """
WITH newest AS (
    SELECT notification_id AS position,
           (%(kind)s::text IS NULL OR kind = %(kind)s::text)
           AND (%(any)s::bytea[] IS NULL
                OR EXISTS (SELECT FROM unnest(%(any)s::bytea[]) part WHERE position(part IN state) > 0))
           AND (%(actor)s::bytea IS NULL OR position(%(actor)s::bytea IN state) > 0) AS fits
    FROM stored_events
    WHERE program = %(program)s AND notification_id < %(before)s
      AND (%(stream)s::uuid IS NULL OR originator_id = %(stream)s::uuid)
    ORDER BY notification_id DESC LIMIT %(window)s
)
SELECT array(SELECT position FROM newest WHERE fits ORDER BY position DESC LIMIT %(limit)s) AS found,
       (SELECT min(position) FROM newest) AS oldest, (SELECT count(*) FROM newest) AS looked
"""
_NEWER = """
SELECT count(*) AS count FROM (
    SELECT FROM stored_events WHERE program = %s AND notification_id > %s LIMIT %s
) newer
"""
_NAMED = "SELECT stream, member FROM {schema}.members WHERE stream = ANY(%s) AND member IS NOT NULL"
_CORRECTIONS = """
SELECT stream, version FROM state_rows WHERE program = %s AND kind = 'correction' ORDER BY position DESC LIMIT %s
"""
_CORRECTION = "SELECT version FROM state_rows WHERE stream = %s AND program = %s AND kind = 'correction'"
_NEWEST_JOB = """
SELECT id FROM jobs WHERE program = %s AND kind = ANY(%s) AND request = %s ORDER BY created_at DESC LIMIT 1
"""


class Overview:
    """Nothing here is prepared: tables are swapped when they are rebuilt. Everything raises Unavailable."""

    def __init__(self, pool: AsyncConnectionPool[Any], schema: str) -> None:
        self._pool = pool
        self._schema = Identifier(schema)

    async def balance_steps(
        self, stream: UUID, currency: str, as_of: datetime, known_at: datetime
    ) -> list[tuple[datetime, int]]:
        """When what a member could spend changed, and by how much."""
        rows = await self._all(_STEPS, (stream, currency, as_of, known_at))
        return [(row["effective_at"], row["sum"]) for row in rows]

    async def rules(self, program: str, day: date, limit: int = 10) -> list[Json]:
        return await self._all(_RULES, (program, day, limit))

    async def by_day(self, program: str, rules: Sequence[str], currency: str) -> list[tuple[date, int]]:
        """Points that rules granted and that were not taken back, by the day that counted."""
        rows = await self._all(_BY_DAY, (program, list(rules), currency))
        return [(row["day"], row["points"]) for row in rows]

    async def awarded(self, program: str, rules: Sequence[str], limit: int) -> list[Json]:
        """The newest grants of rules."""
        return await self._all(_AWARDED, (program, list(rules), limit))

    async def assigned(self, program: str, offer: str, limit: int) -> list[Json]:
        return await self._all(_ASSIGNED, (program, offer, limit))

    async def exposed(self, program: str, experiment: str, limit: int) -> list[Json]:
        return await self._all(_EXPOSED, (program, experiment, limit))

    async def earned(self, program: str, day: date) -> list[Json]:
        return await self._all(_EARNED, (program, day))

    async def spent(self, program: str, since: datetime) -> list[Json]:
        return await self._all(_SPENT, (program, since))

    async def ending(self, program: str, start: datetime, end: datetime) -> list[Json]:
        return await self._all(_ENDING, (program, start, end))

    async def owed(self, program: str) -> list[Json]:
        return await self._all(_OWED, (program,))

    async def members(self, program: str) -> dict[str, int]:
        return {row["status"]: row["members"] for row in await self._all(_MEMBERS, (program,))}

    async def tiers(self, program: str) -> dict[str, dict[str, int]]:
        """Members by set and level. Who is below all levels of a set is not counted."""
        found: dict[str, dict[str, int]] = {}
        for row in await self._all(_TIERS, (program,)):
            found.setdefault(row["tier_set"], {})[row["level"]] = row["members"]
        return found

    async def newest(self, program: str, limit: int) -> list[Json]:
        return await self._all(_NEWEST, (program, limit))

    async def redemptions(self, program: str, since: datetime, limit: int) -> list[Json]:
        return await self._all(_REDEMPTIONS, (program, since, limit))

    async def claimed(self, program: str, since: datetime) -> dict[str, int]:
        """Units of each reward that were redeemed or are held, and did not come back."""
        return {row["reward"]: row["units"] for row in await self._all(_CLAIMED, (program, since))}

    async def expiring(self, program: str, start: datetime, end: datetime, limit: int) -> list[Json]:
        return await self._all(_EXPIRING, (program, start, end, limit))

    async def debts(self, program: str, limit: int) -> list[Json]:
        return await self._all(_DEBTS, (program, limit))

    async def activities(self, program: str, limit: int) -> list[Json]:
        """Those of the last days, the newest first."""
        return await self._all(_ACTIVITIES, (program, limit))

    async def outstanding(self, program: str, now: datetime, since: Sequence[datetime], zone: str) -> list[Json]:
        """Points that can still be asked for, by currency, state, age and month.

        `age` is how many of `since`, which ascend, their earning is not before; `month` the first day of that in which
        they can be spent for the last time, None for ever.
        """
        return await self._all(_OUTSTANDING, (list(since), zone, program, now))

    async def offers(self, program: str) -> list[Json]:
        """What became of each offer's slots; the one that was assigned last comes first."""
        return await self._all(_OFFERS, (program,))

    async def begun(self, program: str) -> dict[str, bool]:
        """Whether there ever was a member, an activity, a redemption."""
        (row,) = await self._all(_BEGUN, {"program": program})
        return row

    async def looked_through(
        self,
        program: str,
        before: int,
        limit: int,
        window: int,
        *,
        stream: UUID | None,
        kind: str | None,
        any_of: Sequence[bytes],
        actor: bytes | None,
    ) -> tuple[list[int], int | None]:
        """Positions of entries before one, the newest first, that may be what is looked for: of a stream, of a kind,
        with any of these bytes. And the position down to which was looked; None where that is the beginning.
        """
        asked = {
            "program": program, "before": before, "limit": limit, "window": window, "stream": stream, "kind": kind,
            "any": list(any_of) or None, "actor": actor,
        }  # fmt: skip
        (row,) = await self._all(_LOOKED_THROUGH, asked)
        return row["found"], row["oldest"] if row["looked"] == window else None

    async def newer(self, program: str, position: int, most: int) -> int:
        """How many entries there are after a position; counted up to so many."""
        (row,) = await self._all(_NEWER, (program, position, most))
        count: int = row["count"]
        return count

    async def corrections(self, program: str, limit: int) -> list[tuple[UUID, int]]:
        """Streams of corrections, each with its last version; the one that changed last comes first."""
        return [(row["stream"], row["version"]) for row in await self._all(_CORRECTIONS, (program, limit))]

    async def version_of_correction(self, program: str, stream: UUID) -> int | None:
        """How many entries its stream has; None where there is no such stream."""
        rows = await self._all(_CORRECTION, (stream, program))
        return rows[0]["version"] if rows else None

    async def newest_job(self, program: str, kinds: Sequence[str], request: Json) -> str | None:
        """The last job of one of these kinds that was begun with this request."""
        rows = await self._all(_NEWEST_JOB, (program, list(kinds), msgspec.json.encode(request)))
        return rows[0]["id"] if rows else None

    async def named(self, streams: Sequence[UUID]) -> dict[UUID, str]:
        """Whose streams these are, as far as they are members who have a name."""
        return {row["stream"]: row["member"] for row in await self._all(_NAMED, (list(streams),))}

    async def per_minute(self, program: str, now: datetime) -> list[int]:
        """Entries of members in each of the last minutes, the oldest first."""
        counts, before, size = Counter[datetime](), MAX_AMOUNT, _PAGE
        while size <= _BUSIEST:
            rows = await self._all(_PER_MINUTE, (program, before, size))
            counts.update({row["minute"]: row["count"] for row in rows})
            if not rows or min(row["since"] for row in rows) <= now - WINDOW:
                break
            before, size = min(row["position"] for row in rows), 4 * size
        minutes = int(WINDOW.total_seconds()) // 60
        this = now.replace(second=0, microsecond=0)
        return [counts[this - timedelta(minutes=ago)] for ago in range(minutes - 1, -1, -1)]

    async def parked(self, program: str, limit: int) -> list[Json]:
        return await self._all(_PARKED, (program, limit))

    async def _all(self, query: LiteralString, params: Sequence[Any] | Json) -> list[Json]:
        with database_errors():
            async with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
                await cursor.execute(SQL(query).format(schema=self._schema), params, prepare=False)
                found: list[Json] = await cursor.fetchall()
                return found
