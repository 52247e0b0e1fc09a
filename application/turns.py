"""Taking turns on the event loop, so that a crowd of decisions lets others get a word in.

A commit wakes everybody who waited for it at once, and each decides again without giving the loop away: a read that
arrives then would wait for all of them.
"""

import asyncio
from collections import deque

AT_ONCE = 8
"""Decisions in one turn of the loop: two or three milliseconds. The next are decided while these are written."""


class Turns:
    """So many at once per turn of the loop, in the order in which they came."""

    def __init__(self, size: int = AT_ONCE) -> None:
        self._size = self._left = size
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._announced = False

    async def take(self) -> None:
        """Come back when it is the caller's turn: at once, where few are there."""
        loop = asyncio.get_running_loop()
        if not self._announced:
            self._announced = True
            loop.call_soon(self._next)
        if self._left and not self._waiting:
            self._left -= 1
            return
        mine = loop.create_future()
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
