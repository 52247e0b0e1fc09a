"""Points on their way between members: what one sends, and the other receives, in one save over both streams.

Each stream is decided by itself. What the receiver is to know of the sender's lots stands in the receiver's input, so
that either can be decided again alone; the two entries name each other.
"""

from datetime import datetime

import msgspec

from domain.errors import AmountOutOfRange, NotEligible, NotEnoughPoints
from domain.member.commands import GiveBackPoints, ReceivePoints, SendPoints
from domain.member.draft import Draft
from domain.member.events import Draw, Part, PointsReceived, PointsSent
from domain.member.pooling import stranger
from domain.member.spending import active, currency, lifetime_total
from domain.member.state import Lot, Member
from domain.member.wallet import balance, draw, spendable
from domain.numbers import MAX_AMOUNT


def send_points(draft: Draft, command: SendPoints) -> None:
    """Give points that can be spent, from the lots that would pay; each keeps its end at the receiver's."""
    active(draft)
    book, policy = currency(draft, command.currency)
    draft.rulebook = book.number
    if not policy.spendable:
        raise NotEligible(f"{command.currency} cannot be spent", reasons=["not-spendable"])
    available = balance(draft.member, command.currency, draft.now).available
    if command.points > available:
        raise NotEnoughPoints(asked=command.points, available=available)
    draws, _ = draw(spendable(draft.member, command.currency, draft.now), command.points, policy.spend_order)
    draft.record(
        PointsSent(
            transfer=command.id,
            to=command.to,
            entry=command.entry,
            currency=command.currency,
            points=command.points,
            parts=_parts(draft.member, draws),
        )
    )


def receive_points(draft: Draft, command: ReceivePoints) -> None:
    """Open a lot for each part, once debt is repaid. A reversal is taken whatever the member's state is.

    A household takes points from who belongs to it, and remembers which lots they were.
    """
    if not command.reversal:
        active(draft)
    book, _ = currency(draft, command.currency)
    draft.rulebook = book.number
    pool, parts = draft.member.pool, command.parts
    if pool is not None:
        if command.sender not in pool.seats and not command.reversal:
            raise stranger()
        if command.sender in pool.seats:
            parts = tuple(msgspec.structs.replace(part, origin=part.lot) for part in parts)
    arrive(
        draft, name=command.id, sender=command.sender, entry=command.entry, currency_name=command.currency, parts=parts,
        reversal=command.reversal,
    )  # fmt: skip


def arrive(
    draft: Draft, *, name: str, sender: str, entry: int, currency_name: str, parts: tuple[Part, ...], reversal: bool
) -> None:
    """What was sent is here: debt is repaid, a lot opens for the rest of each part."""
    points = sum(part.points for part in parts)
    if lifetime_total(draft, currency_name) + points > MAX_AMOUNT:
        raise AmountOutOfRange("the balance would exceed 2^53 - 1")
    owed = draft.member.debt.get(currency_name, 0)
    opened = []
    for part in parts:
        # What has ended meanwhile comes back as it is: it expires in this entry and repays nothing.
        ended = _ended(part.expires_at, draft.now)
        repaid = 0 if ended else min(owed, part.points)
        owed -= repaid
        ends = draft.now if ended else part.expires_at
        opened.append(msgspec.structs.replace(part, lot=draft.new_lot(), expires_at=ends, repaid=repaid))
    draft.record(
        PointsReceived(
            transfer=name,
            sender=sender,
            entry=entry,
            currency=currency_name,
            points=points,
            parts=tuple(opened),
            reversal=reversal,
        )
    )


def give_back_points(draft: Draft, command: GiveBackPoints) -> None:
    """Send back what a transfer brought: its own lots first, by force other lots as well, and then as debt.

    What has ended since stays where it ended: it would have done so at the sender's, too.
    """
    book, policy = currency(draft, command.currency)
    draft.rulebook = book.number
    now, open_lots = draft.now, {lot.id: lot for lot in draft.member.lots}
    due = [part for part in command.parts if part.lot in open_lots or part.idle or not _ended(part.expires_at, now)]
    own = [Draw(part.lot, min(part.points, open_lots[part.lot].remaining)) for part in due if part.lot in open_lots]
    points = sum(part.points for part in due)
    if points == 0:
        raise NotEligible("all that was transferred has expired", reasons=["expired"])
    rest = points - sum(one.points for one in own)
    if rest and not command.force:
        raise NotEnoughPoints(asked=points, available=points - rest)
    taken = {one.lot for one in own}
    others = [lot for lot in spendable(draft.member, command.currency, now) if lot.id not in taken]
    more, debt = draw(others, rest, policy.spend_order)
    draft.record(
        PointsSent(
            transfer=command.id,
            to=command.to,
            entry=command.entry,
            currency=command.currency,
            points=points,
            parts=_parts(draft.member, (*own, *more)),
            debt=debt,
            back=tuple(msgspec.structs.replace(part, repaid=0) for part in due),
        )
    )


def _parts(member: Member, draws: tuple[Draw, ...]) -> tuple[Part, ...]:
    lots = {lot.id: lot for lot in member.lots}
    return tuple(part_of(lots[one.lot], one.points) for one in draws)


def part_of(lot: Lot, points: int) -> Part:
    return Part(lot.id, points, lot.expires_at, lot.idle)


def _ended(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and expires_at <= now
