"""Budgets under contention, shares of orders, edits brought to everybody: over the real store."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from application import activities, explanations, points
from application.activities import SimulateBody
from application.audit import verify
from application.points import Order, RedeemBody, ReturnBody, ReturnLine
from domain.errors import LimitReached, Refused
from infrastructure.database import connect
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, SHOP, START, Engine, opened, process, run

BUDGET = 10_000


def shop(**more: Any) -> dict[str, Any]:
    rule = {"id": "base", "on": "purchase", "award": {"currency": "points", "points": 35}, "budget": "summer"}
    budgets = {"summer": {"currency": "points", "points": BUDGET}}
    return {**SHOP, "rules": [rule], "budgets": budgets, **more}


def sound(url: str) -> None:
    found = verify(readers(url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


def taken(url: str) -> dict[str, int]:
    with connect(url) as connection:
        return dict(connection.execute("SELECT key, used FROM takes").fetchall())


@pytest.mark.parametrize("processes", [1, 2])
def test_a_budget_is_never_overspent_and_spent_to_the_last_point(database_url: str, processes: int) -> None:
    """400 purchases at once would be granted 14,000 points of a budget of 10,000."""

    async def story() -> None:
        async with opened(database_url, shop()) as engine, process(database_url) as second:
            engines = [engine, second][:processes]
            names = [f"m{number}" for number in range(20)]
            await asyncio.gather(*(engine.enrol(name) for name in names))
            answers = await asyncio.gather(
                *(
                    engines[number % processes].buy(100, member=names[number % 20], name=f"p{number}")
                    for number in range(400)
                )
            )
            granted = [answer.body["awards"][0] for answer in answers]
            assert sum(award["granted"] for award in granted) == BUDGET
            assert {award["granted"] for award in granted} == {35, BUDGET % 35, 0}
            cut = [award for award in granted if award["granted"] < 35]
            assert all(award["limited_by"]["budget"] == "summer" for award in cut)
            assert taken(database_url) == {"summer": BUDGET}
            # What comes back can be granted again.
            whole = next(number for number, award in enumerate(granted) if award["granted"] == 35)
            await engine.give_back(f"p{whole}")
            assert taken(database_url) == {"summer": BUDGET - 35}
            again = await second.buy(100, member="m0", name="again")
            assert again.body["awards"][0]["granted"] == 35

    run(story)
    sound(database_url)


def test_b1_a_cap_for_all_members_is_never_passed(database_url: str) -> None:
    caps = [{"points": 70}, {"points": 1_000, "per": "rule", "period": "year"}]
    rule = {"id": "base", "on": "purchase", "award": {"currency": "points", "points": 35}, "cap": caps}

    async def story() -> None:
        async with opened(database_url, {**SHOP, "rules": [rule]}) as engine:
            names = [f"m{number}" for number in range(20)]
            await asyncio.gather(*(engine.enrol(name) for name in names))
            buys = (engine.buy(100, member=names[number % 20], name=f"p{number}") for number in range(60))
            granted = [answer.body["awards"][0]["granted"] for answer in await asyncio.gather(*buys)]
            assert sum(granted) == 1_000
            assert set(granted) == {35, 1_000 % 35, 0}
            assert list(taken(database_url).values()) == [1_000]

    run(story)
    sound(database_url)


def test_a_lowered_budget_takes_nothing_more_and_still_takes_back(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, shop()) as engine:
            await engine.enrol()
            await engine.buy(100, name="p1")
            await engine.publish(shop(budgets={"summer": {"currency": "points", "points": 10}}))
            answer = await engine.buy(100, name="p2")
            assert answer.body["awards"][0]["limited_by"] == {"left": 0, "budget": "summer"}
            await engine.give_back("p1")
            answer = await engine.buy(100, name="p3")
            assert answer.body["awards"][0] | {"lots": []} == answer.body["awards"][0] | {"granted": 10, "lots": []}

    run(story)
    sound(database_url)


def test_a_simulation_and_an_explanation_know_the_budget_and_take_nothing(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, shop(budgets={"summer": {"currency": "points", "points": 40}})) as engine:
            await engine.enrol()
            first = await engine.buy(100, name="p1")
            tried = await activities.simulate(
                engine.handler,
                PROGRAM,
                SimulateBody(
                    id="try", source="shop", type="purchase", member="ann", occurred_at=START, data={"amount_minor": 1}
                ),
            )
            assert tried["awards"][0]["limited_by"] == {"left": 5, "budget": "summer"}
            assert taken(database_url) == {"summer": 35}
            await engine.buy(100, name="p2")
            told = await explanations.explain(engine.handler, PROGRAM, first.body["ref"])
            assert (told["rules"][0]["granted"], told["rules"][0]["limited_by"]) == (35, None)

    run(story)


def test_points_pay_a_share_of_an_order_under_fifty_at_once(database_url: str) -> None:
    money = {"per_point": "1", "max_share": "0.5"}
    rules = [{"id": "base", "on": "purchase", "award": {"currency": "points", "rate": "1"}}]

    async def story() -> None:
        async with opened(database_url, {**SHOP, "currencies": {"points": {"value": money}}, "rules": rules}) as engine:
            await engine.enrol()
            await engine.buy(1_000, name="order")

            async def pay(number: int, order: Order) -> bool:
                body = RedeemBody(id=f"r{order.id}{number}", member="ann", currency="points", points=30, order=order)
                try:
                    await points.redeem(engine.handler, PROGRAM, body, actor="test")
                except LimitReached:
                    return False
                return True

            # What is recorded counts, whatever the caller says.
            paid = [await pay(number, Order(source="shop", id="order", amount_minor=10**6)) for number in range(3)]
            assert paid == [True, True, True]
            came = await asyncio.gather(*(pay(number, Order(source="shop", id="order")) for number in range(3, 53)))
            assert sum(came) + 3 == 500 // 30
            assert await pay(0, Order(source="shop", id="to-come", amount_minor=60))
            assert not await pay(1, Order(source="shop", id="to-come", amount_minor=60))

    run(story)
    sound(database_url)


def test_a_return_by_line_over_the_application(database_url: str) -> None:
    rules = [
        {"id": "base", "on": "purchase", "award": {"currency": "points", "per": {"step": 100, "points": 4}}},
        {
            "id": "red",
            "on": "purchase",
            "phase": "multiply",
            "by": "3",
            "lines": {"where": "line.labels.colour == 'red'"},
        },
    ]
    lines = [
        {"id": "1", "amount_minor": 1_200, "labels": {"colour": "red"}},
        {"id": "2", "amount_minor": 14_000, "labels": {"colour": "blue"}},
    ]

    async def story() -> None:
        async with opened(database_url, {**SHOP, "rules": rules}) as engine:
            await engine.enrol()
            bought = await engine.buy(15_200, name="order", lines=lines)
            assert [award["granted"] for award in bought.body["awards"]] == [608, 96]
            told = await explanations.explain(engine.handler, PROGRAM, bought.body["ref"])
            assert {rule["rule"]: rule["lines"] for rule in told["rules"]} == {"base": None, "red": ["1"]}
            back = await points.return_activity(
                engine.handler,
                PROGRAM,
                ReturnBody(
                    id="r1",
                    source="shop",
                    activity=points.ActivityName(source="shop", id="order"),
                    occurred_at=START,
                    lines=[ReturnLine(line="1", amount_minor=1_200)],
                ),
                actor="test",
            )
            assert [(one["rule"], one["wanted"]) for one in back.body["clawed_back"]] == [("base", 48), ("red", 96)]
            with pytest.raises(Refused) as refusal:
                await points.return_activity(
                    engine.handler,
                    PROGRAM,
                    ReturnBody(
                        id="r2",
                        source="shop",
                        activity=points.ActivityName(source="shop", id="order"),
                        occurred_at=START,
                        lines=[ReturnLine(line="9", amount_minor=1)],
                    ),
                    actor="test",
                )
            assert refusal.value.errors == (("/lines/0/line", "not in the order"),)

    run(story)
    sound(database_url)


def test_the_sweeper_brings_an_edit_to_everybody_once(database_url: str) -> None:
    def tiers(silver: int, on_edit: str) -> dict[str, Any]:
        return {"status": {"levels": [{"id": "silver", "at": silver}], "on_edit": on_edit}}

    async def levels(engine: Engine) -> list[str | None]:
        with connect(database_url) as connection:
            found = connection.execute("SELECT state FROM stored_events WHERE kind = 'member'").fetchall()
        return [row[0].decode() for row in found if b'"edited"' in bytes(row[0])]

    async def story() -> None:
        async with opened(database_url, {**SHOP, "tiers": tiers(10, "next_review")}) as engine:
            for number in range(3):
                await engine.enrol(f"m{number}")
                await engine.buy(1_000 * (number + 1), member=f"m{number}", at=START)
            await engine.at(START + timedelta(days=1))
            await engine.publish({**SHOP, "tiers": tiers(25, "now")})
            assert await levels(engine) == []
            await engine.sweep()
            assert len(await levels(engine)) == 2
            assert await engine.sweep() == 0
            assert await engine.handler.store.edits_swept(PROGRAM) == 2
            read = [(await engine.read(f"m{number}"))["tiers"]["status"]["level"] for number in range(3)]
            assert read == [None, None, "silver"]

    run(story)
    sound(database_url)
