"""Points that go: redemptions, spending reported by a feed, adjustments by hand."""

from decimal import Decimal

from domain.errors import (
    AmountOutOfRange,
    BelowMinimum,
    InvalidPayload,
    MemberSuspended,
    NotEligible,
    NotEnoughPoints,
    UnknownCurrency,
)
from domain.member.commands import AdjustPoints, RecordActivity, RedeemPoints
from domain.member.draft import Draft
from domain.member.events import PointsAdjusted, PointsRedeemed
from domain.member.reading import Reading
from domain.member.wallet import balance, draw, spendable
from domain.numbers import EXACT, MAX_AMOUNT, round_to, times
from domain.rules.compiled import CompiledRulebook
from domain.rules.expiry import available_at, expires_at
from domain.rules.expression import EvaluationError
from domain.rules.rulebook import ActivityType, Currency, MoneyValue


def redeem_points(draft: Draft, command: RedeemPoints) -> None:
    """Spend points, and name the lots that pay. Never goes below what is available."""
    active(draft)
    book, policy = currency(draft, command.currency)
    draft.rulebook = book.number
    points = _asked(command, policy)
    if not policy.spendable:
        raise NotEligible(f"{command.currency} cannot be spent", reasons=["not-spendable"])
    worth = policy.value
    if worth is not None:
        if points < worth.minimum:
            raise BelowMinimum(f"at least {worth.minimum} {command.currency} at a time")
        if worth.step > 1 and points % worth.step:
            raise BelowMinimum(f"{command.currency} are spent in steps of {worth.step}")
    available = balance(draft.member, command.currency, draft.now).available
    if points > available:
        raise NotEnoughPoints(asked=points, available=available)
    draws, _ = draw(spendable(draft.member, command.currency, draft.now), points, policy.spend_order)
    draft.record(
        PointsRedeemed(
            redemption=command.id,
            currency=command.currency,
            points=points,
            value_minor=value_of(points, worth) if worth else None,
            draws=draws,
        )
    )


def spend_elsewhere(
    draft: Draft, book: CompiledRulebook, declared: ActivityType, command: RecordActivity, reading: Reading
) -> None:
    """An activity that says points were spent. With `overdraft: debt` what no lot can pay is owed."""
    name = declared.currency or ""
    policy = book.document.currencies[name]
    evaluator = book.evaluator(f"/activities/{command.type}/points")
    assert evaluator is not None
    try:
        points = evaluator(reading)
    except EvaluationError as error:
        raise InvalidPayload(
            f"the payload does not say what was spent: {error}", errors=[("/data", str(error))]
        ) from None
    if not 0 <= points <= MAX_AMOUNT:
        raise AmountOutOfRange("points that were spent are 0 to 2^53 - 1", errors=[("/data", f"{points} points")])
    if points == 0:
        return
    available = balance(draft.member, name, draft.now).available
    if points > available and policy.overdraft == "refuse":
        raise NotEnoughPoints(asked=points, available=available)
    draws, debt = draw(spendable(draft.member, name, draft.now), points, policy.spend_order)
    draft.record(
        PointsRedeemed(
            redemption=command.id,
            source=command.source,
            currency=name,
            points=points,
            value_minor=value_of(points, policy.value) if policy.value else None,
            draws=draws,
            debt=debt,
        )
    )


def adjust_points(draft: Draft, command: AdjustPoints) -> None:
    """Open a lot, or draw from lots; below zero only when the operator says so."""
    if draft.member.status == "erased":
        raise MemberSuspended("the member is erased")
    book, policy = currency(draft, command.currency)
    draft.rulebook = book.number
    zone = draft.zone(book)
    if command.points > 0:
        available = command.available_at or available_at(
            "at_once", occurred_at=draft.now, zone=zone, offsets=draft.circumstances.offsets
        )
        expires = command.expires_at or expires_at(
            policy.expires,
            occurred_at=draft.now,
            recorded_at=draft.now,
            available=available,
            zone=zone,
            offsets=draft.circumstances.offsets,
        )
        if lifetime_total(draft, command.currency) + command.points > MAX_AMOUNT:
            raise AmountOutOfRange("the balance would exceed 2^53 - 1")
        owed = draft.member.debt.get(command.currency, 0)
        alive = available is not None and available <= draft.now and (expires is None or draft.now < expires)
        draft.record(
            PointsAdjusted(
                adjustment=command.id,
                currency=command.currency,
                points=command.points,
                reason=command.reason,
                lot=draft.new_lot(),
                available_at=available,
                expires_at=expires,
                repaid=min(owed, command.points) if alive else 0,
            )
        )
        return
    asked = -command.points
    available_points = balance(draft.member, command.currency, draft.now).available
    if asked > available_points and not command.allow_negative:
        raise NotEnoughPoints(asked=asked, available=available_points)
    draws, debt = draw(spendable(draft.member, command.currency, draft.now), asked, policy.spend_order)
    draft.record(
        PointsAdjusted(
            adjustment=command.id,
            currency=command.currency,
            points=command.points,
            reason=command.reason,
            draws=draws,
            debt=debt,
        )
    )


def value_of(points: int, worth: MoneyValue) -> int:
    """What points are worth in money minor units, rounded once."""
    return round_to(times(Decimal(points), Decimal(worth.per_point)), worth.round, worth.round_to)


def lifetime_total(draft: Draft, name: str) -> int:
    held = balance(draft.member, name, draft.now)
    return max(held.available + held.pending, held.lifetime)


def active(draft: Draft) -> None:
    if draft.member.status != "active":
        raise MemberSuspended(f"the member is {draft.member.status}")


def currency(draft: Draft, name: str) -> tuple[CompiledRulebook, Currency]:
    """The rulebook in force now, and its policy for a currency."""
    book = draft.circumstances.timeline.at(draft.now)
    if book is None or name not in book.document.currencies:
        raise UnknownCurrency(f"{name!r} is not a currency of this program", errors=[("/currency", "unknown")])
    return book, book.document.currencies[name]


def _asked(command: RedeemPoints, policy: Currency) -> int:
    if command.points is not None:
        return command.points
    assert command.value_minor is not None
    if policy.value is None:
        raise NotEligible(f"{command.currency} have no money value", reasons=["no-value"])
    per_point = Decimal(policy.value.per_point)
    # The fewest points that are worth the money asked for.
    quotient, rest = EXACT.divmod(Decimal(command.value_minor), per_point)
    points = int(quotient) + (1 if rest else 0)
    step = policy.value.step
    points = -(-points // step) * step
    if points > MAX_AMOUNT:
        raise AmountOutOfRange("more points than a number can hold")
    return points
