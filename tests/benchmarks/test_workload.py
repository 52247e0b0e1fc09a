"""The workload is the one that is described: twenty rules of which six match, members with so many lots."""

import re
from typing import Any

import msgspec
import pytest

from application import activities
from application.activities import SimulateBody
from benchmarks.workload import OPENING, RULEBOOK, lots_of, member_of, purchase
from domain.rules.check import check
from tests.application.engine import PROGRAM, opened, run


def test_there_are_twenty_rules_on_the_purchase() -> None:
    assert [rule["on"] for rule in RULEBOOK["rules"]] == ["purchase"] * 20
    assert sum("cap" in rule for rule in RULEBOOK["rules"]) == len(RULEBOOK["tiers"]) == 1


@pytest.mark.parametrize("document", [RULEBOOK, OPENING], ids=["rules", "opening"])
def test_the_rulebooks_are_sound(document: dict[str, Any]) -> None:
    assert check(document).ok


@pytest.mark.slow
def test_six_rules_match_every_purchase(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, RULEBOOK, start=None) as engine:
            await engine.enrol(member_of(0), attributes={"lots": 5, "staff": False})
            for number in range(0, 2_000, 97):
                body = msgspec.json.decode(purchase("r", number, 1), type=SimulateBody)
                rules = (await activities.simulate(engine.handler, PROGRAM, body))["explanation"]["rules"]
                assert [rule["rule"] for rule in rules if rule["matched"]] == [
                    "base", "channels", "home-market", "no-wine", "not-tiny", "daily",
                ]  # fmt: skip

    run(story)


@pytest.mark.slow
def test_members_begin_with_as_many_lots_as_they_are_told(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, OPENING, start=None) as engine:
            for number in (0, 1, 8):
                await engine.enrol(member_of(number), attributes={"lots": lots_of(number), "staff": False})
                shown = await engine.read(member_of(number))
                lots = range(1, lots_of(number) + 1)
                assert shown["balances"]["points"]["available"] == sum(100 + lot for lot in lots)

    run(story)


def test_members_have_five_open_lots_at_the_median_and_one_in_twenty_has_fifty() -> None:
    lots = sorted(lots_of(number) for number in range(20_000))
    assert lots[10_000] == 5
    assert lots.count(50) == 1_000


def test_as_many_purchases_as_members_are_of_all_members() -> None:
    assert len({re.findall(rb'"member":"(\w+)"', purchase("r", n, 20_000))[0] for n in range(20_000)}) == 20_000
