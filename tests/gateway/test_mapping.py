"""What each built-in mapping makes of its system's messages, and what is refused of a message or a mapping."""

import copy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from application.gateway.builtin import BUILT_IN
from application.gateway.check import check
from application.gateway.mapping import MappingDocument, MappingFails, Meant, Message, Value, meant, read
from tests.gateway import messages
from tests.gateway.messages import Json

ANN = ("email", "ann@example.org")


def _meant(mapping: str, body: Json, **headers: str) -> Meant | None:
    document = msgspec.convert(BUILT_IN[mapping], MappingDocument)
    return meant(document, Message({name.replace("_", "-"): held for name, held in headers.items()}, body))


PURCHASES: dict[str, tuple[Json, dict[str, str], str, tuple[tuple[str, str], ...]]] = {
    "stripe": (messages.STRIPE_PAYMENT, {}, "pi_1", (("external_id", "stripe:cus_1"), ANN)),
    "stripe-checkout": (messages.STRIPE_SESSION, {}, "pi_1", (("id", "ann"), ANN)),
    "shopify": (
        messages.SHOPIFY_ORDER, {"x_shopify_topic": "orders/paid"}, "820982911",
        (("external_id", "shopify:115310627"), ANN),
    ),
    "woocommerce": (messages.WOO_ORDER, {"x_wc_webhook_topic": "order.updated"}, "727", (ANN,)),
    "square": (messages.SQUARE_PAYMENT, {}, "sq_1", (("external_id", "square:C1"),)),
    "cloudevents": (messages.CLOUDEVENT, {}, "ce-1", (("id", "ann"),)),
}  # fmt: skip


@pytest.mark.parametrize("mapping", PURCHASES)
def test_a_purchase_of_105_euros(mapping: str) -> None:
    body, headers, name, ways = PURCHASES[mapping]
    found = _meant(mapping, body, **headers)
    assert found is not None
    assert found.activity is not None
    assert (found.activity.type, found.activity.id, found.activity.occurred_at) == ("purchase", name, messages.NOW)
    assert found.activity.data == {"amount_minor": 10_500, "currency": "EUR"}
    assert found.ways == ways


RETURNS: dict[str, tuple[Json, dict[str, str], str, str]] = {
    "stripe": (messages.STRIPE_REFUND, {}, "re_1", "pi_1"),
    "shopify": (messages.SHOPIFY_REFUND, {"x_shopify_topic": "refunds/create"}, "890088186", "820982911"),
    "square": (messages.SQUARE_REFUND, {}, "sq_r1", "sq_1"),
}


@pytest.mark.parametrize("mapping", RETURNS)
def test_a_refund_of_25_euros(mapping: str) -> None:
    body, headers, name, order = RETURNS[mapping]
    found = _meant(mapping, body, **headers)
    assert found is not None
    assert found.returned is not None
    assert (found.returned.id, found.returned.activity.id, found.returned.amount_minor) == (name, order, 2_500)


def test_what_a_subscription_pays_is_told_once() -> None:
    found = _meant("stripe", messages.STRIPE_INVOICE)
    assert found is not None
    assert found.activity is not None
    assert (found.activity.type, found.activity.data["amount_minor"]) == ("subscription.paid", 999)
    payment = copy.deepcopy(messages.STRIPE_PAYMENT)
    payment["data"]["object"]["invoice"] = "in_1"
    assert _meant("stripe", payment) is None


def test_a_message_of_a_community() -> None:
    found = _meant("community", messages.MESSAGE)
    assert found is not None
    assert found.activity is not None
    assert found.ways == (("external_id", "community:u1"),)
    assert found.activity.data == {"channel": "help", "length": 120, "reply": True}


@pytest.mark.parametrize(
    ("mapping", "body", "headers"),
    [
        ("stripe", messages.STRIPE_PAYMENT | {"type": "customer.created"}, {}),
        ("woocommerce", messages.WOO_ORDER | {"status": "processing"}, {"x_wc_webhook_topic": "order.updated"}),
        ("shopify", messages.SHOPIFY_REFUND | {"transactions": []}, {"x_shopify_topic": "refunds/create"}),
    ],
)
def test_what_means_nothing_to_us_is_none_of_ours(mapping: str, body: Json, headers: dict[str, str]) -> None:
    assert _meant(mapping, body, **headers) is None


@pytest.mark.parametrize(
    ("value", "body", "held"),
    [
        ({"at": "/a", "as": "minor"}, {"a": "105.00"}, 10_500),
        ({"at": "/a", "as": "minor"}, {"a": 105.5}, 10_550),
        ({"at": "/a", "as": "minor", "currency": "/c"}, {"a": "1050", "c": "jpy"}, 1_050),
        ({"at": "/a", "as": "minor", "currency": "/c"}, {"a": "1.234", "c": "BHD"}, 1_234),
        ({"at": "/a", "as": "minor", "scale": 0}, {"a": "7"}, 7),
        ({"at": "/a", "as": "integer"}, {"a": "7.0"}, 7),
        ({"at": "/a", "as": "text", "prefix": "x:"}, {"a": 7}, "x:7"),
        ({"at": "/a", "as": "time"}, {"a": "1795255200.000100"}, datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ({"at": "/a", "as": "utc"}, {"a": "2026-11-21T10:00:00"}, datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ({"at": "/a", "default": 3}, {}, 3),
        ({"at": "/a", "nothing": 0}, {"a": 0}, None),
        ({"value": True}, {}, True),
        ({"at": "/a~1b/1/c"}, {"a/b": [0, {"c": "there"}]}, "there"),
        ({"at": "header:X-Shop"}, {}, "cafe"),
        ({"each": "/a", "of": {"object": {"id": "/n", "sku": "/s"}}}, {"a": [{"n": 1, "s": "x"}, {"n": 2}]},
         [{"id": 1, "sku": "x"}, {"id": 2}]),
        ({"each": "/a", "of": {"at": "/n", "as": "minor"}, "sum": True}, {"a": [{"n": "1.10"}, {"n": "2"}]}, 310),
    ],
)  # fmt: skip
def test_a_value_is_read(value: Json, body: Json, held: Any) -> None:
    assert read(msgspec.convert(value, Value), Message({"x-shop": "cafe"}, body)) == held


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"at": "/a", "as": "minor"}, {"a": "1.005"}),
        ({"at": "/a", "as": "minor"}, {"a": "NaN"}),
        # Python reads these as numbers, some of them for half a minute; nobody writes money or times so.
        *(
            ({"at": "/a", "as": kind}, {"a": text})
            for kind in ("minor", "integer", "time")
            for text in (
                "1e1000000",
                "1e-99999999",
                "1e5",
                "1_0",
                "\u0661",
                "+5",
                ".5",
                "5.",
                "1" * 20,
                "- 5",
                "Infinity",
            )
        ),
        ({"at": "/a", "as": "minor"}, {"a": "1e400"}),
        ({"at": "/a", "as": "integer"}, {"a": [1]}),
        ({"at": "/a", "as": "integer"}, {"a": True}),
        ({"at": "/a", "as": "time"}, {"a": "2026-11-21T10:00:00"}),
        ({"at": "/a", "as": "time"}, {"a": 10**15}),
        ({"each": "/a", "of": "/n"}, {"a": {"n": 1}}),
        ({"each": "/a", "of": "/n", "sum": True}, {"a": [{}]}),
    ],
)
def test_what_cannot_be_read_is_a_failure_and_no_guess(value: Json, body: Json) -> None:
    with pytest.raises(MappingFails):
        read(msgspec.convert(value, Value), Message({}, body))


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_built_in_has_no_findings(name: str) -> None:
    mapping, findings = check(BUILT_IN[name])
    assert findings == []
    assert mapping is not None


_RULE = "/rules/0"
WRONG: dict[str, tuple[str, Any, str, str]] = {
    "an unknown key": ("/sauce", "x", "shape", ""),
    "a scheme nobody signs by": ("/signature", {"scheme": "md5"}, "shape", "/signature/scheme"),
    "hmac without a header": ("/signature", {"scheme": "hmac"}, "signature-header", "/signature/header"),
    "square without its address": ("/signature", {"scheme": "square"}, "signature-url", "/signature/url"),
    "an endless window": ("/signature/tolerance_seconds", 10**9, "tolerance", "/signature/tolerance_seconds"),
    "no source": ("/source", "", "source", "/source"),
    "kept for ever": ("/keep_days", 10_000, "keep-days", "/keep_days"),
    "no place": (f"{_RULE}/activity/id", "data.id", "place", f"{_RULE}/activity/id"),
    "two values in one": (f"{_RULE}/activity/data/note", {"at": "/a", "value": 1}, "value",
                          f"{_RULE}/activity/data/note"),
    "each without of": (f"{_RULE}/activity/data/note", {"each": "/a"}, "value", f"{_RULE}/activity/data/note"),
    "too many digits": (f"{_RULE}/activity/data/note", {"at": "/a", "scale": 9}, "scale",
                        f"{_RULE}/activity/data/note/scale"),
    "no rules": ("/rules", [], "rules", "/rules"),
    "a rule of nothing": (f"{_RULE}/activity", None, "rule", _RULE),
    "about nothing": (f"{_RULE}/on", [], "on", f"{_RULE}/on"),
    "nobody's": (f"{_RULE}/activity/member", [], "member", f"{_RULE}/activity/member"),
    "two ways in one": (f"{_RULE}/activity/member", [{"id": "/a", "email": "/b"}], "member",
                        f"{_RULE}/activity/member/0"),
    "a type the rulebook has not": (f"{_RULE}/activity/type", "wish", "unknown-activity-type",
                                    f"{_RULE}/activity/type"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_each_mistake_is_found_at_its_place(what: str) -> None:
    place, becomes, code, at = WRONG[what]
    document = copy.deepcopy(BUILT_IN["cloudevents"])
    *path, last = place.split("/")[1:]
    inner: Any = document
    for step in path:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    inner[last] = becomes
    _, findings = check(document, ["purchase"])
    assert (code, at) in {(one.code, one.at) for one in findings}


def test_a_rule_that_another_leaves_nothing_is_warned_of() -> None:
    document = copy.deepcopy(BUILT_IN["cloudevents"])
    document["rules"].append(document["rules"][0])
    mapping, findings = check(document, ["purchase"])
    assert mapping is not None
    assert [(one.severity, one.code, one.at) for one in findings] == [("warning", "never-fits", "/rules/2")]
