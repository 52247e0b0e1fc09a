"""Taking turns on the event loop, so that a crowd of decisions does not hold it from the first to the last.

A commit wakes everybody who waited for it at once. If all answered and decided before anybody else had the loop, the
writer would wait for the last of them with nothing to write, then they for the writer, and every read for both. In
turns, the first are written while the next decide, and whoever else wants the loop gets it in between.
"""

import asyncio
from collections import deque

AT_ONCE = 8
"""Decisions, and answers to what was saved, in one turn of the loop: about two milliseconds."""


class Turns:
    """So many at once per turn of the loop, in the order in which they came."""

    def __init__(self, size: int = AT_ONCE) -> None:
        self._size = self._left = size
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._announced = False

    async def take(self) -> None:
        """Come back when it is the caller's turn: at once, where few are there."""
        if not self._announced:
            self._announced = True
            asyncio.get_running_loop().call_soon(self._next)
        if self._left and not self._waiting:
            self._left -= 1
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await mine

    def _next(self) -> None:
        self._announced, self._left = False, self._size
        while self._left and self._waiting:
            one = self._waiting.popleft()
            # Who was cancelled has gone.
            if not one.done():
                one.set_result(None)
                self._left -= 1
        if self._left < self._size or self._waiting:
            self._announced = True
            asyncio.get_running_loop().call_soon(self._next)
