"""What bad input gets: a 4xx with a place, never a 5xx."""

import json
from typing import Any

import pytest

from api.http.body import MAX_BODY
from tests.http.conftest import RETURN, Json, Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio

_GOOD = json.dumps(purchase()).encode()


def _amount(text: str) -> bytes:
    return _GOOD.replace(b"10500", text.encode())


_MANGLED: list[tuple[str, bytes, int, str, str | None]] = [
    ("no body", b"", 400, "malformed-json", None),
    ("cut off", _GOOD[:-10], 400, "malformed-json", None),
    ("two documents", _GOOD + _GOOD, 400, "malformed-json", None),
    ("not UTF-8", _GOOD.replace(b"ann", b"\xff\xfe"), 400, "malformed-json", None),
    ("a byte order mark", b"\xef\xbb\xbf" + _GOOD, 400, "malformed-json", None),
    ("NaN", _amount("NaN"), 400, "malformed-json", None),
    ("Infinity", _amount("-Infinity"), 400, "malformed-json", None),
    ("1e400", _amount("1e400"), 400, "malformed-json", "/data/amount_minor"),
    ("NUL, escaped", _amount('"\\u0000"'), 400, "malformed-json", "/data/amount_minor"),
    ("NUL, raw", _GOOD.replace(b"ann", b"a\x00n"), 400, "malformed-json", None),
    ("NUL in a name", _GOOD.replace(b'"amount_minor"', b'"\\u0000"'), 400, "malformed-json", None),
    ("half a surrogate pair", _GOOD.replace(b"ann", b"\\ud800"), 400, "malformed-json", None),
    ("the other half", _GOOD.replace(b"ann", b"\\udc00x"), 400, "malformed-json", None),
    ("a duplicate key", _amount('1,"amount_minor":2'), 400, "malformed-json", None),
    ("nested 100,000 deep", _amount("[" * 100_000 + "]" * 100_000), 400, "malformed-json", None),
    ("objects 100,000 deep", _amount('{"a":' * 100_000 + "1" + "}" * 100_000), 400, "malformed-json", None),
    ("nested 65 deep", _amount("[" * 63 + "]" * 63), 400, "malformed-json", None),
    ("2^53", _amount("9007199254740992"), 422, "amount-out-of-range", "/data/amount_minor"),
    ("-2^53", _amount("-9007199254740992"), 422, "amount-out-of-range", "/data/amount_minor"),
    ("2^63", _amount("9223372036854775808"), 422, "amount-out-of-range", "/data/amount_minor"),
    ("10,000 digits", _amount("9" * 10_000), 422, "amount-out-of-range", None),
    ("an array", b"[]", 422, "invalid-payload", None),
    ("null", b"null", 422, "invalid-payload", None),
    ("an unknown field", _GOOD.replace(b'"member"', b'"membre"'), 400, "unknown-field", "/membre"),
    ("a missing field", _GOOD.replace(b'"source": "shop", ', b""), 422, "invalid-payload", "/source"),
    ("a number for text", _GOOD.replace(b'"ann"', b"7"), 422, "invalid-payload", "/member"),
    ("a naive time", _GOOD.replace(b"+01:00", b""), 422, "bad-time", "/occurred_at"),
    ("the 13th month", _GOOD.replace(b"2026-11", b"2026-13"), 422, "bad-time", "/occurred_at"),
    ("the year 1", _GOOD.replace(b"2026-", b"0001-"), 422, "bad-time", "/occurred_at"),
    ("year 9999", _GOOD.replace(b"2026-11-21T10:00:00+01", b"9999-12-31T23:00:00-12"), 422, "bad-time", "/occurred_at"),
    ("a number for a time", _GOOD.replace(b'"2026-11-21T10:00:00+01:00"', b"5"), 422, "bad-time", "/occurred_at"),
    ("a control character in an id", _GOOD.replace(b"order-1", b"order\\u0007"), 422, "bad-id", "/id"),
    ("an empty id", _GOOD.replace(b"order-1", b""), 422, "bad-id", "/id"),
    ("a long id", _GOOD.replace(b"order-1", b"o" * 500_000), 422, "bad-id", "/id"),
    ("an unknown type", _GOOD.replace(b"purchase", b"barter"), 422, "unknown-activity-type", "/type"),
    ("a payload against its schema", _amount("-1"), 422, "invalid-payload", "/data/amount_minor"),
    ("a fraction", _amount("1.5"), 422, "invalid-payload", "/data/amount_minor"),
    ("a payload without what it needs", _GOOD.replace(b"amount_minor", b"amount"), 422, "invalid-payload", None),
    ("an unknown member", _GOOD.replace(b'"ann"', b'"zoe"'), 404, "unknown-member", None),
    ("a long member id", _GOOD.replace(b'"ann"', b'"' + b"z" * 900_000 + b'"'), 404, "unknown-member", None),
    ("foreign money", _amount('1,"currency":"USD"'), 422, "unknown-money", "/data/currency"),
    ("a future activity", _GOOD.replace(b"2026-", b"2106-"), 422, "from-the-future", None),
    ("more than a megabyte", _amount('"' + "x" * MAX_BODY + '"'), 413, "too-large", None),
]  # fmt: skip


async def test_mangled_activities_get_their_code_and_place(shop: Someone) -> None:
    for what, body, status, code, at in _MANGLED:
        answer = await shop.post("/v1/activities", body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code), (what, problem)
        if at is not None:
            assert problem["errors"][0]["at"] == at, (what, problem)
        assert len(answer.content) < 4_000, what
    assert (await shop.post("/v1/activities", _GOOD)).status_code == 201


async def test_a_megabyte_of_text_is_taken_where_text_may_stand(shop: Someone) -> None:
    answer = await shop.post("/v1/activities", _amount('1,"store":"' + "x" * (MAX_BODY - 1_000) + '"'))
    assert answer.status_code == 201


async def test_ids_in_paths_are_of_few_characters(shop: Someone) -> None:
    for path in ("/v1/members/a%20b", "/v1/members/%C3%A4", f"/v1/members/{'a' * 129}", "/v1/activities/a%00b"):
        answer = await shop.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad-id")


async def test_queries_are_read_strictly(shop: Someone) -> None:
    table = [
        ("/v1/members/ann?as_of=2026-11-21T10:00:00", "bad-time"),
        ("/v1/members/ann?as_of=yesterday", "bad-time"),
        ("/v1/members/ann?as_of=0001-01-01T00:00:00%2B14:00", "bad-time"),
        ("/v1/log?limit=0", "invalid-payload"),
        ("/v1/log?limit=100000", "invalid-payload"),
        ("/v1/log?after=-1", "invalid-payload"),
        ("/v1/log?at_least=x", "invalid-payload"),
        ("/v1/activities?source=shop", "invalid-payload"),
        ("/v1/activities?source=shop&id=a%07", "bad-id"),
        ("/v1/activities?source=shop&id=a%00", "bad-id"),
    ]
    for path, code in table:
        answer = await shop.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, code), (path, answer.text)


async def test_other_media_types_and_compressed_bodies_are_refused(shop: Someone) -> None:
    for headers in (
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-encoding": "gzip"},
    ):
        answer = await shop.post("/v1/activities", _GOOD, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


async def test_fields_of_answers_cannot_be_sent(shop: Someone) -> None:
    answer = (await shop.post("/v1/activities", purchase())).json()
    for field in answer.keys() - purchase().keys():
        told = (await shop.post("/v1/activities", purchase("order-2") | {field: answer[field]})).json()
        assert (told["code"], told["errors"][0]["at"]) == ("unknown-field", f"/{field}")


async def test_a_reused_key_with_another_body_is_refused_and_the_same_body_is_answered_again(shop: Someone) -> None:
    key = {"idempotency-key": "k-1"}
    first = await shop.post("/v1/activities", purchase(), headers=key)
    again = await shop.post("/v1/activities", purchase(), headers=key)
    other = await shop.post("/v1/activities", purchase("order-2"), headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_an_idempotency_key_is_visible_ascii(shop: Someone) -> None:
    for key in ("", " ", "a b", "x" * 256, "\xe4"):
        answer = await shop.post("/v1/activities", purchase(), headers={"idempotency-key": key.encode("latin-1")})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad-id")


async def test_the_same_activity_with_another_body_differs(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    answer = await shop.post("/v1/activities", purchase(data={"amount_minor": 1}))
    assert (answer.status_code, answer.json()["code"]) == (409, "activity-differs")


async def test_more_points_than_there_are_are_not_spent(shop: Someone) -> None:
    answer = await shop.post(
        "/v1/redemptions", {"id": "r-1", "member": "ann", "currency": "points", "points": 1_000_000}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "not-enough-points")


async def test_a_missing_scope_and_a_missing_key_are_told_apart(shop: Someone, nobody: Someone) -> None:
    analyst = await with_scopes(shop, "analyst")
    assert (await analyst.get("/v1/members/ann")).json()["code"] == "missing-scope"
    answer = await nobody.get("/v1/members/ann")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


_WRITES: list[tuple[str, str, Json]] = [
    ("POST", "/v1/members", {"id": "bob", "email": "bob@example.org"}),
    ("PATCH", "/v1/members/ann", {"attributes": {"staff": True}}),
    ("POST", "/v1/members/ann/status", {"status": "active", "reason": "test"}),
    ("POST", "/v1/members/lookup", {"email": "ann@example.org"}),
    ("POST", "/v1/activities", purchase()),
    ("POST", "/v1/activities/simulate", purchase()),
    ("POST", "/v1/returns", RETURN),
    ("POST", "/v1/redemptions", {"id": "r", "member": "ann", "currency": "points", "points": 100}),
    ("POST", "/v1/adjustments", {"id": "a", "member": "ann", "currency": "points", "points": 1, "reason": "test"}),
    ("POST", "/v1/keys", {"scopes": ["client"], "name": "pos"}),
    ("POST", "/v1/programs", {"id": "third", "sandbox": True, "money": "EUR", "time_zone": "UTC"}),
    ("POST", "/v1/clock", {"now": "2030-01-01T00:00:00Z"}),
    ("POST", "/v1/rulebooks", {"document": {}, "note": ""}),
]  # fmt: skip

_ODD: list[Any] = [
    None, True, -1, 0, 2**53, 1e300, "", "\x07", "x" * 5_000, "\u202e", [], [[]], {}, {"a": None},
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "rb_1", "rb_0",
]  # fmt: skip


async def test_no_odd_value_in_any_field_breaks_the_server(shop: Someone) -> None:
    for method, path, body in _WRITES:
        for field in body:
            for odd in _ODD:
                content = json.dumps(body | {field: odd}).encode()
                answer = await shop.ask(method, path, content=content)
                assert answer.status_code < 500, (method, path, field, odd, answer.text)
