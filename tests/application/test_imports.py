"""Members of another program come in with their lots and levels, once, whatever is sent how often."""

from datetime import UTC, datetime

import pytest

from application import history
from application.audit import verify
from application.import_members import Imported, import_members
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, Engine, opened, run

ROWS = [
    {"id": "ann", "email": "ann@example.org", "enrolled_at": "2020-05-01", "currency": "points", "points": "120",
     "expires_at": "2026-06-01"},
    {"id": "bob", "external_id": "card:9", "set": "status", "level": "gold", "valid_until": "2026-12-31"},
    {"id": "ann", "currency": "points", "points": "80"},
    {"id": "ann", "set": "status", "level": "silver"},
]  # fmt: skip
WRONG = [
    ({"id": "no such id"}, "bad-id"),
    ({"id": "cem", "currency": "points"}, "invalid-payload"),
    ({"id": "cem", "currency": "points", "points": "1.5"}, "invalid-payload"),
    ({"id": "cem", "currency": "miles", "points": "5"}, "unknown-currency"),
    ({"id": "cem", "set": "status", "level": "lead"}, "not-eligible"),
    ({"id": "cem", "enrolled_at": "May"}, "invalid-payload"),
    ({"id": "cem", "email": "nobody"}, "invalid-payload"),
]


async def bring(engine: Engine, rows: list[dict[str, str]], *, dry_run: bool = False) -> Imported:
    return await import_members(engine.handler, PROGRAM, rows, source="old", actor="test", dry_run=dry_run)


def test_rows_become_members_lots_and_levels_and_a_second_run_adds_nothing(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            tried = await bring(engine, ROWS, dry_run=True)
            assert (tried.rows, tried.members, tried.refused) == (4, 0, [])
            assert await engine.handler.store.member(PROGRAM, "ann") is None
            # Stopped after two rows, and started again.
            await bring(engine, ROWS[:2])
            found = await bring(engine, ROWS)
            assert (found.members, found.lots, found.levels, found.repeated, found.refused) == (0, 1, 1, 2, [])
            assert (await bring(engine, ROWS)).repeated == 4
            ann, bob = await engine.read("ann"), await engine.read("bob")
            assert ann["balances"]["points"]["available"] == 200
            assert (ann["tiers"]["status"]["level"], bob["tiers"]["status"]["level"]) == ("silver", "gold")
            assert bob["tiers"]["status"]["valid_until"] == datetime(2026, 12, 31, tzinfo=UTC)
            assert ann["enrolled_at"] == datetime(2020, 5, 1, tzinfo=UTC)
            lots = (await history.lots(engine.handler, PROGRAM, "ann"))["items"]
            assert (lots[0]["points"], lots[0]["expires_at"]) == (120, datetime(2026, 6, 1, tzinfo=UTC))

    run(story)
    assert verify(readers(database_url))["different"] == 0


@pytest.mark.parametrize("dry_run", [True, False])
def test_each_row_that_is_refused_says_why_and_the_others_are_taken(database_url: str, dry_run: bool) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            found = await bring(engine, [*(row for row, _ in WRONG), {"id": "eva"}], dry_run=dry_run)
            assert [(one.line, one.code) for one in found.refused] == [
                (line, code) for line, (_, code) in enumerate(WRONG, 2)
            ]
            assert found.members == (0 if dry_run else 1)

    run(story)


def test_a_row_that_says_something_else_the_second_time_is_refused(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await bring(engine, ROWS[:1])
            found = await bring(engine, [ROWS[0] | {"points": "121"}])
            assert [one.code for one in found.refused] == ["idempotency-key-reused"]

    run(story)
