"""Who spends from a household's pool, and how much."""

from domain.calendar import period_start
from domain.errors import LimitReached, NotEligible
from domain.member.draft import Draft
from domain.member.events import HouseholdSpent
from domain.member.pool import OWNER


def charge(draft: Draft, redemption: str, by: str, name: str, points: int, *, held: bool) -> None:
    """Who spends from a pool may do so, and only so much. Raises NotEligible, LimitReached."""
    pool = draft.member.pool
    if pool is None:
        raise NotEligible("only a household's points are spent by somebody else", reasons=["not-a-household"])
    seat = pool.seats.get(by)
    if seat is None:
        raise stranger()
    if pool.spenders == OWNER and seat.role != OWNER:
        raise NotEligible("only the owner spends the household's points", reasons=["owner-only"])
    period = 0
    if pool.limit is not None:
        if pool.limit.per != "ever":
            book = draft.circumstances.timeline.version(draft.rulebook)
            period = period_start(pool.limit.per, draft.local_day(book, draft.zone(book), draft.now))
        left = pool.limit.points - pool.used(by, name, period)
        if points > left:
            raise LimitReached(f"{max(0, left)} {name} are left of this member's limit, {points} asked for")
    draft.record(HouseholdSpent(redemption=redemption, member=by, currency=name, points=points, day=period, held=held))


def stranger() -> NotEligible:
    return NotEligible("the member does not belong to the household", reasons=["not-in-household"])
