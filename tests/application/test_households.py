"""Households over a real log: a pool of its own, who may spend from it, who leaves with what (K3)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest

from application import export, history, households, members, merge_members, move_points, points, redemptions, rewards
from application.answers import Answered
from application.audit import verify
from application.follow import Projector, Runner
from application.households import DissolveBody, HouseholdBody, HouseholdChange, JoinBody, LeaveBody, LimitBody, Told
from application.merge_members import MergeBody
from application.move_points import ReverseBody, TransferBody
from application.points import Hold, RedeemBody
from application.redemptions import ReturnRedemptionBody
from application.replay import replay
from application.reward_terms import Price, RewardBody
from domain.errors import (
    LimitReached,
    MemberErasedAlready,
    MemberExists,
    MemberSuspended,
    NotEligible,
    NotEnoughPoints,
    UnknownHousehold,
)
from domain.redecide import redecide
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import PROGRAM, START, Engine, opened, process, run

HOME = "smiths"
TEST = Told(actor="test")


async def form(engine: Engine, household: str = HOME, **terms: Any) -> Answered:
    return await households.form(engine.handler, PROGRAM, HouseholdBody(id=household, **terms), TEST)


async def join(engine: Engine, member: str, role: Any = "member", household: str = HOME) -> Answered:
    return await households.join(engine.handler, PROGRAM, household, JoinBody(member=member, role=role), TEST)


async def leave(engine: Engine, member: str, household: str = HOME, key: str | None = None) -> Answered:
    told = Told(actor="test", key=key)
    return await households.leave(engine.handler, PROGRAM, household, LeaveBody(member=member), told)


async def give(engine: Engine, member: str, amount: int, name: str | None = None, household: str = HOME) -> Answered:
    body = TransferBody(
        id=name or f"gift-{member}-{amount}", from_=member, to=household, currency="points", points=amount
    )
    return await move_points.transfer(engine.handler, PROGRAM, body, actor="test")


async def spend(
    engine: Engine, amount: int, by: str | None, name: str = "r1", household: str = HOME, hold: str | None = None
) -> Answered:
    body = RedeemBody(
        id=name, member=household, currency="points", points=amount, by=by, hold=Hold(ttl=hold) if hold else None
    )
    return await points.redeem(engine.handler, PROGRAM, body, actor="test")


async def merge(engine: Engine, survivor: str, loser: str) -> Answered:
    body = MergeBody(id=f"{survivor}-{loser}", survivor=survivor, loser=loser)
    return await merge_members.merge(engine.handler, PROGRAM, body, actor="test")


async def family(engine: Engine, **terms: Any) -> None:
    """Ann, who owns the household, and Bob, with 100 points each."""
    await form(engine, **terms)
    for member, role in (("ann", "owner"), ("bob", "member")):
        await engine.enrol(member)
        await engine.adjust(100, member=member)
        await join(engine, member, role)


async def reasons(act: Any) -> tuple[str, ...]:
    with pytest.raises(NotEligible) as refusal:
        await act
    return refusal.value.reasons


async def lawful(engine: Engine) -> None:
    """Every stream is decided again to the same, and is folded to what its row says."""
    known = await engine.handler.programs.get(PROGRAM, await engine.handler.store.timeline(PROGRAM))
    for stream in await engine.handler.store.members(PROGRAM, None, 100):
        entries = await engine.handler.entries(stream)
        verdicts = [one for one in redecide(entries, known.timeline()) if one.verdict != "equal"]
        assert verdicts == []
        loaded, _ = await engine.handler.load_itself(PROGRAM, stream)
        assert _same_books(await engine.handler.folded(stream), loaded.member)


def _same_books(one: Any, other: Any) -> bool:
    return (one.pool, one.household, list(one.lots), one.debt) == (
        other.pool, other.household, list(other.lots), other.debt
    )  # fmt: skip


def test_a_pool_is_an_account_of_its_own_with_a_ledger_of_who_put_in_what(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await give(engine, "ann", 60)
            await give(engine, "bob", 40)
            assert [await engine.available(one) for one in ("ann", "bob", HOME)] == [40, 60, 100]
            ledger = (await households.contributions(engine.handler, PROGRAM, HOME))["items"]
            assert [(one["member"], one["points"], one["from_lot"], one["left"]) for one in ledger] == [
                ("ann", 60, "2.1", 60), ("bob", 40, "2.1", 40),
            ]  # fmt: skip
            assert {one["expires_at"] for one in ledger} == {START.replace(month=7, hour=0) + timedelta(days=1)}
            await spend(engine, 70, by="bob")
            home = await households.read(engine.handler, PROGRAM, HOME)
            assert [(one["member"], one["role"], one["contributed"], one["left"]) for one in home["members"]] == [
                ("ann", "owner", {"points": 60}, {}), ("bob", "member", {"points": 40}, {"points": 30}),
            ]  # fmt: skip
            assert home["balances"]["points"]["available"] == 30
            assert (await engine.read("bob"))["household"] == HOME
            told = (await history.history(engine.handler, PROGRAM, HOME, limit=100))["items"]
            assert "70 points spent by a member, for r1" in [one["text"] for one in told]
            known = (await export.export(engine.handler, PROGRAM, "bob", at=START))["households"]
            assert [(one["kind"], one["household"], one.get("points")) for one in known] == [
                ("joined", HOME, None), ("given", HOME, 40), ("spent", HOME, 70),
            ]  # fmt: skip
            await lawful(engine)
        with ThreadPoolExecutor(1) as here:
            verdict = verify(readers(database_url), executor=here)
        assert (verdict["different"], verdict["not_redecidable"], verdict["findings"]) == (0, 0, [])

    run(story)


def test_only_who_belongs_to_it_spends_and_only_as_much_as_the_terms_say(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine, limit=LimitBody(points=30, per="month"))
            await engine.enrol("eve")
            await give(engine, "ann", 100)
            assert await reasons(spend(engine, 10, by=None)) == ("not-in-household",)
            assert await reasons(spend(engine, 10, by="eve")) == ("not-in-household",)
            await engine.adjust(5, member="eve")
            assert await reasons(give(engine, "eve", 1)) == ("not-in-household",)
            assert await reasons(spend(engine, 10, by="ann", household="bob")) == ("not-a-household",)
            await spend(engine, 20, by="bob", name="r1")
            with pytest.raises(LimitReached, match="10 points are left"):
                await spend(engine, 11, by="bob", name="r2")
            await spend(engine, 30, by="ann", name="r3")
            await spend(engine, 10, by="bob", name="r4", hold="PT1H")
            with pytest.raises(LimitReached):
                await spend(engine, 1, by="bob", name="r5")
            await redemptions.cancel(engine.handler, PROGRAM, "r4", actor="test")
            await spend(engine, 10, by="bob", name="r6")
            await engine.at(datetime.fromisoformat("2026-02-01T12:00:00+00:00"))
            await spend(engine, 30, by="bob", name="r7")
            await households.change(engine.handler, PROGRAM, HOME, HouseholdChange(spenders="owner"), TEST)
            assert await reasons(spend(engine, 1, by="bob", name="r8")) == ("owner-only",)
            await spend(engine, 10, by="ann", name="r9")
            await engine.set_status("ann", "suspended")
            with pytest.raises(MemberSuspended):
                await spend(engine, 1, by="ann", name="r10")
            await lawful(engine)

    run(story)


def test_another_member_owns_the_household_when_an_operator_says_so(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine, spenders="owner")
            await engine.enrol("eve")
            await give(engine, "ann", 100)

            async def owned(owner: str) -> Answered:
                body = HouseholdChange(spenders="owner", owner=owner)
                return await households.change(engine.handler, PROGRAM, HOME, body, TEST)

            assert await reasons(owned("eve")) == ("not-in-household",)
            await members.erase(engine.handler, PROGRAM, "ann", actor="test")
            await owned("bob")
            await owned("bob")
            home = await households.read(engine.handler, PROGRAM, HOME)
            assert [(one["member"], one["role"]) for one in home["members"]] == [(None, "member"), ("bob", "owner")]
            await spend(engine, 10, by="bob")
            told = (await history.history(engine.handler, PROGRAM, HOME, limit=100, kind="household"))["items"]
            assert [one["text"] for one in told][-2:] == [
                "A member is member from now on", "A member is owner from now on",
            ]  # fmt: skip
            await lawful(engine)

    run(story)


def test_a_member_belongs_to_one_household_and_a_household_is_no_person(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await form(engine, "joneses")
            await give(engine, "ann", 10)
            assert await reasons(join(engine, "ann", household="joneses")) == ("in-household",)
            await engine.enrol("cem")
            assert await reasons(join(engine, "cem", "owner")) == ("has-owner",)
            assert await reasons(join(engine, HOME, household="joneses")) == ("household",)
            assert await reasons(engine.buy(10_00, member=HOME)) == ("household",)
            body = TransferBody(id="out", from_=HOME, to="cem", currency="points", points=1)
            assert await reasons(move_points.transfer(engine.handler, PROGRAM, body, actor="test")) == ("household",)
            with pytest.raises(MemberExists):
                await form(engine, "ann")
            with pytest.raises(UnknownHousehold):
                await join(engine, "cem", household="ann")
            with pytest.raises(UnknownHousehold):
                await join(engine, "cem", household="nobody")
            assert await reasons(members.erase(engine.handler, PROGRAM, HOME, actor="test")) == ("household",)

    run(story)


def test_who_leaves_takes_along_what_is_left_of_their_own_and_the_last_one_the_rest(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await give(engine, "ann", 60)
            await give(engine, "bob", 40)
            await spend(engine, 70, by="ann")
            await engine.adjust(5, member=HOME)
            first = await leave(engine, "bob", key="k1")
            assert first.body["points"] == {"points": 30}
            again = await leave(engine, "bob", key="k1")
            assert (again.body, again.replayed) == (first.body, True)
            assert await reasons(leave(engine, "bob")) == ("not-in-household",)
            lot = [one for one in (await history.lots(engine.handler, PROGRAM, "bob"))["items"] if one["points"] == 30]
            assert [one["expires_at"] for one in lot] == [START.replace(month=7, hour=0) + timedelta(days=1)]
            assert (await engine.read("bob"))["household"] is None
            await leave(engine, "ann")
            assert [await engine.available(one) for one in ("ann", "bob", HOME)] == [45, 90, 0]
            await lawful(engine)

    run(story)


def test_what_was_given_stays_where_the_terms_say_so(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine, leaving="stay")
            await give(engine, "bob", 40)
            assert (await leave(engine, "bob")).body["points"] == {}
            assert [await engine.available(one) for one in ("bob", HOME)] == [60, 40]
            assert (await leave(engine, "ann")).body["points"] == {"points": 40}
            await lawful(engine)

    run(story)


def test_a_household_is_dissolved_whoever_was_erased_meanwhile(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await engine.enrol("cem")
            await join(engine, "cem")
            await give(engine, "ann", 10)
            await give(engine, "bob", 20)
            await members.erase(engine.handler, PROGRAM, "bob", actor="test")
            with pytest.raises(MemberErasedAlready):
                await spend(engine, 1, by="bob")
            await spend(engine, 5, by="cem")
            home = await households.read(engine.handler, PROGRAM, HOME)
            assert {one["member"] for one in home["members"]} == {"ann", None, "cem"}
            await spend(engine, 2, by="ann", name="h1", hold="PT1H")
            dissolving = households.dissolve(engine.handler, PROGRAM, HOME, DissolveBody(), TEST)
            assert await reasons(dissolving) == ("points-held",)
            await redemptions.cancel(engine.handler, PROGRAM, "h1", actor="test")
            await engine.adjust(-30, member=HOME, allow_negative=True)
            dissolving = households.dissolve(engine.handler, PROGRAM, HOME, DissolveBody(), TEST)
            assert await reasons(dissolving) == ("has-points",)
            assert len((await households.read(engine.handler, PROGRAM, HOME))["members"]) == 3
            await engine.adjust(30, member=HOME)
            done = await households.dissolve(engine.handler, PROGRAM, HOME, DissolveBody(), TEST)
            again = await households.dissolve(engine.handler, PROGRAM, HOME, DissolveBody(), TEST)
            assert (again.body, again.replayed) == (done.body, True)
            assert [await engine.available(one) for one in ("ann", "cem", HOME)] == [115, 0, 0]
            with pytest.raises(MemberSuspended):
                await join(engine, "cem")
            await lawful(engine)

    run(story)


def test_a_return_of_what_earned_pooled_points_takes_them_from_the_pool_and_owes_only_the_rest(
    database_url: str,
) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await engine.redeem(100, member="bob")
            await engine.buy(40_00, member="bob", name="o1")
            await engine.buy(20_00, member="bob", name="o2")
            await give(engine, "bob", 60)
            await give(engine, "ann", 50)
            done = await engine.give_back("o1", 10_00)
            assert done.body["member"]["balances"]["points"]["debt"] == 0
            assert [await engine.available(one) for one in ("bob", HOME)] == [0, 100]
            await spend(engine, 95, by="ann")
            # The pool spends what ends first; five of Ann's are left of it.
            await engine.give_back("o2")
            held = (await engine.read("bob"))["balances"]["points"]
            assert (held["available"], held["debt"]) == (0, 20)
            await lawful(engine)

    run(story)


def test_earned_given_and_wholly_returned_leaves_nothing_anywhere(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await form(engine)
            await engine.enrol("ann")
            await join(engine, "ann")
            await engine.buy(30_00, name="o1")
            await give(engine, "ann", 30)
            first = await engine.give_back("o1")
            assert (first.status, first.body["from_household"]) == (201, {"points": 30})
            for one in ("ann", HOME):
                held = (await engine.read(one))["balances"]["points"]
                assert (held["available"], held["debt"]) == (0, 0)
            await lawful(engine)

    run(story)


def test_points_end_in_the_pool_when_they_would_have_ended_at_home(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await give(engine, "ann", 60)
            await engine.at(START.replace(month=8))
            assert await engine.available(HOME) == 0
            await engine.sweep()
            with pytest.raises(NotEnoughPoints):
                await spend(engine, 1, by="ann")
            await lawful(engine)

    run(story)


def test_levels_stay_with_the_person_who_earned(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await engine.buy(100_00)
            before = (await engine.read("ann"))["tiers"]["status"]["level"]
            await give(engine, "ann", 150)
            assert (await engine.read("ann"))["tiers"]["status"]["level"] == before == "silver"
            assert (await engine.read(HOME))["tiers"]["status"]["level"] is None

    run(story)


def test_an_operator_reverses_what_was_given_to_a_pool(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await give(engine, "ann", 60, name="g1")
            await move_points.reverse(engine.handler, PROGRAM, "g1", ReverseBody(), actor="test")
            assert [await engine.available(one) for one in ("ann", HOME)] == [100, 0]
            await lawful(engine)

    run(story)


def test_k3_a_household_absorbs_any_and_a_member_only_members(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await give(engine, "ann", 10)
            await form(engine, "joneses")
            await engine.enrol("cem")
            await engine.adjust(7, member="cem")
            await join(engine, "cem", household="joneses")
            await give(engine, "cem", 5, household="joneses")
            await engine.enrol("eve")
            await engine.buy(30_00, member="eve", name="e1")
            assert await reasons(merge(engine, "eve", "joneses")) == ("household",)
            assert await reasons(merge(engine, "eve", "cem")) == ("in-household",)
            await merge(engine, HOME, "joneses")
            await merge(engine, HOME, "eve")
            assert await engine.available(HOME) == 45
            await spend(engine, 1, by="cem")
            await spend(engine, 1, by="cem", name="r2", household="joneses")
            home = await households.read(engine.handler, PROGRAM, HOME)
            assert {one["member"]: one["contributed"] for one in home["members"]} == {
                "ann": {"points": 10}, "bob": {}, "cem": {"points": 5},
            }  # fmt: skip
            ledger = (await households.contributions(engine.handler, PROGRAM, HOME))["items"]
            assert sum(one["left"] for one in ledger) == sum(one["left"].get("points", 0) for one in home["members"])
            assert (await engine.read("cem"))["household"] == HOME
            await engine.give_back("e1")
            assert await engine.available(HOME) == 13
            assert await reasons(engine.buy(10_00, member="eve")) == ("household",)
            assert (await leave(engine, "cem")).status == 201
            await members.erase(engine.handler, PROGRAM, "eve", actor="test")
            with pytest.raises(MemberErasedAlready):
                await engine.read("eve")
            assert (await engine.read(HOME))["status"] == "active"
            await lawful(engine)

    run(story)


def test_two_persons_of_one_household_become_one_who_leaves_with_what_both_gave(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await engine.enrol("cem")
            await join(engine, "cem")
            await give(engine, "ann", 10)
            await give(engine, "bob", 20)
            await merge(engine, "ann", "bob")
            await spend(engine, 1, by="bob")
            assert (await leave(engine, "bob")).body["points"] == {"points": 29}
            home = await households.read(engine.handler, PROGRAM, HOME)
            assert [one["member"] for one in home["members"]] == ["cem"]
            assert await engine.available("ann") == 199
            await lawful(engine)

    run(story)


def test_fifty_spends_of_one_pool_at_once_in_two_processes_never_overspend(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url))
            other = await stack.enter_async_context(process(database_url))
            await family(one)
            await give(one, "ann", 70)
            await give(one, "bob", 30)

            async def attempt(number: int) -> int:
                try:
                    await spend((one, other)[number % 2], 7, by=("ann", "bob")[number % 3 % 2], name=f"r{number}")
                except NotEnoughPoints:
                    return 0
                return 1

            spent = sum(await asyncio.gather(*(attempt(number) for number in range(50))))
            assert spent == 14
            assert await one.available(HOME) == 2
            await lawful(one)

    run(story)


def test_who_joins_leaves_and_gives_at_once_loses_nothing(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url))
            other = await stack.enter_async_context(process(database_url))
            await form(one)
            names = [f"m{number}" for number in range(6)]
            for name in names:
                await one.enrol(name)
                await one.adjust(50, member=name)

            async def lives(number: int, name: str) -> None:
                engine = (one, other)[number % 2]
                for turn in range(4):
                    await join(engine, name)
                    await give(engine, name, 10, name=f"{name}-{turn}")
                    await leave(engine, name)

            await asyncio.gather(*(lives(number, name) for number, name in enumerate(names)))
            assert sum([await one.available(name) for name in (*names, HOME)]) == 300
            home = await households.read(one.handler, PROGRAM, HOME)
            assert home["members"] == []
            await lawful(one)

    run(story)


def test_tables_follow_households_and_accounts_sum_to_nothing(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            await family(engine, limit=LimitBody(points=100, per="week"))
            await form(engine, "joneses")
            await engine.buy(30_00, member="bob", name="o1")
            await give(engine, "bob", 130)
            await give(engine, "ann", 60)
            await engine.give_back("o1")
            await spend(engine, 20, by="ann")
            await engine.set_status(HOME, "suspended")
            await engine.set_status(HOME, "active")
            await merge(engine, HOME, "joneses")
            await leave(engine, "bob")
            await engine.at(START.replace(month=9))
            await engine.sweep()
            await households.dissolve(engine.handler, PROGRAM, HOME, DissolveBody(), TEST)
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            with connect(database_url) as connection:
                assert connection.execute("SELECT count(*) FROM parked").fetchone() == (0,)
                told = "SELECT household, status, limit_points, limit_per FROM analytics.households ORDER BY 1"
                assert connection.execute(told).fetchall() == [
                    ("joneses", "merged", None, None), ("smiths", "dissolved", 100, "week"),
                ]  # fmt: skip
                belongs = "SELECT count(*), count(left_at) FROM analytics.household_members"
                assert connection.execute(belongs).fetchone() == (2, 2)
                assert connection.execute("SELECT count(*) FROM analytics.members").fetchone() == (2,)
                balances: dict[str, int] = dict(
                    connection.execute(
                        "SELECT household, available FROM analytics.households JOIN analytics.balances USING (stream)"
                    ).fetchall()
                )
                assert balances[HOME] == await engine.available(HOME) == 0
                sums: dict[str, int] = dict(
                    connection.execute(
                        "SELECT account, sum(points) FROM analytics.movements GROUP BY 1 HAVING sum(points) <> 0"
                    ).fetchall()
                )
                assert "transfer" not in sums
                assert sum(sums.values()) == 0
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental

    asyncio.run(story())


def test_a_pool_redeems_rewards_and_is_told_what_came_of_them(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await family(engine)
            await give(engine, "ann", 100)
            mug = RewardBody(id="mug", kind="product", price=Price(currency="points", points=30), stock=2, per_member=2)
            await rewards.create(engine.handler, PROGRAM, mug, actor="test")

            async def redeem(name: str, by: str | None) -> Answered:
                body = RedeemBody(id=name, member=HOME, reward="mug", by=by)
                return await rewards.redeem(engine.handler, PROGRAM, body, actor="test")

            assert await reasons(redeem("m0", None)) == ("not-in-household",)
            await redeem("m1", "bob")
            await redeem("m2", "ann")
            with pytest.raises(LimitReached):
                await redeem("m3", "bob")
            back = ReturnRedemptionBody()
            await redemptions.give_back(engine.handler, PROGRAM, "m1", back, actor="test")
            assert await engine.available(HOME) == 70
            await lawful(engine)

    run(story)
