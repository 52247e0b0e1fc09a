"""Activities as clients send them, and what is asked of them before any rule is."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.errors import BadId, BadTime, InvalidPayload
from domain.member.commands import RecordActivity
from domain.member.movements import OWN_SOURCE
from domain.rules.compiled import CompiledRulebook

Json = dict[str, Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MAX_ID = 200
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class ActivityBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An activity as a client sends it. `member` or `member_email` says whose it is."""

    id: str
    source: str
    type: str
    occurred_at: datetime
    member: str | None = None
    member_email: str | None = None
    data: Json = {}
    metadata: Json = {}
    time_zone: str | None = None


def sane(body: ActivityBody) -> None:
    """What no rulebook decides: ids that can be keys, times that can be computed with."""
    for name in ("id", "source", "type"):
        value: str = getattr(body, name)
        if not 0 < len(value) <= MAX_ID or _CONTROL.search(value):
            raise BadId(
                f"{name} is 1 to {MAX_ID} characters without control characters",
                errors=[(f"/{name}", "not such an id")],
            )
    if body.source == OWN_SOURCE:
        raise BadId(f"the source {OWN_SOURCE!r} is the engine's own", errors=[("/source", "another name")])
    sane_time("/occurred_at", body.occurred_at)


def sane_time(at: str, instant: datetime) -> None:
    if instant.tzinfo is None:
        raise BadTime("a time needs its offset from UTC", errors=[(at, "such as 2026-11-22T10:00:00+01:00")])
    try:
        in_range = EARLIEST <= instant <= LATEST
    except OverflowError:
        in_range = False
    if not in_range:
        raise BadTime("a time between the years 1900 and 2200", errors=[(at, "out of range")])


def command_of(body: ActivityBody, book: CompiledRulebook) -> RecordActivity:
    """The command of a body whose payload fits the rulebook's schema. Raises InvalidPayload."""
    wrong = book.schema(body.type).errors(body.data)
    if wrong:
        raise InvalidPayload(
            "the payload does not fit the schema of its type",
            errors=[(f"/data{at}", message) for at, message in wrong],
        )
    return RecordActivity(
        source=body.source,
        id=body.id,
        type=body.type,
        occurred_at=body.occurred_at.astimezone(UTC),
        data=body.data,
        metadata=body.metadata,
        time_zone=body.time_zone,
    )
