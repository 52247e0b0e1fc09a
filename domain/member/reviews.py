"""Reviews of levels, and levels that begin with a period: what time alone does to where a member stands."""

from datetime import datetime

from domain.calendar import MICROSECOND
from domain.member.draft import Draft, local_day
from domain.member.events import TierChanged, TierGraceBegan, TierRenewed, TierUpgradePlanned
from domain.member.floors import hold, in_force, place
from domain.member.levels import evidence, holds_until, new_until
from domain.member.occasions import celebrate
from domain.member.standing import stays
from domain.member.state import TierStanding
from domain.rules.compiled import CompiledRulebook
from domain.rules.occasions import RENEWED
from domain.rules.tiers import Tiers, after_review, end_after, rank, reached


def review(draft: Draft, name: str, instant: datetime) -> None:
    """Look at the counter as it stood when the level ended, under the rulebook then in force."""
    standing: TierStanding = draft.member.tiers[name]
    book = draft.circumstances.timeline.at(instant)
    tiers = book.tiers.get(name) if book else None
    if book is None or tiers is None:
        # The set is no longer in the rules: its level ends as it was promised, and is not renewed.
        _withdraw(draft, name, instant, book.number if book else 0)
        return
    if standing.beneath is not None:
        # What is due is the end of the floor that holds the member.
        hold(draft, book, tiers, instant)
        return
    zone, offsets = draft.zone(book), draft.circumstances.offsets
    just_before = instant - MICROSECOND
    day = local_day(book, zone, just_before, offsets)
    # In grace the window of the review that did not keep the level goes on.
    since = local_day(book, zone, standing.grace - MICROSECOND, offsets) if standing.grace is not None else None
    value = evidence(draft.member, draft.circumstances, book, tiers, day=day, zone=zone, at=just_before, since=since)
    target = after_review(tiers, standing.level, value)
    if rank(tiers, target) < rank(tiers, standing.level):
        until = stays(draft, tiers, instant, zone)
        if until is not None:
            _renew(draft, tiers, standing, value, instant, book, until)
            return
        floor = in_force(tiers, standing, instant)
        floored = floor is not None and rank(tiers, floor.level) >= rank(tiers, standing.level)
        if tiers.policy.grace is not None and standing.grace is None and not floored:
            end = end_after(tiers.policy.grace, instant, zone, offsets)
            draft.record(
                TierGraceBegan(
                    set=name, level=standing.level, evidence=value, at=instant, rulebook=book.number, until=end
                )
            )
            return
    if target != standing.level:
        until = None if target is None else new_until(draft, book, tiers, instant, zone)
        place(draft, book, tiers, target, value, at=instant, until=until, reason="review", now=instant)
        return
    until = holds_until(draft, book, tiers, standing.grace or instant, zone) if target is not None else None
    if until is not None and until <= instant:
        until = holds_until(draft, book, tiers, instant, zone)
    assert until is None or until > instant, "a review ends with a later one"
    _renew(draft, tiers, standing, value, instant, book, until)
    if target is not None and RENEWED in book.occasions:
        renewal: dict[str, object] = {"set": name, "level": target}
        today = local_day(book, zone, instant, offsets)
        celebrate(draft, book, RENEWED, renewal, at=instant, day=today, zone=zone)


def begin_period(draft: Draft, name: str, instant: datetime) -> None:
    """A level that was reached in the period before begins, unless a return has taken it since."""
    standing: TierStanding = draft.member.tiers[name]
    book = draft.circumstances.timeline.at(instant)
    tiers = book.tiers.get(name) if book else None
    if book is not None and tiers is not None:
        zone = draft.zone(book)
        day = local_day(book, zone, instant - MICROSECOND, draft.circumstances.offsets)
        value = evidence(draft.member, draft.circumstances, book, tiers, day=day, zone=zone, at=instant - MICROSECOND)
        target = reached(tiers, value)
        if rank(tiers, target) > rank(tiers, standing.own.level):
            until = new_until(draft, book, tiers, instant, zone)
            place(draft, book, tiers, target, value, at=instant, until=until, reason="reached", now=instant)
            return
    draft.record(TierUpgradePlanned(set=name, at=None))


def _renew(
    draft: Draft,
    tiers: Tiers,
    standing: TierStanding,
    value: int,
    at: datetime,
    book: CompiledRulebook,
    until: datetime | None,
) -> None:
    draft.record(
        TierRenewed(
            set=tiers.name, level=standing.level, evidence=value, at=at, rulebook=book.number, valid_until=until
        )
    )


def _withdraw(draft: Draft, name: str, at: datetime, rulebook: int) -> None:
    level = draft.member.tiers[name].level
    draft.record(
        TierChanged(set=name, from_=level, to=None, reason="withdrawn", evidence=0, at=at, rulebook=rulebook)
    )
