"""Awards of earlier activities made more or less, as of those activities: late ones and corrections do it alike."""

from datetime import datetime

import msgspec

from domain.errors import AmountOutOfRange
from domain.member.bonuses import granted
from domain.member.clawback import claw_back
from domain.member.draft import Draft
from domain.member.events import PointsEarned, Restated
from domain.member.lives import Life, kept_alive
from domain.member.spending import lifetime_total
from domain.numbers import MAX_AMOUNT


def open_more(draft: Draft, award: PointsEarned, earned_at: datetime, zone: str, restated: Restated | None) -> None:
    """Open a lot that lives as `award` says, which was earned at `earned_at`; what it repays is worked out here."""
    currency, points = award.currency, award.points
    if lifetime_total(draft, currency) + points > MAX_AMOUNT:
        raise AmountOutOfRange("the balance would exceed 2^53 - 1")
    ends = award.expires_at if award.idle is None else kept_alive(draft, award.idle, earned_at, zone)
    owed = draft.member.debt.get(currency, 0)
    at_once = Life(award.available_at, ends).spendable(draft.now)
    repaid = min(owed, points) if owed and at_once else 0
    draft.record(msgspec.structs.replace(award, expires_at=ends, repaid=repaid, restated=restated))


def take_back_of(
    draft: Draft,
    rule: str,
    currency: str,
    points: int,
    counts: dict[str, int],
    version: int,
    restated: Restated | None,
) -> None:
    """Take so much back of what a rule granted for the activity of entry `version`, its newest lot first."""
    found = [one for one in granted(draft, rule) if one.version == version and one.award.currency == currency]
    for given in reversed(found):
        part = min(points, given.left)
        if part:
            policy = draft.circumstances.timeline.version(given.rulebook).document.currencies[currency]
            claw_back(draft, policy, given, part, counts, restated)
            points, counts = points - part, {}
