"""A reward that is changed while it is claimed: no claim stands on terms that are not in force any more."""

import asyncio
from typing import Any

import pytest

from application import redemptions, rewards
from application.catalogue import Reward
from application.points import RedeemBody
from application.redemptions import ReturnRedemptionBody
from application.reward_terms import Price, RewardBody, RewardChange
from domain.errors import NotEligible, SoldOut
from domain.log import decode
from domain.member.commands import RedeemReward
from infrastructure.database import connect
from tests.application.engine import PROGRAM, Engine, opened, process, run
from tests.application.test_rewards import MUG, put, redeem, sound
from tests.torture.guards import without_check


async def change(engine: Engine, version: int, **to: Any) -> None:
    body = RewardChange(**to)
    await rewards.change(engine.handler, PROGRAM, "mug", body, etag=str(version), actor="test")


@pytest.mark.parametrize("processes", [1, 2])
def test_stock_that_is_lowered_while_it_is_claimed_is_not_passed(database_url: str, processes: int) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            engines = [one, other][:processes]
            await put(one, MUG)
            names = [f"m{number}" for number in range(400)]
            await asyncio.gather(*(one.enrol(name) for name in names))
            await asyncio.gather(*(one.adjust(10, member=name) for name in names))

            async def tries(number: int) -> bool:
                try:
                    await redeem(engines[number % processes], names[number], f"r{number}")
                except (SoldOut, NotEligible):
                    return False
                return True

            async def lowers() -> None:
                for version in range(1, 8):
                    await change(one, version, stock=500 - version * 60)
                await change(one, 8, withdrawn=True)

            *had, _ = await asyncio.gather(*(tries(number) for number in range(400)), lowers())
            assert 0 <= had.count(True) < 400

    run(story)
    sound(database_url)
    with connect(database_url) as connection:
        rows = connection.execute("SELECT kind, state FROM stored_events ORDER BY notification_id").fetchall()
    version, taken = 0, 0
    for kind, state in rows:
        entry = decode(bytes(state))
        if kind == "reward":
            version = entry.version
        elif isinstance(entry.input, RedeemReward):
            # In the order of the log every claim was made on the terms in force, and within their stock.
            assert entry.input.version == version
            taken += 1
            assert taken <= (entry.input.terms.stock or 0)


def test_what_was_taken_of_a_smaller_stock_comes_back_to_a_larger_one_that_is_fuller(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await put(engine, RewardBody(id="mug", kind="product", price=Price(currency="points", points=1), stock=1))
            await engine.enrol()
            await engine.adjust(10)
            await redeem(engine, "ann", "r1")
            await change(engine, 1, stock=5)
            for number in (2, 3, 4):
                await redeem(engine, "ann", f"r{number}")
            await redemptions.give_back(engine.handler, PROGRAM, "r1", ReturnRedemptionBody(), actor="test")
            await change(engine, 2, stock=2)
            with pytest.raises(SoldOut):
                await redeem(engine, "ann", "r5")
            await redemptions.give_back(engine.handler, PROGRAM, "r2", ReturnRedemptionBody(), actor="test")
            await redemptions.give_back(engine.handler, PROGRAM, "r3", ReturnRedemptionBody(), actor="test")
            await redeem(engine, "ann", "r6")
            with pytest.raises(SoldOut):
                await redeem(engine, "ann", "r7")

    run(story)
    sound(database_url)


def test_a_repeat_is_answered_as_it_was_whatever_the_terms_are_by_now(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await put(engine, MUG)
            await engine.enrol()
            await engine.adjust(10)
            body = RedeemBody(id="r1", member="ann", reward="mug")
            first = await rewards.redeem(engine.handler, PROGRAM, body, actor="test")
            await change(engine, 1, withdrawn=True)
            again = await rewards.redeem(engine.handler, PROGRAM, body, actor="test")
            assert (again.replayed, again.body) == (True, first.body)

    run(story)


@pytest.mark.parametrize("guarded", [True, False])
def test_without_the_check_of_sources_a_claim_stands_on_old_terms(
    database_url: str, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        without_check(monkeypatch, "source")

    async def story() -> None:
        async with opened(database_url) as engine:
            await put(engine, MUG)
            await engine.enrol()
            await engine.adjust(10)
            read = rewards.find
            old = [await read(engine.handler, PROGRAM, "mug")]
            await change(engine, 1, withdrawn=True)

            async def slow(*asked: Any) -> Reward:
                return old.pop() if old else await read(*asked)

            monkeypatch.setattr(rewards, "find", slow)
            if guarded:
                with pytest.raises(NotEligible):
                    await redeem(engine, "ann", "r1")
            else:
                await redeem(engine, "ann", "r1")

    run(story)
