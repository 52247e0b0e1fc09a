"""Prizes: what a rank wins when a leaderboard is closed."""

from domain.errors import MemberSuspended
from domain.member.commands import PayPrize
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.grants import grant
from domain.member.scores import program_zone
from domain.member.standing import raise_tiers


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
    grant(
        draft,
        book,
        lot=draft.new_lot(),
        rule=f"leaderboard:{command.leaderboard}",
        currency=command.currency,
        points=command.points,
        available="at_once",
        at=command.closed_at,
        day=day,
        zone=zone,
    )
    raise_tiers(draft, book, command.closed_at, day, zone, "reached")


def prize_cause(command: PayPrize) -> str:
    """`leaderboard:season/2026-11`, with the board's name in between where there are several."""
    where = f"{command.board}/{command.period}" if command.board else command.period
    return f"leaderboard:{command.leaderboard}/{where}"
