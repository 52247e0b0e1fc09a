"""History as people read it."""

from unittest.mock import ANY

from application import explanations, history
from tests.application.engine import PROGRAM, SHOP, START, days, opened, run


def test_points_are_written_with_the_decimals_of_their_currency(database_url: str) -> None:
    miles = {"scale": 2, "value": {"per_point": "1"}}
    rule = {"id": "fly", "on": "purchase", "award": {"currency": "miles", "points": "activity.amount_minor"}}

    async def story() -> None:
        async with opened(
            database_url, {**SHOP, "currencies": {"miles": miles}, "rules": [rule], "tiers": {}}
        ) as engine:
            await engine.enrol()
            await engine.buy(123_405, name="p1")
            await engine.give_back("p1", 5)
            found = await history.history(engine.handler, PROGRAM, "ann", kind="earned")
            assert [one["text"] for one in found["items"]] == ["1234.05 miles earned by fly"]
            assert [one["points"] for one in found["items"]] == [123_405]
            found = await history.history(engine.handler, PROGRAM, "ann", kind="clawed_back")
            assert [one["text"] for one in found["items"]] == ["0.05 miles of fly taken back"]

    run(story)


def test_points_that_come_back_are_told_answered_explained_and_listed(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(40_00, name="p1")
            await engine.at(START + days(30))
            await engine.buy(30_00, name="p2")
            await engine.redeem(60, name="s1", order="p3")
            await engine.buy(20_00, name="p3")
            await engine.at(START + days(183))
            answer = await engine.give_back("p3")
            about = {"redemption": "s1", "currency": "points"}
            given_back = [
                {"lot": "3.1", "points": 20, "state": "open", "expires_at": ANY, **about},
                {"lot": "2.1", "points": 40, "state": "expired", **about},
            ]
            assert answer.body["given_back"] == given_back
            ref = await explanations.ref_of(engine.handler, PROGRAM, "shop", answer.body["return"]["id"])
            assert (await explanations.explain(engine.handler, PROGRAM, ref))["given_back"] == given_back
            found = await history.history(engine.handler, PROGRAM, "ann", kind="given_back")
            assert [(one["text"], one["points"], one["balance_after"]) for one in found["items"]] == [
                ("60 points spent on s1 came back, 40 had expired", 20, 50)
            ]
            lots = (await history.lots(engine.handler, PROGRAM, "ann"))["items"]
            assert [(lot["id"], lot["state"], lot["remaining"]) for lot in lots] == [
                ("2.1", "expired", 0),
                ("3.1", "open", 30),
                ("5.1", "returned", 0),
            ]

    run(story)
