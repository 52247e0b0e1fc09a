"""Points that go: redemptions, spending reported by a feed, adjustments by hand."""

from datetime import timedelta
from decimal import Decimal

from domain.errors import (
    AmountOutOfRange,
    BelowMinimum,
    InvalidPayload,
    LimitReached,
    MemberSuspended,
    NotEligible,
    NotEnoughPoints,
    UnknownCurrency,
)
from domain.member.commands import AdjustPoints, RecordActivity, RedeemPoints
from domain.member.draft import Draft
from domain.member.events import Draw, PointsAdjusted, PointsHeld, PointsRedeemed
from domain.member.lives import Life, life
from domain.member.pooling import charge
from domain.member.reading import Reading
from domain.member.wallet import balance, draw, spendable
from domain.numbers import EXACT, MAX_AMOUNT, Exact, exact, round_to, times
from domain.rules.compiled import CompiledRulebook
from domain.rules.expression import EvaluationError
from domain.rules.rulebook import ActivityType, Currency, MoneyValue
from domain.takes import Take

SHARE = "share"
"""Kind of takes: the money of an order that points have paid."""


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
    value = value_of(points, worth) if worth is not None else None
    takes: tuple[Take, ...] = ()
    if worth is not None and worth.max_share is not None:
        takes = (_share(draft, command, value or 0, exact(worth.max_share)),)
    draft.takes += takes
    draws, _ = draw(spendable(draft.member, command.currency, draft.now), points, policy.spend_order)
    if command.hold_seconds is None:
        spend(draft, command.id, command.currency, points, draws, value)
    else:
        set_aside(draft, command.id, command.currency, points, draws, value, command.hold_seconds, takes)
    if draft.member.pool is not None or command.by:
        charge(draft, command.id, command.by, command.currency, points, held=command.hold_seconds is not None)


def spend(draft: Draft, name: str, currency: str, points: int, draws: tuple[Draw, ...], value: int | None) -> None:
    draft.record(PointsRedeemed(redemption=name, currency=currency, points=points, value_minor=value, draws=draws))


def set_aside(
    draft: Draft,
    name: str,
    currency: str,
    points: int,
    draws: tuple[Draw, ...],
    value: int | None,
    seconds: int,
    takes: tuple[Take, ...],
) -> None:
    draft.record(
        PointsHeld(
            redemption=name,
            currency=currency,
            points=points,
            draws=draws,
            ends_at=draft.now + timedelta(seconds=seconds),
            value_minor=value,
            takes=takes,
        )
    )


def _share(draft: Draft, command: RedeemPoints, value: int, share: Exact) -> Take:
    """Points pay at most a share of an order, however many redemptions they come in."""
    if command.order_source is None or command.order_id is None or command.order_minor is None:
        raise NotEligible(
            "points pay a share of an order here: say of which, and how much it is", reasons=["order-needed"]
        )
    take = share_take(command, value, share)
    assert take is not None
    paid = draft.circumstances.taken.of(SHARE, take.key)
    if paid + value > take.ceiling:
        raise LimitReached(
            f"points pay at most {take.ceiling} of this order's {command.order_minor}, and {paid} are paid"
        )
    return take


def share_take(command: RedeemPoints, value: int, share: Exact) -> Take | None:
    """What money takes of the share of its order that points may pay; None where the request names no order."""
    if command.order_source is None or command.order_id is None or command.order_minor is None:
        return None
    most = Exact(command.order_minor).times(share).whole("down")
    return Take(SHARE, f"{command.order_source}\x1f{command.order_id}", value, most)


def spend_elsewhere(
    draft: Draft, book: CompiledRulebook, declared: ActivityType, command: RecordActivity, reading: Reading
) -> None:
    """An activity that says points were spent. With `overdraft: debt` what no lot can pay is owed."""
    name = declared.currency or ""
    policy = book.currency(name)
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
        begins = "on_action" if command.on_action else "at_once"
        if command.expires_at is not None:
            at_once = None if command.on_action else draft.now
            lot = Life(command.available_at or at_once, command.expires_at)
        else:
            lot = life(draft, begins, policy.expires, draft.now, zone, command.available_at)
        if lifetime_total(draft, command.currency) + command.points > MAX_AMOUNT:
            raise AmountOutOfRange("the balance would exceed 2^53 - 1")
        owed = draft.member.debt.get(command.currency, 0)
        draft.record(
            PointsAdjusted(
                adjustment=command.id,
                currency=command.currency,
                points=command.points,
                reason=command.reason,
                lot=draft.new_lot(),
                available_at=lot.available,
                expires_at=lot.expires,
                repaid=min(owed, command.points) if lot.spendable(draft.now) else 0,
                idle=lot.idle,
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
    return book, book.currency(name)


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
