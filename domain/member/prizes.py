"""Prizes: what a rank wins when a leaderboard is closed."""

from domain.errors import AmountOutOfRange, MemberSuspended
from domain.member.commands import PayPrize
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import PointsEarned
from domain.member.lives import life
from domain.member.scores import program_zone
from domain.member.spending import lifetime_total
from domain.member.standing import raise_tiers
from domain.numbers import MAX_AMOUNT


def pay_prize(draft: Draft, command: PayPrize) -> None:
    """Open the lot, spendable at once; its life follows the currency's policy and begins with the close.

    Who has left wins nothing. A prize counts for tiers as other earned points do, but on no leaderboard.
    """
    if draft.member.status == "closed":
        raise MemberSuspended("the member is closed: prizes are passed over")
    book = draft.circumstances.timeline.version(command.rulebook)
    draft.rulebook = book.number
    zone = program_zone(draft, book)
    day = draft.local_day(book, zone, command.closed_at)
    require(draft.member, day)
    lot = life(draft, "at_once", book.currency(command.currency).expires, command.closed_at, zone)
    if lifetime_total(draft, command.currency) + command.points > MAX_AMOUNT:
        raise AmountOutOfRange("the balance would exceed 2^53 - 1")
    owed = draft.member.debt.get(command.currency, 0)
    draft.record(
        PointsEarned(
            lot=draft.new_lot(),
            currency=command.currency,
            rule=f"leaderboard:{command.leaderboard}",
            wanted=command.points,
            points=command.points,
            available_at=lot.available,
            expires_at=lot.expires,
            repaid=min(owed, command.points) if lot.spendable(draft.now) else 0,
            day=day,
            idle=lot.idle,
        )
    )
    raise_tiers(draft, book, command.closed_at, day, zone, "reached")


def prize_cause(command: PayPrize) -> str:
    """`leaderboard:season/2026-11`, with the board's name in between where there are several."""
    where = f"{command.board}/{command.period}" if command.board else command.period
    return f"leaderboard:{command.leaderboard}/{where}"
