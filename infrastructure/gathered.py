"""Reads that are asked for at the same time are one query.

While a query is under way, whoever asks meanwhile is gathered for the next one, so a quantity that everybody looks at
costs no more than one that nobody does. An answer is never older than the question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


class Gathered(Generic[Name, Value]):
    """Asks `read` for names; it answers at least those that were asked for. At most `at_once` queries run together."""

    def __init__(self, read: Callable[[list[Name]], Awaitable[dict[Name, Value]]], at_once: int = 2) -> None:
        self._read = read
        self._at_once = at_once
        self._asked: dict[Name, asyncio.Future[Value]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, names: Collection[Name]) -> dict[Name, Value]:
        loop = asyncio.get_running_loop()
        mine = {name: self._asked.setdefault(name, loop.create_future()) for name in names}
        if len(self._tasks) < self._at_once:
            task = loop.create_task(self._answer())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return {name: await asyncio.shield(future) for name, future in mine.items()}

    async def _answer(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                found = await self._read([*asked])
            except Exception as error:  # noqa: BLE001 - those who asked get it
                for future in asked.values():
                    future.set_exception(error)
                    # Whoever asked may have gone away: nobody need retrieve it.
                    future.exception()
            else:
                for name, future in asked.items():
                    future.set_result(found[name])
