"""Birthdays over the real store: a read shows them before anybody wrote, the sweeper finds them, audits agree."""

from datetime import UTC, datetime
from typing import Any

from application.audit import verify
from infrastructure.row_reader import readers
from tests.application.engine import SHOP, START, opened, run

CAKE: dict[str, Any] = {"id": "cake", "on": "member.birthday", "award": {"currency": "points", "points": 50}}
WELCOME: dict[str, Any] = {"id": "hello", "on": "member.enrolled", "award": {"currency": "points", "points": 10}}


def club(*rules: dict[str, Any]) -> dict[str, Any]:
    attributes = {"type": "object", "properties": {"born": {"type": "string"}}}
    return {**SHOP, "members": {"attributes": attributes, "birthday": "born"}, "rules": [*SHOP["rules"], *rules]}


def midnight(month: int, day: int) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


def test_a_birthday_is_there_when_it_begins_and_written_when_somebody_comes_by(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, club(CAKE, WELCOME)) as engine:
            await engine.enrol("ann", attributes={"born": "03-15"})
            await engine.enrol("bob", attributes={"born": "06-01"})
            assert await engine.available("ann") == 10
            await engine.at(midnight(3, 15))
            assert await engine.available("ann") == 60
            assert await engine.sweep() == 1
            assert await engine.available("ann") == 60
            assert await engine.available("bob") == 10
            assert (await engine.read("ann"))["version"] == 2
            bought = await engine.buy(10_00, member="ann", name="p1")
            assert [award["rule"] for award in bought.body["awards"]] == ["base"]

    run(story)
    found = verify(readers(database_url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


def test_a_birthday_stands_in_the_entry_of_whoever_comes_first(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, club(CAKE)) as engine:
            await engine.enrol("ann", attributes={"born": "03-15"})
            await engine.at(midnight(4, 1))
            bought = await engine.buy(10_00, member="ann", name="p1")
            assert [award["rule"] for award in bought.body["awards"]] == ["base"]
            assert await engine.available("ann") == 60
            await engine.give_back("p1")
            assert await engine.available("ann") == 50
            assert (await engine.read("ann", as_of=midnight(3, 14)))["balances"]["points"]["available"] == 0
            assert (await engine.read("ann", as_of=midnight(3, 16)))["balances"]["points"]["available"] == 50

    run(story)
    found = verify(readers(database_url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


def test_rules_that_come_later_reach_those_who_are_members_already(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, club()) as engine:
            await engine.enrol("ann", attributes={"born": "03-15"})
            await engine.at(midnight(2, 1))
            await engine.publish(club(CAKE))
            await engine.at(midnight(2, 2))
            assert await engine.sweep() == 1
            await engine.at(midnight(3, 15))
            assert await engine.available("ann") == 50
            assert await engine.sweep() == 1

    run(story)
    assert midnight(2, 1) > START
