"""Leaderboards over HTTP: addresses, scopes, hostile input, and the clock that closes them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from api.http import shapes
from application.follow import Projector, Runner
from tests.http.conftest import Json, Someone, with_scopes

pytestmark = pytest.mark.anyio

RULES: Json = {
    "time_zone": "Europe/Berlin",
    "currencies": {"points": {}},
    "activities": {
        "score.posted": {
            "data": {
                "type": "object",
                "properties": {"points": {"type": "integer"}, "board": {"type": "string"}},
            }
        }
    },
    "leaderboards": {
        "monthly": {
            "score": "activity.points",
            "on": ["score.posted"],
            "period": "month",
            "prizes": [{"rank": 1, "currency": "points", "points": 500}],
        },
        "league": {"score": "activity.points", "by": "activity.board", "ties": "dense"},
    },
}


@pytest.fixture
async def game(app: Litestar, admin: Someone) -> AsyncIterator[Someone]:
    """The admin of a program with leaderboards, whose tables follow the log as in a running server."""
    wired = app.state.wired
    await wired.tables.ensure()
    following = asyncio.create_task(Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).run())
    draft = (await admin.post("/v1/rulebooks", {"document": RULES})).json()
    assert draft["findings"] == []
    assert (await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})).status_code == 201
    assert (await admin.post("/v1/clock", {"now": "2026-11-01T12:00:00Z"})).status_code == 200
    for member in ("ann", "bob"):
        enrolled = {"id": member, "enrolled_at": "2026-11-01T00:00:00Z", "profile": {"name": member.title()}}
        assert (await admin.post("/v1/members", enrolled)).status_code == 201
    yield admin
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def post(someone: Someone, name: str, member: str, points: int, **more: Any) -> int:
    """Post a score; its position."""
    body = {
        "id": name,
        "source": "games",
        "type": "score.posted",
        "member": member,
        "occurred_at": more.pop("at", "2026-11-01T10:00:00Z"),
        "data": {"points": points, "board": "north", **more},
    }
    answer = await someone.post("/v1/activities", body)
    assert answer.status_code == 201, answer.text
    position: int = answer.json()["position"]
    return position


async def test_a_score_is_an_effect_and_is_read_back_at_its_position(game: Someone) -> None:
    body = {
        "id": "s1", "source": "games", "type": "score.posted", "member": "ann", "occurred_at": "2026-11-01T10:00:00Z",
        "data": {"points": 7, "board": "north"},
    }  # fmt: skip
    answer = (await game.post("/v1/activities", body)).json()
    assert [(e["kind"], e["leaderboard"], e["board"], e["score"]) for e in answer["effects"]] == [
        ("scored", "league", "north", 7), ("scored", "monthly", "", 7)
    ]  # fmt: skip
    await post(game, "s2", "bob", 5)
    last = await post(game, "s3", "bob", 5)
    found = await game.get("/v1/leaderboards/monthly", params={"at_least": last})
    board = msgspec.convert(found.json(), shapes.Board)
    assert [(row.rank, row.member, row.name, row.score) for row in board.items] == [
        (1, "bob", "Bob", 10), (2, "ann", "Ann", 7)
    ]  # fmt: skip
    assert (board.leaderboard, board.period, board.ties, board.closed) == ("monthly", "2026-11", "competition", False)
    for address in ("/v1/leaderboards/north", "/v1/leaderboards/league?by=north"):
        assert [row["member"] for row in (await game.get(address)).json()["items"]] == ["bob", "ann"]
    mine = msgspec.convert((await game.get("/v1/leaderboards/north/members/ann?neighbours=1")).json(), shapes.OwnPlace)
    assert (mine.rank, [row.member for row in mine.above], mine.below) == (2, ["bob"], [])
    boards = (await game.get("/v1/leaderboards")).json()["items"]
    assert [(one["leaderboard"], one["boards"]) for one in boards] == [("league", ["north"]), ("monthly", [""])]


async def test_the_clock_closes_what_is_over_and_pays_it(game: Someone) -> None:
    await post(game, "s1", "ann", 7)
    await post(game, "s2", "bob", 5)
    moved = await game.post("/v1/clock", {"now": "2026-12-01T00:00:00+01:00"})
    november = "/v1/leaderboards/monthly?period=2026-11"
    board = (await game.get(f"{november}&at_least={moved.json()['position']}")).json()
    assert board["closed"], board
    assert (await game.get("/v1/members/ann")).json()["balances"]["points"]["available"] == 500
    await post(game, "late", "bob", 50, at="2026-11-30T10:00:00Z")
    last = await post(game, "new", "bob", 1, at="2026-11-30T23:00:00Z")
    assert (await game.get(f"{november}&at_least={last}")).json()["items"] == board["items"]
    restated = (await game.get(f"{november}&restated=true")).json()
    assert [(row["member"], row["score"]) for row in restated["items"]] == [("bob", 55), ("ann", 7)]
    assert (await game.get("/v1/leaderboards/monthly")).json()["items"][0]["score"] == 1
    log = (await game.get("/v1/log?limit=1000")).json()["items"]
    kinds = [event["event"] for entry in log for event in entry["events"]]
    assert (kinds.count("LeaderboardClosed"), kinds.count("PrizesPaid")) == (1, 1)


async def test_closing_by_hand_is_an_operator_s_and_answers_the_same_again(game: Someone) -> None:
    await post(game, "s1", "ann", 7)
    closed = await game.post("/v1/leaderboards/league/close", {"by": "north"})
    assert closed.status_code == 201, closed.text
    assert msgspec.convert(closed.json(), shapes.BoardClosed).board == "north"
    again = await game.post("/v1/leaderboards/north/close", {"period": "ever"})
    assert (again.status_code, again.json()) == (200, closed.json())
    assert again.headers["idempotent-replayed"] == "true"
    client = await with_scopes(game, "client")
    assert (await client.post("/v1/leaderboards/north/close", {})).status_code == 403
    assert (await client.get("/v1/leaderboards/north")).status_code == 200
    analyst = await with_scopes(game, "analyst")
    assert (await analyst.get("/v1/leaderboards/north")).status_code == 403


async def test_another_program_s_boards_do_not_exist(game: Someone, stranger: Someone) -> None:
    await post(game, "s1", "ann", 7)
    assert (await game.get("/v1/leaderboards/monthly")).status_code == 200
    for path in ("monthly", "north", "monthly/members/ann"):
        assert (await stranger.get(f"/v1/leaderboards/{path}")).status_code == 404
    assert (await stranger.get("/v1/leaderboards")).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/leaderboards/nothing", 404, "unknown-leaderboard"),
        ("/v1/leaderboards/league?by=nothing", 404, "unknown-leaderboard"),
        ("/v1/leaderboards/monthly?by=north", 404, "unknown-leaderboard"),
        ("/v1/leaderboards/league", 422, "invalid-payload"),
        ("/v1/leaderboards/%00", 422, "bad-id"),
        ("/v1/leaderboards/league?by=%00", 422, "bad-id"),
        ("/v1/leaderboards/a%20b", 422, "bad-id"),
        ("/v1/leaderboards/monthly?period=2026-13", 422, "bad-time"),
        ("/v1/leaderboards/monthly?period=ever", 422, "bad-time"),
        ("/v1/leaderboards/monthly?period=%E2%80%AE", 422, "bad-time"),
        ("/v1/leaderboards/monthly?as_of=yesterday", 422, "bad-time"),
        ("/v1/leaderboards/monthly?as_of=2199-01-01T00:00:00Z", 422, "bad-time"),
        ("/v1/leaderboards/monthly?known_at=2026-10-01T00:00:00Z&as_of=2026-11-01T00:00:00Z", 422, "bad-time"),
        ("/v1/leaderboards/monthly?limit=0", 422, "invalid-payload"),
        ("/v1/leaderboards/monthly?limit=1001", 422, "invalid-payload"),
        ("/v1/leaderboards/monthly?cursor=-1", 422, "invalid-payload"),
        ("/v1/leaderboards/monthly?restated=maybe", 422, "invalid-payload"),
        ("/v1/leaderboards/monthly/members/nobody", 404, "unknown-member"),
        ("/v1/leaderboards/monthly/members/ann?neighbours=101", 422, "invalid-payload"),
        ("/v1/leaderboards/monthly/members/ann?neighbours=x", 422, "invalid-payload"),
    ],
)
async def test_a_read_that_makes_no_sense_is_refused_by_its_name(
    game: Someone, path: str, status: int, code: str
) -> None:
    answer = await game.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.mark.parametrize("cursor", ["100", "999999999999999999"])
async def test_past_the_last_page_is_an_empty_one(game: Someone, cursor: str) -> None:
    found = (await game.get(f"/v1/leaderboards/monthly?cursor={cursor}")).json()
    assert (found["items"], found["next_cursor"]) == ([], None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid-payload"),
        ({"period": "soon"}, 422, "bad-time"),
        ({"period": "2027-01"}, 422, "bad-time"),
        ({"period": "9998-12"}, 422, "bad-time"),
        ({"period": 2026}, 422, "invalid-payload"),
        ({"period": "2026-11", "by": "north"}, 404, "unknown-leaderboard"),
        ({"period": "2026-11", "by": "\u0000"}, 400, "malformed-json"),
        ({"period": "2026-11", "by": ""}, 404, "unknown-leaderboard"),
        ({"periods": "2026-11"}, 400, "unknown-field"),
        (b"{", 400, "malformed-json"),
    ],
)
async def test_a_close_that_makes_no_sense_is_refused_by_its_name(
    game: Someone, body: Any, status: int, code: str
) -> None:
    answer = await game.post("/v1/leaderboards/monthly/close", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_close_waits_for_tables_that_are_behind_and_then_says_so(
    app: Litestar, admin: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.leaderboard_closing.PATIENCE", 0.05)
    await app.state.wired.tables.ensure()
    draft = (await admin.post("/v1/rulebooks", {"document": RULES})).json()
    await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    answer = await admin.post("/v1/leaderboards/monthly/close", {"period": "2026-11"})
    assert (answer.status_code, answer.json()["code"]) == (503, "behind")
