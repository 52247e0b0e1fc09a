"""Boards that are closed: frozen once, paid once, whatever comes later or dies in between."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application import audit, history, members
from application.leaderboard_places import Place
from application.members import StatusBody
from domain.errors import BadTime, InvalidPayload, KeyReused, UnknownLeaderboard
from domain.log import decode
from domain.member.commands import PayPrize
from domain.program import decide as program_decide
from domain.program.events import LeaderboardClosed, PrizesPaid
from domain.rules.ranking import digest, ranked, standings
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, START, days, run
from tests.application.league import League, league, playing

ROOT = Path(__file__).parent.parent.parent
PRIZES = {1: 500, 2: 100}


async def closes(game: League) -> list[LeaderboardClosed]:
    return [event for event in await _program_events(game) if isinstance(event, LeaderboardClosed)]


async def payments(game: League) -> list[tuple[str, int, str | None]]:
    """(member, points, cause) of every prize in the log."""
    found = []
    for row in await game.handler.store.log(PROGRAM, limit=1_000):
        entry = decode(row.state)
        if isinstance(entry.input, PayPrize):
            loaded, _ = await game.handler.load(PROGRAM, row.stream)
            found.append((loaded.member.id, entry.input.points, entry.cause))
    return found


async def _program_events(game: League) -> list[Any]:
    rows = await game.handler.store.log(PROGRAM, limit=1_000)
    return [event for row in rows if row.kind == "program" for event in decode(row.state).events]


def sound(url: str) -> None:
    """The whole log verifies."""
    found = audit.verify(readers(url), PROGRAM)
    assert (found["different"], found["first"]) == (0, None), found["findings"]


# --- closing -------------------------------------------------------------------------------------


def test_a_closed_board_is_frozen_and_its_prizes_are_paid(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(prizes=PRIZES), "ann", "bob", "eve", "dan") as game:
            for member, score in (("ann", 9), ("bob", 9), ("eve", 5), ("dan", 1)):
                await game.post(member, score)
            done = await game.close()
            assert (done.status, done.body["members"], done.body["ties"]) == (201, 4, "competition")
            assert [(one["rank"], one["winners"]) for one in done.body["prizes"]] == [(1, 2), (2, 0)]
            # Everybody of a shared rank wins; there is no second.
            assert await game.available("ann", "bob", "eve", "dan") == [500, 500, 0, 0]
            found = await game.read()
            assert (found["closed"], found["restated"]) == (True, False)
            assert found["close"]["digest"] == done.body["digest"]
            (event,) = await closes(game)
            assert event.position < done.position
            told = await history.history(game.handler, PROGRAM, "ann", kind="earned")
            (won,) = told["items"]
            assert won["text"].startswith("500 points won by rank 1 on season/ever")
            assert (won["rule"], won["cause"]) == ("leaderboard:season", "leaderboard:season/ever")
            (lot,) = (await history.lots(game.handler, PROGRAM, "ann"))["items"]
            assert lot["expires_at"] == datetime(2026, 7, 2, tzinfo=UTC)
            (paid,) = [event for event in await _program_events(game) if isinstance(event, PrizesPaid)]
            assert (paid.paid, paid.passed_over) == (2, 0)
        sound(database_url)

    run(story)


def test_a_prize_is_told_with_the_decimals_of_its_currency(database_url: str) -> None:
    async def story() -> None:
        document = league(prizes={1: 123_405})
        document["currencies"]["points"]["scale"] = 2
        async with playing(database_url, document, "ann") as game:
            await game.post("ann", 9)
            await game.close()
            (won,) = (await history.history(game.handler, PROGRAM, "ann", kind="earned"))["items"]
            assert won["text"].startswith("1234.05 points won by rank 1 on season/ever")
            assert won["points"] == 123_405

    run(story)


def test_closing_again_answers_the_same_and_pays_nothing(database_url: str) -> None:
    async def story() -> None:
        document = league(prizes=PRIZES)
        document["leaderboards"]["cup"] = league()["leaderboards"]["season"]
        async with playing(database_url, document, "ann") as game:
            await game.post("ann", 9)
            first = await game.close(key="k1")
            await game.post("ann", 9)
            for again in (await game.close(key="k1"), await game.close(), await game.close(key="k2")):
                assert (again.status, again.replayed, again.body) == (200, True, first.body)
            assert await game.available("ann") == [500]
            with pytest.raises(KeyReused):
                await game.close("cup", key="k1")

    run(story)


def test_j5_what_comes_late_changes_neither_the_snapshot_nor_the_prizes(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(period="month", prizes=PRIZES), "ann", "bob") as game:
            await game.post("ann", 9)
            await game.post("bob", 5)
            await game.engine.at(datetime(2026, 2, 1, tzinfo=UTC))
            assert await game.sweep() == 1
            frozen = await game.read(period="2026-01")
            assert await game.available("ann", "bob") == [500, 100]
            await game.engine.at(datetime(2026, 2, 2, tzinfo=UTC))
            await game.post("bob", 50, START + days(1), name="late")
            await game.engine.give_back("s1")
            assert await game.sweep() == 0
            assert await game.read(period="2026-01") == frozen
            assert await game.rows(period="2026-01") == [(1, "ann", 9), (2, "bob", 5)]
            assert await game.available("ann", "bob") == [500, 100]
            restated = await game.read(period="2026-01", restated=True)
            assert [(row["rank"], row["member"], row["score"]) for row in restated["items"]] == [
                (1, "bob", 55), (2, "ann", 0)
            ]  # fmt: skip
            assert (restated["closed"], restated["restated"]) == (True, True)
            # Before the close it was not closed, whoever asks today.
            then = await game.read(period="2026-01", known_at=datetime(2026, 1, 31, tzinfo=UTC))
            assert (then["closed"], then["restated"]) == (False, False)
        sound(database_url)

    run(story)


def test_the_rest_of_a_long_board_is_what_it_was_and_has_its_digest(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first rows stand in the entry; ties at the edge are kept whole."""
    monkeypatch.setattr(program_decide, "TOP", 2)

    async def story() -> None:
        names = [f"m{number}" for number in range(6)]
        async with playing(database_url, league(), *names) as game:
            for name, score in zip(names, (9, 7, 7, 7, 3, 1), strict=True):
                await game.post(name, score)
            await game.close()
            before = await game.read()
            await game.post("m5", 100)
            (event,) = await closes(game)
            assert [row.rank for row in event.top] == [1, 2, 2, 2]
            assert event.members == 6
            after = await game.read()
            assert after["items"] == before["items"]
            assert [row["rank"] for row in after["items"]] == [1, 2, 2, 2, 5, 6]
            assert [row["member"] for row in (await game.read(limit=2, cursor=3))["items"]] == ["m3", "m4"]
            assert (await game.own("m5"))["rank"] == 6
            assert (await game.own("m5", restated=True))["rank"] == 1
            results = await game.scores.results(Place(PROGRAM, "season", "", "ever"), position=event.position)
            assert digest(ranked("competition", standings(results))) == event.digest
        sound(database_url)

    run(story)


def test_each_board_of_a_field_closes_for_itself(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(by="activity.board", prizes=PRIZES), "ann", "bob") as game:
            await game.post("ann", 1, board="north")
            await game.post("bob", 2, board="south")
            await game.close("north")
            assert await game.available("ann", "bob") == [500, 0]
            assert not (await game.read("south"))["closed"]
            await game.close("season", by="south")
            assert await game.available("ann", "bob") == [500, 500]
            with pytest.raises(UnknownLeaderboard):
                await game.close("season", by="east")
            with pytest.raises(InvalidPayload):
                await game.close("season")

    run(story)


def test_a_period_must_be_named_and_have_begun(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(period="month"), "ann") as game:
            await game.post("ann", 1)
            with pytest.raises(InvalidPayload):
                await game.close()
            for period in ("2026-02", "9998-12", "soon"):
                with pytest.raises(BadTime):
                    await game.close(period=period)
            with pytest.raises(UnknownLeaderboard):
                await game.close("nothing", period="2026-01")
            early = await game.close(period="2026-01-15")
            assert early.body["period"] == "2026-01"

    run(story)


# --- by itself -----------------------------------------------------------------------------------


def test_a_period_closes_by_itself_when_it_is_over_in_the_program_s_zone(database_url: str) -> None:
    async def story() -> None:
        document = league(period="month", prizes=PRIZES) | {"time_zone": "Europe/Berlin"}
        async with playing(database_url, document, "ann") as game:
            await game.post("ann", 9)
            await game.engine.at(datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC))
            assert await game.sweep() == 0
            await game.engine.at(datetime(2026, 1, 31, 23, tzinfo=UTC))
            assert await game.sweep() == 1
            assert await game.available("ann") == [500]
            assert await game.sweep() == 0

    run(story)


def test_a_season_closes_at_its_end_and_what_has_none_stays_open(database_url: str) -> None:
    async def story() -> None:
        document = league(ends="2026-03-01T00:00:00Z")
        document["leaderboards"]["forever"] = league()["leaderboards"]["season"]
        async with playing(database_url, document, "ann") as game:
            await game.post("ann", 9)
            await game.engine.at(datetime(2026, 3, 1, tzinfo=UTC))
            assert await game.sweep() == 1
            assert [event.leaderboard for event in await closes(game)] == ["season"]

    run(story)


def test_nothing_closes_before_the_tables_have_all_that_came_in_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.leaderboard_closing.PATIENCE", 0.05)

    async def story() -> None:
        async with playing(database_url, league(period="month", prizes=PRIZES), "ann", "bob") as game:
            await game.post("ann", 9)
            await game.caught_up()
            await game.post("bob", 10)
            await game.engine.at(datetime(2026, 2, 1, tzinfo=UTC))
            assert await game.sweep(follow=False) == 0
            assert await game.sweep() == 1
            assert await game.available("ann", "bob") == [100, 500]

    run(story)


def test_prizes_are_those_of_the_rules_in_force_when_the_period_ended(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(period="month", prizes=PRIZES), "ann") as game:
            await game.post("ann", 9)
            await game.engine.at(datetime(2026, 2, 1, tzinfo=UTC))
            await game.engine.publish(league(period="month", prizes={1: 7}))
            await game.post("ann", 1)
            assert await game.sweep() == 1
            assert await game.available("ann") == [500]
            await game.engine.at(datetime(2026, 3, 1, tzinfo=UTC))
            without = league(period="month")
            del without["leaderboards"]
            await game.engine.publish(without)
            assert await game.sweep() == 1
            assert await game.available("ann") == [507]
            assert await game.rows(period="2026-02") == [(1, "ann", 1)]

    run(story)


# --- prizes --------------------------------------------------------------------------------------


def test_who_left_wins_nothing_and_nobody_moves_up(database_url: str) -> None:
    async def story() -> None:
        names = ("ann", "bob", "eve", "dan")
        async with playing(database_url, league(prizes={1: 5, 2: 4, 3: 3, 4: 2}), *names) as game:
            for number, name in enumerate(names):
                await game.post(name, 9 - number)
            await members.erase(game.handler, PROGRAM, "ann", actor="test")
            for name, status in (("bob", "closed"), ("eve", "suspended")):
                body = StatusBody(status=status, reason="test")
                await members.set_status(game.handler, PROGRAM, name, body, actor="test")
            await game.close()
            assert [(member, points) for member, points, _ in await payments(game)] == [("eve", 3), ("dan", 2)]
            (paid,) = [event for event in await _program_events(game) if isinstance(event, PrizesPaid)]
            assert (paid.paid, paid.passed_over) == (2, 2)
        sound(database_url)

    run(story)


def test_a_score_of_nothing_wins_nothing(database_url: str) -> None:
    """Bought and sent back: first on an empty board, and nothing to win."""

    async def story() -> None:
        async with playing(database_url, league(prizes=PRIZES), "ann", "bob") as game:
            await game.post("ann", 9, name="all")
            await game.engine.give_back("all")
            await game.post("bob", -1)
            done = await game.close()
            assert [one["winners"] for one in done.body["prizes"]] == [0, 0]
            assert await payments(game) == []
            assert await game.scores.unpaid(PROGRAM) == []

    run(story)


def test_a_prize_repays_debt_and_counts_for_tiers_but_on_no_board(database_url: str) -> None:
    async def story() -> None:
        document = league(prizes={1: 100})
        document["tiers"] = {"status": {"levels": [{"id": "silver", "at": 100}]}}
        document["leaderboards"]["earners"] = {"score": "points_earned"}
        async with playing(database_url, document, "ann") as game:
            await game.post("ann", 9)
            await game.engine.adjust(-30, allow_negative=True)
            await game.close()
            seen = await game.engine.read()
            assert seen["balances"]["points"]["available"] == 70
            assert seen["balances"]["points"]["debt"] == 0
            assert seen["tiers"]["status"]["level"] == "silver"
            assert await game.rows("earners") == []
        sound(database_url)

    run(story)


def test_two_processes_that_close_at_once_make_one_close_and_pay_once(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            names = [f"m{number}" for number in range(8)]
            one = await stack.enter_async_context(playing(database_url, league(prizes=PRIZES), *names))
            other = await stack.enter_async_context(playing(database_url, league(), again=True))
            for name in names:
                await one.post(name, 9)
            await one.caught_up()
            asked = asyncio.gather(*(game.close() for game in (one, other) * 4))
            await asyncio.gather(one.sweep(), other.sweep())
            bodies = [answer.body for answer in await asked]
            assert all(body == bodies[0] for body in bodies)
            assert len(await closes(one)) == 1
            assert sorted(member for member, _, _ in await payments(one)) == names
            assert await one.available(*names) == [500] * 8
        sound(database_url)

    run(story)


_DIES = """
import asyncio, os, signal, sys
from application import leaderboard_prizes
from tests.application.league import league, playing

paid = leaderboard_prizes._pay
count = 0

async def die(*args):
    global count
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    count += 1
    return await paid(*args)

leaderboard_prizes._pay = die

async def story():
    async with playing(sys.argv[1], league(), again=True) as game:
        await game.close()

asyncio.run(story())
"""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_process_killed_between_the_close_and_its_prizes_leaves_them_to_the_next(
    database_url: str, after: int
) -> None:
    async def story() -> None:
        names = ["ann", "bob", "eve", "dan"]
        async with playing(database_url, league(prizes={1: 4, 2: 3, 3: 2, 4: 1}), *names) as game:
            for number, name in enumerate(names):
                await game.post(name, 9 - number)
            await game.caught_up()
            killed = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", _DIES, database_url, str(after)], cwd=ROOT, env=os.environ
            )
            assert killed.returncode == -signal.SIGKILL
            assert len(await closes(game)) == 1
            assert len(await payments(game)) == after
            assert len(await game.scores.unpaid(PROGRAM)) == 1
            await game.sweep()
            assert [(member, points) for member, points, _ in await payments(game)] == [
                ("ann", 4), ("bob", 3), ("eve", 2), ("dan", 1)
            ]  # fmt: skip
            await game.sweep()
            assert len(await payments(game)) == 4
            assert await game.scores.unpaid(PROGRAM) == []
        sound(database_url)

    run(story)


def test_a_rulebook_published_while_a_board_closes_is_no_conflict(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(period="day"), "ann") as game:
            await game.post("ann", 1)
            await game.caught_up()
            done = await asyncio.gather(
                game.close(period="2026-01-01"), game.engine.publish(league(period="day", prizes=PRIZES))
            )
            assert [answer.status for answer in done] == [201, 201]
        sound(database_url)

    run(story)


def test_a_prize_names_the_close_that_it_was_paid_from(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(prizes=PRIZES), "ann") as game:
            await game.post("ann", 9)
            done = await game.close()
            ((_, _, cause),) = await payments(game)
            assert cause is not None
            _, _, stream, version = cause.split("/")
            (row,) = await game.handler.store.rows(UUID(stream), after=int(version) - 1, upto=int(version))
            assert row.position == done.position

    run(story)


def test_a_close_whose_rows_are_not_those_of_its_digest_is_found(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_decide, "digest", lambda _rows: "sha256:forged")

    async def story() -> None:
        async with playing(database_url, league(), "ann") as game:
            await game.post("ann", 9)
            done = await game.close()
            found = audit.verify(readers(database_url), PROGRAM)
            assert (found["different"], found["first"]["position"]) == (1, done.position)
            assert "digest" in found["first"]["detail"]

    run(story)
