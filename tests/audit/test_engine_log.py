"""What the whole engine wrote, with everything on the way, verifies; and one member's history can be handed out."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from application import audit, members
from application.answers import Answered
from application.audit import verify
from domain.errors import BadTime, Refused, UnknownMember
from domain.log import after, decode, encoded, fold
from domain.member.shape import unpack
from domain.member.state import Member
from infrastructure.database import connect
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, SHOP, START, Engine, opened, run

GENEROUS: dict[str, Any] = {
    **SHOP,
    "currencies": {"points": {"expires": {"at": "2027-06-01T00:00:00+02:00"}, "available": {"after": "P3D"}}},
    "rules": [{"id": "base", "on": "purchase", "award": {"currency": "points", "rate": "0.03"}, "round": "half_up"}],
}


async def a_mixed_life(engine: Engine, chance: random.Random) -> None:
    names = [f"m{number}" for number in range(8)]
    for name in names:
        since = START - timedelta(days=3)
        await engine.enrol(name, email=f"{name}@example.org", profile={"name": name}, enrolled_at=since)
    bought: dict[str, list[str]] = {name: [] for name in names}
    for number in range(160):
        await engine.at(START + timedelta(hours=61 * number))
        if number == 80:
            await engine.publish(GENEROUS)
        await asyncio.gather(
            *(deed(engine, chance, name, f"{name}-{number}", bought[name]) for name in chance.sample(names, 3)),
            return_exceptions=False,
        )
        if number % 25 == 24:
            await engine.sweep()


async def deed(engine: Engine, chance: random.Random, name: str, activity: str, bought: list[str]) -> Answered | None:
    now = await engine.clock.now(PROGRAM)
    try:
        match chance.randrange(7):
            case 0 | 1:
                bought.append(activity)
                return await engine.buy(
                    chance.randrange(20_000), member=name, id=activity, note="for the cat", key=activity
                )
            case 2:
                bought.append(activity)
                late = now - timedelta(days=chance.randrange(200))
                return await engine.buy(chance.randrange(20_000), member=name, name=activity, at=late)
            case 3:
                return await engine.redeem(chance.randrange(1, 90), member=name)
            case 4 if bought:
                return await engine.give_back(chance.choice(bought), chance.choice([None, 100]))
            case 5:
                return await engine.adjust(chance.choice([25, -60]), member=name, allow_negative=True)
            case _:
                return None
    except Refused:
        return None


def test_m9_what_the_engine_wrote_verifies_and_every_state_row_is_the_fold_of_its_stream(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await a_mixed_life(engine, random.Random(9))

    run(story)
    found = verify(readers(database_url), executor=ThreadPoolExecutor(1))
    assert (found["findings"], found["different"]) == ([], 0)
    assert found["equal"] > 250
    with connect(database_url) as connection:
        heads = connection.execute("SELECT stream, hot, recorded_at FROM state_rows WHERE kind = 'member'").fetchall()
        for stream, hot, recorded_at in heads:
            states = connection.execute(
                "SELECT state FROM stored_events WHERE originator_id = %s ORDER BY originator_version", [stream]
            ).fetchall()
            member = Member()
            for (state,) in states:
                fold(member, decode(state))
            row = unpack(hot)
            assert encoded(after(row, recorded_at)) == encoded(after(member, recorded_at))
            assert row.lots == member.lots
            assert row.tiers == member.tiers
            assert row.totals == member.totals


def test_an_audit_of_one_member_gives_its_entries_the_state_they_lead_to_and_the_end_of_the_chain(
    database_url: str,
) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann")
            first = await engine.buy(100_00, name="p1")
            known_at = await engine.clock.now(PROGRAM)
            await engine.at(START + timedelta(days=10))
            await engine.buy(50_00, name="p2")
            whole = await audit.member(engine.handler, PROGRAM, "ann")
            assert [one["entry"]["version"] for one in whole["entries"]] == [1, 2, 3]
            assert whole["entries"][1]["position"] == first.position
            assert whole["state"]["balances"]["points"]["available"] == 150
            assert whole["digest"] == whole["entries"][-1]["digest"]
            then = await audit.member(engine.handler, PROGRAM, "ann", known_at=known_at + timedelta(seconds=1))
            assert then["entries"] == whole["entries"][:2]
            assert then["digest"] == whole["entries"][1]["digest"]
            assert then["state"]["balances"]["points"]["available"] == 100
            with pytest.raises(UnknownMember):
                await audit.member(engine.handler, PROGRAM, "bob")
            with pytest.raises(BadTime):
                await audit.member(engine.handler, PROGRAM, "ann", known_at=START + timedelta(days=99))

    run(story)


def test_the_log_of_an_erased_member_still_verifies(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", email="ann@example.org")
            await engine.buy(100_00, note="for the cat")
            await members.erase(engine.handler, PROGRAM, "ann", actor="test")
            await engine.enrol("ann", email="ann@example.org")
            await engine.at(START + timedelta(days=400))
            await engine.sweep()

    run(story)
    found = verify(readers(database_url), PROGRAM, executor=ThreadPoolExecutor(1))
    assert found["findings"] == []
    assert found["different"] == 0
