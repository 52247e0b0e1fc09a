"""Bonuses: points that no rule over one activity grants, but a streak, a badge, an offer or a referral.

They open lots as awards do, by the policies of their currency, and count for tiers, but on no leaderboard. What they
were given for may be undone by another activity's return than that of their own: then they are found in the stream
by the name they were granted under.
"""

from datetime import datetime

from domain.errors import AmountOutOfRange
from domain.member.clawback import claw_back
from domain.member.draft import Draft, Given, HistoryNeeded
from domain.member.events import PointsClawedBack, PointsEarned
from domain.member.lives import life
from domain.member.spending import lifetime_total
from domain.numbers import MAX_AMOUNT
from domain.rules.compiled import CompiledRulebook
from domain.rules.rulebook import Availability


def grant(
    draft: Draft,
    book: CompiledRulebook,
    rule: str,
    currency: str,
    points: int,
    occurred_at: datetime,
    day: int,
    zone: str,
    counts: dict[str, int] | None = None,
    hold: str | None = None,
    lot: str | None = None,
) -> None:
    """Open a lot for what happened at `occurred_at`; `hold` is a period in which the points wait.

    `lot` is its id where somebody has named it already.
    """
    policy = book.document.currencies[currency]
    begins = Availability(after=hold) if hold is not None else policy.available
    lasts = life(draft, begins, policy.expires, occurred_at, zone)
    if lifetime_total(draft, currency) + points > MAX_AMOUNT:
        raise AmountOutOfRange("the balance would exceed 2^53 - 1")
    owed = draft.member.debt.get(currency, 0)
    draft.record(
        PointsEarned(
            lot=lot or draft.new_lot(),
            currency=currency,
            rule=rule,
            wanted=points,
            points=points,
            available_at=lasts.available,
            expires_at=lasts.expires,
            repaid=min(owed, points) if owed and lasts.spendable(draft.now) else 0,
            day=day,
            counts=counts or {},
            idle=lasts.idle,
        )
    )


def is_bonus(rule: str) -> bool:
    """Whether points granted under this name belong to a streak, a badge, an offer or a referral."""
    return rule.startswith(("streak:", "badge:", "offer:", "referral:"))


def granted(draft: Draft, rule: str) -> list[Given]:
    """The bonuses granted so far under a name, of which something is left. Raises HistoryNeeded."""
    history = draft.circumstances.history
    if history is None:
        raise HistoryNeeded(rule)
    now = [_as_of_now(draft, given) for given in history.given(rule)]
    return [given for given in now if given.left]


def _as_of_now(draft: Draft, given: Given) -> Given:
    for event in draft.events:
        if isinstance(event, PointsClawedBack) and event.lot == given.award.lot:
            given = given.less(event)
    return given


def take_back(draft: Draft, book: CompiledRulebook, given: Given, points: int, counts: dict[str, int]) -> None:
    """Take points of a bonus back, and move its counters."""
    claw_back(draft, book.document.currencies[given.award.currency], given, points, counts)
