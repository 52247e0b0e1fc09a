"""What others are told of an event: a message, made from the log when it is sent.

A message is a CloudEvent in structured form. Its id follows from the event's place in its stream, so that it is the
same for every receiver, at every attempt, for ever. What a member's key hides is never in it, and what an erased member
has told of itself is not, however late the message goes.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec

from domain.log import Entry, Event

Json = dict[str, Any]

TYPES: Mapping[str, type[msgspec.Struct]] = {kind.__struct_config__.tag: kind for kind in get_args(Event)}
"""Every event that can be told, by name."""

_UNTOLD: Mapping[str, frozenset[str]] = {
    "MemberEnrolled": frozenset({"sealed"}),
    "MemberChanged": frozenset({"sealed"}),
    # They are as long as they are, and can be read at /v1/rulebooks.
    "RulebookPublished": frozenset({"document", "trees"}),
    "CorrectionProposed": frozenset({"document", "trees"}),
    "MemberAbsorbed": frozenset({"closing"}),
    "BreakageEstimated": frozenset({"reason"}),
}
_OWN: Mapping[str, frozenset[str]] = {
    "MemberEnrolled": frozenset({"member", "attributes", "time_zone", "consents"}),
    "MemberChanged": frozenset({"attributes", "time_zone", "consents"}),
    "MemberStatusChanged": frozenset({"reason"}),
    "MemberErased": frozenset({"reason"}),
    "PointsAdjusted": frozenset({"reason"}),
    "TierFloorSet": frozenset({"reason"}),
    "ReferralCodeIssued": frozenset({"code"}),
    "HouseholdDissolved": frozenset({"reason"}),
    "RewardIssued": frozenset({"codes"}),
    "RewardReserved": frozenset({"codes"}),
    "IssuedCodeUsed": frozenset({"code"}),
}
"""What is personal, or may be: free text that was written about somebody."""


class Whose(msgspec.Struct, frozen=True):
    """Whose event it is, as of now: the id by which clients know the member, none once it was erased."""

    id: str = ""
    status: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent. `stream`, `position` and `recordedat` are attributes of our own.

    `stream` names the member for good; `subject` is the client's id of it, and missing once the member is erased.
    """

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str | msgspec.UnsetType = msgspec.UNSET
    time: datetime
    datacontenttype: str = "application/json"
    stream: str
    position: str
    recordedat: datetime
    data: Json


def message_id(stream: UUID, version: int, number: int) -> str:
    return f"evt_{stream.hex}_{version}_{number}"


def parsed_id(text: str) -> tuple[UUID, int, int] | None:
    """Stream, version and number of a message's id; None when it is none."""
    try:
        prefix, stream, version, number = text.split("_")
        found = UUID(hex=stream), int(version), int(number)
    except ValueError:
        return None
    return found if prefix == "evt" and text == message_id(*found) else None


def type_of(event: Event) -> str:
    tag = type(event).__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def message(entry: Entry, position: int, number: int, whose: Whose) -> Message:
    """What is told of an entry's event."""
    event = entry.events[number]
    name = type_of(event)
    erased = whose.status == "erased"
    left_out = _UNTOLD.get(name, frozenset()) | (_OWN.get(name, frozenset()) if erased else frozenset())
    data = {
        field: value
        for field, value in msgspec.to_builtins(event).items()
        # Enrolling is an activity whose id is the member's.
        if field != "event" and field not in left_out and not (erased and value == whose.id)
    }
    at = getattr(event, "at", None)
    return Message(
        id=message_id(entry.stream_id, entry.version, number),
        source=f"/programs/{entry.program}",
        type=name,
        subject=whose.id if whose.id and not erased else msgspec.UNSET,
        time=at if isinstance(at, datetime) else entry.at,
        stream=entry.stream,
        position=str(position),
        recordedat=entry.recorded_at,
        data=data,
    )


# --- filters -----------------------------------------------------------------------------------


def wanted(event: Event, types: frozenset[str], fields: Mapping[str, Any]) -> bool:
    """Whether an event is of one of the types (of any, if there are none) and its fields have these values.

    A list of values means any of them. A field that the event does not have has no value.
    """
    if types and type_of(event) not in types:
        return False
    return all(
        getattr(event, name, None) in (value if isinstance(value, list) else (value,)) for name, value in fields.items()
    )


def fields_of(types: Iterable[str]) -> set[str]:
    """Fields that some event of the types has, and that are told."""
    return {
        field.name
        for name in types
        for field in msgspec.structs.fields(TYPES[name])
        if field.name not in _UNTOLD.get(name, ())
    }


# --- samples -----------------------------------------------------------------------------------

_SAMPLE_TIME = datetime(2026, 11, 21, 10, tzinfo=UTC)


def sample(name: str, program: str, now: datetime, made_by: UUID) -> Message:
    """A made-up message of a type, for trying a receiver. `made_by` is no stream; its id is never used again."""
    data = {
        field.encode_name: _value(field.type, field.name)
        for field in msgspec.structs.fields(TYPES[name])
        if field.name not in _UNTOLD.get(name, ())
    }
    return Message(
        id=f"sample_{made_by.hex}",
        source=f"/programs/{program}",
        type=name,
        subject="sample-member",
        time=now,
        stream=f"{program}/member/{made_by}",
        position="0",
        recordedat=now,
        data=msgspec.to_builtins(data),
    )


def _value(kind: Any, name: str) -> Any:
    """A value of a field's type."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _value(next(one for one in inner if one is not NoneType), name)
    if origin is Literal:
        return inner[0]
    if origin in (tuple, list):
        return [_value(inner[0], name)]
    if origin is dict:
        return {}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.encode_name: _value(field.type, field.name) for field in msgspec.structs.fields(kind)}
    return {int: 1, str: name, bool: False, datetime: _SAMPLE_TIME, bytes: b""}.get(kind)
