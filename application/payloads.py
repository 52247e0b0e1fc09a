"""Activities as clients send them, and what is asked of them before any rule is."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from application.ports import Zones
from domain.errors import BadId, BadTime, InvalidPayload
from domain.member.commands import RecordActivity
from domain.member.movements import OWN_SOURCE
from domain.rules.compiled import CompiledRulebook

Json = dict[str, Any]

MEMBER_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of a character, which no store can hold."""
_UNWRITABLE = re.compile(r"[\x00\ud800-\udfff]")
MAX_ID = 200
MAX_TEXT = 1_000
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


def sane(body: ActivityBody, zones: Zones) -> None:
    """What no rulebook decides: ids that can be keys, times and zones that can be computed with."""
    for name in ("id", "source", "type"):
        value: str = getattr(body, name)
        if not 0 < len(value) <= MAX_ID or UNPRINTABLE.search(value):
            raise BadId(
                f"{name} is 1 to {MAX_ID} characters without control characters",
                errors=[(f"/{name}", "not such an id")],
            )
    if body.source == OWN_SOURCE:
        raise BadId(f"the source {OWN_SOURCE!r} is the engine's own", errors=[("/source", "another name")])
    if body.member is not None and UNPRINTABLE.search(body.member):
        raise BadId("a member's id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/member", "not such an id")])
    sane_time("/occurred_at", body.occurred_at)
    if body.time_zone is not None and not zones.known(body.time_zone):
        raise BadTime("that is not a time zone", errors=[("/time_zone", "an IANA name")])


def sane_text(at: str, text: str) -> None:
    """A text for people. Raises InvalidPayload when it is too long, or nothing that a store can hold."""
    if len(text) > MAX_TEXT or _UNWRITABLE.search(text):
        raise InvalidPayload(f"a text is at most {MAX_TEXT:,} characters", errors=[(at, f"at most {MAX_TEXT:,}")])


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
