"""The writer's transaction one statement at a time, with a hook between them: where one waits, or a process dies."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import psycopg

from infrastructure import event_store
from infrastructure.event_store import PostgresEventStore

Hook = Callable[[str, psycopg.AsyncConnection[Any]], Awaitable[None]]
"""Is told each step's name when it is done, and on which connection."""

COMMIT = "COMMIT"
INSERTED = "inserted"
COMMITTED = "committed"
SENT = "commit sent"
"""COMMIT is about to be sent: a hook may send it itself, and not wait for the answer."""
STEPS = ("begun", "locked", "notified", INSERTED, SENT, COMMITTED)


def step_by_step(store: PostgresEventStore, hook: Hook) -> None:
    """Let this store write without a pipeline and tell the hook of each step."""
    connect = store._writing_connection

    async def stepping() -> Any:
        return _Stepping(await connect(), hook)

    store._writing_connection = stepping  # type: ignore[method-assign]


class _Stepping:
    def __init__(self, real: psycopg.AsyncConnection[Any], hook: Hook) -> None:
        self._real = real
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def pipeline(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def execute(self, query: str, *params: Any, **more: Any) -> Any:
        if query == COMMIT:
            await self._hook(INSERTED, self._real)
            await self._hook(SENT, self._real)
        found = await self._real.execute(query, *params, **more)
        steps = {"BEGIN": "begun", event_store._LOCK: "locked", event_store._NOTIFY: "notified", COMMIT: COMMITTED}
        if query in steps:
            await self._hook(steps[query], self._real)
        return found
