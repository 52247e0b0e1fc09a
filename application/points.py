"""Points that move on request: redemptions, adjustments, returns."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from application import answers, households, referrals
from application.answers import Answered, answered
from application.handle import Handler
from application.payloads import MAX_ID, command_of, sane_time
from application.recent import Loaded
from application.repeats import SEPARATOR, Ask, carry_out
from application.rows import Wish
from application.sealing import seal_payload
from domain.calendar import Offsets, parse_period
from domain.errors import AmountOutOfRange, BadId, InvalidPayload, UnknownActivity
from domain.log import decode
from domain.member.commands import AdjustPoints, RecordActivity, RedeemPoints, ReturnActivity
from domain.member.reading import Reading
from domain.member.returns import amount_of
from domain.member.state import Member
from domain.numbers import MAX_AMOUNT
from domain.rules.compiled import CompiledRulebook
from domain.rules.expression import EvaluationError

Json = dict[str, Any]

DAY_SECONDS = 86_400
LONGEST_HOLD = 30 * DAY_SECONDS

ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")


class ActivityName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The business key of an activity."""

    source: str
    id: str


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An order that points pay for. `amount_minor` is for one that is not recorded yet."""

    source: str
    id: str
    amount_minor: int | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to set points aside: `ttl` is an ISO 8601 duration without months or years."""

    ttl: str


class RedeemBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Spend `points` of `currency`, or as many as are worth `value_minor`; with `hold`, set them aside for a while."""

    id: str
    member: str
    currency: str | None = None
    points: int | None = None
    value_minor: int | None = None
    order: Order | None = None
    reward: str | None = None
    quantity: int | None = None
    hold: Hold | None = None
    by: str | None = None
    """Who spends, where `member` is a household."""


class AdjustBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Points that come can be spent at once, from `available_at` on, or once activated (`available: on_action`)."""

    id: str
    member: str
    currency: str
    points: int
    reason: str
    allow_negative: bool = False
    expires_at: datetime | None = None
    available_at: datetime | None = None
    available: str | None = None


class ReturnLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    line: str
    amount_minor: int
    quantity: int = 1


class ReturnBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Without `amount_minor` and `lines` all that is left is returned."""

    id: str
    source: str
    activity: ActivityName
    occurred_at: datetime
    amount_minor: int | None = None
    lines: list[ReturnLine] | None = None


async def redeem(
    handler: Handler,
    program: str,
    body: RedeemBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Spend points, at once or held for a while.

    Raises NotEnoughPoints, BelowMinimum, LimitReached, NotEligible, UnknownCurrency.
    """
    _good_id(body.id)
    if body.quantity is not None:
        raise InvalidPayload("a quantity is of a reward", errors=[("/quantity", "leave it out")])
    if body.currency is None or (body.points is None) == (body.value_minor is None):
        raise InvalidPayload(
            "give a currency and one of points, value_minor", errors=[("/points", "exactly one of the two")]
        )
    if body.order is not None:
        sane_name("/order/source", body.order.source)
        sane_name("/order/id", body.order.id)
        _amount("/order/amount_minor", body.order.amount_minor)
    for name in ("points", "value_minor"):
        _amount(f"/{name}", getattr(body, name))
    loaded, known = await handler.find(program, body.member)
    ask = _ask(program, "redemptions", body, actor, key, correlation, ("redemption", body.id))
    command = RedeemPoints(
        id=body.id,
        currency=body.currency,
        points=body.points,
        value_minor=body.value_minor,
        order_source=body.order.source if body.order else None,
        order_id=body.order.id if body.order else None,
        order_minor=await _order_amount(handler, program, body.order) if body.order else None,
        hold_seconds=hold_seconds(body.hold) if body.hold is not None else None,
        by=await households.spender(handler, program, loaded, body.by, body.id),
    )
    found = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, answers.redemption(found, body.member, book))


def hold_seconds(hold: Hold) -> int:
    try:
        period = parse_period(hold.ttl)
    except ValueError as error:
        raise InvalidPayload(f"a hold has no such life: {error}", errors=[("/hold/ttl", str(error))]) from None
    seconds = DAY_SECONDS * period.days + period.seconds
    if period.months or not 0 < seconds <= LONGEST_HOLD:
        raise InvalidPayload(
            "a hold lives a second to 30 days", errors=[("/hold/ttl", "PT1S to P30D, without months or years")]
        )
    return seconds


async def _order_amount(handler: Handler, program: str, order: Order) -> int | None:
    """The money of an order: what was recorded, else what the caller says."""
    held = await handler.store.claim(program, "activity", order.source + SEPARATOR + order.id)
    rows = await handler.store.rows(held.stream, after=held.version - 1, upto=held.version) if held else []
    recorded = decode(rows[0].state).input if rows else None
    return amount_of(recorded) if isinstance(recorded, RecordActivity) else order.amount_minor


async def adjust(
    handler: Handler,
    program: str,
    body: AdjustBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Give or take points by hand. Raises NotEnoughPoints unless `allow_negative`."""
    _good_id(body.id)
    if body.points == 0 or abs(body.points) > MAX_AMOUNT:
        raise AmountOutOfRange("points is not 0", errors=[("/points", "-(2^53 - 1) to 2^53 - 1, not 0")])
    if not 0 < len(body.reason) <= 1000:
        raise InvalidPayload("an adjustment has a reason", errors=[("/reason", "1 to 1,000 characters")])
    if body.available not in (None, "at_once", "on_action"):
        raise InvalidPayload("at_once or on_action", errors=[("/available", "at_once or on_action")])
    if body.available == "on_action" and (body.available_at is not None or body.points < 0):
        raise InvalidPayload(
            "points that come wait for an action, or for an instant", errors=[("/available", "leave it out")]
        )
    for name in ("expires_at", "available_at"):
        instant = getattr(body, name)
        if instant is not None:
            sane_time(f"/{name}", instant)
    loaded, known = await handler.find(program, body.member)
    ask = _ask(program, "adjustments", body, actor, key, correlation, ("adjustment", body.id))
    command = AdjustPoints(
        id=body.id,
        currency=body.currency,
        points=body.points,
        reason=body.reason,
        allow_negative=body.allow_negative,
        expires_at=body.expires_at.astimezone(UTC) if body.expires_at else None,
        available_at=body.available_at.astimezone(UTC) if body.available_at else None,
        on_action=body.available == "on_action",
    )
    found = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, answers.adjustment(found, body.member, book))


async def return_activity(
    handler: Handler,
    program: str,
    body: ReturnBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Take back (part of) an activity. Raises UnknownActivity, ReturnExceedsActivity."""
    sane_time("/occurred_at", body.occurred_at)
    for at, name in (("/source", body.source), ("/id", body.id)):
        sane_name(at, name)
    amount = body.amount_minor
    if body.lines is not None:
        if amount is not None:
            raise InvalidPayload("give amount_minor or lines", errors=[("/lines", "one of the two")])
        for number, line in enumerate(body.lines):
            _amount(f"/lines/{number}/amount_minor", line.amount_minor)
            _amount(f"/lines/{number}/quantity", line.quantity)
        amount = sum(line.amount_minor for line in body.lines)
    _amount("/amount_minor", amount)
    ask = _ask(program, "returns", body, actor, key, correlation, ("return", body.source + SEPARATOR + body.id))
    return await _return(
        handler,
        ask,
        ReturnActivity(
            source=body.source,
            id=body.id,
            activity_source=body.activity.source,
            activity_id=body.activity.id,
            original=0,
            occurred_at=body.occurred_at.astimezone(UTC),
            amount_minor=amount,
            lines=[msgspec.to_builtins(line) for line in body.lines or []],
            gives_back=True,
        ),
    )


async def reverse(handler: Handler, ask: Ask, book: CompiledRulebook, body: Any) -> Answered:
    """An activity whose type has the role `reverses`: a return that came through the feed."""
    command_of(body, book)
    declared = book.activity(body.type)
    assert declared is not None
    reading = Reading(
        member=Member(),
        data=body.data,
        at=body.occurred_at,
        now=body.occurred_at,
        day=body.occurred_at.toordinal(),
        zone="UTC",
        offsets=Offsets(handler.zones.offset),
        program=ask.program,
        tier_at=body.occurred_at,
        book=book,
    )
    try:
        original = _evaluated(book, f"/activities/{body.type}/original", reading)
        amount = _evaluated(book, f"/activities/{body.type}/amount", reading)
    except EvaluationError as error:
        raise InvalidPayload(f"the payload does not say what is reversed: {error}") from None
    _amount("/data", amount)
    return await _return(
        handler,
        ask,
        ReturnActivity(
            source=body.source,
            id=body.id,
            activity_source=body.source,
            activity_id=original,
            original=0,
            occurred_at=body.occurred_at.astimezone(UTC),
            amount_minor=amount,
            type=body.type,
            data=body.data,
            gives_back=True,
        ),
        reversing=Reversing(book, body.member),
    )


class Reversing(msgspec.Struct, frozen=True):
    """What a return that came as an activity has besides: the rules of its type, and the member it names."""

    book: CompiledRulebook
    member: str | None


async def _return(handler: Handler, ask: Ask, command: ReturnActivity, reversing: Reversing | None = None) -> Answered:
    held = await handler.store.claim(ask.program, "activity", command.activity_source + SEPARATOR + command.activity_id)
    if held is None:
        raise UnknownActivity(
            f"no activity {command.activity_id!r} of source {command.activity_source!r}",
            errors=[("/activity", "returns name an activity that was recorded")],
        )
    rows = await handler.store.rows(held.stream, after=held.version - 1, upto=held.version)
    if not rows or not isinstance(decode(rows[0].state).input, RecordActivity):
        raise UnknownActivity("a return cannot be returned", errors=[("/activity", "not an activity that earns")])
    loaded, known = await handler.load(ask.program, held.stream)
    origin = held.stream.hex if held.stream != loaded.stream else ""
    command = msgspec.structs.replace(command, original=held.version, origin=origin)
    if reversing is not None:
        if reversing.member is not None and not await _is(handler, ask.program, reversing.member, loaded):
            raise UnknownActivity(
                "the activity that is reversed is another member's", errors=[("/member", "not whose it was")]
            )
        if loaded.key is not None:
            data, sealed = seal_payload(
                handler.crypto,
                command.data,
                reversing.book.activity(command.type or ""),
                key=loaded.key,
                program=ask.program,
                stream=loaded.stream,
            )
            command = msgspec.structs.replace(command, data=data, sealed=sealed)
    found = None
    if loaded.member.household:
        number = loaded.number_of(held.stream, held.version)
        found = await households.take_back(handler, ask, command, loaded, number)
    if found is None:
        wish = Wish(program=ask.program, command=command, actor=ask.actor)
        found = await carry_out(handler, ask, wish, loaded, known)
    if found.promises:
        await referrals.keep(handler, ask.program, found)
    book = await handler.programs.newest_at(ask.program, found.entry.pins.timeline)
    return answered(found, answers.returned(found, loaded.member.id, book))


async def _is(handler: Handler, program: str, member: str, loaded: Loaded) -> bool:
    """Whether a client's id is of this member, or of one that was merged into it."""
    return member == loaded.member.id or (await handler.find(program, member))[0].stream == loaded.stream


def _evaluated(book: CompiledRulebook, path: str, reading: Reading) -> Any:
    evaluator = book.evaluator(path)
    return evaluator(reading) if evaluator is not None else None


def _ask(
    program: str,
    route: str,
    body: Any,
    actor: str,
    key: str | None,
    correlation: str | None,
    business: tuple[str, str],
) -> Ask:
    return Ask(
        program=program,
        route=route,
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        business=(business,),
        correlation=correlation,
    )


def sane_name(at: str, name: str) -> None:
    if not 0 < len(name) <= MAX_ID or not name.isprintable():
        raise BadId(f"an id is 1 to {MAX_ID} printable characters", errors=[(at, "not such an id")])


def _good_id(name: str) -> None:
    if not ID.fullmatch(name):
        raise BadId("an id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/id", "not such an id")])


def _amount(at: str, amount: int | None) -> None:
    if amount is not None and not 0 < amount <= MAX_AMOUNT:
        raise AmountOutOfRange("an amount is 1 to 2^53 - 1", errors=[(at, "1 to 2^53 - 1")])
