"""How early, and how late, something may be that is told now."""

from datetime import datetime, timedelta
from functools import lru_cache

from domain.calendar import parse_period
from domain.errors import FromTheFuture, TooOld
from domain.member.draft import Draft
from domain.rules.rulebook import Late


def not_ahead(draft: Draft, at: datetime, late: Late, field: str = "/occurred_at") -> None:
    """Raises FromTheFuture for what lies further ahead of the program's clock than clocks differ."""
    if at > draft.now + _duration(late.future_skew):
        raise FromTheFuture(
            f"{field[1:]} lies after the program's clock, {draft.now.isoformat()}",
            errors=[(field, f"at most {late.future_skew} ahead")],
        )


def not_too_old(draft: Draft, occurred_at: datetime, late: Late) -> None:
    if late.max_age is not None and occurred_at < draft.now - _duration(late.max_age):
        raise TooOld(
            f"older than {late.max_age}",
            errors=[("/occurred_at", f"at most {late.max_age} before the program's clock")],
        )


@lru_cache(maxsize=256)
def _duration(text: str) -> timedelta:
    # An age limit is a distance, not a date: months count as 30 days here.
    period = parse_period(text)
    return timedelta(days=period.days + 30 * period.months, seconds=period.seconds)
