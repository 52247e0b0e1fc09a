"""Open lots for what rules granted."""

from datetime import datetime

from domain.errors import AmountOutOfRange
from domain.member.draft import Draft
from domain.member.events import Occasion, PointsEarned
from domain.member.lives import Life, life
from domain.member.spending import lifetime_total
from domain.numbers import MAX_AMOUNT
from domain.rules.compiled import CompiledRulebook
from domain.rules.earning import Earned


def open_lots(
    draft: Draft,
    book: CompiledRulebook,
    earned: Earned,
    *,
    occurred_at: datetime,
    day: int,
    zone: str,
    occasion: Occasion | None = None,
) -> None:
    """One lot per award, for what happened at `occurred_at` on the local `day`.

    What an `occasion` brings is known when it happens: a lot that becomes available later does so by itself.
    """
    known_at = draft.now if occasion is None else occasion.at
    debt = draft.member.debt
    lives: dict[tuple[int, int], Life] = {}
    totals: dict[str, int] = {}
    for award in earned.awards:
        rule, policy = book.rule(award.rule), book.currency(award.currency)
        begins = rule.available if rule.available is not None else policy.available
        ends = rule.expires if rule.expires is not None else policy.expires
        # Most awards of an activity begin and end alike.
        lot = lives.get((id(begins), id(ends)))
        if lot is None:
            lot = lives[id(begins), id(ends)] = life(
                draft, begins, ends, occurred_at, zone, recorded_at=occasion.at if occasion is not None else None
            )
        before = totals.get(award.currency)
        total = award.granted + (before if before is not None else lifetime_total(draft, award.currency))
        if total > MAX_AMOUNT:
            raise AmountOutOfRange("the balance would exceed 2^53 - 1")
        totals[award.currency] = total
        draft.takes += award.takes
        owed = debt.get(award.currency, 0)
        draft.record(
            PointsEarned(
                lot=draft.new_lot(),
                currency=award.currency,
                rule=award.rule,
                wanted=award.wanted,
                points=award.granted,
                available_at=lot.available,
                expires_at=lot.expires,
                repaid=min(owed, award.granted) if owed and lot.spendable(known_at) else 0,
                limited_by=award.limited_by,
                day=day,
                counts=award.counts,
                idle=lot.idle,
                occasion=occasion,
            )
        )
