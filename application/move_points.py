"""Points from one member to another, and back by an operator: two entries that name each other, in one save."""

from typing import Any, TypeVar
from uuid import UUID

import msgspec

from application import answers
from application.answers import Answered
from application.handle import AlreadyThere, Handler, Stored
from application.payloads import MEMBER_ID
from application.ports import ClaimTaken
from application.recent import Loaded
from application.repeats import Ask, Fingerprints, repeat
from application.rows import Wish
from application.together import Both, save_both
from domain.errors import (
    AlreadyReversed,
    AmountOutOfRange,
    BadId,
    MemberErasedAlready,
    NotEligible,
    UnknownTransfer,
)
from domain.log import Claim, decode
from domain.member.closing import moved_id
from domain.member.commands import GiveBackPoints, ReceivePoints, SendPoints
from domain.member.decide import Decision
from domain.member.events import Part, PointsReceived, PointsSent
from domain.numbers import MAX_AMOUNT

Json = dict[str, Any]

_Kind = TypeVar("_Kind")

TRANSFER, REVERSED = "transfer", "transfer-reversed"


class TransferBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`points` of `currency` go from one member to another. `to_currency` is the same, or left out."""

    id: str
    from_: str = msgspec.field(name="from")
    to: str
    currency: str
    points: int
    to_currency: str | None = None


class ReverseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`force`: also when the points have moved on, from other lots, and then as debt."""

    force: bool = False


async def transfer(
    handler: Handler,
    program: str,
    body: TransferBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Give points to another member. Raises NotEnoughPoints, NotEligible, MemberSuspended, UnknownCurrency."""
    if not MEMBER_ID.fullmatch(body.id):
        raise BadId("an id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/id", "not such an id")])
    if not 0 < body.points <= MAX_AMOUNT:
        raise AmountOutOfRange("an amount is 1 to 2^53 - 1", errors=[("/points", "1 to 2^53 - 1")])
    if body.to_currency not in (None, body.currency):
        raise NotEligible("points stay what they are: there is no rate between currencies", reasons=["cross-currency"])
    sender, _ = await handler.find(program, body.from_)
    receiver, _ = await handler.find(program, body.to)
    ask = _ask(program, "transfers", body, actor, key, correlation, ((TRANSFER, body.id),))

    def sends(one: Loaded, other: Loaded) -> Wish:
        command = SendPoints(
            id=body.id,
            to=other.stream.hex,
            entry=other.member.version + 1,
            currency=body.currency,
            points=body.points,
        )
        return _wish(ask, command, _claims(handler, ask, one))

    if sender.stream != receiver.stream:
        done = await _moved(handler, ask, (sender.stream, receiver.stream), sends)
    else:
        done = await _repeated(
            handler, ask, NotEligible("whoever gives points does not receive them", reasons=["same-member"])
        )
    book = await handler.programs.newest_at(program, done.first.entry.pins.timeline)
    moved = _event(done.first, PointsSent)
    return _answered(
        done,
        {
            "transfer": {
                "id": body.id,
                "from": body.from_,
                "to": body.to,
                "currency": moved.currency,
                "points": moved.points,
                "lots": _lots(done),
                "state": "done",
            },
            "from": answers.member_after(done.first.entry, body.from_, book),
            "to": answers.member_after(done.second.entry, body.to, book),
        },
    )


async def reverse(
    handler: Handler,
    program: str,
    transfer_id: str,
    body: ReverseBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Give a transfer back, once. Raises UnknownTransfer, AlreadyReversed, NotEnoughPoints unless `force`."""
    sent = await _sent(handler, program, transfer_id)
    event = _event(sent, PointsSent)
    receiver, sender = UUID(event.to), sent.entry.stream_id
    ask = _ask(program, f"transfers/{transfer_id}/reverse", body, actor, key, correlation, ())
    received = await _entry(handler, receiver, event.entry)
    parts = _event(received, PointsReceived).parts
    receiver, sender, parts = await _now(handler, program, receiver, sender, parts)

    def sends(one: Loaded, other: Loaded) -> Wish:
        command = GiveBackPoints(
            id=transfer_id,
            to=other.stream.hex,
            entry=other.member.version + 1,
            currency=event.currency,
            parts=parts,
            force=body.force,
        )
        return _wish(ask, command, (*_claims(handler, ask, one), Claim(REVERSED, transfer_id)))

    if receiver != sender:
        done = await _moved(handler, ask, (receiver, sender), sends)
    else:
        done = await _repeated(handler, ask, NotEligible("both members are one by now", reasons=["same-member"]))
    book = await handler.programs.newest_at(program, done.first.entry.pins.timeline)
    back = _event(done.first, PointsSent)
    people = [(await handler.load(program, stream))[0].member.id for stream in (receiver, sender)]
    return _answered(
        done,
        {
            "transfer": {
                "id": transfer_id,
                "from": people[1],
                "to": people[0],
                "currency": back.currency,
                "points": back.points,
                "debt": back.debt,
                "lots": _lots(done),
                "state": "reversed",
            },
            "from": answers.member_after(done.second.entry, people[1], book),
            "to": answers.member_after(done.first.entry, people[0], book),
        },
    )


async def _now(
    handler: Handler, program: str, receiver: UUID, sender: UUID, parts: tuple[Part, ...]
) -> tuple[UUID, UUID, tuple[Part, ...]]:
    """Where the two members of a transfer are by now: one that was merged since has its lots at the survivor's."""
    to, _ = await handler.load(program, receiver)
    giver, _ = await handler.load(program, sender)
    if to.stream != receiver:
        before = to.member.absorbed.index(receiver.hex)
        parts = tuple(msgspec.structs.replace(part, lot=moved_id(part.lot, before)) for part in parts)
    return to.stream, giver.stream, parts


async def _moved(handler: Handler, ask: Ask, streams: tuple[UUID, UUID], sends: Any) -> Both:
    """Both entries, or those of the same request that came before."""

    async def takes(one: Loaded, _: Loaded, decision: Decision) -> Wish:
        sent = next(event for event in decision.events if isinstance(event, PointsSent))
        command = ReceivePoints(
            id=sent.transfer,
            sender=one.stream.hex,
            entry=decision.member.version,
            currency=sent.currency,
            parts=sent.arrives,
            reversal=bool(sent.back),
        )
        return _wish(ask, command, ())

    try:
        return await save_both(handler, ask.program, streams, sends, takes)
    except AlreadyThere as there:
        if there.claim.kind == REVERSED and (
            ask.key is None or await handler.store.claim(ask.program, "key", ask.key) is None
        ):
            raise AlreadyReversed("the transfer was reversed") from None
        return await _first(handler, ask, there)


async def _repeated(handler: Handler, ask: Ask, otherwise: NotEligible) -> Both:
    """What was done when the two members were not yet one, to the same request. Raises `otherwise` for a new one."""
    for kind, name in (*ask.business, *((("key", ask.key),) if ask.key is not None else ())):
        if await handler.store.claim(ask.program, kind, name) is not None:
            return await _first(handler, ask, AlreadyThere(ClaimTaken(kind, name)))
    raise otherwise


async def _first(handler: Handler, ask: Ask, there: AlreadyThere) -> Both:
    first = await repeat(handler, ask, there)
    event = _event(first, PointsSent)
    return Both(first, await _entry(handler, UUID(event.to), event.entry))


async def _sent(handler: Handler, program: str, transfer_id: str) -> Stored:
    held = await handler.store.claim(program, TRANSFER, transfer_id)
    if held is None:
        raise UnknownTransfer(f"no transfer {transfer_id!r} in this program")
    return await _entry(handler, held.stream, held.version)


async def _entry(handler: Handler, stream: UUID, version: int) -> Stored:
    (row,) = await handler.store.rows(stream, after=version - 1, upto=version)
    return Stored(decode(row.state), row.position, replayed=True)


def _event(stored: Stored, kind: type[_Kind]) -> _Kind:
    return next(event for event in stored.entry.events if isinstance(event, kind))


def _lots(done: Both) -> list[Json]:
    """The lots that opened at the receiver's, each with its end."""
    received = _event(done.second, PointsReceived)
    return [
        {"lot": part.lot, "points": part.points, "expires_at": part.expires_at, "repaid": part.repaid}
        for part in received.parts
    ]


def _answered(done: Both, body: Json) -> Answered:
    replayed = done.first.replayed
    return Answered(200 if replayed else 201, body | {"position": done.position}, done.position, replayed)


def _wish(ask: Ask, command: SendPoints | ReceivePoints | GiveBackPoints, claims: tuple[Claim, ...]) -> Wish:
    return Wish(program=ask.program, command=command, actor=ask.actor, claims=claims, correlation=ask.correlation)


def _claims(handler: Handler, ask: Ask, loaded: Loaded) -> tuple[Claim, ...]:
    if loaded.key is None:
        raise MemberErasedAlready("the member was erased")
    return Fingerprints(handler, loaded.key, ask).claims


def _ask(
    program: str,
    route: str,
    body: TransferBody | ReverseBody,
    actor: str,
    key: str | None,
    correlation: str | None,
    business: tuple[tuple[str, str], ...],
) -> Ask:
    return Ask(
        program=program,
        route=route,
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        business=business,
        correlation=correlation,
    )
