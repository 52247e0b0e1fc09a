"""Referrals over PostgreSQL: codes, two streams, promises that are cut off, and what analysts see."""

import asyncio
from typing import Any

import pytest

from application import activities, explanations, history, merge_members, referrals
from application.audit import verify
from application.follow import Projector, Runner
from application.handle import Handler
from application.merge_members import MergeBody
from application.ports import Unavailable
from application.referrals import UseBody
from application.replay import replay
from domain.errors import Refused
from infrastructure.database import open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import PROGRAM, SHOP, START, Engine, Json, days, opened, run
from tests.application.test_games import asked
from tests.audit.test_verify import here

FRIENDS: Json = SHOP | {
    "rules": [],
    "tiers": {},
    "referrals": {
        "friends": {"trigger": "first:purchase", "owner": {"points": 200}, "friend": {"points": 100}, "hold": "P14D"},
        "joined": {"trigger": "enrolment", "owner": {"points": 7}, "limit": 2},
    },
}


async def code_of(engine: Engine, member: str = "olga") -> str:
    found: str = (await referrals.issue(engine.handler, PROGRAM, member, actor="test")).body["code"]
    return found


async def come(engine: Engine) -> str:
    """Olga, and Fred who came with her code; the code."""
    await engine.enrol("olga")
    code = await code_of(engine)
    await engine.enrol("fred", referral_code=code)
    return code


async def pending(engine: Engine, member: str) -> tuple[int, int]:
    held = (await engine.read(member))["balances"]["points"]
    return held["available"], held["pending"]


async def refusal_of(story: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await story
    return refused.value


def sound(url: str) -> None:
    found = verify(readers(url), PROGRAM, executor=here())
    assert (found["different"], found["not_redecidable"]) == (0, 0), found["findings"]


def test_h1_both_have_what_the_friend_brought_and_it_waits_for_the_return_window(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            assert await pending(engine, "olga") == (7, 0)
            bought = (await engine.buy(1000, member="fred", name="p1")).body
            assert [one["kind"] for one in bought["effects"]] == ["referral_converted"]
            assert await pending(engine, "olga") == (7, 200)
            assert await pending(engine, "fred") == (0, 100)
            await engine.at(START + days(14))
            assert await pending(engine, "olga") == (207, 0)
            assert await pending(engine, "fred") == (100, 0)
            told = [one["text"] for one in (await history.history(engine.handler, PROGRAM, "olga"))["items"]]
            assert "A friend counted for friends" in told
            assert "fred" not in "".join(told)
            olga = await engine.read("olga")
            assert olga["referrals"]["brought"] == {"friends": 1, "joined": 1}
            sound(database_url)

    run(story)


def test_a_member_has_one_code_and_asked_again_it_is_the_same(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await engine.enrol("olga")
            first = await referrals.issue(engine.handler, PROGRAM, "olga", actor="test", key="k1")
            again = await referrals.issue(engine.handler, PROGRAM, "olga", actor="test", key="k1")
            assert (first.status, again.status) == (201, 200)
            assert first.body == again.body
            assert len(first.body["code"]) == 13
            at_once = await asyncio.gather(*(code_of(engine) for _ in range(5)))
            assert set(at_once) == {first.body["code"]}

    run(story)


def test_codes_that_are_asked_for_at_once_are_one(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await engine.enrol("olga")
            assert len(set(await asyncio.gather(*(code_of(engine) for _ in range(8))))) == 1
            sound(database_url)

    run(story)


def test_a_code_is_read_as_people_write_it_and_refused_with_a_reason(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await engine.enrol("olga")
            code = await code_of(engine)
            written = f" {code[:5].lower()}-{code[5:]} "
            await engine.enrol("fred", referral_code=written)
            use = referrals.use
            own = await refusal_of(use(engine.handler, PROGRAM, "olga", UseBody(code=code), actor="test"))
            assert own.code == "self-referral"
            again = await refusal_of(use(engine.handler, PROGRAM, "fred", UseBody(code=code), actor="test"))
            assert (again.code, again.reasons) == ("not-eligible", ("already-referred",))
            unknown = await refusal_of(engine.enrol("gus", referral_code="NOBODY"))
            assert unknown.code == "unknown-code"
            await engine.enrol("gus")
            done = await use(engine.handler, PROGRAM, "gus", UseBody(code=code), actor="test", key="k")
            repeated = await use(engine.handler, PROGRAM, "gus", UseBody(code=code), actor="test", key="k")
            assert (done.body, repeated.replayed) == (repeated.body, True)

    run(story)


def test_a_limit_is_never_passed_however_many_come_at_once(database_url: str) -> None:
    only = FRIENDS | {"referrals": {"joined": FRIENDS["referrals"]["joined"]}}

    async def story() -> None:
        async with opened(database_url, only) as engine:
            await engine.enrol("olga")
            code = await code_of(engine)

            async def joins(number: int) -> str:
                try:
                    await engine.enrol(f"f{number}", referral_code=code)
                except Refused as refused:
                    return refused.code
                return "joined"

            found = await asyncio.gather(*(joins(number) for number in range(8)))
            assert sorted(found) == ["joined"] * 2 + ["limit-reached"] * 6
            assert await engine.available("olga") == 14
            sound(database_url)

    run(story)


def test_a_repeated_enrolment_is_answered_as_it_was_and_brings_nothing_more(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await engine.enrol("olga")
            code = await code_of(engine)
            first = await engine.enrol("fred", key="e1", referral_code=code)
            again = await engine.enrol("fred", key="e1", referral_code=code)
            assert (first.body, again.replayed) == (again.body, True)
            assert await engine.available("olga") == 7

    run(story)


def test_h5_the_friends_first_purchase_sent_again_does_not_pay_twice(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            at = START + days(1)
            await engine.at(at)
            for _ in range(3):
                await engine.buy(1000, member="fred", name="p1", at=at)
            assert await pending(engine, "olga") == (7, 200)
            assert await referrals.keep_all(engine.handler, PROGRAM) == 0

    run(story)


def test_an_explanation_says_why_it_counted_for_the_friend_or_did_not(database_url: str) -> None:
    async def why(engine: Engine, name: str) -> Json:
        found = await activities.find(engine.handler, PROGRAM, "shop", name)
        told: Json = (await explanations.explain(engine.handler, PROGRAM, found["ref"]))["referral"]
        return told

    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            await engine.at(START + days(1))
            await engine.buy(1000, member="fred", name="p0", at=START - days(1))
            await engine.buy(1000, member="fred", name="p1")
            await engine.buy(1000, member="fred", name="p2")
            assert (await why(engine, "p0"))["note"] == "it happened before the code was used"
            first = await why(engine, "p1")
            assert (first["counted"], first["referrals"], first["note"]) == (True, ["friends"], None)
            assert [(one["points"], one["hold"]) for one in first["owner_rewards"]] == [(200, "P14D")]
            assert (await why(engine, "p2"))["note"] == "counted already: friends, joined"
            olga = (await engine.read("olga", as_of=START + days(0.5)))["referrals"]["brought"]
            assert olga == {"joined": 1}

    run(story)


# --- promises ------------------------------------------------------------------------------------


async def cut_off(engine: Engine, monkeypatch: pytest.MonkeyPatch, story: Any) -> None:
    """The process dies, as it were, between the friend's entry and the owner's."""

    async def gone(*_: object) -> None:
        raise Unavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(referrals, "_keep", gone)
        await story


def test_a_promise_that_was_cut_off_is_kept_by_the_sweeper(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            await cut_off(engine, monkeypatch, engine.buy(1000, member="fred", name="p1"))
            assert await pending(engine, "olga") == (7, 0)
            await engine.at(START + days(3))
            assert await referrals.keep_all(engine.handler, PROGRAM) == 1
            assert await referrals.keep_all(engine.handler, PROGRAM) == 0
            assert await pending(engine, "olga") == (7, 200)
            # From when the friend did it, not from when it was written down.
            await engine.at(START + days(14))
            assert await pending(engine, "olga") == (207, 0)
            sound(database_url)

    run(story)


def test_many_keep_the_same_promise_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            await cut_off(engine, monkeypatch, engine.buy(1000, member="fred", name="p1"))
            await asyncio.gather(*(referrals.keep_all(engine.handler, PROGRAM) for _ in range(6)))
            assert await pending(engine, "olga") == (7, 200)

    run(story)


def test_what_came_back_before_it_was_paid_leaves_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            await cut_off(engine, monkeypatch, engine.buy(1000, member="fred", name="p1"))
            await cut_off(engine, monkeypatch, engine.give_back("p1"))
            # In whichever order they are found.
            assert await referrals.keep_all(engine.handler, PROGRAM) == 2
            assert await referrals.keep_all(engine.handler, PROGRAM) == 0
            assert await pending(engine, "olga") == (7, 0)
            assert await pending(engine, "fred") == (0, 0)
            sound(database_url)

    run(story)


def test_a_reversal_that_is_kept_first_pays_and_takes_back(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            await cut_off(engine, monkeypatch, engine.buy(1000, member="fred", name="p1"))
            await engine.give_back("p1")
            assert await pending(engine, "olga") == (7, 0)
            assert await referrals.keep_all(engine.handler, PROGRAM) == 0
            listed = (await referrals.referrals(engine.handler, PROGRAM, "olga"))["items"]
            assert [one["state"] for one in listed] == ["rewarded", "taken_back"]

    run(story)


@pytest.mark.parametrize("how", ["closed", "erased"])
def test_an_owner_who_has_left_is_passed_over_once(database_url: str, how: str) -> None:
    from application.members import StatusBody, erase, set_status

    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            code = await come(engine)
            handler: Handler = engine.handler
            if how == "closed":
                await set_status(handler, PROGRAM, "olga", StatusBody(status="closed", reason="left"), actor="test")
            else:
                await erase(handler, PROGRAM, "olga", actor="test")
            gone = await refusal_of(engine.enrol("gus", referral_code=code))
            assert (gone.code, gone.reasons) == ("not-eligible", ("owner-left",))
            await engine.buy(1000, member="fred", name="p1")
            assert await referrals.keep_all(handler, PROGRAM) == 0
            assert await pending(engine, "fred") == (0, 100)
            sound(database_url)

    run(story)


# --- tables --------------------------------------------------------------------------------------


def test_tables_list_friends_and_what_they_brought(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            code = await come(engine)
            await engine.buy(1000, member="fred", name="p1")
            await engine.give_back("p1")
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            friends = "SELECT code, referrals, conversions, reversals FROM analytics.referrals"
            rewards = "SELECT referrals, state FROM analytics.referral_rewards ORDER BY conversion"
            awards = "SELECT rule, granted FROM analytics.awards WHERE type = 'referral' ORDER BY position"
            assert asked(database_url, friends) == [(code, ["friends", "joined"], 1, 1)]
            assert asked(database_url, rewards) == [(["joined"], "rewarded"), (["friends"], "taken_back")]
            assert asked(database_url, awards) == [("referral:joined", 7), ("referral:friends", 200)]
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental

    run(story)


@pytest.mark.parametrize(
    "merges",
    [[("olga", "fred")], [("fred", "olga")], [("ann", "olga"), ("ann", "fred")], [("ann", "fred"), ("ann", "olga")]],
)
@pytest.mark.parametrize("before", [True, False])
def test_nobody_is_paid_for_what_they_buy_themselves_once_friend_and_owner_are_one(
    database_url: str, merges: list[tuple[str, str]], before: bool
) -> None:
    """What the friend bought before that stays paid, and is taken back when it comes back."""

    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine:
            await come(engine)
            await engine.enrol("ann")
            if before:
                await engine.buy(50_00, member="fred", name="p0")
            for survivor, loser in merges:
                body = MergeBody(id=f"m-{loser}", survivor=survivor, loser=loser)
                await merge_members.merge(engine.handler, PROGRAM, body, actor="test")
            who = merges[0][0]
            had = sum(await pending(engine, who))
            assert had == (307 if before else 7)
            await engine.buy(50_00, member=who, name="p1")
            await referrals.keep_all(engine.handler, PROGRAM)
            assert sum(await pending(engine, who)) == had
            if before:
                await engine.give_back("p0")
                await referrals.keep_all(engine.handler, PROGRAM)
                assert sum(await pending(engine, who)) == 7

    asyncio.run(story())
    sound(database_url)


@pytest.mark.parametrize("merged", [("olga",), ("fred",), ("olga", "fred"), ("olga", "ann")])
def test_what_a_friend_brought_is_taken_back_from_whoever_has_it_by_now(
    database_url: str, merged: tuple[str, ...]
) -> None:
    """Owner and friend may both have been merged since, and their survivors too; the tables follow."""

    async def story() -> None:
        async with opened(database_url, FRIENDS) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            await come(engine)
            survivors = {"olga": "ann", "fred": "bob", "ann": "cem"}
            for name in survivors.values():
                await engine.enrol(name)
            await engine.buy(50_00, member="fred", name="p1")
            for name in merged:
                body = MergeBody(id=f"m-{name}", survivor=survivors[name], loser=name)
                await merge_members.merge(engine.handler, PROGRAM, body, actor="test")
            assert sum([sum(await pending(engine, name)) for name in ("olga", "fred")]) == 307
            await engine.give_back("p1")
            assert await referrals.keep_all(engine.handler, PROGRAM) == 0
            assert sum([sum(await pending(engine, name)) for name in ("olga", "fred")]) == 7
            await engine.buy(50_00, member="fred", name="p2")
            assert sum([sum(await pending(engine, name)) for name in ("olga", "fred")]) == 307
            await Runner(Projector(ANALYTICS, tables), engine.handler.store, positions).catch_up()
            async with pool.connection() as connection:
                parked = await (await connection.execute("SELECT position, error FROM parked")).fetchall()
                assert parked == []
                states = (
                    "SELECT state FROM analytics.referral_rewards WHERE 'friends' = ANY(referrals) ORDER BY position"
                )
                found = await (await connection.execute(states)).fetchall()
                assert found == [("taken_back",), ("rewarded",)]
                counts = "SELECT sum(conversions)::int, sum(reversals)::int FROM analytics.referrals"
                assert await (await connection.execute(counts)).fetchone() == (2, 1)

    asyncio.run(story())
    sound(database_url)
