"""Codes of issued units over HTTP: used once, by their owner or, of gifts, by anybody; guessing gets slow."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from api.http import shapes
from infrastructure.code_misses import PostgresMisses
from tests.http.conftest import Json, Someone, with_scopes
from tests.http.test_redemptions import till

pytestmark = pytest.mark.anyio

__all__ = ["till"]

VOUCHER: Json = {
    "id": "voucher", "kind": "discount", "price": {"currency": "points", "points": 10}, "codes": "generate",
}  # fmt: skip
CARD: Json = {
    "id": "card", "kind": "gift", "price": {"currency": "points", "points": 40}, "codes": ["GIFT-1", "GIFT-2"],
    "gives": {"currency": "points", "points": 35},
}  # fmt: skip


async def code_of(till: Someone, reward: str, name: str = "r1") -> str:
    made = await till.post("/v1/redemptions", {"id": name, "member": "ann", "reward": reward})
    assert made.status_code == 201, made.text
    (code,) = made.json()["redemption"]["codes"]
    return str(code)


async def use(till: Someone, code: str, member: str = "ann", **more: Any) -> Any:
    return await till.post("/v1/codes/redeem", {"code": code, "member": member, **more})


async def bob(till: Someone) -> None:
    assert (await till.post("/v1/members", {"id": "bob"})).status_code == 201


async def test_a_code_is_used_once_by_its_owner(till: Someone) -> None:
    await till.post("/v1/rewards", VOUCHER)
    await bob(till)
    code = await code_of(till, "voucher")
    foreign = await use(till, code, "bob")
    unknown = await use(till, "0000000000000", "bob")
    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())
    assert foreign.json()["code"] == "code-not-in-campaign"
    done = await use(till, f"{code[:4]}-{code[4:]}".lower())
    assert done.status_code == 201
    msgspec.convert(done.json(), shapes.CodeRedeemed)
    told = done.json()["code"]
    assert (told["code"], told["reward"], told["redemption"], told["gives"]) == (code, "voucher", "r1", None)
    again = await use(till, code, at="2030-03-04T09:00:00Z")
    assert (again.status_code, again.json()["code"]) == (409, "code-used")
    texts = [item["text"] for item in (await till.get("/v1/members/ann/history")).json()["items"]]
    assert f"The code {code} of voucher was used" in texts


async def test_the_same_use_again_is_answered_as_it_was(till: Someone) -> None:
    await till.post("/v1/rewards", VOUCHER)
    code = await code_of(till, "voucher")
    first, again = await use(till, code), await use(till, code)
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")


async def test_whoever_has_a_gift_uses_it_and_gets_what_it_brings(till: Someone) -> None:
    assert (await till.post("/v1/rewards", CARD)).json()["codes"] == "list"
    await bob(till)
    code = await code_of(till, "card")
    assert code in CARD["codes"]
    assert (await till.get("/v1/rewards/card")).json()["codes_left"] == 1
    done = await use(till, code, "bob")
    assert done.status_code == 201
    assert {name: done.json()["code"]["gives"][name] for name in ("currency", "points")} == CARD["gives"]
    assert done.json()["member"]["balances"]["points"]["available"] == 35
    assert (await use(till, code)).json()["code"] == "code-used"
    history = (await till.get("/v1/members/bob/history")).json()["items"]
    assert {f"The code {code} of card was used, which another member has given", "+35 points for a code of card"} <= {
        one["text"] for one in history
    }
    back = await till.post("/v1/redemptions/r1/return", {})
    assert (back.status_code, back.json()["code"]) == (409, "code-used")


async def test_a_returned_unit_has_a_void_code(till: Someone) -> None:
    await till.post("/v1/rewards", VOUCHER)
    code = await code_of(till, "voucher")
    assert (await till.post("/v1/redemptions/r1/return", {})).status_code == 201
    assert (await use(till, code)).json()["code"] == "code-used"
    again = await till.post("/v1/redemptions/r1/return", {})
    assert (again.status_code, again.json()["code"]) == (409, "already-reversed")


async def test_a_list_is_added_to_and_sold_out_when_it_is_empty(till: Someone) -> None:
    await till.post("/v1/rewards", CARD | {"price": {"currency": "points", "points": 10}})
    codes = {await code_of(till, "card", f"r{number}") for number in range(2)}
    assert codes == set(CARD["codes"])
    none = await till.post("/v1/redemptions", {"id": "r2", "member": "ann", "reward": "card"})
    assert (none.status_code, none.json()["code"]) == (409, "sold-out")
    again = await till.post("/v1/redemptions", {"id": "r1", "member": "ann", "reward": "card"})
    assert again.status_code == 200
    more = await till.ask(
        "PATCH", "/v1/rewards/card", json={"codes": ["GIFT-2", "GIFT-3"]}, headers={"if-match": '"1"'}
    )
    assert more.status_code == 200
    assert (await till.get("/v1/rewards/card")).json()["codes_left"] == 1
    assert await code_of(till, "card", "r2") == "GIFT-3"


async def test_codes_that_another_reward_has_or_had_are_refused(till: Someone) -> None:
    await till.post("/v1/rewards", CARD)
    code = await code_of(till, "card", "r1")
    (left,) = set(CARD["codes"]) - {code}
    other = CARD | {"id": "other", "codes": ["OTHER-1", left, code]}
    refused = await till.post("/v1/rewards", other)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-payload")
    assert [one["at"] for one in refused.json()["errors"]] == ["/codes/1", "/codes/2"]
    assert (await till.get("/v1/rewards/other")).status_code == 404
    assert (await till.post("/v1/rewards", CARD | {"id": "other", "codes": ["OTHER-1"]})).status_code == 201
    late = await till.ask("PATCH", "/v1/rewards/other", json={"codes": [left]}, headers={"if-match": '"1"'})
    assert (late.status_code, late.json()["errors"][0]["at"]) == (422, "/codes/0")
    assert (await till.get("/v1/rewards/other")).headers["etag"] == '"1"'


async def test_a_hold_keeps_a_code_and_gives_it_back(till: Someone) -> None:
    await till.post("/v1/rewards", CARD | {"codes": ["ONLY"]})
    await bob(till)
    held: Json = {"id": "h1", "member": "ann", "reward": "card", "hold": {"ttl": "PT15M"}}
    made = await till.post("/v1/redemptions", held)
    assert (made.status_code, made.json()["redemption"]["codes"]) == (201, [])
    assert (await till.get("/v1/rewards/card")).json()["codes_left"] == 0
    assert (await use(till, "ONLY", "bob")).json()["code"] == "code-not-in-campaign"
    assert (await till.post("/v1/redemptions", held | {"id": "h2"})).json()["code"] == "sold-out"
    assert (await till.post("/v1/redemptions/h1/cancel", {})).status_code == 201
    assert (await till.get("/v1/rewards/card")).json()["codes_left"] == 1
    assert (await till.post("/v1/redemptions", held | {"id": "h2"})).status_code == 201
    # Two hours later nobody has confirmed it.
    await till.post("/v1/clock", {"now": "2030-03-04T11:00:00Z"})
    assert (await till.get("/v1/rewards/card")).json()["codes_left"] == 1
    assert (await till.post("/v1/redemptions", held | {"id": "h3"})).status_code == 201
    done = await till.post("/v1/redemptions/h3/confirm", {})
    assert done.json()["redemption"]["codes"] == ["ONLY"]
    assert (await use(till, "ONLY", "bob")).status_code == 201


async def test_a_code_is_good_for_a_while(till: Someone) -> None:
    await till.post("/v1/rewards", VOUCHER | {"valid": {"after": "P5D", "for": "P10D"}})
    code = await code_of(till, "voucher")
    assert (await use(till, code)).json()["code"] == "code-outside-window"
    await till.post("/v1/clock", {"now": "2030-03-09T10:00:00Z"})
    assert (await use(till, code)).status_code == 201


async def test_guessing_gets_slower_for_the_member_and_the_key(app: Litestar, till: Someone) -> None:
    await till.post("/v1/rewards", VOUCHER)
    code = await code_of(till, "voucher")
    now = datetime(2030, 1, 1, tzinfo=UTC)
    misses = app.state.wired.misses
    assert isinstance(misses, PostgresMisses)
    misses._now = lambda: now
    for number in range(11):
        assert (await use(till, f"GUESS{number}")).status_code == 409
    slow = await use(till, "GUESS")
    assert (slow.status_code, slow.json()["code"], slow.headers["retry-after"]) == (429, "rate-limited", "1")
    # Neither does the right code help, nor another key.
    other = await with_scopes(till, "client")
    assert (await use(other, code)).status_code == 429
    now += timedelta(seconds=1)
    assert (await use(till, "GUESS")).status_code == 409
    assert (await use(till, code)).headers["retry-after"] == "2"
    now += timedelta(seconds=2)
    assert (await use(till, code)).status_code == 201
    # A minute later one miss is forgotten, so that the next one costs no more than the last.
    now += timedelta(minutes=1)
    assert (await use(till, "GUESS")).status_code == 409
    assert (await use(till, "GUESS")).headers["retry-after"] == "2"
    now += timedelta(hours=1)
    assert (await use(till, "GUESS")).status_code == 409
    assert (await use(till, "GUESS")).status_code == 409


async def test_a_key_that_guesses_for_many_members_gets_slower_too(app: Litestar, till: Someone) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    app.state.wired.misses._now = lambda: now
    names = [f"m{number}" for number in range(11)]
    await asyncio.gather(*(till.post("/v1/members", {"id": name}) for name in names))
    for number in range(101):
        assert (await use(till, "GUESS", names[number // 10])).status_code == 409
    assert (await use(till, "GUESS", "ann")).status_code == 429
    other = await with_scopes(till, "client")
    assert (await use(other, "GUESS", "ann")).status_code == 409


@pytest.mark.parametrize(
    ("change", "code", "at"),
    [
        ({"gives": {"currency": "gold", "points": 1}}, "unknown-currency", "/gives/currency"),
        ({"gives": {"currency": "points", "points": 0}}, "amount-out-of-range", "/gives/points"),
        ({"kind": "product"}, "invalid-payload", "/gives"),
        ({"codes": None}, "invalid-payload", "/gives"),
        ({"codes": ["a\tb"]}, "bad-id", "/codes/0"),
        ({"codes": ["A", " "]}, "bad-id", "/codes/1"),
        ({"valid": {"for": "soon"}}, "invalid-payload", "/valid/for"),
        ({"valid": {"after": "P9999Y"}}, "invalid-payload", "/valid/after"),
    ],
)
async def test_terms_that_make_no_sense_are_refused(till: Someone, change: Json, code: str, at: str) -> None:
    refused = await till.post("/v1/rewards", CARD | change)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.json()["errors"][0]["at"] == at


async def test_only_a_reward_with_a_list_takes_codes(till: Someone) -> None:
    await till.post("/v1/rewards", VOUCHER)
    refused = await till.ask("PATCH", "/v1/rewards/voucher", json={"codes": ["A"]}, headers={"if-match": '"1"'})
    assert (refused.status_code, refused.json()["errors"][0]["at"]) == (422, "/codes")
