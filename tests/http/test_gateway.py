"""The gateway on a real server and database: what is taken in, what it becomes, what waits, and what is refused."""

import asyncio
import copy
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from litestar import Litestar

from api.http import shapes
from api.http.gateway import office
from application.gateway.arrivals import NAME, VERSION, ArrivalsRunner
from application.gateway.builtin import BUILT_IN
from application.gateway.inbox import LEASE, RECORDED_KEPT, REFUSED_KEPT, work
from infrastructure.clock import utc_now
from infrastructure.code_misses import KEY
from tests.gateway import messages
from tests.gateway.messages import SECRET, encoded
from tests.http.conftest import Json, Someone, with_scopes

pytestmark = pytest.mark.anyio


class Gateway:
    """A source of the shop, and its sender."""

    def __init__(self, app: Litestar, shop: Someone, source: Json) -> None:
        self.wired = app.state.wired
        self.shop = shop
        self.id: str = source["id"]
        self.address: str = source["address"]

    async def send(self, body: Any, headers: dict[str, str]) -> Response:
        return await Someone(self.shop.client, None).post(self.address, encoded(body), headers=headers)

    async def stripe(self, body: Json, **more: Any) -> Json:
        answer = await self.send(body, messages.stripe(body, utc_now(), **more))
        assert answer.status_code in (200, 202), answer.text
        found: Json = answer.json()
        return found

    async def follow(self) -> int:
        """What the followers do meanwhile; how many letters were carried out."""
        await self.wired.positions.register(NAME, VERSION)
        await ArrivalsRunner(self.wired.gateway, self.wired.store, self.wired.positions, utc_now).catch_up()
        return await work(office(self.wired))

    async def inbox(self, state: str | None = None) -> list[Json]:
        query = f"?state={state}" if state else ""
        items: list[Json] = (await self.shop.get(f"/v1/gateway/inbox{query}")).json()["items"]
        return items

    async def letter(self, name: str) -> Json:
        found: Json = (await self.shop.get(f"/v1/gateway/inbox/{name}")).json()
        return found


async def opened(app: Litestar, shop: Someone, mapping: str | Json = "stripe") -> Gateway:
    made = await shop.post("/v1/gateway/sources", {"name": "till", "mapping": mapping, "secret": SECRET})
    assert made.status_code == 201, made.text
    return Gateway(app, shop, made.json())


async def _points(shop: Someone, member: str = "ann") -> int:
    found: int = (await shop.get(f"/v1/members/{member}")).json()["balances"]["points"]["available"]
    return found


def _event(name: str, order: str = "pi_1", **changed: Any) -> Json:
    body = copy.deepcopy(messages.STRIPE_PAYMENT)
    body["id"] = name
    body["data"]["object"] |= {"id": order, **changed}
    return body


# --- what is taken in --------------------------------------------------------------------------


async def test_a_payment_earns_for_whoever_has_its_address(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    told = await gateway.stripe(messages.STRIPE_PAYMENT)
    assert (told["state"], told["code"]) == ("recorded", None)
    assert await _points(shop) == 50 + 105
    letter = await gateway.letter(told["letter"])
    assert (letter["member"], letter["event"], letter["contents"]) == ("ann", "evt_1", None)
    activity = (await shop.get(f"/v1/activities/{letter['ref']}")).json()
    assert (activity["source"], activity["id"], activity["metadata"]) == ("stripe", "pi_1", {"gateway": gateway.id})
    (entry,) = [
        one for one in (await shop.get("/v1/log?limit=1000")).json()["items"] if one["position"] == letter["position"]
    ]
    assert entry["actor"] == f"gateway:{gateway.id}@1"
    assert entry["correlation"] == letter["letter"]


async def test_a_refund_takes_back_and_a_whole_one_leaves_nothing(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    await gateway.stripe(messages.STRIPE_PAYMENT)
    assert (await gateway.stripe(messages.STRIPE_REFUND))["state"] == "recorded"
    assert await _points(shop) == 50 + 105 - 25
    rest = copy.deepcopy(messages.STRIPE_REFUND)
    rest["id"] = "evt_9"
    rest["data"]["object"] |= {"id": "re_2", "amount": 8_000}
    await gateway.stripe(rest)
    assert await _points(shop) == 50


SENDERS: dict[str, tuple[Json, Any]] = {
    "shopify": (messages.SHOPIFY_ORDER, lambda body: messages.shopify(body, "orders/paid", "w-1")),
    "woocommerce": (messages.WOO_ORDER, lambda body: messages.woocommerce(body, "order.updated", "d-1")),
    "cloudevents": (messages.CLOUDEVENT, lambda body: messages.standard(body, utc_now())),
    "stripe-checkout": (messages.STRIPE_SESSION, lambda body: messages.stripe(body, utc_now())),
}


@pytest.mark.parametrize("mapping", SENDERS)
async def test_a_purchase_by_each_sender_earns_the_same(app: Litestar, shop: Someone, mapping: str) -> None:
    body, signed = SENDERS[mapping]
    gateway = await opened(app, shop, mapping)
    answer = await gateway.send(body, signed(body))
    assert answer.json()["state"] == "recorded", (answer.text, await gateway.inbox())
    assert await _points(shop) == 50 + 105


async def test_square_signs_its_address_too(app: Litestar, shop: Someone) -> None:
    url = "https://loyalty.example.org/v1/gateway/till"
    mapping = BUILT_IN["square"] | {"signature": {"scheme": "square", "url": url}}
    gateway = await opened(app, shop, mapping)
    await shop.ask("PATCH", "/v1/members/ann", json={"external_ids": {"square": "C1"}})
    headers = messages.base64(messages.SQUARE_PAYMENT, "x-square-hmacsha256-signature", before=url)
    assert (await gateway.send(messages.SQUARE_PAYMENT, headers)).json()["state"] == "recorded"
    assert await _points(shop) == 50 + 105


async def test_an_operator_adds_a_system_as_data(app: Litestar, shop: Someone) -> None:
    mapping: Json = {
        "source": "reviews",
        "signature": {"scheme": "hmac", "header": "x-sig"},
        "type": {"value": "review"},
        "id": "/uuid",
        "rules": [
            {
                "on": ["review"],
                "activity": {
                    "type": "review", "id": "/uuid", "occurred_at": "/when",
                    "member": [{"external_id": {"at": "/who", "as": "text", "prefix": "reviews:"}}],
                    "data": {"stars": {"at": "/stars", "as": "integer"}},
                },
            }
        ],
    }  # fmt: skip
    body = {"uuid": "r1", "when": "2026-11-21T10:00:00Z", "who": 7, "stars": "5"}
    tried = (await shop.post("/v1/gateway/check", {"mapping": mapping, "body": body})).json()
    assert tried["findings"] == []
    assert tried["meant"]["activity"]["data"] == {"stars": 5}
    gateway = await opened(app, shop, mapping)
    await shop.ask("PATCH", "/v1/members/ann", json={"external_ids": {"reviews": "7"}})
    assert (await gateway.send(body, messages.base64(body, "x-sig"))).json()["state"] == "recorded"


async def test_what_is_none_of_ours_is_answered_and_not_kept(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    assert (await gateway.stripe(messages.STRIPE_PAYMENT | {"type": "customer.created"}))["state"] == "ignored"
    assert await gateway.inbox() == []
    woo = await opened(app, shop, "woocommerce")
    ping = await woo.send(b"webhook_id=5", {"content-type": "application/x-www-form-urlencoded"})
    assert (ping.status_code, ping.json()["state"]) == (200, "ignored")


# --- what waits --------------------------------------------------------------------------------


async def test_what_is_nobodys_earns_once_somebody_enrols(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    told = await gateway.stripe(_event("evt_1", receipt_email="bob@example.org", customer=None))
    assert (told["state"], told["code"]) == ("waiting", "unknown-member")
    assert await gateway.follow() == 0
    await shop.post("/v1/members", {"id": "bob", "email": "Bob@Example.org", "enrolled_at": "2026-11-01T00:00:00Z"})
    assert await gateway.follow() == 1
    assert await _points(shop, "bob") == 50 + 105
    letter = await gateway.letter(told["letter"])
    assert (letter["state"], letter["member"], letter["code"]) == ("recorded", "bob", None)
    assert await gateway.follow() == 0


async def test_linking_an_identity_claims_what_waited_for_it(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    for number in range(3):
        await gateway.stripe(_event(f"evt_{number}", f"pi_{number}", receipt_email=None))
    assert len(await gateway.inbox("waiting")) == 3
    await shop.ask("PATCH", "/v1/members/ann", json={"external_ids": {"stripe": "cus_1"}})
    assert await gateway.follow() == 3
    assert await _points(shop) == 50 + 3 * 105


async def test_what_names_nobody_is_claimed_by_hand_once(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    told = await gateway.stripe(_event("evt_1", receipt_email=None, customer=None))
    assert told["state"] == "waiting"
    unknown = await shop.post(f"/v1/gateway/inbox/{told['letter']}/claim", {"member": "zoe"})
    assert unknown.json()["code"] == "unknown-member"
    assert (await gateway.letter(told["letter"]))["state"] == "waiting"
    client = await with_scopes(shop, "client")
    claimed = await client.post(f"/v1/gateway/inbox/{told['letter']}/claim", {"member": "ann"})
    assert (claimed.status_code, claimed.json()["member"]) == (200, "ann")
    assert await _points(shop) == 50 + 105
    again = await client.post(f"/v1/gateway/inbox/{told['letter']}/claim", {"member": "ann"})
    assert (again.status_code, again.json()["code"]) == (409, "letter-closed")


async def test_a_refund_that_comes_before_its_payment_waits_for_it(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    told = await gateway.stripe(messages.STRIPE_REFUND)
    assert (told["state"], told["code"]) == ("waiting", "unknown-activity")
    await gateway.stripe(messages.STRIPE_PAYMENT)
    assert await gateway.follow() == 1
    assert await _points(shop) == 50 + 105 - 25
    assert (await gateway.letter(told["letter"]))["state"] == "recorded"


async def test_a_refund_waits_with_its_payment_for_the_member(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    await gateway.stripe(messages.STRIPE_REFUND)
    await gateway.stripe(_event("evt_1", receipt_email="bob@example.org"))
    await shop.post("/v1/members", {"id": "bob", "email": "bob@example.org", "enrolled_at": "2026-11-01T00:00:00Z"})
    while await gateway.follow():
        pass
    assert await _points(shop, "bob") == 50 + 105 - 25


async def test_a_process_that_died_before_it_noted_is_followed_by_another(
    app: Litestar, shop: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await opened(app, shop)

    async def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("infrastructure.gateway.PostgresGateway.note", dies)
        body = messages.STRIPE_PAYMENT
        answer = await gateway.shop.client.post(
            gateway.address, content=encoded(body), headers=messages.stripe(body, utc_now())
        )
        assert answer.status_code == 500
    assert await _points(shop) == 50 + 105  # recorded, but nobody noted it
    (letter,) = await gateway.inbox("waiting")
    assert (await gateway.stripe(messages.STRIPE_PAYMENT))["letter"] == letter["letter"]
    # As if the lease were over.
    async with gateway.wired.pool.connection() as connection:
        await connection.execute("UPDATE gateway_inbox SET due_at = due_at - %s::interval", (LEASE,))
    assert await gateway.follow() == 1
    assert (await gateway.letter(letter["letter"]))["state"] == "recorded"
    assert await _points(shop) == 50 + 105


# --- what is sent twice ------------------------------------------------------------------------


async def test_a_message_sent_again_counts_once_whatever_else_it_says(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    first = await gateway.stripe(messages.STRIPE_PAYMENT)
    again = messages.STRIPE_PAYMENT | {"pending_webhooks": 0}
    answer = await gateway.send(again, messages.stripe(again, utc_now()))
    assert (answer.status_code, answer.json()) == (200, first)
    assert answer.headers["idempotent-replayed"] == "true"
    assert await _points(shop) == 50 + 105


async def test_ten_senders_at_once_make_one_activity(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    # Half are the same message, half are others about the same payment.
    events = [_event("evt_1") if number % 2 else _event(f"evt_{number + 10}") for number in range(10)]
    told = await asyncio.gather(*(gateway.stripe(event) for event in events))
    await gateway.follow()
    assert {one["state"] for one in told} <= {"recorded", "waiting"}
    assert await _points(shop) == 50 + 105
    assert {one["state"] for one in await gateway.inbox()} == {"recorded"}


async def test_an_order_that_is_told_differently_is_kept_as_a_dead_letter(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    await gateway.stripe(_event("evt_1"))
    told = await gateway.stripe(_event("evt_2", amount_received=99_900))
    assert (told["state"], told["code"]) == ("dead", "activity-differs")
    assert await _points(shop) == 50 + 105


async def test_an_erasure_takes_letters_along(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    recorded = await gateway.stripe(_event("evt_1"))
    dead = await gateway.stripe(_event("evt_2", amount_received=99_900))
    assert (await gateway.letter(dead["letter"]))["contents"] is not None
    assert (await gateway.letter(recorded["letter"]))["member"] == "ann"
    assert (await shop.ask("DELETE", "/v1/members/ann")).status_code == 200
    for name, state, code in (
        (recorded["letter"], "recorded", None),
        (dead["letter"], "dead", "member-erased"),
    ):
        letter = await gateway.letter(name)
        assert (letter["state"], letter["code"]) == (state, code)
        assert (letter["member"], letter["contents"]) == (None, None)
    # There is nothing left to carry out; and what comes for that address is a stranger's.
    assert (await shop.post(f"/v1/gateway/inbox/{dead['letter']}/retry", {})).json()["code"] == "letter-closed"
    late = await gateway.stripe(_event("evt_3", order="pi_3"))
    assert (late["state"], late["code"]) == ("waiting", "unknown-member")


async def test_a_letter_that_was_forgotten_while_it_was_carried_out_stays_so(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    await gateway.stripe(_event("evt_1"))
    dead = await gateway.stripe(_event("evt_2", amount_received=99_900))
    (carried,) = await gateway.wired.gateway.letters("main", None, "dead", None, 9)
    await shop.ask("DELETE", "/v1/members/ann")
    await gateway.wired.gateway.note(carried, carried.due_at)
    assert (await gateway.letter(dead["letter"]))["contents"] is None


# --- what is refused ---------------------------------------------------------------------------


async def test_what_is_not_genuine_is_refused_and_noted_without_its_text(app: Litestar, shop: Someone) -> None:
    gateway, body = await opened(app, shop), messages.STRIPE_PAYMENT
    wrong = await gateway.send(body, messages.stripe(body, utc_now(), secret="whsec_guessed"))
    assert (wrong.status_code, wrong.json()["code"]) == (401, "bad-signature")
    old = await gateway.send(body, messages.stripe(body, utc_now() - timedelta(minutes=6)))
    assert (old.status_code, old.json()["code"]) == (401, "signature-too-old")
    unsigned = await gateway.send(body, {})
    assert unsigned.json()["code"] == "bad-signature"
    assert [one["code"] for one in await gateway.inbox("refused")] == [
        "bad-signature",
        "signature-too-old",
        "bad-signature",
    ]
    assert (await gateway.letter((await gateway.inbox())[0]["letter"]))["contents"] is None
    closed = await shop.post(f"/v1/gateway/inbox/{(await gateway.inbox())[0]['letter']}/retry")
    assert closed.json()["code"] == "letter-closed"
    # Whoever forged it has not taken the place of the real one.
    assert (await gateway.stripe(body))["state"] == "recorded"


async def test_a_flood_of_what_is_not_genuine_is_answered_429_and_keeps_no_genuine_message_out(
    app: Litestar, shop: Someone
) -> None:
    gateway, body = await opened(app, shop), messages.STRIPE_PAYMENT
    forged = messages.stripe(body, utc_now(), secret="whsec_guessed")
    codes = [(await gateway.send(body, forged)).json()["code"] for _ in range(KEY.free + 5)]
    assert codes[: KEY.free] == ["bad-signature"] * KEY.free
    limited = await gateway.send(body, forged)
    assert (limited.status_code, limited.json()["code"]) == (429, "rate-limited")
    assert int(limited.headers["retry-after"]) >= 1
    told = await gateway.stripe(body)
    assert told["state"] == "recorded"
    # Another source has a budget of its own.
    other = await opened(app, shop)
    assert (await other.send(body, forged)).json()["code"] == "bad-signature"


async def test_of_what_is_not_genuine_only_the_latest_is_kept(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    for number in range(REFUSED_KEPT + 5):
        await gateway.send({"number": number}, {})
    found = (await shop.get("/v1/gateway/inbox?state=refused&limit=1000")).json()["items"]
    assert len(found) == REFUSED_KEPT


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not json", "malformed-json"),
        (b'{"id": "evt_1", "id": "evt_2"}', "malformed-json"),
        (encoded([]), "mapping-failed"),
        (encoded({"id": "evt_1"}), "mapping-failed"),
        (encoded({"type": "payment_intent.succeeded"}), "mapping-failed"),
        (encoded(_event("evt_1", id=None)), "mapping-failed"),
        (encoded(_event("evt_1", amount_received="much")), "invalid-payload"),
        (encoded(_event("evt_1", amount_received=-1)), "invalid-payload"),
        (encoded(_event("evt_1", currency="usd")), "unknown-money"),
        (encoded(messages.STRIPE_INVOICE), "unknown-activity-type"),
    ],
)
async def test_what_cannot_be_carried_out_is_a_dead_letter_with_its_reason(
    app: Litestar, shop: Someone, body: bytes, code: str
) -> None:
    gateway = await opened(app, shop)
    answer = await gateway.send(body, messages.stripe(body, utc_now()))
    assert (answer.status_code, answer.json()["state"], answer.json()["code"]) == (202, "dead", code), answer.text
    letter = await gateway.letter(answer.json()["letter"])
    assert letter["contents"]["body"].encode() == body
    assert letter["detail"]
    assert await _points(shop) == 50


async def test_a_mended_mapping_carries_out_what_was_dead(app: Litestar, shop: Someone) -> None:
    wrong = copy.deepcopy(BUILT_IN["stripe"])
    wrong["rules"][0]["activity"]["data"]["amount_minor"] = "/data/object/total"
    gateway = await opened(app, shop, wrong)
    told = await gateway.stripe(messages.STRIPE_PAYMENT)
    assert (told["state"], told["code"]) == ("dead", "invalid-payload")
    address = f"/v1/gateway/sources/{gateway.id}"
    changed = (await shop.ask("PUT", f"{address}/mapping", json={"mapping": "stripe"})).json()
    assert changed["mapping"] == 2
    retried = (await shop.post(f"/v1/gateway/inbox/{told['letter']}/retry")).json()
    assert (retried["state"], retried["mapping"]) == ("recorded", 2)
    assert await _points(shop) == 50 + 105
    kept = (await shop.get(f"{address}/mappings")).json()["items"]
    assert [(one["mapping"], one["document"]["rules"][0] == wrong["rules"][0]) for one in kept] == [
        (2, False),
        (1, True),
    ]
    # The same document again is no new mapping.
    assert (await shop.ask("PUT", f"{address}/mapping", json={"mapping": "stripe"})).json()["mapping"] == 2


async def test_a_huge_body_is_refused_at_the_door(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    answer = await gateway.send(b'{"a": "' + b"x" * 1024 * 1024 + b'"}', {})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert await gateway.inbox() == []


async def test_nothing_is_taken_in_at_an_unknown_address(shop: Someone, nobody: Someone) -> None:
    for name in ("gw_unknown", "main"):
        answer = await nobody.post(f"/v1/gateway/{name}", {})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-source")


# --- sources -----------------------------------------------------------------------------------


async def test_a_secret_changes_without_losing_a_message(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    changed = await shop.post(f"/v1/gateway/sources/{gateway.id}/secret", {"secret": "whsec_another"})
    assert changed.json()["previous_secret_until"] is not None
    assert (await gateway.stripe(_event("evt_1", "pi_1"), secret=SECRET))["state"] == "recorded"
    assert (await gateway.stripe(_event("evt_2", "pi_2"), secret="whsec_another"))["state"] == "recorded"
    await shop.post(f"/v1/gateway/sources/{gateway.id}/secret", {"secret": "whsec_a_third", "overlap_seconds": 0})
    body = _event("evt_3", "pi_3")
    assert (await gateway.send(body, messages.stripe(body, utc_now(), secret="whsec_another"))).status_code == 401


async def test_sources_have_the_shape_that_is_described_and_never_show_their_secret(
    app: Litestar, shop: Someone, stranger: Someone
) -> None:
    gateway = await opened(app, shop)
    address = f"/v1/gateway/sources/{gateway.id}"
    read = await shop.get(address)
    assert set(read.json()) == set(shapes.GatewaySource.__struct_fields__)
    assert SECRET not in read.text
    assert [one["id"] for one in (await shop.get("/v1/gateway/sources")).json()["items"]] == [gateway.id]
    async with gateway.wired.pool.connection() as connection:
        (row,) = await (await connection.execute("SELECT * FROM gateway_sources")).fetchall()
    assert SECRET.encode() not in b"|".join(part for part in row if isinstance(part, bytes))
    told = await gateway.stripe(_event("evt_1", receipt_email="bob@example.org"))
    letter = f"/v1/gateway/inbox/{told['letter']}"
    assert set((await shop.get(letter)).json()) == set(shapes.LetterShown.__struct_fields__)
    async with gateway.wired.pool.connection() as connection:
        (row,) = await (await connection.execute("SELECT i::text FROM gateway_inbox i")).fetchall()
    assert "bob" not in row[0]
    for method, path, code in (
        ("GET", address, "unknown-source"),
        ("DELETE", address, "unknown-source"),
        ("GET", f"{address}/mappings", "unknown-source"),
        ("GET", letter, "unknown-letter"),
        ("POST", f"{letter}/retry", "unknown-letter"),
    ):
        assert (await stranger.ask(method, path)).json()["code"] == code
    assert (await stranger.get("/v1/gateway/inbox")).json()["items"] == []
    operator = await with_scopes(shop, "operator")
    assert (await operator.ask("DELETE", address)).status_code == 403
    assert (await shop.ask("DELETE", address)).status_code == 200
    assert (await gateway.send(messages.STRIPE_PAYMENT, {})).json()["code"] == "unknown-source"


async def test_a_mapping_with_errors_is_not_taken(shop: Someone) -> None:
    for mapping in ("strype", {"source": "x"}):
        body = {"name": "till", "mapping": mapping, "secret": SECRET}
        answer = await shop.post("/v1/gateway/sources", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "mapping-invalid"), answer.text
        assert answer.json()["errors"]
    short = await shop.post("/v1/gateway/sources", {"name": "till", "mapping": "stripe", "secret": "x"})
    assert short.json()["errors"][0]["at"] == "/secret"


async def test_the_text_of_what_nobody_claims_is_forgotten_in_time(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop, BUILT_IN["stripe"] | {"keep_days": 7})
    told = await gateway.stripe(_event("evt_1", receipt_email="bob@example.org"))
    await gateway.stripe(messages.STRIPE_PAYMENT | {"id": "evt_2"})
    now = utc_now()
    assert await gateway.wired.gateway.prune(now + timedelta(days=6), now - RECORDED_KEPT) == 0
    assert await gateway.wired.gateway.prune(now + timedelta(days=8), now + timedelta(days=8)) == 2
    letter = await gateway.letter(told["letter"])
    assert (letter["state"], letter["code"], letter["contents"]) == ("dead", "too-old", None)
    assert not await gateway.wired.gateway.any_waits()


async def test_lists_of_letters_have_pages(app: Litestar, shop: Someone) -> None:
    gateway = await opened(app, shop)
    for number in range(5):
        await gateway.stripe(_event(f"evt_{number}", f"pi_{number}"))
    whole = await gateway.inbox()
    read, cursor = [], ""
    while True:
        page = (await shop.get(f"/v1/gateway/inbox?limit=2{cursor}")).json()
        read += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert read == whole
    assert len(read) == 5
    assert (await shop.get("/v1/gateway/inbox?state=lost")).status_code == 422
