"""Late activities over the real store: cold rows, chains, tables, sentences, previews and audits of all of it."""

import asyncio
import random
from datetime import datetime, timedelta

from application import activities, history
from application.activities import SimulateBody
from application.audit import verify
from application.explanations import explain
from application.follow import Projector, Runner
from application.replay import replay
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import PROGRAM, SHOP, START, Engine, Json, opened, run

BOOK: Json = {
    **SHOP,
    "currencies": {"points": {}},
    "rules": [
        {
            "id": "base",
            "on": "purchase",
            "award": {"currency": "points", "per": {"step": 100, "points": 1}},
            "cap": [{"points": 150, "per": "member", "period": "month"}],
        },
        {
            "id": "welcome",
            "on": "purchase",
            "phase": "add",
            "when": "history.count('purchase', 'ever') == 0",
            "award": {"currency": "points", "points": 40},
        },
    ],
    "late": {"mode": "restate"},
}


def sound(url: str) -> None:
    found = verify(readers(url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


def day(number: int) -> datetime:
    return START + timedelta(days=number)


async def bought(engine: Engine, amount: int, at: datetime, name: str) -> Json:
    return (await engine.buy(amount, at=at, name=name)).body


def body(amount: int, at: datetime, name: str) -> SimulateBody:
    return SimulateBody(
        id=name, source="shop", type="purchase", member="ann", occurred_at=at, data={"amount_minor": amount}
    )


def test_a_preview_shows_what_a_late_activity_would_change(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine:
            await engine.enrol()
            await engine.at(day(10))
            later = await bought(engine, 1_000, day(9), "later")
            shown = await activities.simulate(engine.handler, PROGRAM, body(500, day(5), "earlier"))
            assert (await engine.read())["balances"]["points"]["available"] == 50
            told = await bought(engine, 500, day(5), "earlier")
            assert [shown[name] for name in ("awards", "effects", "member")] == [
                told[name] for name in ("awards", "effects", "member")
            ]
            assert [(award["rule"], award["granted"]) for award in told["awards"]] == [("base", 5), ("welcome", 40)]
            assert told["effects"] == [
                {"kind": "restated", "activity": later["ref"]},
                {
                    "kind": "award_restated",
                    "rule": "welcome",
                    "currency": "points",
                    "points": -40,
                    "activity": later["ref"],
                },
            ]
            assert told["member"]["balances"]["points"]["available"] == 55

    run(story)
    sound(database_url)


def test_an_explanation_looks_at_the_member_as_it_was_in_the_place_of_the_late_activity(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine:
            await engine.enrol()
            await engine.at(day(10))
            later = await bought(engine, 1_000, day(9), "later")
            told = await bought(engine, 500, day(5), "earlier")
            why = await explain(engine.handler, PROGRAM, told["ref"])
            (rule,) = [one for one in why["rules"] if one["rule"] == "welcome"]
            assert (rule["matched"], rule["granted"]) == (True, 40)
            assert why["read"]["history.count('purchase', 'ever')"] == 0
            other = await explain(engine.handler, PROGRAM, later["ref"])
            assert [(one["rule"], one["points"], one["cause"]) for one in other["restated"]] == [
                ("welcome", -40, told["ref"])
            ]

    run(story)


def test_sentences_and_lots_say_what_was_learned_late(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine:
            await engine.enrol()
            await engine.at(day(10))
            await bought(engine, 1_000, day(9), "later")
            await bought(engine, 500, day(5), "earlier")
            found = await history.history(engine.handler, PROGRAM, "ann")
            told = [item["text"] for item in found["items"] if item["kind"] in ("restated", "clawed_back")]
            assert told == [
                "What happened on 2026-01-10 was decided again",
                "40 points of welcome on 2026-01-10, after what was learned late, taken back",
            ]
            assert [item["balance_after"] for item in found["items"]][-1] == 55
            # As of the sixth day, as it is known now and as it was known then.
            assert (await engine.read(as_of=day(6)))["balances"]["points"]["available"] == 45
            assert (await engine.read(as_of=day(9)))["balances"]["points"]["available"] == 55
            assert (await engine.read(as_of=day(9), known_at=day(10)))["balances"]["points"]["available"] == 50

    run(story)


def test_what_lies_in_cold_rows_is_restated_too(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine:
            await engine.enrol()
            for number in (5, 10):
                await engine.at(day(number))
                await bought(engine, 10_000, day(number), f"p{number}")
            await engine.at(day(300))
            await bought(engine, 100, day(300), "now")
            told = await bought(engine, 8_000, day(1), "late")
            # January: 80 for the late one, 70 for the first of the others, nothing for the second; and the welcome.
            assert told["member"]["balances"]["points"]["available"] == 150 + 40 + 1

    run(story)
    sound(database_url)


def test_activities_that_arrive_at_once_in_any_order_end_alike_and_so_do_the_tables(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            await engine.enrol()
            await engine.at(day(60))
            numbers = list(range(30))
            random.Random(7).shuffle(numbers)
            await asyncio.gather(*(bought(engine, 700 + number, day(number), f"p{number:02}") for number in numbers))
            # All of January's 150, and the welcome of the first.
            assert (await engine.read())["balances"]["points"]["available"] == 150 + 40
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            with connect(database_url) as connection:
                left = connection.execute("SELECT sum(remaining) FROM analytics.lots").fetchone()
                assert left == (190,)
                spent = connection.execute(
                    "SELECT sum(points) FROM analytics.movements WHERE account = 'member' AND effective_at < %s",
                    (day(2),),
                ).fetchone()
                # What belongs to the first two days stands there, whenever it was learned.
                assert spent == (40 + 7 + 7,)
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental

    run(story)
    sound(database_url)
