"""Who looked at members and who administered is noted, without saying who the members are."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import pytest
from litestar import Litestar

from api.http import shapes
from api.http.app import HANDLERS, create_app
from api.http.route import Route
from api.wiring import Wired
from application.access import CLI, Looks
from application.samples import COFFEE
from tests.http.conftest import Json, Someone, purchase, settings_for, with_scopes

pytestmark = pytest.mark.anyio

DAY = "2026-11-21T10:00:00+01:00"


async def _noted(admin: Someone, query: str = "") -> list[Json]:
    """Rows, the newest first, without what the test itself asks for."""
    answer = (await admin.get(f"/v1/audit/access?limit=1000{query}")).json()
    msgspec.convert(answer, shapes.AccessList)
    return [one for one in answer["items"] if one["what"] != "GET /v1/audit/access"]


async def _stream(admin: Someone, member: str = "ann") -> str:
    entries = (await admin.get(f"/v1/audit/members/{member}")).json()["entries"]
    stream: str = entries[0]["entry"]["stream"].rpartition("/")[2]
    return stream


async def test_an_auditors_read_of_a_member_is_noted_and_a_clients_is_not(shop: Someone) -> None:
    auditor, client = await with_scopes(shop, "auditor"), await with_scopes(shop, "client")
    stream = await _stream(shop)
    await client.get("/v1/members/ann")
    await client.get("/v1/members/ann/history")
    read = await auditor.get("/v1/members/ann", headers={"x-request-id": "r-1"})
    assert read.status_code == 200
    (row,) = [one for one in await _noted(shop, "&member=ann") if one["what"] == "GET /v1/members/{member}"]
    assert row["request"] == "r-1"
    assert (row["kind"], row["stream"]) == ("read", stream)
    assert {one["what"] for one in await _noted(shop, f"&actor={row['actor']}")} == {"GET /v1/members/{member}"}
    assert await _noted(shop, "&actor=key:key_nobody") == []


async def test_what_was_refused_or_not_found_was_not_seen(shop: Someone) -> None:
    auditor = await with_scopes(shop, "auditor")
    before = await _noted(shop)
    assert (await auditor.get("/v1/members/nobody")).status_code == 404
    assert (await auditor.ask("DELETE", "/v1/members/ann")).status_code == 403
    assert await _noted(shop) == before


async def _paths(shop: Someone) -> dict[str, str]:
    """Every route that reads one member, with how it is asked here."""
    ref = (await shop.post("/v1/activities", purchase())).json()["ref"]
    redeemed = await shop.post("/v1/redemptions", {"id": "r1", "member": "ann", "currency": "points", "points": 100})
    assert redeemed.status_code == 201
    return {
        "/v1/members/{member:str}": "/v1/members/ann",
        "/v1/members/{member:str}/history": "/v1/members/ann/history",
        "/v1/members/{member:str}/lots": "/v1/members/ann/lots",
        "/v1/members/{member:str}/statement": "/v1/members/ann/statement",
        "/v1/members/{member:str}/expiring": "/v1/members/ann/expiring",
        "/v1/members/{member:str}/badges": "/v1/members/ann/badges",
        "/v1/members/{member:str}/referrals": "/v1/members/ann/referrals",
        "/v1/members/{member:str}/export": "/v1/members/ann/export",
        "/v1/members/{member:str}/offers": "/v1/members/ann/offers",
        "/v1/audit/members/{member:str}": "/v1/audit/members/ann",
        "/v1/activities/{ref:str}": f"/v1/activities/{ref}",
        "/v1/activities/{ref:str}/explanation": f"/v1/activities/{ref}/explanation",
        "/v1/activities": "/v1/activities?source=shop&id=order-1",
        "/v1/redemptions/{redemption:str}": "/v1/redemptions/r1",
        "/v1/offers": "/v1/offers?member=ann",
    }


async def test_every_route_that_reads_a_member_is_noted_by_the_members_stream(shop: Someone) -> None:
    auditor, stream = await with_scopes(shop, "auditor"), await _stream(shop)
    paths = await _paths(shop)
    for template, path in paths.items():
        assert (await auditor.get(path, headers={"x-request-id": "t"})).status_code == 200, path
        what = f"GET {template.replace(':str', '')}"
        rows = [one for one in await _noted(shop) if one["request"] == "t" and one["what"] == what]
        assert [one["stream"] for one in rows] == [stream], path
    told = (await auditor.post("/v1/members/lookup", {"email": "ann@example.org"})).status_code
    assert told == 200
    assert (await _noted(shop))[0]["what"] == "POST /v1/members/lookup"


async def test_every_route_with_a_member_in_its_address_is_one_of_them_or_says_that_it_shows_many(
    shop: Someone,
) -> None:
    """A new route cannot be forgotten: it is asked above, proves (and reads what it proves), or is declared `many`."""
    asked = await _paths(shop)
    left = {
        path
        for handler in HANDLERS
        for path in handler.paths
        if isinstance(handler.opt.get("route"), Route) and "GET" in handler.http_methods
        if "{member" in path and path not in asked and not handler.opt["route"].many
    }
    assert left == {"/v1/audit/members/{member:str}/bundle"}


async def test_reads_that_list_members_are_noted_without_one(shop: Someone) -> None:
    auditor = await with_scopes(shop, "auditor")
    await auditor.get("/v1/log")
    row = (await _noted(shop))[0]
    assert (row["what"], row["member"], row["stream"]) == ("GET /v1/log", None, None)


async def test_who_asks_who_looked_is_noted_too(shop: Someone) -> None:
    await shop.get("/v1/audit/access")
    items = (await shop.get("/v1/audit/access")).json()["items"]
    assert items[0]["what"] == "GET /v1/audit/access"


async def test_administrative_acts_are_noted_with_what_they_are_about(shop: Someone) -> None:
    made = (await shop.post("/v1/keys", {"scopes": ["client"], "name": "pos"})).json()
    await shop.ask("DELETE", f"/v1/keys/{made['id']}")
    await shop.ask("DELETE", f"/v1/keys/{made['id']}")
    hook = (await shop.post("/v1/webhooks", {"url": "https://example.org/hook"})).json()
    await shop.ask("PATCH", f"/v1/webhooks/{hook['id']}", content=b'{"ordered": true}')
    await shop.post(f"/v1/webhooks/{hook['id']}/rotate")
    await shop.ask("DELETE", f"/v1/webhooks/{hook['id']}")
    await shop.post("/v1/programs", {"id": "second", "sandbox": True, "time_zone": "UTC"})
    stream = await _stream(shop)
    await shop.ask("DELETE", "/v1/members/ann", headers={"x-request-id": "gone"})
    acts = [one for one in await _noted(shop) if one["kind"] == "act"]
    assert [(one["what"], one["about"]) for one in reversed(acts)] == [
        ("programs.create", None),
        ("keys.create", acts[-2]["about"]),
        ("rulebooks.publish", "1"),
        ("keys.create", made["id"]),
        ("keys.revoke", made["id"]),
        ("webhooks.create", hook["id"]),
        ("webhooks.change", hook["id"]),
        ("webhooks.rotate", hook["id"]),
        ("webhooks.delete", hook["id"]),
        ("members.erase", None),
    ]
    assert (acts[0]["stream"], acts[0]["request"], acts[0]["member"]) == (stream, "gone", None)
    assert acts[0]["actor"].startswith("key:key_")
    assert [one["what"] for one in await _noted(shop, f"&member={stream}") if one["kind"] == "act"] == ["members.erase"]


async def test_an_approval_is_noted_with_its_correction(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    draft = (await shop.post("/v1/rulebooks", {"document": COFFEE})).json()["draft"]
    proposed = (await shop.post("/v1/corrections", {"rulebook": draft, "from": "2026-01-01T00:00:00Z"})).json()
    (act, *_) = [one for one in await _noted(shop) if one["kind"] == "act"]
    assert (act["what"], act["about"]) == ("corrections.propose", proposed["correction"])


async def test_acts_of_another_program_are_its_own(shop: Someone, stranger: Someone) -> None:
    await stranger.post("/v1/keys", {"scopes": ["client"], "name": "pos"})
    (theirs, *_) = await _noted(stranger)
    assert theirs["what"] == "keys.create"
    assert theirs["actor"] not in {one["actor"] for one in await _noted(shop)}


async def test_an_act_that_fails_leaves_no_note_and_a_note_that_fails_no_act(app: Litestar, shop: Someone) -> None:
    wired: Wired = app.state.wired
    async with wired.pool.connection() as connection:
        await connection.execute("ALTER TABLE access_log ADD CONSTRAINT none CHECK (kind <> 'act') NOT VALID")
    head = await wired.positions.head()
    for ask in (
        shop.ask("DELETE", "/v1/members/ann"),
        shop.post("/v1/keys", {"scopes": ["client"], "name": "unnoted"}),
        shop.post("/v1/webhooks", {"url": "https://example.org/hook"}),
    ):
        with pytest.raises(AssertionError, match="500"):
            await ask
    assert await wired.positions.head() == head
    assert (await shop.get("/v1/members/ann")).status_code == 200
    assert all(one["name"] != "unnoted" for one in (await shop.get("/v1/keys")).json()["items"])
    assert (await shop.get("/v1/webhooks")).json()["items"] == []


async def test_it_says_nothing_personal(app: Litestar, shop: Someone) -> None:
    await shop.get("/v1/members/ann")
    await shop.post("/v1/members/lookup", {"email": "ann@example.org"})
    await shop.ask("DELETE", "/v1/members/ann")
    wired: Wired = app.state.wired
    await wired.access.flush()
    async with wired.pool.connection() as connection:
        rows = await (await connection.execute("SELECT a::text FROM access_log a")).fetchall()
    assert rows
    assert not any("ann" in row for (row,) in rows)


async def test_pages_follow_each_other(shop: Someone) -> None:
    for number in range(3):
        await shop.post("/v1/keys", {"scopes": ["client"], "name": f"k{number}"})
    whole = (await shop.get("/v1/audit/access?limit=1000")).json()["items"]
    first = (await shop.get("/v1/audit/access?limit=2")).json()
    second = (await shop.get(f"/v1/audit/access?limit=2&cursor={first['next_cursor']}")).json()
    assert second["items"] == whole[1:3]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert (await shop.get(f"/v1/audit/access?after={later}")).json()["items"] == []


async def test_the_table_only_grows_until_rows_are_old(app: Litestar, shop: Someone, database_url: str) -> None:
    wired: Wired = app.state.wired
    async with wired.pool.connection() as connection:
        for tampering in ("UPDATE access_log SET actor = 'nobody'", "DELETE FROM access_log", "TRUNCATE access_log"):
            with pytest.raises(psycopg.errors.RaiseException, match="only grows"):
                await connection.execute(tampering)
        await connection.execute(
            "INSERT INTO access_log (program, at, kind, actor, what)"
            " VALUES ('main', now() - interval '731 days', 'read', 'x', 'old'),"
            " ('main', now() - interval '729 days', 'read', 'x', 'young')"
        )
    assert await wired.access.prune() == 1
    assert [one["what"] for one in await _noted(shop, "&actor=x")] == ["young"]


async def test_what_waits_is_written_before_a_server_ends(database_url: str, app: Litestar, shop: Someone) -> None:
    other = create_app(settings_for(database_url))
    async with other.lifespan():
        wired: Wired = other.state.wired
        wired.access.looked(Looks("main", CLI, "last", many=True))
    assert (await _noted(shop, "&actor=cli"))[0]["what"] == "last"


async def test_looks_that_the_database_could_not_take_are_written_later(app: Litestar, shop: Someone) -> None:
    wired: Wired = app.state.wired
    await shop.get("/v1/members/ann")
    async with wired.pool.connection() as connection:
        await connection.execute("ALTER TABLE access_log RENAME TO away")
        await wired.access.flush()
        await connection.execute("ALTER TABLE away RENAME TO access_log")
    assert [one["what"] for one in await _noted(shop, "&member=ann")][:1] == ["GET /v1/members/{member}"]


async def test_requests_at_once_do_not_see_each_others_members(shop: Someone) -> None:
    auditor = await with_scopes(shop, "auditor")
    names = [f"m{number}" for number in range(20)]
    for name in names:
        await shop.post("/v1/members", {"id": name})
    await asyncio.gather(*(auditor.get(f"/v1/members/{name}", headers={"x-request-id": name}) for name in names))
    streams = {name: await _stream(shop, name) for name in names}
    rows = [one for one in await _noted(shop) if one["request"] in streams]
    assert {one["request"]: one["stream"] for one in rows} == streams
    assert len(rows) == len(names)
