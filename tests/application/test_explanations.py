"""M10: why these points, and why not others; and why a return took what it took, lot by lot."""

from typing import Any

import pytest

from application import explanations
from application.activities import SimulateBody, simulate
from domain.errors import UnknownActivity
from tests.application.engine import PROGRAM, SHOP, START, days, opened, run

Json = Any

RULES: Json = SHOP | {
    "groups": {"extra": "best"},
    "rules": [
        {"id": "base", "on": "purchase", "award": {"currency": "points", "per": {"step": 100, "points": 1}}},
        {
            "id": "big",
            "on": "purchase",
            "phase": "add",
            "group": "extra",
            "when": "activity.amount_minor >= 5000 && history.count('purchase', 'ever') > 0",
            "award": {"currency": "points", "points": 20},
            "cap": [{"points": 25, "period": "month"}],
        },
        {
            "id": "small",
            "on": "purchase",
            "phase": "add",
            "group": "extra",
            "award": {"currency": "points", "points": 1},
        },
    ],
}


def by_rule(told: Json) -> dict[str, Json]:
    return {one["rule"]: one for one in told["rules"]}


def test_each_rule_says_why_and_why_not(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, RULES) as engine:
            await engine.enrol()
            first = await engine.buy(6_000, name="a")
            second = await engine.buy(6_000, name="b")
            third = await engine.buy(6_000, name="c")
            told = by_rule(await explanations.explain(engine.handler, PROGRAM, first.body["ref"]))
            why = told["big"]["why_not"]
            assert (why["text"], why["line"], why["column"]) == ("history.count('purchase', 'ever') > 0", 1, 34)
            assert [(one["text"], one["value"]) for one in why["operands"]] == [
                ("history.count('purchase', 'ever')", 0)
            ]
            assert (told["base"]["why_not"], told["base"]["lots"]) == (None, ["2.1"])

            # The group lost, and what it would have been.
            told = by_rule(await explanations.explain(engine.handler, PROGRAM, second.body["ref"]))
            assert (told["big"]["granted"], told["big"]["why_not"]) == (20, None)
            assert (told["small"]["wanted"], told["small"]["granted"]) == (1, 0)
            assert told["small"]["limited_by"] == {"left": 0, "group": "extra"}
            # The cap, and what it had left.
            told = by_rule(await explanations.explain(engine.handler, PROGRAM, third.body["ref"]))
            assert (told["big"]["wanted"], told["big"]["granted"]) == (20, 5)
            assert told["big"]["limited_by"] == {"left": 5, "cap": "big.0"}

            # The same of what is only tried.
            tried = await simulate(
                engine.handler,
                PROGRAM,
                SimulateBody(
                    id="x", source="shop", type="purchase", member="ann", occurred_at=START, data={"amount_minor": 100}
                ),
            )
            told = by_rule(tried["explanation"])
            assert told["big"]["why_not"]["text"] == "activity.amount_minor >= 5000"
            assert told["big"]["why_not"]["operands"][0]["value"] == 100

    run(story)


def test_a_return_says_what_each_rule_gives_back_and_from_where(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, RULES) as engine:
            await engine.enrol()
            await engine.buy(10_000, name="a")
            await engine.redeem(90)
            await engine.at(START + days(1))
            await engine.buy(3_000, name="b")
            await engine.give_back("a", 4_000)
            back = await engine.give_back("a")
            name = back.body["return"]["id"]
            ref = await explanations.ref_of(engine.handler, PROGRAM, "shop", name)
            told = await explanations.explain(engine.handler, PROGRAM, ref)
            assert told["returns"]["id"] == "a"
            assert told["returns"]["complete"] is True
            base = by_rule(told)["base"]
            assert (base["granted"], base["taken_before"], base["taken"]) == (100, 40, 60)
            # Whatever was taken came from a lot that is named, or is owed.
            assert (
                base["debt"]
                + sum(draw["points"] for name in ("from_pending", "from_lots", "from_other") for draw in base[name])
                == base["taken"]
            )
            with pytest.raises(UnknownActivity):
                await explanations.ref_of(engine.handler, PROGRAM, "shop", "nothing")

    run(story)
