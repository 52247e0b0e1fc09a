"""Referrals: codes, who came with them, and the promises that a friend's entry makes to the owner of the code.

A friend's entry claims its promise under its own name; the owner's entry that keeps it claims the same name under
another kind. What is claimed once and not twice is to be done: at once after the friend's request, and again by
whoever sweeps. So it may be cut off anywhere and run again, by any number of processes.
"""

import hashlib
import re
from typing import Any
from uuid import UUID

import msgspec
import structlog

from application import answers
from application.answers import Answered
from application.handle import AlreadyThere, Handler, Stored
from application.history import past
from application.ports import Unavailable
from application.recent import Loaded
from application.repeats import Ask, carry_out, stored
from application.rows import Wish, promise
from domain.errors import NotEligible, Refused, SelfReferral, UnknownCode
from domain.log import Claim, Entry
from domain.member.closing import first_key
from domain.member.commands import (
    Introduction,
    IssueReferralCode,
    PayReferral,
    ReferMember,
    ReturnActivity,
    ReverseReferral,
)
from domain.member.events import PointsEarned, ReferralConverted, ReferralReversed, ReferralRewarded, ReferralTakenBack
from domain.member.referrals import DUE, UNDUE

Json = dict[str, Any]

ACTOR = "system:referrals"
CODE = "referral-code"
KEPT = {DUE: "referral", UNDUE: "referral-back"}
"""By kind of promise the kind of claim that keeps it."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS = 13
"""Of five bits each: 65 bits cannot be guessed."""
_WRITTEN = re.compile(r"[0-9A-Za-z-]{1,64}")

_log = structlog.get_logger(__name__)


class UseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code that the member came with."""

    code: str


async def issue(
    handler: Handler, program: str, member: str, *, actor: str, key: str | None = None, correlation: str | None = None
) -> Answered:
    """The member's code to bring friends with; a member has one. Raises NotEligible where there are no referrals."""
    loaded, known = await handler.find(program, member)
    if loaded.member.code:
        return await _code_answer(handler, program, loaded, 200)
    ask = Ask(
        program=program, route=f"members/{member}/referral-codes", body={}, actor=actor, key=key,
        correlation=correlation,
    )  # fmt: skip
    code = new_code(handler.new_id())

    def wish(loaded: Loaded, _: object) -> Wish:
        # Another request may have been faster: then its code stays, and this one is nobody's.
        claims = () if loaded.member.code else (Claim(CODE, code),)
        return Wish(program=program, command=IssueReferralCode(code=code), actor=actor, claims=claims)

    done = await carry_out(handler, ask, wish, loaded, known)
    newest, _ = await handler.load(program, loaded.stream)
    return await _code_answer(handler, program, newest, 200 if done.replayed else 201)


def new_code(seed: UUID) -> str:
    """A code out of a random id: 65 bits, in letters and digits that are not mistaken for each other."""
    number = int.from_bytes(hashlib.sha256(seed.bytes).digest(), "big")
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(_LETTERS))


async def _code_answer(handler: Handler, program: str, loaded: Loaded, status: int) -> Answered:
    member = loaded.member
    held = await handler.store.claim(program, CODE, member.code)
    position = held.position if held is not None else 0
    body = {"code": member.code, "member": member.id, "issued_at": member.code_at, "position": position}
    return Answered(status, body, position, replayed=status == 200)


async def introduction(handler: Handler, program: str, code: str) -> Introduction:
    """What a code says, from its owner's stream. Raises UnknownCode, NotEligible."""
    written = code.strip().upper().replace("-", "")
    held = await handler.store.claim(program, CODE, written) if _WRITTEN.fullmatch(code.strip()) else None
    if held is None:
        raise UnknownCode("there is no such code", errors=[("/code", "unknown")])
    owner, _ = await handler.load(program, held.stream)
    if owner.member.status != "active":
        raise NotEligible("the owner of the code has left", reasons=["owner-left"])
    assert owner.member.code_at is not None
    return Introduction(owner=owner.stream.hex, code=written, issued_at=owner.member.code_at)


async def use(
    handler: Handler,
    program: str,
    member: str,
    body: UseBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Note that a member came with a code. Raises UnknownCode, SelfReferral, NotEligible, LimitReached."""
    loaded, known = await handler.find(program, member)
    found = await introduction(handler, program, body.code)
    if found.owner == loaded.stream.hex:
        raise SelfReferral("a member's own code brings nobody")
    ask = Ask(
        program=program,
        route=f"members/{member}/referral",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    wish = Wish(program=program, command=ReferMember(introduction=found), actor=actor)
    done = await carry_out(handler, ask, wish, loaded, known)
    return answers.answered(done, {"member": member, "effects": answers.effects(done.entry), "position": done.position})


async def referrals(handler: Handler, program: str, member: str, *, limit: int = 100, cursor: int = 0) -> Json:
    """What the member's code has brought, oldest first, and whether the member came with one. Names no friend."""
    loaded, known = await handler.find(program, member)
    found = await past(handler, known, loaded.stream, handler.now(loaded))
    items: dict[tuple[str, int], Json] = {}
    for entry in found.entries:
        for event in entry.events:
            if isinstance(event, ReferralRewarded):
                items[event.friend, event.conversion] = {
                    "referrals": list(event.referrals),
                    "at": entry.at,
                    "state": "passed_over" if event.passed_over else "rewarded",
                    "taken_back_at": None,
                    "awards": [
                        {"currency": one.currency, "points": one.points, "available_at": one.available_at}
                        for one in entry.events
                        if isinstance(one, PointsEarned)
                    ],
                }
            elif isinstance(event, ReferralTakenBack):
                items[event.friend, event.conversion] |= {"state": "taken_back", "taken_back_at": entry.at}
    every, who = list(items.values()), found.member.referred
    return {
        "code": found.member.code or None,
        "referred": {"referrals": list(who.referrals), "at": who.at, "conversions": who.conversions} if who else None,
        "items": every[cursor : cursor + limit],
        "next_cursor": str(cursor + limit) if len(every) > cursor + limit else None,
    }


# --- promises ------------------------------------------------------------------------------------


async def keep(handler: Handler, program: str, done: Stored) -> None:
    """Keep the promises of an entry that was saved just now; what cannot be done now is done by the sweeper."""
    try:
        for kind in done.promises:
            await _keep(handler, program, kind, done.entry)
    except (Refused, Unavailable) as error:
        _log.info("referral_postponed", program=program, error=type(error).__name__)


async def keep_all(handler: Handler, program: str) -> int:
    """Keep every promise that is not kept; how many there were. Raises Unavailable."""
    known = await handler.programs.get(program, await handler.store.timeline(program))
    if not any(event.document.get("referrals") for event in known.documents.values()):
        return 0
    count = 0
    for kind in (DUE, UNDUE):
        for stream, version in await handler.store.promised(program, kind, KEPT[kind]):
            found = await stored(handler, stream, version, 0)
            try:
                await _keep(handler, program, kind, found.entry)
                count += 1
            except Refused as error:
                # One member's must not keep the others' from theirs.
                _log.error("referral_not_kept", program=program, stream=str(stream), code=error.code)
    return count


async def _keep(handler: Handler, program: str, kind: str, entry: Entry) -> None:
    made = _command(entry) if kind == DUE else await _reversal(handler, program, entry)
    if made is None:
        return
    command, owner = made
    claim = Claim(KEPT[kind], promise(entry.stream_id, entry.version))
    if await handler.store.claim(program, claim.kind, claim.key) is not None:
        return
    cause = f"{entry.stream}/{entry.version}"
    wish = Wish(program=program, command=command, actor=ACTOR, claims=(claim,), cause=cause)
    try:
        await handler.handle(wish, *await handler.load(program, owner))
    except AlreadyThere:
        return  # another process was quicker


def _command(entry: Entry) -> tuple[PayReferral, UUID]:
    event = next(event for event in entry.events if isinstance(event, ReferralConverted))
    command = PayReferral(
        friend=entry.stream_id.hex,
        conversion=entry.version,
        referrals=event.referrals,
        rulebook=event.rulebook,
        occurred_at=event.at,
        rewards=event.rewards,
    )
    return command, UUID(event.owner)


async def _reversal(handler: Handler, program: str, entry: Entry) -> tuple[ReverseReferral, UUID] | None:
    """The reversal of what was paid; what is not paid yet is paid first, so that each promise has its own entry."""
    event = next(event for event in entry.events if isinstance(event, ReferralReversed))
    friend, conversion = _converted(entry, event)
    converted = (await stored(handler, friend, conversion, 0)).entry
    await _keep(handler, program, DUE, converted)
    paid = await handler.store.claim(program, KEPT[DUE], promise(friend, conversion))
    if paid is None:
        return None
    payment, owner = _command(converted)
    # Whoever was paid may have been merged since.
    survivor, _ = await handler.load(program, owner)
    command = ReverseReferral(
        friend=payment.friend,
        conversion=payment.conversion,
        referrals=payment.referrals,
        rulebook=payment.rulebook,
        occurred_at=entry.at,
        paid=survivor.number_of(paid.stream, paid.version),
        origin=paid.stream.hex if paid.stream != survivor.stream else "",
    )
    return command, owner


def _converted(entry: Entry, event: ReferralReversed) -> tuple[UUID, int]:
    """Where the entry stands that counted: in this stream, or in that of a member which was merged into it since."""
    asked = entry.input
    if event.conversion < 0 and isinstance(asked, ReturnActivity):
        return UUID(asked.origin), first_key(event.conversion)
    return entry.stream_id, event.conversion
