"""A follower that keeps up rests between its batches, in proportion to what they took; one that is behind does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from application.follow import LONGEST_REST, Positions, lead, rest_after


@pytest.mark.parametrize(("worked", "rests"), [(0.0, 0.0), (0.01, 0.04), (0.1, 0.4), (0.2, LONGEST_REST), (60.0, 0.5)])
def test_a_follower_rests_four_times_as_long_as_it_worked_but_never_long(worked: float, rests: float) -> None:
    assert rest_after(worked) == pytest.approx(rests)


class _Done(Exception):
    pass


class _Turn:
    def __init__(self, said: list[str]) -> None:
        self._said = said

    async def wait(self, _seconds: float) -> None:
        self._said.append("waits")


class _Led:
    def __init__(self, said: list[str]) -> None:
        self._said = said

    @asynccontextmanager
    async def leading(self, _follower: str) -> AsyncIterator[_Turn]:
        yield _Turn(self._said)


def test_whole_batches_follow_each_other_and_others_after_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    batches = iter([10, 10, 3, 0])

    async def step() -> int:
        taken = next(batches, None)
        if taken is None:
            raise _Done
        said.append(f"takes {taken}")
        return taken

    async def sleep(_seconds: float) -> None:
        said.append("rests")

    monkeypatch.setattr("application.follow.asyncio.sleep", sleep)
    with pytest.raises(_Done):
        asyncio.run(lead("diary", cast("Positions", cast("Any", _Led(said))), step, lambda: None, 10))
    assert said == ["takes 10", "takes 10", "takes 3", "rests", "takes 0", "rests", "waits"]
