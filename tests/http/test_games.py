"""Streaks, badges and referrals over HTTP: shapes, statuses and who may."""

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, with_scopes

pytestmark = pytest.mark.anyio

RULES: Json = {
    "currencies": {"points": {}},
    "activities": {"login": {}},
    "streaks": {"daily": {"on": "login", "awards": [{"every": 1, "points": 5}]}},
    "badges": {"first": {"on": "login", "when": "history.count('login', 'ever') >= 1"}},
    "referrals": {"friends": {"trigger": "first:login", "owner": {"points": 20}, "friend": {"points": 10}}},
}


@pytest.fixture
async def game(admin: Someone) -> Someone:
    """The admin of a program with games, and its member ann."""
    draft = (await admin.post("/v1/rulebooks", {"document": RULES})).json()
    assert draft["findings"] == []
    assert (await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})).status_code == 201
    assert (await admin.post("/v1/clock", {"now": "2026-11-01T12:00:00Z"})).status_code == 200
    assert (await admin.post("/v1/members", {"id": "ann"})).status_code == 201
    return admin


async def login(someone: Someone, member: str, name: str) -> Json:
    body = {
        "id": name, "source": "app", "type": "login", "member": member, "occurred_at": "2026-11-01T12:00:00Z",
    }  # fmt: skip
    done = await someone.post("/v1/activities", body)
    assert done.status_code == 201, done.text
    answer: Json = done.json()
    return answer


async def test_streaks_and_badges_have_the_documented_shapes(game: Someone) -> None:
    answer = await login(game, "ann", "l1")
    assert [one["kind"] for one in answer["effects"]] == ["streak_moved", "badge_granted"]
    member = (await game.get("/v1/members/ann")).json()
    msgspec.convert(member, shapes.Member)
    assert member["streaks"]["daily"] == {
        "current": 1, "longest": 1, "previous": 0, "since": "2026-11-01", "last": "2026-11-01",
    }  # fmt: skip
    assert member["badges"]["first"]["count"] == 1
    listed = (await game.get("/v1/members/ann/badges")).json()
    assert [(one["badge"], one["state"], one["activity"]) for one in listed["items"]] == [
        ("first", "held", answer["ref"])
    ]
    why = (await game.get(f"/v1/activities/{answer['ref']}/explanation")).json()
    msgspec.convert(why, shapes.Explanation)
    assert [one["streak"] for one in why["streaks"]] == ["daily"]


async def test_a_code_brings_a_friend(game: Someone) -> None:
    issued = await game.post("/v1/members/ann/referral-codes")
    assert issued.status_code == 201, issued.text
    msgspec.convert(issued.json(), shapes.ReferralCode)
    again = await game.post("/v1/members/ann/referral-codes")
    assert (again.status_code, again.json()) == (200, issued.json())
    code = issued.json()["code"]
    joined = await game.post("/v1/members", {"id": "bob", "referral_code": code})
    assert joined.json()["effects"] == [{"kind": "referred", "referrals": ["friends"]}]
    await login(game, "bob", "l1")
    brought = (await game.get("/v1/members/ann/referrals")).json()
    msgspec.convert(brought, shapes.Referrals)
    assert [(one["state"], one["awards"][0]["points"]) for one in brought["items"]] == [("rewarded", 20)]
    assert (await game.get("/v1/members/bob/referrals")).json()["referred"]["conversions"] == {"friends": 1}
    assert (await game.get("/v1/members/ann")).json()["balances"]["points"]["available"] == 20


async def test_who_is_there_already_gives_the_code_later(game: Someone) -> None:
    code = (await game.post("/v1/members/ann/referral-codes")).json()["code"]
    await game.post("/v1/members", {"id": "bob"})
    done = await game.post("/v1/members/bob/referral", {"code": code})
    assert done.status_code == 201, done.text
    msgspec.convert(done.json(), shapes.Referred)
    second = await game.post("/v1/members/bob/referral", {"code": code})
    assert (second.status_code, second.json()["code"], second.json()["reasons"]) == (
        409, "not-eligible", ["already-referred"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("member", "code", "refused"),
    [
        ("ann", None, (409, "self-referral")),
        ("bob", "NOBODY", (404, "unknown-code")),
        ("bob", "é!", (404, "unknown-code")),
        ("bob", "", (404, "unknown-code")),
        ("bob", "x" * 10_000, (404, "unknown-code")),
        ("nobody", "X", (404, "unknown-member")),
    ],
)
async def test_codes_that_are_refused(game: Someone, member: str, code: str | None, refused: tuple[int, str]) -> None:
    await game.post("/v1/members", {"id": "bob"})
    own = (await game.post("/v1/members/ann/referral-codes")).json()["code"]
    answer = await game.post(f"/v1/members/{member}/referral", {"code": own if code is None else code})
    assert (answer.status_code, answer.json()["code"]) == refused
    if member == "bob":
        joins = await game.post("/v1/members", {"id": "new", "referral_code": code})
        assert (joins.status_code, joins.json()["code"]) == refused
        assert (await game.get("/v1/members/new")).status_code == 404


async def test_codes_of_another_program_do_not_exist(game: Someone, stranger: Someone) -> None:
    code = (await game.post("/v1/members/ann/referral-codes")).json()["code"]
    draft = (await stranger.post("/v1/rulebooks", {"document": RULES})).json()
    await stranger.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    joins = await stranger.post("/v1/members", {"id": "zoe", "referral_code": code})
    assert (joins.status_code, joins.json()["code"]) == (404, "unknown-code")


async def test_reading_games_needs_a_clients_key(game: Someone) -> None:
    analyst = await with_scopes(game, "analyst")
    for path in ("badges", "referrals"):
        assert (await analyst.get(f"/v1/members/ann/{path}")).status_code == 403
