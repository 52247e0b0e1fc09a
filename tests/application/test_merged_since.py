"""What was asked of a member before it was merged is undone at the survivor's: the right entry, over a real log."""

from datetime import timedelta

import pytest

from application import activities, corrections, redemptions, reversals
from application.answers import Answered
from application.merge_members import MergeBody, merge
from application.payloads import ActivityBody
from application.points import Hold, RedeemBody, redeem
from application.redemptions import ReturnRedemptionBody
from application.reversals import ReverseBody
from domain.errors import AlreadyReversed, NotEligible, UnknownActivity
from tests.application.engine import PROGRAM, START, Engine, Json, opened, run
from tests.application.test_corrections import RIGHT, WRONG, applied, day, tried
from tests.application.test_late import BOOK
from tests.application.test_merges import sound

WAITS: Json = {**WRONG, "currencies": {"points": {"available": "on_action"}}}


async def merged(engine: Engine) -> None:
    await merge(engine.handler, PROGRAM, MergeBody(id="m1", survivor="ann", loser="old"), actor="test")


async def give_back(engine: Engine, name: str) -> Answered:
    return await redemptions.give_back(engine.handler, PROGRAM, name, ReturnRedemptionBody(), actor="test")


def test_a_redemption_and_an_adjustment_are_undone_by_their_names(database_url: str) -> None:
    """Both members have the same history: the number of an entry alone would name the wrong one."""

    async def story() -> None:
        async with opened(database_url) as engine:
            for member in ("ann", "old"):
                await engine.enrol(member)
                await engine.buy(100_00, member=member, name=f"{member}-p")
                await engine.redeem(10 if member == "ann" else 40, member=member, name=f"{member}-r")
            await merged(engine)
            assert await engine.available("ann") == 150
            read = await redemptions.read(engine.handler, PROGRAM, "old-r")
            assert (read["member"], read["points"], read["state"]) == ("ann", 40, "confirmed")
            await give_back(engine, "old-r")
            assert await engine.available("ann") == 190
            assert (await redemptions.read(engine.handler, PROGRAM, "old-r"))["state"] == "returned"
            assert (await redemptions.read(engine.handler, PROGRAM, "ann-r"))["state"] == "confirmed"
            await give_back(engine, "ann-r")
            assert await engine.available("ann") == 200

    run(story)
    sound(database_url)


async def reverse(engine: Engine, name: str) -> Answered:
    return await reversals.reverse_adjustment(engine.handler, PROGRAM, name, ReverseBody(), actor="test")


def test_an_adjustment_is_reversed_once_whoever_had_it(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            names = {}
            for member, amount in (("ann", 7), ("old", 30)):
                await engine.enrol(member)
                names[member] = (await engine.adjust(amount, member=member)).body["adjustment"]["id"]
            await merged(engine)
            await reverse(engine, names["old"])
            assert await engine.available("ann") == 7
            with pytest.raises(AlreadyReversed):
                await reverse(engine, names["old"])

    run(story)
    sound(database_url)


def test_pending_points_of_an_old_order_are_activated_at_the_survivors(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WAITS) as engine:
            for member in ("ann", "old", "bob"):
                await engine.enrol(member)
                await engine.buy(1_000, member=member, name=f"{member}-p")
            with pytest.raises(UnknownActivity):
                await engine.pending("activate", "old-p")
            await merged(engine)
            await engine.pending("activate", "old-p")
            assert await engine.available("ann") == 10
            await engine.pending("cancel", "ann-p")
            with pytest.raises(UnknownActivity):
                await engine.pending("activate", "bob-p")
            assert (await engine.read("ann"))["balances"]["points"]["pending"] == 0

    run(story)
    sound(database_url)


def test_a_correction_leaves_what_a_merged_member_earned_and_says_so(database_url: str) -> None:
    """Also one that was approved before the merge: the survivor's entries have the same numbers."""

    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            for member in ("ann", "old"):
                await engine.enrol(member)
            await engine.at(day(2))
            for member in ("ann", "old"):
                await engine.buy(1_000, member=member, name=f"{member}-p")
            await engine.at(day(20))
            name, sums = await tried(engine, database_url, RIGHT, from_=day(1), to=day(10))
            assert sums["members"] == 2
            await merged(engine)
            assert await applied(engine, name) == {"correction": name, "applied": 0, "moved": 2}
            assert await engine.available("ann") == 20
            again, _ = await tried(engine, database_url, RIGHT, from_=day(1), to=day(10))
            assert await applied(engine, again) == {"correction": again, "applied": 1, "moved": 1}
            assert await engine.available("ann") == 30
            found = await corrections.read(engine.handler, PROGRAM, again)
            assert {(row["state"], row["difference"]) for row in found["items"]} == {("applied", 10), ("moved", 10)}

    run(story)
    sound(database_url)


def test_a_late_activity_under_the_old_id_is_told_among_the_survivors_own(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine:
            for member in ("ann", "old"):
                await engine.enrol(member)
            await engine.at(day(5))
            for member in ("ann", "old"):
                await engine.buy(10_00, member=member, name=f"{member}-p")
            await engine.at(day(6))
            await merged(engine)
            assert await engine.available("ann") == 100
            await engine.buy(5_00, member="old", at=day(3), name="late")
            assert await engine.available("ann") == 105

    run(story)
    sound(database_url)


def test_a_member_with_points_held_is_not_merged(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            for member in ("ann", "old"):
                await engine.enrol(member)
            await engine.buy(100_00, member="old", name="p")
            body = RedeemBody(id="h1", member="old", currency="points", points=10, hold=Hold(ttl="PT1H"))
            await redeem(engine.handler, PROGRAM, body, actor="test")
            with pytest.raises(NotEligible, match="held"):
                await merged(engine)
            await engine.at(START + timedelta(hours=2))
            await merged(engine)
            assert await engine.available("ann") == 100

    run(story)
    sound(database_url)


REFUNDS: Json = {
    **WRONG,
    "activities": WRONG["activities"]
    | {
        "refund": {
            "data": {"type": "object", "properties": {"order": {"type": "string"}}},
            "role": "reverses",
            "of": "purchase",
            "original": "activity.order",
        }
    },
}


@pytest.mark.parametrize("member", ["ann", "old"])
def test_a_feed_that_knows_the_old_id_returns_the_order_at_the_survivor(database_url: str, member: str) -> None:
    async def story() -> None:
        async with opened(database_url, REFUNDS) as engine:
            for name in ("ann", "old", "eve"):
                await engine.enrol(name)
            await engine.buy(100_00, member="old", name="o1")
            await merged(engine)
            assert await engine.available() > 0

            async def refund(whose: str) -> Answered:
                body = ActivityBody(
                    id="b1", source="shop", type="refund", member=whose, data={"order": "o1"},
                    occurred_at=await engine.clock.now(PROGRAM),
                )  # fmt: skip
                return await activities.record(engine.handler, PROGRAM, body, actor="test")

            with pytest.raises(UnknownActivity):
                await refund("eve")
            first = await refund(member)
            assert (first.body["member"]["id"], await engine.available()) == ("ann", 0)
            again = await refund(member)
            assert (again.replayed, again.position) == (True, first.position)

    run(story)
