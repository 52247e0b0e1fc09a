"""Corrections over the real store: tried dry, approved by somebody else, compensated once, and reversible (M2)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from application import corrections, history, members
from application.audit import verify
from application.corrections import Asked, CorrectionBody
from application.follow import Projector, Runner
from application.replay import replay
from domain.errors import SameActor, UnknownCorrection
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers, states
from infrastructure.tables import PostgresTables
from infrastructure.zones import SystemZones
from projections import ANALYTICS
from tests.application.engine import PROGRAM, SHOP, START, Engine, Json, opened, process, run

WRONG: Json = {
    **SHOP,
    "currencies": {"points": {"expires": {"after": "P6M"}}},
    "rules": [{"id": "base", "on": "purchase", "award": {"currency": "points", "points": 10}}],
}
RIGHT: Json = deepcopy(WRONG) | {
    "rules": [{"id": "base", "on": "purchase", "award": {"currency": "points", "points": 20}}]
}
LESS: Json = deepcopy(WRONG) | {
    "rules": [{"id": "base", "on": "purchase", "award": {"currency": "points", "points": 4}}]
}


def sound(url: str) -> None:
    found = verify(readers(url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


def day(number: int) -> datetime:
    return START + timedelta(days=number)


async def tried(engine: Engine, url: str, document: Json | None, **asked: Any) -> tuple[str, Json]:
    """A correction, tried dry: its id, and the sums."""
    body = CorrectionBody(**asked)
    question = await corrections.propose(engine.handler, PROGRAM, document, body, actor="key:operator")
    return question.correction, await noted(engine, url, question)


async def noted(engine: Engine, url: str, question: Asked) -> Json:
    with ThreadPoolExecutor(1) as here:
        found = await asyncio.to_thread(
            lambda: corrections.dry_run(states(url), question, SystemZones().offset, executor=here, of=3)
        )
    return await corrections.note(engine.handler, PROGRAM, question.correction, found, actor="key:operator")


async def applied(engine: Engine, name: str) -> Json:
    await corrections.approved(engine.handler, PROGRAM, name, actor="key:admin")
    return await corrections.apply(engine.handler, PROGRAM, name)


async def points_of(engine: Engine, member: str = "ann") -> tuple[int, int]:
    held = (await engine.read(member))["balances"]["points"]
    return held["available"], held["debt"]


def test_m2_three_members_get_the_ten_points_that_were_missing_and_no_second_run_finds_any(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            for number, name in enumerate(("ann", "bob", "cem", "dee")):
                await engine.enrol(name)
                await engine.buy(1_000, member=name, at=day(0), name=f"before-{name}")
                if name != "dee":
                    await engine.at(day(2 + number))
                    await engine.buy(1_000, member=name, name=f"within-{name}")
            await engine.at(day(20))
            before = {row.position for row in await engine.handler.store.log(PROGRAM, limit=1000)}
            name, sums = await tried(engine, database_url, RIGHT, from_=day(1), to=day(10))
            assert (sums["members"], sums["available"]["points"]) == (3, {"recorded": 60, "corrected": 90})
            shown = await corrections.read(engine.handler, PROGRAM, name)
            assert shown["state"] == "proposed"
            assert shown["totals"] == [{"rule": "base", "currency": "points", "activities": 3, "difference": 30}]
            assert {(row["member"], row["wanted"], row["recorded"], row["difference"]) for row in shown["items"]} == {
                (whose, 20, 10, 10) for whose in ("ann", "bob", "cem")
            }
            # The dry run wrote nothing of a member's.
            assert [await points_of(engine, whose) for whose in ("ann", "dee")] == [(20, 0), (10, 0)]

            with pytest.raises(SameActor):
                await corrections.approved(engine.handler, PROGRAM, name, actor="key:operator")
            assert await applied(engine, name) == {"correction": name, "applied": 3, "moved": 0}
            assert [(await points_of(engine, whose))[0] for whose in ("ann", "bob", "cem", "dee")] == [30, 30, 30, 10]
            # As of the corrected purchase, recorded now, with its cause.
            assert (await engine.read("ann", as_of=day(3)))["balances"]["points"]["available"] == 30
            assert (await engine.read("ann", as_of=day(3), known_at=day(15)))["balances"]["points"]["available"] == 20
            told = (await history.history(engine.handler, PROGRAM, "ann", kind="earned"))["items"][-1]
            assert (told["cause"], told["points"], told["at"]) == (f"correction:{name}", 10, day(2))
            # Nothing that was there has changed, and nothing is found a second time.
            assert before <= {row.position for row in await engine.handler.store.log(PROGRAM, limit=1000)}
            again, nothing = await tried(engine, database_url, RIGHT, from_=day(1), to=day(10))
            assert nothing["members"] == 0
            assert await applied(engine, again) == {"correction": again, "applied": 0, "moved": 0}
            assert (await corrections.read(engine.handler, PROGRAM, name))["state"] == "applied"
            # Approving it again does nothing more.
            assert await applied(engine, name) == {"correction": name, "applied": 3, "moved": 0}
            assert (await points_of(engine))[0] == 30

    run(story)
    sound(database_url)


def test_who_has_moved_since_the_dry_run_is_left_and_listed_again(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            for whose in ("ann", "bob"):
                await engine.enrol(whose)
                await engine.buy(1_000, member=whose, name=f"p-{whose}")
            await engine.at(day(1))
            name, _ = await tried(engine, database_url, RIGHT)
            await engine.redeem(3, member="bob")
            assert await applied(engine, name) == {"correction": name, "applied": 1, "moved": 1}
            shown = await corrections.read(engine.handler, PROGRAM, name)
            assert (shown["applied"], shown["moved"]) == (1, ["bob"])
            assert [(row["member"], row["state"]) for row in shown["items"] if row["state"] == "moved"] == [
                ("bob", "moved")
            ]
            second, sums = await tried(engine, database_url, RIGHT)
            assert sums["members"] == 1
            await applied(engine, second)
            assert [await points_of(engine, whose) for whose in ("ann", "bob")] == [(20, 0), (17, 0)]

    run(story)
    sound(database_url)


def test_what_was_granted_too_much_is_taken_from_what_is_left_and_owed_beyond_it(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            for whose in ("spent", "partly", "expired"):
                await engine.enrol(whose)
                await engine.buy(1_000, member=whose, name=f"p-{whose}")
            await engine.redeem(10, member="spent")
            await engine.redeem(7, member="partly")
            # The rest of these ten points expires half a year later.
            await engine.redeem(2, member="expired")
            name, _ = await tried(engine, database_url, LESS, members=("spent", "partly"))
            await applied(engine, name)
            assert [await points_of(engine, whose) for whose in ("spent", "partly")] == [(0, 6), (0, 3)]
            await engine.at(day(200))
            name, _ = await tried(engine, database_url, LESS)
            shown = await corrections.read(engine.handler, PROGRAM, name)
            assert [(row["member"], row["difference"]) for row in shown["items"]] == [("expired", -6)]
            await applied(engine, name)
            # Six too many: all of them had expired, and nobody owes those.
            assert await points_of(engine, "expired") == (0, 0)

    run(story)
    sound(database_url)


def test_a_correction_is_reversed_by_another_one_and_by_no_third(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            await engine.enrol()
            await engine.buy(1_000, name="p1")
            await engine.at(day(1))
            name, _ = await tried(engine, database_url, RIGHT)
            await applied(engine, name)
            back, sums = await tried(engine, database_url, None, reverses=name)
            assert sums["members"] == 1
            await applied(engine, back)
            assert await points_of(engine) == (10, 0)
            _, sums = await tried(engine, database_url, None, reverses=name)
            assert sums["members"] == 0
            # And what was reversed can be found again.
            _, sums = await tried(engine, database_url, RIGHT)
            assert sums["members"] == 1
            with pytest.raises(UnknownCorrection):
                await tried(engine, database_url, None, reverses="cor_1")

    run(story)
    sound(database_url)


def test_what_comes_after_the_window_is_decided_again_only_where_it_is_asked_for(database_url: str) -> None:
    doubled: Json = {"id": "double", "on": "purchase", "phase": "multiply", "by": "2",
                     "when": "member.tiers.status.level == 'silver'"}  # fmt: skip
    tiers: Json = {"status": {"window": "lifetime", "levels": [{"id": "silver", "at": 100}]}}
    wrong = WRONG | {"rules": [*WRONG["rules"], doubled], "tiers": tiers}
    right = wrong | {
        "rules": [{"id": "base", "on": "purchase", "award": {"currency": "points", "points": 100}}, doubled]
    }

    async def story() -> None:
        async with opened(database_url, wrong) as engine:
            await engine.enrol()
            await engine.buy(1_000, name="p1")
            await engine.at(day(20))
            await engine.buy(1_000, name="p2")
            window: Json = {"from_": day(-1), "to": day(10)}
            name, _ = await tried(engine, database_url, right, **window)
            shown = await corrections.read(engine.handler, PROGRAM, name)
            assert [(row["rule"], row["difference"]) for row in shown["items"]] == [("base", 90)]
            name, sums = await tried(engine, database_url, right, **window, cascade="to_now")
            assert sums["tiers"] == [{"set": "status", "from": "", "to": "silver", "members": 1}]
            shown = await corrections.read(engine.handler, PROGRAM, name)
            # Silver from the first purchase on, the second one would have been doubled under its own rules.
            assert [(row["rule"], row["difference"]) for row in shown["items"]] == [("base", 90), ("double", 10)]
            await applied(engine, name)
            assert await points_of(engine) == (10 + 10 + 90 + 10, 0)
            assert (await engine.read())["tiers"]["status"]["level"] == "silver"
            _, sums = await tried(engine, database_url, right, **window, cascade="to_now")
            assert sums["members"] == 0

    run(story)
    sound(database_url)


def test_a_corrected_purchase_that_is_returned_leaves_nothing(database_url: str) -> None:
    bonus = WRONG | {
        "rules": [
            *WRONG["rules"],
            {"id": "bonus", "on": "purchase", "phase": "add", "award": {"currency": "points", "points": 5}},
        ]
    }

    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            await engine.enrol()
            await engine.buy(1_000, name="p1")
            await engine.at(day(1))
            name, _ = await tried(engine, database_url, bonus)
            await applied(engine, name)
            assert await points_of(engine) == (15, 0)
            await engine.give_back("p1")
            assert await points_of(engine) == (0, 0)

    run(story)
    sound(database_url)


def test_tables_and_a_rebuild_of_them_know_corrections(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WRONG) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            await engine.enrol()
            await engine.buy(1_000, name="p1")
            await engine.at(day(1))
            name, _ = await tried(engine, database_url, RIGHT)
            await applied(engine, name)
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            with connect(database_url) as connection:
                row = connection.execute(
                    "SELECT effective_at, recorded_at > effective_at, cause, points FROM analytics.movements"
                    " WHERE account = 'member' AND cause LIKE 'correction:%'"
                ).fetchall()
                assert row == [(day(0), True, f"correction:{name}", 10)]
                kinds = connection.execute("SELECT type, restates FROM analytics.awards ORDER BY version").fetchall()
                assert kinds == [("purchase", None), ("correction", 2)]
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental
            text = await corrections.as_csv(engine.handler, PROGRAM, name)
            assert text.splitlines()[0] == ",".join(corrections.COLUMNS)
            assert text.splitlines()[1].endswith(",base,points,20,10,10,applied")

    run(story)
    sound(database_url)


def test_a_run_that_was_broken_off_goes_on_and_corrects_nobody_twice(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "AT_ONCE", 2)

    class Killed(BaseException):
        pass

    def dies(done: int, _total: int) -> None:
        if done == 2:
            raise Killed

    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            names = [f"m{number}" for number in range(5)]
            for whose in names:
                await engine.enrol(whose)
                await engine.buy(1_000, member=whose, name=f"p-{whose}")
            await engine.at(day(1))
            name, _ = await tried(engine, database_url, RIGHT)
            await corrections.approved(engine.handler, PROGRAM, name, actor="key:admin")
            with pytest.raises(Killed):
                await corrections.apply(engine.handler, PROGRAM, name, progress=dies)
            assert sorted([await points_of(engine, whose) for whose in names]) == [(10, 0)] * 3 + [(20, 0)] * 2
            assert (await corrections.read(engine.handler, PROGRAM, name))["state"] == "approved"
        # Two other processes go on at once.
        async with process(database_url) as one, process(database_url) as other:
            runs = (corrections.apply(engine.handler, PROGRAM, name) for engine in (one, other))
            for answer in await asyncio.gather(*runs):
                assert answer == {"correction": name, "applied": 5, "moved": 0}
            assert [await points_of(one, whose) for whose in names] == [(20, 0)] * 5
            assert (await corrections.read(one.handler, PROGRAM, name))["state"] == "applied"

    run(story)
    sound(database_url)


def test_m8_an_erased_member_is_corrected_without_a_name(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WRONG) as engine:
            await engine.enrol()
            await engine.buy(1_000, name="p1", note="for Ann Example")
            await engine.at(day(1))
            await members.erase(engine.handler, PROGRAM, "ann", actor="test")
            name, _ = await tried(engine, database_url, RIGHT)
            assert await applied(engine, name) == {"correction": name, "applied": 1, "moved": 0}
            (row,) = (await corrections.read(engine.handler, PROGRAM, name))["items"]
            assert (row["member"], row["difference"]) == (None, 10)

    run(story)
    sound(database_url)
