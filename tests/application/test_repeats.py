"""G: a request counts once, however often, however differently wrapped, and for ever."""

import pytest

from domain.errors import ActivityDiffers, KeyReused, MemberExists
from tests.application.engine import json, opened, process, run


def test_g1_the_same_key_with_the_same_body_gets_the_same_answer_marked(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(10_000, name="o1")
            first = await engine.redeem(40, name="r1", key="k1")
            again = await engine.redeem(40, name="r1", key="k1")
            assert (first.status, first.replayed) == (201, False)
            assert (again.status, again.replayed) == (200, True)
            assert json(again.body) == json(first.body)
            assert await engine.available() == 60

    run(story)


def test_g1_the_same_key_with_another_body_is_rejected(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(10_000, name="o1", key="k1")
            with pytest.raises(KeyReused):
                await engine.buy(20_000, name="o2", key="k1")
            assert await engine.available() == 120 - 20

    run(story)


def test_g2_an_order_delivered_twice_under_two_transport_keys_counts_once(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            when = await engine.clock.now("main")
            first = await engine.buy(50_000, name="99", key="delivery-1", at=when)
            second = await engine.buy(50_000, name="99", key="delivery-2", at=when)
            assert json(second.body) == json(first.body)
            assert second.replayed
            assert await engine.available() == 500

    run(story)


def test_g3_a_key_is_honoured_after_a_restart_and_a_year(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            when = await engine.clock.now("main")
            first = await engine.buy(10_000, name="o1", key="k1", at=when)
        async with process(database_url) as engine:
            await engine.at(when.replace(year=2027))
            again = await engine.buy(10_000, name="o1", key="k1", at=when)
            assert again.replayed
            assert json(again.body) == json(first.body)

    run(story)


def test_g4_a_second_activity_with_the_same_id_has_no_effect(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(10_000, name="o1")
            with pytest.raises(ActivityDiffers):
                await engine.buy(99_000, name="o1")
            assert await engine.available() == 100

    run(story)


def test_a_refusal_binds_no_key(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            with pytest.raises(Exception, match="50 points asked for, 0 available"):
                await engine.redeem(50, name="r1", key="k1")
            await engine.buy(5_000)
            assert (await engine.redeem(50, name="r1", key="k1")).status == 201

    run(story)


def test_a_repeat_is_answered_even_when_a_new_request_would_be_refused(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(5_000)
            first = await engine.redeem(50, name="r1")
            assert await engine.available() == 0
            again = await engine.redeem(50, name="r1")
            assert json(again.body) == json(first.body)

    run(story)


def test_enrolling_twice_says_so_unless_it_is_the_same_request(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            first = await engine.enrol("ann", key="k1", email="ann@example.org")
            assert (await engine.enrol("ann", key="k1", email="ann@example.org")).body == first.body
            with pytest.raises(MemberExists):
                await engine.enrol("ann", email="ann@example.org")

    run(story)
