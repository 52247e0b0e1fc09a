"""Points that no rule of an activity grants: prizes of leaderboards, rewards of offers."""

from datetime import datetime

from domain.errors import AmountOutOfRange
from domain.member.draft import Draft
from domain.member.events import PointsEarned
from domain.member.lives import life
from domain.member.spending import lifetime_total
from domain.numbers import MAX_AMOUNT
from domain.rules.compiled import CompiledRulebook
from domain.rules.rulebook import Availability


def grant(
    draft: Draft,
    book: CompiledRulebook,
    *,
    lot: str,
    rule: str,
    currency: str,
    points: int,
    available: str | Availability,
    at: datetime,
    day: int,
    zone: str,
) -> None:
    """Open `lot` for what happened at `at`; its life ends as the currency's policy says. It counts for tiers."""
    lasts = life(draft, available, book.document.currencies[currency].expires, at, zone)
    if lifetime_total(draft, currency) + points > MAX_AMOUNT:
        raise AmountOutOfRange("the balance would exceed 2^53 - 1")
    owed = draft.member.debt.get(currency, 0)
    draft.record(
        PointsEarned(
            lot=lot,
            currency=currency,
            rule=rule,
            wanted=points,
            points=points,
            available_at=lasts.available,
            expires_at=lasts.expires,
            repaid=min(owed, points) if lasts.spendable(draft.now) else 0,
            day=day,
            idle=lasts.idle,
        )
    )
