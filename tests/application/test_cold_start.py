"""A process that has just started knows nothing: however many ask at once, it learns once."""

import asyncio
from typing import Any

import pytest

from application.programs import program_stream
from infrastructure.event_store import PostgresEventStore
from tests.application.engine import PROGRAM, START, opened, process, run


def test_a_hundred_first_requests_read_the_program_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    rows = PostgresEventStore.rows

    async def counted(self: PostgresEventStore, stream: Any, **bounds: Any) -> Any:
        if stream == program_stream(PROGRAM):
            looks.append(bounds)
        return await rows(self, stream, **bounds)

    async def story() -> None:
        async with opened(database_url) as before:
            for number in range(100):
                await before.enrol(f"m{number}")
            async with process(database_url) as cold:
                monkeypatch.setattr(PostgresEventStore, "rows", counted)
                answers = await asyncio.gather(
                    *(cold.buy(100, member=f"m{number}", name=f"p{number}", at=START) for number in range(100))
                )
                assert {answer.status for answer in answers} == {201}
        assert len(looks) == 1

    run(story)
