"""M3 over PostgreSQL: a candidate is tried on all members, in any number of processes, and nothing is written."""

import asyncio
import copy
import csv
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from application.what_if import Question, WhatIfBody, question, what_if
from application.what_if_answer import TABLES, answer, as_csv, table
from application.what_if_sums import Sums
from domain.errors import BadTime, InvalidPayload, RulebookInvalid
from infrastructure.database import connect
from infrastructure.row_reader import states
from infrastructure.zones import SystemZones
from tests.application.engine import PROGRAM, SHOP, START, Engine, days, opened, process

Json = Any

DOUBLE: Json = copy.deepcopy(SHOP)
DOUBLE["rules"][0]["award"]["per"]["points"] = 2
DOUBLE["currencies"]["points"]["value"] = {"per_point": "0.5"}
HALF: Json = copy.deepcopy(SHOP)
HALF["rules"] = [HALF["rules"][1]]


@pytest.fixture
def played(database_url: str) -> str:
    """Ten members: m0 buys nothing, m1 for 10.00, m2 for 20.00 and so on; m9 gives back, m5 redeems."""

    async def story() -> None:
        async with opened(database_url) as engine:
            for number in range(10):
                await engine.enrol(f"m{number}")
            await engine.at(START + days(3))
            for number in range(1, 10):
                await engine.buy(1_000 * number, member=f"m{number}", name=f"a{number}")
            await engine.at(START + days(40))
            await engine.buy(30_000, member="m3", name="late")
            await engine.give_back("a9", 4_500)
            await engine.redeem(50, member="m5")
            await engine.at(START + days(60))

    asyncio.run(story())
    return database_url


def asked(url: str, document: Json, body: WhatIfBody | None = None, *, every: bool = False) -> Question:
    async def ask() -> Question:
        async with process(url) as engine:
            return await question(engine.handler, PROGRAM, document, body or WhatIfBody(), every=every)

    return asyncio.run(ask())


def tell(url: str, what: Question, executor: Executor | None = None, workers: int = 1) -> Sums:
    with executor or ThreadPoolExecutor(1) as pool:
        return what_if(states(url), what, SystemZones().offset, executor=pool, workers=workers)


def told(url: str, document: Json, body: WhatIfBody | None = None) -> Json:
    what = asked(url, document, body)
    return answer(what, tell(url, what))


def everything(url: str) -> list[Any]:
    with connect(url) as database:
        names = ("stored_events", "state_rows", "cold_rows", "claims", "takes", "drafts", "jobs")
        return [database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names]


def test_points_levels_liability_and_who_wins(played: str) -> None:
    before = everything(played)
    found = told(played, DOUBLE)
    assert everything(played) == before
    (points,) = found["currencies"]
    # Recorded: 10 to 90 points and 5 times 20; 300 and 20 late; 45 and the 20 back; 50 spent.
    base = sum(range(10, 100, 10)) + 300 - 45
    extra = 5 * 20 + 20 - 20
    assert points["available"] == {"recorded": base + extra - 50, "tried": 2 * base + extra - 50}
    assert points["liability"]["value_minor"] == {
        "recorded": (base + extra - 50) // 2,
        "tried": (2 * base + extra - 50) // 2,
    }
    assert (points["winners"], points["losers"], points["same"]) == (9, 0, 0)
    assert [one["member"] for one in found["winners"][:2]] == ["m3", "m8"]
    assert found["winners"][0]["difference"] == 330
    assert found["winners"][0]["tiers"] == {}
    rules = {one["rule"]: one for one in found["rules"]}
    assert rules["base"]["granted"] == {"recorded": 750, "tried": 1500}
    assert rules["base"]["taken_back"] == {"recorded": 45, "tried": 90}
    assert rules["later"]["granted"] == {"recorded": 120, "tried": 120}
    assert (found["members"], found["entries"], found["decided"]) == (10, 22, 22)
    levels = {(one["recorded"], one["tried"]): one["members"] for one in found["tiers"]}
    # m9 was silver, and is not after the return, in either story.
    assert levels == {("gold", "gold"): 1, ("silver", "silver"): 1, (None, "silver"): 3, (None, None): 1}


def test_losers_refusals_and_debt(played: str) -> None:
    found = told(played, HALF)
    assert found["refused"] == {"not-enough-points": 1}
    (points,) = found["currencies"]
    # m5 keeps its 20: what it has spent, it could not have.
    assert (points["winners"], points["losers"], points["same"]) == (0, 8, 1)
    assert found["losers"][0] == {
        "member": "m3",
        "currency": "points",
        "recorded": 350,
        "tried": 20,
        "difference": -330,
        "debt": {"recorded": 0, "tried": 0},
        "tiers": {"status": {"recorded": "gold", "tried": None}},
    }
    assert {one["rule"] for one in found["rules"]} == {"base", "later"}


def test_a_window_is_by_the_time_of_the_activity(played: str) -> None:
    early = told(played, DOUBLE, WhatIfBody(to=START + days(10)))
    late = told(played, DOUBLE, WhatIfBody(from_=START + days(10)))
    assert early["winners"][0]["difference"] == 80
    assert [(one["member"], one["difference"]) for one in late["winners"]] == [("m3", 300)]
    assert late["decided"] < early["decided"] == 22


def test_the_rules_in_force_change_nothing(played: str) -> None:
    found = told(played, SHOP)
    assert (found["different"], found["winners"], found["losers"], found["refused"]) == (0, [], [], {})


def test_one_process_or_three_threads_or_two_processes_come_to_the_same(played: str) -> None:
    what = asked(played, DOUBLE)
    once = answer(what, tell(played, what))
    assert answer(what, tell(played, what, ThreadPoolExecutor(3), 3)) == once
    pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    assert answer(what, tell(played, what, pool, 2)) == once


def test_progress_counts_to_the_end(played: str) -> None:
    seen: list[tuple[int, int]] = []
    with ThreadPoolExecutor(1) as pool:
        what_if(
            states(played), asked(played, DOUBLE), SystemZones().offset, executor=pool, workers=1,
            progress=lambda done, of: seen.append((done, of)),
        )  # fmt: skip
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_only_so_many_are_named_unless_everybody_is_asked_for(played: str) -> None:
    what = asked(played, DOUBLE, WhatIfBody(top=2), every=True)
    found = tell(played, what)
    assert [one["member"] for one in answer(what, found)["winners"]] == ["m3", "m8"]
    assert len(found.moved) == 9


def test_tables_are_csv(played: str, tmp_path: Path) -> None:
    found = told(played, HALF)
    for name in TABLES:
        (tmp_path / name).write_text("".join(as_csv(table(found, name))))
    with (tmp_path / "members").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["member"], rows[0]["difference"]) == ("m3", "-330")
    assert (rows[0]["tiers_status_recorded"], rows[0]["tiers_status_tried"]) == ("gold", "")
    with (tmp_path / "rules").open(newline="") as file:
        assert {row["rule"]: row["granted_tried"] for row in csv.DictReader(file)} == {"base": "0", "later": "120"}
    with (tmp_path / "cohorts").open(newline="") as file:
        (cohort,) = csv.DictReader(file)
    assert (cohort["enrolled"], cohort["members"]) == ("2026-01", "10")


def test_a_question_that_cannot_be_asked(played: str) -> None:
    with pytest.raises(RulebookInvalid):
        asked(played, {"rules": [{"id": "x", "on": "nothing"}]})
    with pytest.raises(BadTime):
        asked(played, SHOP, WhatIfBody(from_=START, to=START))
    with pytest.raises(InvalidPayload):
        asked(played, SHOP, WhatIfBody(top=1_001))


def test_an_erased_member_is_told_again_without_a_name(played: str) -> None:
    async def erase() -> None:
        async with process(played) as engine:
            await _erase(engine, "m4")

    asyncio.run(erase())
    found = told(played, DOUBLE)
    assert found["members"] == 10
    assert found["currencies"][0]["winners"] == 9


async def _erase(engine: Engine, member: str) -> None:
    from application.members import erase

    await erase(engine.handler, PROGRAM, member, actor="test")
