"""Two members become one, in one save: the loser's stream is closed, the survivor's takes over all that it had.

The loser's entries go into the survivor's as evidence, without personal fields: so the survivor's stream can be
decided again alone, returns of old orders included. Ids, identities and activities of the loser stay claims of its
stream, and whoever follows them comes to the survivor (`Handler.load`).
"""

from typing import Any
from uuid import UUID

import msgspec

from application import answers
from application.answers import Answered
from application.handle import AlreadyThere, Handler, Stored
from application.payloads import MEMBER_ID
from application.recent import Loaded
from application.repeats import Ask, Fingerprints, repeat
from application.rows import Wish
from application.together import Both, save_both
from domain.errors import BadId, MemberErasedAlready, NotEligible
from domain.log import Entry, decode
from domain.member.commands import (
    AbsorbMember,
    MergeMember,
    Past,
    PastPins,
    RecordActivity,
    RedeemPoints,
    RedeemReward,
)
from domain.member.decide import Decision
from domain.member.events import MemberAbsorbed, MemberChanged, MemberEnrolled, MemberEventUnion, MemberMerged

Json = dict[str, Any]

MERGE = "merge"
MAX_PAST = 20_000
"""Entries of a loser: what is copied into one row."""

_LOOKED_AT = (RecordActivity, RedeemPoints, RedeemReward, AbsorbMember)


class MergeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`loser` becomes one with `survivor`, whose id it is known by from then on."""

    id: str
    survivor: str
    loser: str


async def merge(
    handler: Handler,
    program: str,
    body: MergeBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Merge a member into another. Raises NotEligible, MergedAway, MemberSuspended, AmountOutOfRange."""
    if not MEMBER_ID.fullmatch(body.id):
        raise BadId("an id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/id", "not such an id")])
    survivor, _ = await handler.find(program, body.survivor)
    loser = await _itself(handler, program, body.loser)
    if loser.stream == survivor.stream:
        raise NotEligible("a member is not merged into itself", reasons=["same-member"])
    ask = Ask(
        program=program,
        route="merges",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        business=((MERGE, body.id),),
        correlation=correlation,
    )

    async def absorbs(gone: Loaded, other: Loaded, decision: Decision) -> Wish:
        command = AbsorbMember(
            id=body.id,
            member=gone.stream.hex,
            entry=decision.member.version,
            past=await _past(handler, gone, decision),
            survivor=other.stream.hex,
        )
        return Wish(program=program, command=command, actor=actor, correlation=correlation)

    def closes(gone: Loaded, other: Loaded) -> Wish:
        if gone.key is None:
            raise MemberErasedAlready("the member was erased")
        command = MergeMember(id=body.id, into=other.stream.hex, entry=other.member.version + 1)
        claims = Fingerprints(handler, gone.key, ask).claims
        return Wish(program=program, command=command, actor=actor, claims=claims, correlation=correlation)

    try:
        done = await save_both(handler, program, (loser.stream, survivor.stream), closes, absorbs)
    except AlreadyThere as there:
        first = await repeat(handler, ask, there)
        event = next(event for event in first.entry.events if isinstance(event, MemberMerged))
        done = Both(first, await _entry(handler, UUID(event.into), event.entry))
    book = await handler.programs.newest_at(program, done.first.entry.pins.timeline)
    replayed = done.first.replayed
    answer = {
        "merge": {"id": body.id, "survivor": body.survivor, "loser": body.loser, **_moved(done.second.entry)},
        "effects": answers.effects(done.second.entry),
        "member": answers.member_after(done.second.entry, body.survivor, book),
        "position": done.position,
    }
    return Answered(200 if replayed else 201, answer, done.position, replayed)


async def _itself(handler: Handler, program: str, member: str) -> Loaded:
    found = await handler.store.claim(program, "member", member)
    if found is None:
        raise await handler.unknown(program, member)
    return (await handler.load_itself(program, found.stream))[0]


async def _entry(handler: Handler, stream: UUID, version: int) -> Stored:
    (row,) = await handler.store.rows(stream, after=version - 1, upto=version)
    return Stored(decode(row.state), row.position, replayed=True)


def _moved(entry: Entry) -> Json:
    """What came over: points by currency, debt among them apart."""
    closing = next(event for event in entry.events if isinstance(event, MemberAbsorbed)).closing
    points: dict[str, int] = {}
    for lot in closing.lots:
        points[lot.currency] = points.get(lot.currency, 0) + lot.remaining
    return {"points": points, "debt": closing.debt, "lots": len(closing.lots)}


async def _past(handler: Handler, gone: Loaded, decision: Decision) -> tuple[Past, ...]:
    stored = await handler.entries(gone.stream, gone.member.version)
    if len(stored) > MAX_PAST:
        raise NotEligible(f"more than {MAX_PAST} entries are not merged", reasons=["too-much-history"])
    return past_of(stored, decision)


def past_of(stored: list[Entry], decision: Decision) -> tuple[Past, ...]:
    """The loser's entries, and what time had made true of it in the last one, which closes it."""
    last = Past(
        version=decision.member.version,
        recorded_at=decision.at,
        at=decision.at,
        pins=PastPins(timeline=decision.member.timeline, rulebook=decision.rulebook),
        events=decision.events[: decision.settled],
        settled=decision.settled,
    )
    return (*(_as_past(entry) for entry in stored), last)


def _as_past(entry: Entry) -> Past:
    command = entry.input
    if isinstance(command, RecordActivity):
        command = msgspec.structs.replace(command, sealed=b"", metadata={})
    return Past(
        version=entry.version,
        recorded_at=entry.recorded_at,
        at=entry.at,
        pins=PastPins(timeline=entry.pins.timeline, rulebook=entry.pins.rulebook),
        input=command if isinstance(command, _LOOKED_AT) else None,
        facts=entry.facts,
        events=tuple(_impersonal(event) for event in entry.events),  # type: ignore[arg-type]
        settled=entry.settled,
        takes=entry.takes,
    )


def _impersonal(event: MemberEventUnion) -> MemberEventUnion:
    if isinstance(event, MemberEnrolled):
        return msgspec.structs.replace(event, sealed=b"")
    if isinstance(event, MemberChanged) and event.sealed is not None:
        return msgspec.structs.replace(event, sealed=None)
    return event
