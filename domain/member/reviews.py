"""Reviews of levels, and levels that begin with a period: what time alone does to where a member stands."""

from datetime import datetime

from msgspec.structs import replace

from domain.calendar import MICROSECOND
from domain.member.draft import Draft, local_day
from domain.member.events import OwnLevel, TierChanged, TierGraceBegan, TierUpgradePlanned
from domain.member.floors import hold, place
from domain.member.levels import evidence, holds_until, new_until
from domain.member.occasions import celebrate
from domain.member.standing import renew, stays
from domain.member.state import TierStanding
from domain.rules.compiled import CompiledRulebook
from domain.rules.occasions import RENEWED
from domain.rules.tiers import Tiers, after_review, end_after, rank, reached


def review(draft: Draft, name: str, instant: datetime) -> None:
    """Look at the counter as it stood when the level ended, under the rulebook then in force.

    What is reviewed is the member's own level, whether or not a floor holds the member above it.
    """
    standing: TierStanding = draft.member.tiers[name]
    own = standing.own
    book = draft.circumstances.timeline.at(instant)
    tiers = book.tiers.get(name) if book else None
    if book is None or tiers is None:
        # The set is no longer in the rules: its level ends as it was promised, and is not renewed.
        _withdraw(draft, name, instant, book.number if book else 0)
        return
    if own.valid_until is None or own.valid_until > instant:
        # What is due is the end of the floor that holds the member.
        hold(draft, book, name, instant)
        return
    zone, offsets = draft.zone(book), draft.circumstances.offsets
    just_before = instant - MICROSECOND
    day = local_day(book, zone, just_before, offsets)
    # In grace the window of the review that did not keep the level goes on.
    since = local_day(book, zone, own.grace - MICROSECOND, offsets) if own.grace is not None else None
    value = evidence(draft.member, draft.circumstances, book, tiers, day=day, zone=zone, at=just_before, since=since)
    stayed = _stayed(draft, book, tiers, own, instant, zone)
    target = reached(tiers, value) if stayed else after_review(tiers, own.level, value)
    if rank(tiers, target) < rank(tiers, own.level):
        until = stays(draft, tiers, instant, zone)
        if until is not None:
            renew(draft, book, tiers, value, instant, until)
            return
        if tiers.policy.grace is not None and own.grace is None and not stayed:
            _let_stand(
                draft, tiers, standing, value, instant, book, end_after(tiers.policy.grace, instant, zone, offsets)
            )
            return
    if target != own.level:
        begins = None if target is None else new_until(draft, book, tiers, instant, zone)
        level = OwnLevel(target, instant, begins)
        place(draft, book, name, level, value, at=instant, reason="review", now=instant)
        return
    until = holds_until(draft, book, tiers, own.grace or instant, zone) if target is not None else None
    if until is not None and until <= instant:
        until = holds_until(draft, book, tiers, instant, zone)
    assert until is None or until > instant, "a review ends with a later one"
    renew(draft, book, tiers, value, instant, until)
    if target is not None and RENEWED in book.occasions and not stayed:
        renewal: dict[str, object] = {"set": name, "level": target}
        today = local_day(book, zone, instant, offsets)
        celebrate(draft, book, RENEWED, renewal, at=instant, day=today, zone=zone)


def _stayed(draft: Draft, book: CompiledRulebook, tiers: Tiers, own: OwnLevel, instant: datetime, zone: str) -> bool:
    """Whether what ends is the minimum stay alone, which held the level against being lost at once."""
    policy = tiers.policy
    if policy.demote != "at_once" or policy.min_stay is None or own.since is None or own.level is None:
        return False
    over = end_after(policy.min_stay, own.since, zone, draft.circumstances.offsets)
    return over == instant != new_until(draft, book, tiers, own.since, zone)


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
        if rank(tiers, target) > rank(tiers, standing.own_level):
            level = OwnLevel(target, instant, new_until(draft, book, tiers, instant, zone))
            place(draft, book, name, level, value, at=instant, reason="reached", now=instant)
            return
    draft.record(TierUpgradePlanned(set=name, at=None))


def _let_stand(
    draft: Draft,
    tiers: Tiers,
    standing: TierStanding,
    value: int,
    at: datetime,
    book: CompiledRulebook,
    until: datetime,
) -> None:
    if standing.beneath is not None:
        level = replace(standing.beneath, valid_until=until, grace=at)
        place(draft, book, tiers.name, level, value, at=at, reason="floor_ended", now=at)
        return
    draft.record(
        TierGraceBegan(set=tiers.name, level=standing.level, evidence=value, at=at, rulebook=book.number, until=until)
    )


def _withdraw(draft: Draft, name: str, at: datetime, rulebook: int) -> None:
    level = draft.member.tiers[name].level
    draft.record(TierChanged(set=name, from_=level, to=None, reason="withdrawn", evidence=0, at=at, rulebook=rulebook))
