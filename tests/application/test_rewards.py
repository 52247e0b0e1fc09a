"""Worked case F4 and its neighbours over the real store: stock is never passed, and comes back."""

import asyncio

import msgspec
import pytest

from application import codes, points, redemptions, rewards
from application.audit import verify
from application.import_codes import import_codes
from application.offers import RedeemCodeBody
from application.points import Hold, RedeemBody
from application.redemptions import ConfirmBody, ReturnRedemptionBody
from application.reward_terms import Price, RewardBody, RewardChange
from domain.errors import CodeUsed, InvalidPayload, LimitReached, SoldOut, UnknownReward
from infrastructure.database import connect
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, START, Engine, days, opened, process, run

MUG = RewardBody(id="mug", kind="product", price=Price(currency="points", points=10), stock=500)


async def put(engine: Engine, body: RewardBody) -> None:
    await rewards.create(engine.handler, PROGRAM, body, actor="test")


async def redeem(engine: Engine, member: str, name: str, reward: str = "mug", ttl: str | None = None) -> list[str]:
    hold = Hold(ttl=ttl) if ttl is not None else None
    body = RedeemBody(id=name, member=member, reward=reward, hold=hold)
    done = await rewards.redeem(engine.handler, PROGRAM, body, actor="test")
    codes: list[str] = done.body["redemption"]["codes"]
    return codes


async def left(engine: Engine) -> int | None:
    shown, _ = await rewards.read(engine.handler, PROGRAM, "mug")
    found: int | None = shown["left"]
    return found


def sound(url: str) -> None:
    found = verify(readers(url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


@pytest.mark.parametrize(("processes", "held"), [(1, False), (2, False), (2, True)])
def test_f4_of_a_thousand_at_once_five_hundred_have_one_of_five_hundred(
    database_url: str, processes: int, held: bool
) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            engines = [one, other][:processes]
            await put(one, MUG)
            names = [f"m{number}" for number in range(1_000)]
            await asyncio.gather(*(one.enrol(name) for name in names))
            await asyncio.gather(*(one.adjust(10, member=name) for name in names))

            async def tries(number: int) -> bool:
                try:
                    engine = engines[number % processes]
                    await redeem(engine, names[number], f"r{number}", ttl="PT15M" if held else None)
                except SoldOut:
                    return False
                return True

            had = await asyncio.gather(*(tries(number) for number in range(1_000)))
            assert (had.count(True), had.count(False)) == (500, 500)
            assert await left(one) == 0
            with connect(database_url) as connection:
                assert connection.execute("SELECT kind, key, used FROM takes").fetchall() == [("stock", "mug", 500)]

    run(story)
    sound(database_url)


def test_each_unit_has_a_code_of_its_own_that_cannot_be_guessed(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await put(
                engine, RewardBody(id="mug", kind="code", price=Price(currency="points", points=1), codes="generate")
            )
            await engine.enrol()
            await engine.adjust(100)
            body = RedeemBody(id="r1", member="ann", reward="mug", quantity=20)
            first = await rewards.redeem(engine.handler, PROGRAM, body, actor="test")
            codes = first.body["redemption"]["codes"]
            assert len(set(codes)) == 20
            assert {len(code) for code in codes} == {13}
            again = await rewards.redeem(engine.handler, PROGRAM, body, actor="test")
            assert (again.replayed, again.body) == (True, first.body)
            assert await redeem(engine, "ann", "r2", ttl="PT1H") == []
            done = await redemptions.confirm(engine.handler, PROGRAM, "r2", ConfirmBody(), actor="test")
            assert len(done.body["redemption"]["codes"]) == 1
            now = await redemptions.read(engine.handler, PROGRAM, "r2")
            assert now["codes"] == done.body["redemption"]["codes"]
            assert await engine.available() == 79

    run(story)
    sound(database_url)


def test_units_come_back_when_a_hold_runs_out_and_when_they_are_returned(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await put(
                engine,
                RewardBody(id="mug", kind="product", price=Price(currency="points", points=10), stock=1, per_member=1),
            )
            for name in ("ann", "bob"):
                await engine.enrol(name)
                await engine.adjust(10, member=name)
            await redeem(engine, "ann", "h1", ttl="PT15M")
            with pytest.raises(SoldOut):
                await redeem(engine, "bob", "r1")
            await engine.at(START + days(1))
            assert await engine.sweep() == 1
            assert await left(engine) == 1
            await redeem(engine, "bob", "r1")
            await redemptions.give_back(engine.handler, PROGRAM, "r1", ReturnRedemptionBody(), actor="test")
            assert (await left(engine), await engine.available("bob")) == (1, 10)
            await redeem(engine, "bob", "r2")
            await engine.adjust(10, member="bob")
            with pytest.raises(SoldOut):
                await redeem(engine, "ann", "r4")
            change = RewardChange(stock=5)
            await rewards.change(engine.handler, PROGRAM, "mug", change, etag="1", actor="test")
            with pytest.raises(LimitReached):
                await redeem(engine, "bob", "r3")
            await redeem(engine, "ann", "r4")
            assert await left(engine) == 3
            # What comes back of the smaller stock leaves the larger one.
            await redemptions.give_back(engine.handler, PROGRAM, "r2", ReturnRedemptionBody(), actor="test")
            assert await left(engine) == 4

    run(story)
    sound(database_url)


def test_points_alone_are_redeemed_as_before(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.adjust(10)
            body = RedeemBody(id="r1", member="ann", currency="points", points=10)
            done = await points.redeem(engine.handler, PROGRAM, body, actor="test")
            assert done.body["redemption"]["codes"] == []

    run(story)


@pytest.mark.parametrize("processes", [1, 2])
def test_of_a_thousand_uses_of_a_code_at_once_one_wins(database_url: str, processes: int) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            engines = [one, other][:processes]
            gift = RewardBody(
                id="mug", kind="gift", price=Price(currency="points", points=1), codes="generate",
                gives=Price(currency="points", points=5),
            )  # fmt: skip
            await put(one, gift)
            names = [f"m{number}" for number in range(1_000)]
            await asyncio.gather(*(one.enrol(name) for name in names))
            await one.adjust(1, member="m0")
            (code,) = await redeem(one, "m0", "r1")

            async def tries(number: int) -> bool:
                engine = engines[number % processes]
                body = RedeemCodeBody(code=code, member=names[number])
                try:
                    await codes.redeem(engine.handler, engine.misses, PROGRAM, body, actor="test")
                except CodeUsed:
                    return False
                return True

            had = await asyncio.gather(*(tries(number) for number in range(1_000)))
            assert had.count(True) == 1
            assert [await one.available(names[had.index(True)])] == [5]

    run(story)
    sound(database_url)


def test_a_use_and_a_return_at_once_have_one_winner(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            await put(
                one,
                RewardBody(
                    id="mug", kind="gift", price=Price(currency="points", points=1), codes="generate",
                    gives=Price(currency="points", points=5),
                ),
            )  # fmt: skip
            await asyncio.gather(*(one.enrol(name) for name in ("ann", "bob")))
            await one.adjust(20)
            for number in range(20):
                (code,) = await redeem(one, "ann", f"r{number}")
                body = RedeemCodeBody(code=code, member="bob")
                done = await asyncio.gather(
                    redemptions.give_back(one.handler, PROGRAM, f"r{number}", ReturnRedemptionBody(), actor="test"),
                    codes.redeem(other.handler, other.misses, PROGRAM, body, actor="test"),
                    return_exceptions=True,
                )
                assert [isinstance(one, CodeUsed) for one in done].count(True) == 1, done
            used = await one.available("bob")
            assert used % 5 == 0
            assert await one.available() == 20 - used // 5

    run(story)
    sound(database_url)


def test_of_a_list_no_code_is_issued_twice_and_all_of_them_are(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            engines = [one, other]
            await put(one, RewardBody(id="mug", kind="code", price=Price(currency="points", points=1), codes="list"))
            listed = [f"C{number:04}" for number in range(300)]
            assert await one.codes.add(PROGRAM, "mug", listed) == 300
            assert await one.codes.add(PROGRAM, "mug", listed) == 0
            names = [f"m{number}" for number in range(400)]
            await asyncio.gather(*(one.enrol(name) for name in names))
            await asyncio.gather(*(one.adjust(1, member=name) for name in names))

            async def tries(number: int) -> list[str]:
                body = RedeemBody(id=f"r{number}", member=names[number], reward="mug")
                engine = engines[number % 2]
                try:
                    done = await rewards.redeem(engine.handler, PROGRAM, body, actor="test", pool=engine.codes)
                except SoldOut:
                    return []
                found: list[str] = done.body["redemption"]["codes"]
                return found

            had = await asyncio.gather(*(tries(number) for number in range(400)))
            issued = [code for codes in had for code in codes]
            assert sorted(issued) == listed
            assert await one.codes.left(PROGRAM, "mug") == 0

    run(story)
    sound(database_url)


def test_what_a_process_leased_that_died_is_free_again_unless_it_was_issued(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await put(engine, RewardBody(id="mug", kind="code", price=Price(currency="points", points=1), codes="list"))
            await engine.codes.add(PROGRAM, "mug", ["A", "B"])
            await engine.enrol()
            await engine.adjust(5)
            assert await engine.codes.lease(PROGRAM, "mug", 1) == ["A"]
            # It was issued, and nobody lived to take it off the list.
            body = RedeemBody(id="r1", member="ann", reward="mug")
            with connect(database_url) as connection:
                connection.execute(
                    "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
                )
                connection.execute(
                    "CREATE TRIGGER kept BEFORE DELETE ON listed_codes FOR EACH ROW EXECUTE FUNCTION kept()"
                )
                done = await rewards.redeem(engine.handler, PROGRAM, body, actor="test", pool=engine.codes)
                assert done.body["redemption"]["codes"] == ["B"]
                # Both leases run out.
                connection.execute("UPDATE listed_codes SET free_at = now() - interval '1 second'")
                connection.execute("DROP TRIGGER kept ON listed_codes")
            assert await engine.codes.left(PROGRAM, "mug") == 1
            assert await engine.codes.lease(PROGRAM, "mug", 2) == ["A"]
            assert await engine.codes.add(PROGRAM, "mug", ["A", "B", "C"]) == 1

    run(story)
    sound(database_url)


def test_lists_are_brought_in_from_files_of_any_shape(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await put(engine, RewardBody(id="mug", kind="code", price=Price(currency="points", points=1), codes="list"))
            await put(engine, RewardBody(id="cup", kind="code", price=Price(currency="points", points=1)))

            async def bring(*lines: str, reward: str = "mug") -> tuple[int, int, list[int]]:
                done = await import_codes(engine.handler, engine.codes, PROGRAM, reward, [f"{one}\n" for one in lines])
                return done.lines, done.added, done.refused

            assert await bring("A", "B", "", "A") == (3, 2, [])
            assert await bring("code,note", '"C",first', "D,second", ",none") == (3, 2, [4])
            assert await bring('{"code": "E"}', '{"code": 5}', "{", '{"code": "A", "more": 1}') == (4, 1, [2, 3])
            assert await engine.codes.left(PROGRAM, "mug") == 5
            with pytest.raises(InvalidPayload):
                await bring("F", reward="cup")
            with pytest.raises(UnknownReward):
                await bring("F", reward="none")

    run(story)


@pytest.mark.parametrize("held", [True, False])
def test_a_unit_of_before_the_stock_was_raised_comes_back_though_more_are_taken_than_there_were(
    database_url: str, held: bool
) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await put(engine, msgspec.structs.replace(MUG, stock=2))
            await engine.enrol()
            await engine.adjust(100)
            await redeem(engine, "ann", "first")
            await redeem(engine, "ann", "second", ttl="PT15M")
            change = RewardChange(stock=4)
            await rewards.change(engine.handler, PROGRAM, "mug", change, etag="*", actor="test")
            for name in ("third", "fourth"):
                await redeem(engine, "ann", name)
            if held:
                await redemptions.cancel(engine.handler, PROGRAM, "second", actor="test")
            else:
                body = ReturnRedemptionBody()
                await redemptions.give_back(engine.handler, PROGRAM, "first", body, actor="test")
            assert await left(engine) == 1

    run(story)
    sound(database_url)
