"""A mapping: what of another system's message is the member, the time, the amount. Data, not code.

A place is a JSON pointer into the body ("/data/object/id") or a header ("header:x-shopify-topic"). A value is a place,
or an object that says how to read it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from babel.numbers import get_currency_precision

from application.payloads import ActivityBody
from application.points import ActivityName, ReturnBody
from domain.errors import Refused
from domain.numbers import MAX_AMOUNT

Json = dict[str, Any]

HEADER = "header:"
MAX_ITEMS = 1_000
KEEP_DAYS = 90
_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,18})?")


class MappingFails(Refused):
    """A message has not what the mapping looks for."""

    code = "mapping-failed"


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How messages are signed. `header`, `encoding` and `prefix` are of `hmac`, `url` of `square`."""

    scheme: Literal["stripe", "standard", "square", "hmac"]
    header: str = ""
    encoding: Literal["base64", "hex"] = "base64"
    prefix: str = ""
    url: str = ""
    tolerance_seconds: int = 300


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of `at` (a place, read `as`), `value` (always this), `each` (a list, an item `of`; or their `sum`), `object`.

    `minor` reads decimal text as minor units of `currency` (a place) or with `scale` digits; `time` seconds since 1970
    or RFC 3339, `utc` a time without offset. What is not there, or is `nothing`, is `default`; null is left out.
    """

    at: str | None = None
    as_: Literal["text", "upper", "integer", "minor", "time", "utc", "json"] = msgspec.field(default="json", name="as")
    scale: int = 2
    currency: str | None = None
    prefix: str = ""
    nothing: str | int | None = None
    default: Any = None
    value: Any = None
    each: str | None = None
    of: "Given | None" = None
    sum: bool = False
    object: "dict[str, Given] | None" = None


Given = str | Value


class Way(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to find the member: its id, an external id, or its e-mail address."""

    id: Given | None = None
    external_id: Given | None = None
    email: Given | None = None


class ActivityRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The activity that a message means. The first of `member` that belongs to somebody says whose it is."""

    type: str
    id: Given
    occurred_at: Given
    member: list[Way]
    data: dict[str, Given] = {}


class ReturnRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The return that a message means: `of` is the id of the activity. Without `amount_minor` all that is left."""

    id: Given
    of: Given
    occurred_at: Given
    amount_minor: Given | None = None


class MappingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What messages of the types `on` mean. `where` names places and what they must hold; null for nothing there."""

    on: list[str]
    where: dict[str, str | int | bool | None] = {}
    activity: ActivityRule | None = None
    return_: ReturnRule | None = msgspec.field(default=None, name="return")


class MappingDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first rule that fits a message counts; a message that none fits is none of ours.

    `source` is that of the activities. `type` and `id` are the message's own. The text of one that waits or failed is
    kept for `keep_days`.
    """

    source: str
    signature: Signature
    type: Given
    id: Given
    rules: list[MappingRule]
    keep_days: int = KEEP_DAYS


class Message(msgspec.Struct, frozen=True):
    """What was sent: the headers that the mapping reads, and the body as JSON."""

    headers: Mapping[str, str]
    body: Any


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """An activity that has no member yet and the ways to find one, or a return."""

    activity: ActivityBody | None = None
    ways: tuple[tuple[Literal["id", "external_id", "email"], str], ...] = ()
    returned: ReturnBody | None = None


def meant(document: MappingDocument, message: Message) -> Meant | None:
    """What a message means; None where it is none of ours. Raises MappingFails."""
    kind = text_at(document.type, message, "/type")
    rule = next((one for one in document.rules if _fits(one, kind, message)), None)
    if rule is None:
        return None
    if rule.return_ is not None:
        returned = _returned(document.source, rule.return_, message)
        # A refund of shipping alone, for instance, takes nothing back.
        return Meant(returned=returned) if returned.amount_minor != 0 else None
    assert rule.activity is not None
    found = rule.activity
    return Meant(
        activity=ActivityBody(
            id=text_at(found.id, message, "/id"),
            source=document.source,
            type=found.type,
            occurred_at=_time(found.occurred_at, message),
            data={name: held for name, one in found.data.items() if (held := read(one, message)) is not None},
        ),
        ways=tuple(_ways(found.member, message)),
    )


def _fits(rule: MappingRule, kind: str, message: Message) -> bool:
    return kind in rule.on and all(place(at, message) == held for at, held in rule.where.items())


def _returned(source: str, rule: ReturnRule, message: Message) -> ReturnBody:
    amount = read(rule.amount_minor, message) if rule.amount_minor is not None else None
    if rule.amount_minor is not None and (not isinstance(amount, int) or isinstance(amount, bool)):
        raise MappingFails("an amount is a whole number", errors=[("/return/amount_minor", "not a whole number")])
    return ReturnBody(
        id=text_at(rule.id, message, "/return/id"),
        source=source,
        activity=ActivityName(source=source, id=text_at(rule.of, message, "/return/of")),
        occurred_at=_time(rule.occurred_at, message),
        amount_minor=amount,
    )


def _ways(ways: list[Way], message: Message) -> Iterator[tuple[Literal["id", "external_id", "email"], str]]:
    for way in ways:
        for name in ("id", "external_id", "email"):
            given = getattr(way, name)
            held = read(given, message) if given is not None else None
            if isinstance(held, str | int) and not isinstance(held, bool) and str(held).strip():
                yield name, str(held)


def text_at(given: Given, message: Message, at: str) -> str:
    """A text that must be there; a whole number counts as one. Raises MappingFails."""
    held = read(given, message)
    if isinstance(held, bool) or not isinstance(held, str | int) or held == "":
        raise MappingFails(f"the message has no text at {_shown(given)}", errors=[(at, "no text there")])
    return str(held)


def _time(given: Given, message: Message) -> datetime:
    # A bare place says how it is read no more than that it is a time.
    held = read(Value(at=given, as_="time") if isinstance(given, str) else given, message)
    if not isinstance(held, datetime):
        raise MappingFails(f"the message has no time at {_shown(given)}", errors=[("/occurred_at", "no time there")])
    return held


# --- values ------------------------------------------------------------------------------------


def read(given: Given, message: Message) -> Any:
    """What a value is in a message; None where nothing is there. Raises MappingFails."""
    if isinstance(given, str):
        return place(given, message)
    if given.object is not None:
        return {name: held for name, one in given.object.items() if (held := read(one, message)) is not None}
    if given.each is not None:
        return _items(given, message)
    if given.at is None:
        return given.value
    held = place(given.at, message)
    if held is None or held in ("", given.nothing):
        return given.default
    try:
        return _read_as(given, held, message)
    except (ValueError, ArithmeticError) as error:
        raise MappingFails(
            f"what stands at {given.at} is no {given.as_}", errors=[(given.at, str(error)[:200])]
        ) from None


def place(at: str, message: Message) -> Any:
    """What stands at a place; None where there is nothing."""
    if at.startswith(HEADER):
        return message.headers.get(at.removeprefix(HEADER).lower())
    held = message.body
    for step in at.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(held, dict):
            held = held.get(name)
        elif isinstance(held, list) and name.isdigit() and len(name) < 6:
            held = held[int(name)] if int(name) < len(held) else None
        else:
            return None
    return held


def places(given: Given | None) -> Iterator[str]:
    """All places that a value reads in the whole message; those of items are not."""
    if isinstance(given, str):
        yield given
    elif given is not None:
        for one in (given.at, given.each, given.currency):
            if one is not None:
                yield one
        for part in (given.object or {}).values():
            yield from places(part)


def _items(given: Value, message: Message) -> list[Any] | int | None:
    assert given.each is not None
    held = place(given.each, message)
    if held is None:
        return None
    if not isinstance(held, list) or len(held) > MAX_ITEMS or given.of is None:
        said = f"there is no list of up to {MAX_ITEMS:,} at {given.each}"
        raise MappingFails(said, errors=[(given.each, "no such list")])
    items = [read(given.of, Message(message.headers, item)) for item in held]
    if not given.sum:
        return items
    if not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
        raise MappingFails(f"an item of {given.each} is no whole number", errors=[(given.each, "no whole number")])
    total: int = sum(items)
    return total


def _read_as(given: Value, held: Any, message: Message) -> Any:
    match given.as_:
        case "json":
            return held
        case "text":
            return given.prefix + _text(held)
        case "upper":
            return given.prefix + _text(held).upper()
        case "integer":
            return _whole(_number(held))
        case "minor":
            currency = place(given.currency, message) if given.currency is not None else None
            digits = get_currency_precision(currency.upper()) if isinstance(currency, str) else given.scale
            return _whole(_number(held).scaleb(digits))
        case "utc":
            return datetime.fromisoformat(_text(held)).replace(tzinfo=UTC)
        case "time":
            return _instant(held)


def _text(held: Any) -> str:
    # A JSON number with a fraction is read by its shortest spelling, which is what was sent.
    if isinstance(held, bool) or not isinstance(held, str | int | float):
        raise ValueError("neither a text nor a number")  # noqa: TRY004 - one kind of refusal for all that is sent
    return str(held).strip()


def _number(held: Any) -> Decimal:
    # Only as money and times are written: to read 1e1000000 as a whole number takes half a minute.
    text = _text(held)
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("no plain number")
    return Decimal(text)


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise ValueError("there is a rest")
    whole = int(number)
    if abs(whole) > MAX_AMOUNT:
        raise ValueError("out of range")
    return whole


def _instant(held: Any) -> datetime:
    text = _text(held)
    if _NUMBER.fullmatch(text) is not None:
        return datetime.fromtimestamp(int(Decimal(text)), UTC)
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("the time has no offset")
    return found


def _shown(given: Given) -> str:
    return given if isinstance(given, str) else given.at or "a value"
