"""Merges over a real log: the old id, old keys, old orders and identities find the survivor; erasure finds both."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import pytest

from application import explanations, history, members, merge_members, move_points, referrals
from application.answers import Answered
from application.audit import verify
from application.members import LookupBody
from application.merge_members import MergeBody
from application.move_points import ReverseBody, TransferBody
from domain.errors import MemberErasedAlready, MemberExists, MergedAway, NotEligible
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, SHOP, START, Engine, days, opened, process, run


async def merge(engine: Engine, survivor: str = "ann", loser: str = "old", name: str = "m1") -> Answered:
    body = MergeBody(id=name, survivor=survivor, loser=loser)
    return await merge_members.merge(engine.handler, PROGRAM, body, actor="test")


async def two(engine: Engine) -> None:
    await engine.enrol("ann", email="ann@example.org")
    await engine.enrol("old", email="old@example.org", external_ids=["card:7"])
    await engine.buy(100_00, member="ann", name="a1")
    await engine.buy(30_00, member="old", name="o1")


def sound(database_url: str) -> None:
    found = verify(readers(database_url), executor=ThreadPoolExecutor(1))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


def test_k1_the_old_id_and_identities_answer_for_the_survivor(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            done = await merge(engine)
            assert done.status == 201
            assert done.body["merge"]["points"] == {"points": 30}
            assert (await merge(engine)).body == done.body
            for name in ("ann", "old"):
                view = await engine.read(name)
                assert (view["id"], view["balances"]["points"]["available"]) == ("ann", 130)
            for body in (LookupBody(email="old@example.org"), LookupBody(external_id="card:7")):
                assert (await members.lookup(engine.handler, PROGRAM, body))["id"] == "ann"
            with pytest.raises(MemberExists):
                await engine.enrol("old")
            await engine.buy(5_00, member="old")
            await engine.redeem(10, member="old")
            assert await engine.available("ann") == 125
            with pytest.raises(MergedAway):
                await merge(engine, name="m2")
            with pytest.raises(NotEligible):
                await merge(engine, "ann", "ann", "m3")
            assert (await engine.sweep()) == 0

    run(story)
    sound(database_url)


def test_k1_the_survivors_history_tells_the_losers_too(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            await engine.at(START + days(1))
            await engine.redeem(5, member="old", name="r1")
            await engine.at(START + days(2))
            await merge(engine)
            items = (await history.history(engine.handler, PROGRAM, "ann", limit=100))["items"]
            told = [(one["kind"], one.get("member"), one["points"], one["balance_after"]) for one in items]
            assert ("earned", None, 100, 100) in told
            assert told[-3:] == [
                ("redeemed", "old", -5, 25), ("merged", "old", -25, 0), ("absorbed", None, 25, 125),
            ]  # fmt: skip
            first = await history.history(engine.handler, PROGRAM, "ann", limit=2)
            rest = await history.history(engine.handler, PROGRAM, "ann", limit=100, cursor=int(first["next_cursor"]))
            assert [*first["items"], *rest["items"]] == items

    asyncio.run(story())


def test_returns_and_repeats_of_old_orders_find_the_survivor(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            first = await engine.redeem(5, member="old", name="spent", key="k1")
            await merge(engine)
            again = await engine.redeem(5, member="old", name="spent", key="k1")
            assert (again.replayed, again.position) == (True, first.position)
            back = await engine.give_back("o1", 10_00)
            assert back.body["member"]["id"] == "ann"
            assert await engine.available() == 115
            ref = await explanations.ref_of(engine.handler, PROGRAM, "shop", back.body["return"]["id"])
            told = await explanations.explain(engine.handler, PROGRAM, ref)
            assert [(rule["granted"], rule["taken"]) for rule in told["rules"]] == [(30, 10)]
            assert (await explanations.explain(engine.handler, PROGRAM, told["returns"]["ref"]))["activity"][
                "id"
            ] == "o1"
            items = (await history.history(engine.handler, PROGRAM, "old", limit=100))["items"]
            (returned,) = [one for one in items if one["kind"] == "returned"]
            assert returned["cause"] == told["returns"]["ref"]
            (absorbed,) = [one for one in items if one["kind"] == "absorbed"]
            assert (absorbed["points"], absorbed["balance_after"], absorbed["cause"]) == (25, 125, "m1")
            await engine.give_back("o1")
            assert await engine.available() == 95

    run(story)
    sound(database_url)


def test_what_comes_while_members_are_merged_is_lost_by_nobody(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url))
            other = await stack.enter_async_context(process(database_url))
            await two(one)
            await other.buy(1_00, member="old")
            await asyncio.gather(
                merge(one), *((one, other)[number % 2].buy(1_00, member="old") for number in range(40)),
            )  # fmt: skip
            assert await other.available("old") == 171

    run(story)
    sound(database_url)


def test_the_member_as_of_before_the_merge_is_as_it_was(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            await engine.at(START + days(10))
            await merge(engine)
            then, now = START + days(5), START + days(10)
            before = await engine.read("old", as_of=then, known_at=then)
            assert before["balances"]["points"]["available"] == 100
            after = await engine.read("ann", as_of=now)
            assert after["balances"]["points"]["available"] == 130
            assert after["counters"]["spend"]["ever"] == 130_00
            assert (await engine.read("ann", as_of=then))["counters"]["spend"]["ever"] == 100_00

    run(story)


def test_erasing_the_survivor_erases_whom_it_absorbed(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            await merge(engine)
            await members.erase(engine.handler, PROGRAM, "old", actor="test")
            for name in ("ann", "old"):
                with pytest.raises(MemberErasedAlready):
                    await engine.read(name)
            for stream in await engine.handler.store.members(PROGRAM, None, 10):
                assert await engine.handler.keys.member_key(stream) is None
            await engine.enrol("old", email="old@example.org")

    run(story)
    sound(database_url)


def test_a_transfer_is_reversed_although_its_receiver_was_merged(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            await engine.enrol("eva")
            body = TransferBody(id="t1", from_="ann", to="old", currency="points", points=40)
            await move_points.transfer(engine.handler, PROGRAM, body, actor="test")
            await merge(engine, "eva", "old")
            assert await engine.available("eva") == 70
            done = await move_points.reverse(engine.handler, PROGRAM, "t1", ReverseBody(), actor="test")
            assert done.body["transfer"]["lots"][0]["points"] == 40
            assert (await engine.available("ann"), await engine.available("eva")) == (100, 30)

    run(story)
    sound(database_url)


def test_a_friend_brings_the_survivor_what_the_loser_was_promised(database_url: str) -> None:
    document = SHOP | {
        "referrals": {
            "friends": {
                "trigger": "first:purchase",
                "owner": {"currency": "points", "points": 50},
                "friend": {"currency": "points", "points": 10},
            }
        }
    }

    async def story() -> None:
        async with opened(database_url, document) as engine:
            await two(engine)
            code = (await referrals.issue(engine.handler, PROGRAM, "old", actor="test")).body["code"]
            await engine.enrol("fred", referral_code=code)
            await merge(engine)
            await engine.buy(1_00, member="fred")
            await engine.enrol("gina", referral_code=code)
            await engine.buy(1_00, member="gina")
            assert await engine.available("ann") == 230
            assert (await referrals.referrals(engine.handler, PROGRAM, "ann"))["code"] == code

    run(story)
    sound(database_url)
