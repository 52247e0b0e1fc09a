"""What can be done with a redemption once it is made: confirm, cancel, return, read."""

from typing import Any, Literal

import msgspec

from application import answers, codes, rewards
from application.answers import Answered, answered
from application.codes import CodePool
from application.handle import Handler, Stored
from application.history import Past, past
from application.points import ID
from application.ports import ClaimRow
from application.programs import KnownProgram
from application.recent import Loaded
from application.repeats import Ask, carry_out
from application.rows import Wish
from domain.errors import AlreadyReversed, AmountOutOfRange, BadId, CodeUsed, MemberErasedAlready, UnknownRedemption
from domain.log import Claim
from domain.member.commands import (
    CancelRedemption,
    ConfirmRedemption,
    MemberCommand,
    RedeemPoints,
    RedeemReward,
    ReturnRedemption,
)
from domain.member.events import HoldConfirmed, HoldReleased, RedemptionReturned
from domain.member.redemptions import Redemption, after
from domain.numbers import MAX_AMOUNT
from domain.redecide import StreamHistory
from domain.rules.compiled import CompiledRulebook

Json = dict[str, Any]


class ConfirmBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many of the points that are held: all of them when left out."""

    points: int | None = None


class CancelBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing needs to be said."""


class ReturnRedemptionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many of the points: all that are left when left out. `mode` in place of the currency's `points_paid`."""

    points: int | None = None
    mode: Literal["reverse", "reissue"] | None = None


async def confirm(
    handler: Handler,
    program: str,
    redemption: str,
    body: ConfirmBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
    pool: CodePool | None = None,
) -> Answered:
    """Spend what is held; said once more, the answer is the same. Raises HoldExpired, AlreadyConfirmed."""
    _amount(body.points)
    loaded, known, version = await _found(handler, program, redemption)
    fresh = await rewards.codes_for(handler, loaded.stream, version)
    command = ConfirmRedemption(redemption=redemption, original=version, points=body.points, codes=fresh)
    ask = _ask(program, redemption, "confirm", body, actor, key, correlation)
    done = await _done(handler, ask, command, loaded, known)
    if pool is not None:
        # Those of a list have been kept until now.
        await pool.issued(program, done.body["redemption"]["codes"])
    return done


async def cancel(
    handler: Handler, program: str, redemption: str, *, actor: str, key: str | None = None,
    correlation: str | None = None,
) -> Answered:  # fmt: skip
    """Let go what is held; said once more, the answer is the same. Raises HoldExpired, AlreadyConfirmed."""
    loaded, known, version = await _found(handler, program, redemption)
    command = CancelRedemption(redemption=redemption, original=version)
    ask = _ask(program, redemption, "cancel", CancelBody(), actor, key, correlation)
    return await _done(handler, ask, command, loaded, known)


async def give_back(
    handler: Handler,
    program: str,
    redemption: str,
    body: ReturnRedemptionBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Give back what was spent. A key makes it repeatable: there may be several. Raises AlreadyReversed."""
    _amount(body.points)
    loaded, known, held = await _held(handler, program, redemption)
    command = ReturnRedemption(
        redemption=redemption,
        original=loaded.number_of(held.stream, held.version),
        points=body.points,
        mode=body.mode,
        origin=held.stream.hex if held.stream != loaded.stream else "",
    )
    ask = _ask(program, redemption, "return", body, actor, key, correlation)
    void = await codes.spent_by_return(handler, program, redemption)
    try:
        return await _done(handler, ask, command, loaded, known, void)
    except CodeUsed:
        if await codes.were_returned(handler, program, void):
            raise AlreadyReversed("all of the redemption has come back") from None
        raise


async def read(handler: Handler, program: str, redemption: str) -> Json:
    """A redemption as it stands now. Raises UnknownRedemption, MemberErasedAlready."""
    loaded, known, version = await _found(handler, program, redemption)
    if loaded.member.status == "erased":
        raise MemberErasedAlready("the member was erased")
    found = await past(handler, known, loaded.stream, handler.now(loaded))
    return _shape(_current(found, version)) | {"member": loaded.member.id}


def every_one(found: Past) -> list[Json]:
    """All redemptions that a stream began, as they stand."""
    return [
        _shape(_current(found, entry.version)) | {"at": entry.at}
        for entry in found.entries
        if isinstance(entry.input, RedeemPoints | RedeemReward)
    ]


def _current(found: Past, version: int) -> Redemption:
    current = StreamHistory(found.entries).redemption(version)
    for event in found.by_time.events if found.by_time is not None else ():
        current = after(current, event)  # type: ignore[arg-type]
    return current


def _shape(found: Redemption) -> Json:
    return {
        "id": found.id,
        "state": found.state,
        "currency": found.currency,
        "points": found.points,
        "value_minor": found.value_minor,
        "draws": [{"lot": part.id, "points": part.remaining} for part in found.parts],
        "codes": list(found.codes) if found.state == "confirmed" else [],
        "expires_at": found.ends_at if found.state == "held" else None,
        "returned": found.returned,
    }


async def _found(handler: Handler, program: str, redemption: str) -> tuple[Loaded, KnownProgram, int]:
    """The member whose redemption it is, and the entry that made it. Raises UnknownRedemption."""
    loaded, known, held = await _held(handler, program, redemption)
    return loaded, known, loaded.number_of(held.stream, held.version)


async def _held(handler: Handler, program: str, redemption: str) -> tuple[Loaded, KnownProgram, ClaimRow]:
    """The same, with the entry as it stands in the stream of whoever the member was then."""
    if not ID.fullmatch(redemption):
        raise BadId("an id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/redemption", "not such an id")])
    held = await handler.store.claim(program, "redemption", redemption)
    if held is None:
        raise UnknownRedemption(f"there is no redemption {redemption!r} in this program")
    loaded, known = await handler.load(program, held.stream)
    return loaded, known, held


def _ask(
    program: str, redemption: str, verb: str, body: Any, actor: str, key: str | None, correlation: str | None
) -> Ask:
    return Ask(
        program=program,
        route=f"redemptions/{redemption}/{verb}",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        business=((verb, redemption),) if verb != "return" else (),
        correlation=correlation,
    )


async def _done(
    handler: Handler, ask: Ask, command: MemberCommand, loaded: Loaded, known: KnownProgram,
    claims: tuple[Claim, ...] = (),
) -> Answered:  # fmt: skip
    if isinstance(command, ConfirmRedemption):
        claims = rewards.code_claims(command.codes)
    wish = Wish(program=ask.program, command=command, actor=ask.actor, claims=claims)
    found = await carry_out(handler, ask, wish, loaded, known)
    book = await handler.programs.newest_at(ask.program, found.entry.pins.timeline)
    return answered(found, changed(found, loaded.member.id, book))


def changed(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to a change of a redemption, from its entry alone."""
    entry = stored.entry
    done = next(
        event
        for event in entry.events[entry.settled :]
        if isinstance(event, HoldConfirmed | HoldReleased | RedemptionReturned)
    )
    told: Json = {
        "id": done.redemption,
        "state": "cancelled",
        "currency": done.currency,
        "points": done.points,
        "value_minor": None,
        "draws": [],
        "codes": [],
        "expires_at": None,
    }
    match done:
        case HoldConfirmed():
            told |= {"state": "confirmed", "value_minor": done.value_minor, "draws": answers.draws(done.draws)}
            told["codes"] = answers.codes(entry)
        case HoldReleased():
            pass
        case RedemptionReturned():
            told |= {
                "state": "returned" if done.complete else "confirmed",
                "value_minor": done.value_minor,
                "draws": answers.draws(done.draws),
                "mode": done.mode,
            }
    if isinstance(done, RedemptionReturned):
        back = [{"lot": lot.lot, "points": lot.points, "expires_at": lot.expires_at} for lot in done.lots]
        more = {"given_back": back, "repaid": done.repaid, "expired": answers.draws(done.expired)}
    else:
        repaid = sum(draw.points for draw in done.repaid)
        more = {"given_back": answers.draws(done.released), "repaid": repaid, "expired": answers.draws(done.expired)}
    return {
        "redemption": told,
        **more,
        "member": answers.member_after(entry, member, book),
        "position": stored.position,
    }


def _amount(points: int | None) -> None:
    if points is not None and not 0 < points <= MAX_AMOUNT:
        raise AmountOutOfRange("an amount is 1 to 2^53 - 1", errors=[("/points", "1 to 2^53 - 1")])
