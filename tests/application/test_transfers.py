"""Transfers over a real log: both members or neither, once, and never against each other."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from application import history, members, merge_members, move_points
from application.answers import Answered
from application.merge_members import MergeBody
from application.move_points import ReverseBody, TransferBody
from domain.errors import (
    AlreadyReversed,
    KeyReused,
    MemberErasedAlready,
    MemberSuspended,
    NotEligible,
    NotEnoughPoints,
    UnknownMember,
    UnknownTransfer,
)
from tests.application.engine import PROGRAM, Engine, opened, process, run

PEOPLE = ("ann", "bob", "cem", "dia", "eva")


async def transfer(
    engine: Engine, amount: int, name: str = "t1", giver: str = "ann", taker: str = "bob", key: str | None = None,
    **more: Any,
) -> Answered:  # fmt: skip
    body = TransferBody(id=name, from_=giver, to=taker, currency="points", points=amount, **more)
    return await move_points.transfer(engine.handler, PROGRAM, body, actor="test", key=key)


async def reverse(engine: Engine, name: str = "t1", *, force: bool = False, key: str | None = None) -> Answered:
    return await move_points.reverse(engine.handler, PROGRAM, name, ReverseBody(force=force), actor="test", key=key)


async def two(engine: Engine, amount: int = 100_00) -> None:
    await engine.enrol("ann")
    await engine.enrol("bob")
    await engine.buy(amount, member="ann")


def test_both_members_have_it_at_once_and_both_histories_say_so(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            done = await transfer(engine, 40)
            assert done.status == 201
            assert done.body["transfer"]["points"] == 40
            assert (await engine.available("ann"), await engine.available("bob")) == (60, 40)
            for member, kind in (("ann", "sent"), ("bob", "received")):
                told = (await history.history(engine.handler, PROGRAM, member, limit=100))["items"]
                assert [(one["kind"], one["cause"]) for one in told if one["kind"] == kind] == [(kind, "t1")]
            lot = (await history.lots(engine.handler, PROGRAM, "bob"))["items"][0]
            assert (lot["rule"], lot["points"], lot["state"]) == ("transfer", 40, "open")

    run(story)


def test_the_same_request_again_is_answered_and_moves_nothing(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            first = await transfer(engine, 80, key="k1")
            for key in ("k1", None):
                again = await transfer(engine, 80, key=key)
                assert (again.status, again.replayed, again.body) == (200, True, first.body)
            with pytest.raises(KeyReused):
                await transfer(engine, 81)
            assert (await engine.available("ann"), await engine.available("bob")) == (20, 80)

    run(story)


def test_k4_what_cannot_be_given_is_refused(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            with pytest.raises(NotEligible) as refusal:
                await transfer(engine, 1, taker="ann")
            assert refusal.value.reasons == ("same-member",)
            with pytest.raises(NotEligible) as refusal:
                await transfer(engine, 1, to_currency="miles")
            assert refusal.value.reasons == ("cross-currency",)
            with pytest.raises(NotEnoughPoints):
                await transfer(engine, 101)
            with pytest.raises(UnknownMember):
                await transfer(engine, 1, taker="zoe")
            await engine.set_status("bob", "suspended")
            with pytest.raises(MemberSuspended):
                await transfer(engine, 1)
            await members.erase(engine.handler, PROGRAM, "bob", actor="test")
            with pytest.raises(MemberErasedAlready):
                await transfer(engine, 1)
            assert await engine.available("ann") == 100

    run(story)


def test_an_operator_reverses_a_transfer_once(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            await transfer(engine, 40)
            with pytest.raises(UnknownTransfer):
                await reverse(engine, "t2")
            first = await reverse(engine, key="k1")
            assert first.body["transfer"]["state"] == "reversed"
            assert (await reverse(engine, key="k1")).body == first.body
            with pytest.raises(AlreadyReversed):
                await reverse(engine)
            with pytest.raises(AlreadyReversed):
                await reverse(engine, key="k2")
            assert (await engine.available("ann"), await engine.available("bob")) == (100, 0)

    run(story)


async def _deadlocks(database_url: str) -> int:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        found = await connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        row = await found.fetchone()
        assert row is not None
        return int(row[0])


def test_200_transfers_among_five_members_at_two_processes_conserve_the_sum(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url))
            other = await stack.enter_async_context(process(database_url))
            for member in PEOPLE:
                await one.enrol(member)
                await one.adjust(100, member=member)
            chance = random.Random(7)
            before = await _deadlocks(database_url)

            async def move(number: int) -> int:
                giver, taker = chance.sample(PEOPLE, 2)
                engine = (one, other)[number % 2]
                try:
                    await transfer(engine, chance.randint(1, 20), f"t{number}", giver, taker)
                except NotEnoughPoints:
                    return 0
                return 1

            async def shop(number: int) -> None:
                await (one, other)[number % 2].buy(0, member=PEOPLE[number % 5])

            done, _ = await asyncio.gather(
                asyncio.gather(*(move(number) for number in range(200))),
                asyncio.gather(*(shop(number) for number in range(50))),
            )
            balances = [await one.available(member) for member in PEOPLE]
            assert sum(balances) == 500
            assert min(balances) >= 0
            assert sum(done) > 100
            assert await _deadlocks(database_url) == before

    run(story)


def test_wishes_that_come_during_a_transfer_are_served_after_it(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            await asyncio.gather(
                *(transfer(engine, 1, f"t{number}") for number in range(10)),
                *(engine.buy(100, member="ann") for _ in range(20)),
            )
            assert (await engine.available("ann"), await engine.available("bob")) == (110, 10)

    run(story)


def test_a_transfer_and_its_reversal_are_answered_again_once_both_members_are_one(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two(engine)
            sent, back = await transfer(engine, 40, key="k1"), await reverse(engine, key="k2")
            body = MergeBody(id="m1", survivor="ann", loser="bob")
            await merge_members.merge(engine.handler, PROGRAM, body, actor="test")
            for first, again in (
                (sent, await transfer(engine, 40, key="k1")),
                (sent, await transfer(engine, 40)),
                (back, await reverse(engine, key="k2")),
            ):
                assert again.replayed
                assert again.position == first.position
            for new in (transfer(engine, 40, "t2"), reverse(engine), reverse(engine, key="k3")):
                with pytest.raises(NotEligible):
                    await new
            assert await engine.available("ann") == 100

    run(story)
