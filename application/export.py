"""All that is kept about a member, in the clear and in one document: what the person has a right to see.

Members who were merged into this one are the same person under other keys: what their streams say is in it, too.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from application import redemptions
from application.answers import activity_ref
from application.handle import Handler
from application.history import Past, every, lots_of, past, say_in, sentences
from application.members import opened, seen
from application.recent import Loaded
from application.sealing import open_payload
from domain.errors import MemberErasedAlready
from domain.log import Entry
from domain.member.commands import ChangeMember, EnrolMember, RecordActivity, ReturnActivity
from domain.member.events import (
    CodeRedeemed,
    HouseholdJoined,
    HouseholdLeft,
    HouseholdSpent,
    PointsReceived,
    ReferralCodeIssued,
)

Json = dict[str, Any]
FORMAT = "guerdon.export.1"


async def export(handler: Handler, program: str, member: str, *, at: datetime) -> Json:
    """`at` is the instant of the export. Raises UnknownMember, MemberErasedAlready."""
    loaded, known = await handler.find(program, member)
    streams = [loaded]
    for absorbed in loaded.member.absorbed:
        other, _ = await handler.load_itself(program, UUID(hex=absorbed))
        if other.key is None:
            raise MemberErasedAlready("a member who was merged into this one was erased")
        streams.append(other)
    pasts = [await past(handler, known, one.stream, handler.now(loaded)) for one in streams]
    pairs = list(zip(streams, pasts, strict=True))
    items = [item for found in pasts for item in sentences(every(found), found.positions, say_in(found.circumstances))]
    return {
        "format": FORMAT,
        "program": program,
        "exported_at": at,
        "streams": [str(one.stream) for one in streams],
        "member": await seen(handler, known, loaded),
        "personal": [row for one, found in pairs for row in _personal(handler, program, one, found)],
        "consents": [row for found in pasts for row in _consents(found)],
        "history": sorted(items, key=lambda item: item["recorded_at"]),
        "lots": list(lots_of(pasts[0]).values()),
        "redemptions": [row for found in pasts for row in redemptions.every_one(found)],
        "codes": [row for found in pasts for row in _codes(found)],
        "activities": [row for one, found in pairs for row in _activities(handler, program, one, found)],
        "households": [row for one, found in pairs for row in await _households(handler, program, one, found)],
    }


async def _households(handler: Handler, program: str, loaded: Loaded, found: Past) -> list[Json]:
    """Households that the person belonged to: when, and what it gave to their pools and spent from them."""
    told = []
    for entry in found.entries:
        for event in entry.events:
            if isinstance(event, HouseholdJoined | HouseholdLeft):
                home, _ = await handler.load(program, UUID(event.household))
                kind = "joined" if isinstance(event, HouseholdJoined) else "left"
                told.append(_when(entry) | {"kind": kind, "household": home.member.id})
    joined = {
        event.household for entry in found.entries for event in entry.events if isinstance(event, HouseholdJoined)
    }
    for stream in await _with_survivors(handler, program, joined):
        home, _ = await handler.load(program, stream)
        for entry in await handler.entries(stream):
            for event in entry.events:
                match event:
                    case HouseholdSpent(member=loaded.stream.hex):
                        more: Json = {"kind": "spent", "cause": event.redemption}
                    case PointsReceived(sender=loaded.stream.hex):
                        more = {"kind": "given", "cause": event.transfer}
                    case _:
                        continue
                more |= {"household": home.member.id, "currency": event.currency, "points": event.points}
                told.append(_when(entry) | more)
    return told


async def _with_survivors(handler: Handler, program: str, households: set[str]) -> list[UUID]:
    """The streams of households, and of those that they have been merged into since."""
    found = {UUID(one) for one in households}
    for one in list(found):
        found.add((await handler.load(program, one))[0].stream)
    return sorted(found)


def _when(entry: Entry) -> Json:
    return {"at": entry.at, "recorded_at": entry.recorded_at, "actor": entry.actor}


def _personal(handler: Handler, program: str, loaded: Loaded, found: Past) -> Iterator[Json]:
    """What was known of the person, and since when."""
    for entry in found.entries:
        asked = entry.input
        if isinstance(asked, EnrolMember | ChangeMember) and asked.sealed is not None:
            personal = opened(handler, program, loaded, asked.sealed)
            yield _when(entry) | {
                "email": personal.email,
                "external_ids": personal.external_ids,
                "profile": personal.profile,
            }


def _consents(found: Past) -> Iterator[Json]:
    """What the person agreed to, and when that changed."""
    for entry in found.entries:
        asked = entry.input
        if isinstance(asked, EnrolMember | ChangeMember) and asked.consents is not None:
            yield _when(entry) | {"consents": asked.consents}


def _codes(found: Past) -> Iterator[Json]:
    """Codes of the person's own, and coupons that were used; codes of rewards are with their redemptions."""
    for entry in found.entries:
        for event in entry.events:
            if isinstance(event, ReferralCodeIssued):
                yield _when(entry) | {"kind": "referral", "code": event.code}
            elif isinstance(event, CodeRedeemed):
                yield _when(entry) | {"kind": "coupon", "code": event.code, "campaign": event.campaign}


def _activities(handler: Handler, program: str, loaded: Loaded, found: Past) -> Iterator[Json]:
    """Activities and returns with all that came with them, personal fields in their places."""
    assert loaded.key is not None
    for entry in found.entries:
        asked = entry.input
        if not isinstance(asked, RecordActivity | ReturnActivity):
            continue
        data = open_payload(
            handler.crypto, asked.data, asked.sealed, key=loaded.key, program=program, stream=loaded.stream
        )
        yield _when(entry) | {
            "ref": activity_ref(loaded.stream, entry.version),
            "source": asked.source,
            "id": asked.id,
            "type": asked.type,
            "occurred_at": asked.occurred_at,
            "data": data,
            "metadata": asked.metadata if isinstance(asked, RecordActivity) else {},
            "returns": {"source": asked.activity_source, "id": asked.activity_id, "amount_minor": asked.amount_minor}
            if isinstance(asked, ReturnActivity)
            else None,
        }
