"""History as people read it."""

from application import history
from tests.application.engine import PROGRAM, SHOP, opened, run


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
