"""A reader that follows the log from wherever it began, and remembers every position it saw."""

import asyncio
from collections.abc import Sequence

import psycopg

POLL = 0.05
"""Seconds after which it looks though nothing was notified."""
PAGE = 1_000


class Tail:
    """Reads as followers do: what is behind the last position it saw, page by page, whatever happens meanwhile."""

    def __init__(self, dsn: str, start: int = 0) -> None:
        self.start = start
        self.seen: list[int] = []
        self._dsn = dsn
        self._task: asyncio.Task[None] | None = None

    def follow(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def to_the_end(self, head: int) -> None:
        """Stop following, and read what is left up to the last entry."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            while self._last < head and await self._page(connection):
                pass

    def missed(self, positions: Sequence[int]) -> list[int]:
        """Positions of the log that it should have seen and did not, or that it did not see in their order, once."""
        due = [position for position in positions if position > self.start]
        if self.seen == due:
            return []
        seen = set(self.seen)
        return [position for position in due if position not in seen] or [
            after for before, after in zip(self.seen, self.seen[1:], strict=False) if after <= before
        ]

    @property
    def _last(self) -> int:
        return self.seen[-1] if self.seen else self.start

    async def _follow(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    await connection.execute("LISTEN stored_events")
                    while True:
                        while await self._page(connection):
                            pass
                        async for _ in connection.notifies(timeout=POLL, stop_after=1):
                            pass
            except psycopg.OperationalError:
                # Killed, or not there yet: it goes on from what it saw.
                await asyncio.sleep(POLL)

    async def _page(self, connection: psycopg.AsyncConnection) -> int:
        found = await connection.execute(
            "SELECT notification_id FROM stored_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s",
            (self._last, PAGE),
        )
        rows = await found.fetchall()
        self.seen += [position for (position,) in rows]
        return len(rows)
