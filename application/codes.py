"""Codes of issued units: use one, once. And the lists of codes that rewards draw from.

A code that is nobody's, and one that is another member's, are answered alike, and both count as misses: whoever
guesses waits longer each time, whatever key and member they guess with.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from application import answers, offers
from application.answers import Answered, answered
from application.handle import Handler
from application.offers import RedeemCodeBody, sane_code
from application.payloads import sane_time
from application.repeats import SPENT, Ask, carry_out
from application.rows import Wish
from domain.errors import CodeNotInCampaign
from domain.log import Claim, Entry, decode
from domain.member.commands import RedeemReward, ReturnRedemption, UseIssuedCode
from domain.member.events import RewardIssued
from domain.rules.rewards import ISSUED_CODE, RewardTerms

Json = dict[str, Any]


class Misses(Protocol):
    """Who has tried codes in vain, in all processes together."""

    async def admit(self, program: str, who: Sequence[str]) -> None:
        """Raises RateLimited while one of them has to wait."""

    async def note(self, program: str, who: Sequence[str]) -> None:
        """One more miss for each of them."""


class CodePool(Protocol):
    """Lists of codes that are not issued yet."""

    async def add(self, program: str, reward: str, codes: Iterable[str]) -> int:
        """Bring codes in; how many were not there already."""

    async def elsewhere(self, program: str, reward: str, codes: Sequence[str]) -> set[str]:
        """Those of them that are in another reward's list."""

    async def held(self, program: str, codes: Sequence[str]) -> set[str]:
        """Those of them that were issued."""

    async def lease(self, program: str, reward: str, count: int) -> list[str]:
        """Codes that nobody else gets for a minute; fewer where there are no more."""

    async def give_back(self, program: str, codes: Sequence[str]) -> None:
        """The lease is over: they are free, but for those that a hold keeps by a claim."""

    async def issued(self, program: str, codes: Sequence[str]) -> None:
        """They stand in the log now."""

    async def left(self, program: str, reward: str) -> int:
        """How many can be issued now."""


class Issued(msgspec.Struct, frozen=True):
    """A code as it was issued: to whom, by which entry, for which redemption."""

    code: str
    owner: UUID
    entry: int
    redemption: str
    issued_at: datetime
    terms: RewardTerms


async def redeem(
    handler: Handler,
    misses: Misses,
    program: str,
    body: RedeemCodeBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Use a code, of a unit or of a coupon. Raises RateLimited, CodeUsed, CodeOutsideWindow, or as coupons do."""
    sane_code(body)
    loaded, known = await handler.find(program, body.member)
    who = (actor, f"member:{loaded.stream.hex}")
    await misses.admit(program, who)
    found = await issued(handler, program, body.code) if body.campaign is None else None
    if found is not None and not found.terms.for_anybody:
        owner, _ = await handler.load(program, found.owner)
        found = found if owner.stream == loaded.stream else None
    if found is None:
        try:
            return await offers.redeem_code(handler, program, body, actor=actor, key=key, correlation=correlation)
        except CodeNotInCampaign:
            await misses.note(program, who)
            raise
    if body.at is not None:
        sane_time("/at", body.at)
    ask = Ask(
        program=program,
        route="codes/redeem",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        business=((SPENT, found.code),),
        correlation=correlation,
    )
    command = UseIssuedCode(
        code=found.code,
        redemption=found.redemption,
        owner=found.owner.hex,
        entry=found.entry,
        issued_at=found.issued_at,
        terms=found.terms,
        at=body.at.astimezone(UTC) if body.at is not None else None,
    )
    done = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, done.entry.pins.timeline)
    return answered(done, answers.issued_code(done, body.member, book))


async def issued(handler: Handler, program: str, code: str) -> Issued | None:
    """What is known of a code, as it was written or as generated ones are."""
    for written in dict.fromkeys((code, code.strip().upper().replace("-", ""))):
        held = await handler.store.claim(program, ISSUED_CODE, written)
        if held is not None:
            return await _issued(handler, program, written, held.stream, held.version)
    return None


async def _issued(handler: Handler, program: str, code: str, stream: UUID, version: int) -> Issued | None:
    entry = await _entry(handler, stream, version)
    made, asked = entry, entry.input
    if not isinstance(asked, RedeemReward):
        # The code was made when a hold was confirmed.
        redemption = next(event.redemption for event in entry.events if isinstance(event, RewardIssued))
        held = await handler.store.claim(program, "redemption", redemption)
        made = await _entry(handler, stream, held.version) if held is not None else entry
        asked = made.input
    elif asked.hold_seconds is not None:
        # A listed code is kept from the moment of the hold, and issued when that is confirmed.
        held = await handler.store.claim(program, "confirm", asked.id)
        if held is None:
            return None
        entry = await _entry(handler, stream, held.version)
    assert isinstance(asked, RedeemReward)
    return Issued(code, stream, made.version, asked.id, entry.recorded_at, asked.terms)


async def spent_by_return(handler: Handler, program: str, redemption: str) -> tuple[Claim, ...]:
    """The claims by which a return makes the codes of a redemption void: taken, if one was used."""
    held = await handler.store.claim(program, "redemption", redemption)
    assert held is not None
    entry = await _entry(handler, held.stream, held.version)
    if not isinstance(entry.input, RedeemReward) or not entry.input.terms.has_codes:
        return ()
    if entry.input.hold_seconds is not None:
        confirmed = await handler.store.claim(program, "confirm", redemption)
        if confirmed is None:
            return ()
        entry = await _entry(handler, confirmed.stream, confirmed.version)
    return tuple(Claim(SPENT, code) for code in answers.codes(entry))


async def were_returned(handler: Handler, program: str, codes: Sequence[Claim]) -> bool:
    """Whether it was a return that made them void."""
    for claim in codes:
        held = await handler.store.claim(program, claim.kind, claim.key)
        if held is not None:
            return isinstance((await _entry(handler, held.stream, held.version)).input, ReturnRedemption)
    return False


async def _entry(handler: Handler, stream: UUID, version: int) -> Entry:
    (row,) = await handler.store.rows(stream, after=version - 1, upto=version)
    return decode(row.state)
