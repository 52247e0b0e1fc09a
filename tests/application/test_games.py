"""Streaks and badges over PostgreSQL: what a member reads, why, and what analysts see."""

from datetime import datetime
from typing import Any

from application import activities, explanations, games, history
from application.activities import SimulateBody
from application.audit import verify
from application.follow import Projector, Runner
from application.replay import replay
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import PROGRAM, SHOP, START, Engine, Json, days, opened, run
from tests.audit.test_verify import here

GAMES: Json = SHOP | {
    "rules": [],
    "tiers": {},
    "streaks": {"daily": {"on": "purchase", "awards": [{"every": 1, "points": 5}, {"at": 3, "points": 30}]}},
    "badges": {
        "regular": {"on": "purchase", "when": "history.streak('daily') >= 3", "points": 100},
        "spender": {"measure": "spend", "at": 5000, "per": "month", "window": "month", "reversal": "revoke"},
    },
}


async def three_days(engine: Engine) -> Json:
    """Purchases of 20.00 on three days in a row; the answer to the last."""
    await engine.enrol()
    for number in range(2):
        await engine.at(START + days(number))
        await engine.buy(2000, name=f"p{number}")
    await engine.at(START + days(2))
    return (await engine.buy(2000, name="p2")).body


def test_the_answer_the_read_and_the_history_tell_of_streaks_and_badges(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, GAMES) as engine:
            last = await three_days(engine)
            assert [one["kind"] for one in last["effects"]] == ["streak_moved", "badge_granted", "badge_granted"]
            assert [(one["rule"], one["granted"]) for one in last["awards"]] == [
                ("streak:daily", 5),
                ("streak:daily", 30),
                ("badge:regular", 100),
            ]
            member = await engine.read()
            third = (START + days(2)).date()
            assert member["streaks"] == {
                "daily": {"current": 3, "longest": 3, "previous": 0, "since": START.date(), "last": third}
            }
            assert {name: one["count"] for name, one in member["badges"].items()} == {"regular": 1, "spender": 1}
            told = [one["text"] for one in (await history.history(engine.handler, PROGRAM, "ann"))["items"]]
            assert "daily: 3 in a row (ticked), 3 at most" in told
            assert "Badge regular" in told
            assert "Badge spender of 2026-01" in told

    run(story)


def test_a_broken_run_reads_as_the_previous_one_at_once_and_nothing_is_written(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, GAMES) as engine:
            await three_days(engine)
            await engine.at(START + days(3))
            assert (await engine.read())["streaks"]["daily"]["current"] == 3, "today may still count"
            await engine.at(START + days(4))
            assert await engine.sweep() == 0
            broken = (await engine.read())["streaks"]["daily"]
            assert (broken["current"], broken["longest"], broken["previous"]) == (0, 3, 3)
            then = (await engine.read(as_of=START + days(1.5)))["streaks"]["daily"]
            assert (then["current"], then["longest"], then["previous"]) == (2, 2, 0)

    run(story)


def test_an_explanation_says_why_a_streak_moved_and_why_a_badge_did_not_come(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, GAMES) as engine:
            await three_days(engine)
            second = await activities.find(engine.handler, PROGRAM, "shop", "p1")
            why = await explanations.explain(engine.handler, PROGRAM, second["ref"])
            (streak,) = why["streaks"]
            assert (streak["ticked"], streak["current"], streak["reason"]) == (True, 2, "ticked")
            regular, spender = why["badges"]
            assert (regular["granted"], regular["note"]) == (False, "not reached")
            assert [(one["text"], one["value"]) for one in regular["clauses"]][:2] == [
                ("history.streak('daily') >= 3", False),
                ("history.streak('daily')", 2),
            ]
            assert (spender["granted"], spender["value"], spender["at"], spender["note"]) == (
                False, 4000, 5000, "not reached",
            )  # fmt: skip
            again = SimulateBody(
                id="x", source="shop", type="purchase", member="ann",
                occurred_at=await engine.clock.now(PROGRAM), data={"amount_minor": 1},
            )  # fmt: skip
            tried = (await activities.simulate(engine.handler, PROGRAM, again))["explanation"]
            assert tried["streaks"][0]["note"] == "this day had counted already"
            assert [one["note"] for one in tried["badges"]] == ["held already", "held already"]

    run(story)


def test_a_return_takes_back_and_the_badges_of_a_member_say_so(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, GAMES) as engine:
            await three_days(engine)
            back = (await engine.give_back("p2")).body
            assert [one["kind"] for one in back["effects"]] == ["streak_moved", "badge_revoked"]
            assert sum(one["wanted"] for one in back["clawed_back"]) == 135
            assert await engine.available() == 10
            listed = (await games.badges(engine.handler, PROGRAM, "ann"))["items"]
            assert [(one["badge"], one["period"], one["state"]) for one in listed] == [
                ("regular", "ever", "held"),
                ("spender", "2026-01", "revoked"),
            ]
            assert verify(readers(database_url), PROGRAM, executor=here())["different"] == 0

    run(story)


def test_tables_list_streaks_and_badges_and_are_the_same_when_made_again(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, GAMES) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            await three_days(engine)
            await engine.give_back("p1")
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            streak = "SELECT streak, current, longest, previous, first_period::text FROM analytics.streaks"
            badges = "SELECT badge, period, granted_at, revoked_at IS NULL FROM analytics.badges ORDER BY badge"
            assert asked(database_url, streak) == [("daily", 1, 1, 1, "2026-01-03")]
            at: datetime = START + days(2)
            assert asked(database_url, badges) == [
                ("regular", "ever", at, True),
                ("spender", "2026-01", at, False),
            ]
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental

    run(story)


def asked(url: str, query: Any) -> list[tuple[Any, ...]]:
    with connect(url) as connection:
        return connection.execute(query).fetchall()
