"""Where counters put the member: tiers that are reached, and tiers that a return takes away.

Reviews, which are due by time alone, are `reviews.py`'s.
"""

from collections.abc import Iterable
from datetime import date, datetime, time

from msgspec.structs import replace

from domain.member.counters import days_of
from domain.member.draft import Draft
from domain.member.events import OwnLevel, TierRenewed, TierUpgradePlanned
from domain.member.floors import own_of, place
from domain.member.levels import anchor, evidence, new_until
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import Tiers, end_after, period_ends, rank, reached

Reached = tuple[str | None, int]
"""A level, and the value that reaches it."""


def raise_tiers(
    draft: Draft,
    book: CompiledRulebook,
    at: datetime,
    day: int,
    zone: str,
    reason: str,
    before: dict[str, Reached] | None = None,
) -> None:
    """Raise the member to what its counters reach with an activity of the local day `day`.

    A level counts from `at`, or, when a late activity reaches it only with what came after it, from the local day
    on which it was reached. `before` is what the sets reach that do not count this activity.
    """
    today = draft.local_day(book, zone, draft.now)
    for tiers in book.tiers.values():
        if before and tiers.name in before:
            _raise(draft, book, tiers, at, day, zone, reason, draft.now, before[tiers.name])
            continue
        _raise(draft, book, tiers, at, day, zone, reason, draft.now)
        if tiers.value is not None or day >= today:
            continue
        for later in days_of(draft.member, tiers.counter, day + 1, today):
            _raise(draft, book, tiers, None, later, zone, reason, draft.now)


def reached_before(draft: Draft, book: CompiledRulebook, day: int, zone: str) -> dict[str, Reached]:
    """What the sets reach, before an activity counts, that look at what came before it only."""
    return {tiers.name: _reached(draft, book, tiers, day, zone, draft.now) for tiers in book.patient}


def lift_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str) -> None:
    """Raise the member to what its counters reach with what an occasion brought at `at`."""
    for tiers in book.tiers.values():
        _raise(draft, book, tiers, at, day, zone, "reached", at)


def unlock_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str) -> None:
    """Raise the member with points of the local day `day` that became available, and so count, at `at`."""
    for tiers in book.tiers.values():
        if not tiers.policy.count_pending:
            for look in (day, draft.local_day(book, zone, at)):
                _raise(draft, book, tiers, at, look, zone, "reached", at)


def follow(draft: Draft, following: Iterable[Tiers], at: datetime) -> None:
    """Put the member where sets say that follow whatever it has, at `at`: up, and down where they demote at once."""
    book = draft.circumstances.timeline.at(at)
    assert book is not None
    zone = draft.zone(book)
    day = draft.local_day(book, zone, at)
    for tiers in following:
        target, value = _reached(draft, book, tiers, day, zone, at)
        now, then = rank(tiers, own_of(draft, tiers).level), rank(tiers, target)
        if then > now and tiers.policy.count_current:
            _raise(draft, book, tiers, at, day, zone, "reached", at)
        elif then < now and tiers.policy.demote == "at_once":
            until = stays(draft, tiers, at, zone)
            if until is None:
                _move(draft, book, tiers, target, value, at, zone, "fell", at)
            else:
                _promise(draft, book, tiers, value, at, until)


def _promise(draft: Draft, book: CompiledRulebook, tiers: Tiers, value: int, at: datetime, until: datetime) -> None:
    """A level that its minimum stay alone holds is reviewed when that ends, if not before."""
    own = own_of(draft, tiers)
    if own.valid_until is None or own.valid_until > until:
        renew(draft, book, tiers, value, at, until)


def renew(draft: Draft, book: CompiledRulebook, tiers: Tiers, value: int, at: datetime, until: datetime | None) -> None:
    """The member's own level goes on until then."""
    standing = draft.member.tiers[tiers.name]
    if standing.beneath is not None:
        level = replace(standing.beneath, valid_until=until, grace=None)
        place(draft, book, tiers.name, level, value, at=at, reason="floor_ended", now=at)
        return
    draft.record(
        TierRenewed(
            set=tiers.name, level=standing.level, evidence=value, at=at, rulebook=book.number, valid_until=until
        )
    )


def stays(draft: Draft, tiers: Tiers, at: datetime, zone: str) -> datetime | None:
    """Until when the member keeps its own level whatever it has; None where that is over at `at`."""
    if tiers.policy.min_stay is None:
        return None
    own = own_of(draft, tiers)
    if own.since is None or own.level is None:
        return None
    until = end_after(tiers.policy.min_stay, own.since, zone, draft.circumstances.offsets)
    return until if until > at else None


def lower_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str, moved: frozenset[str]) -> None:
    """Take back levels that a return leaves unreached: those got on or after the local day of its activity.

    `moved` are the counters that the return lowered. A level stays that is still reached in the window of the day it
    was got, of the activity's day, or of today.
    """
    today = max(day, draft.local_day(book, zone, draft.now))
    for tiers in book.tiers.values():
        if tiers.counter not in moved:
            continue
        own = own_of(draft, tiers)
        if own.since is None:
            continue
        since = draft.local_day(book, zone, own.since)
        if since < day:
            continue
        looks = [_reached(draft, book, tiers, look, zone, draft.now) for look in (since, day, today)]
        target, value = max(looks, key=lambda look: rank(tiers, look[0]))
        if rank(tiers, target) < rank(tiers, own.level):
            _move(draft, book, tiers, target, value, at, zone, "returned", draft.now)


def reassess(draft: Draft, book: CompiledRulebook, name: str, at: datetime, day: int, zone: str) -> None:
    """Put the member where the thresholds say, up or down, as the counter stands on the local day `day`."""
    tiers = book.tiers[name]
    target, value = _reached(draft, book, tiers, day, zone, at)
    if target != own_of(draft, tiers).level:
        _move(draft, book, tiers, target, value, at, zone, "edited", at)


def _raise(
    draft: Draft,
    book: CompiledRulebook,
    tiers: Tiers,
    at: datetime | None,
    day: int,
    zone: str,
    reason: str,
    now: datetime,
    reaches: Reached | None = None,
) -> None:
    """`at` None means the beginning of the local day, which is only worked out when it matters."""
    target, value = reaches or _reached(draft, book, tiers, day, zone, now)
    standing = draft.member.tiers.get(tiers.name)
    if rank(tiers, target) <= rank(tiers, standing.own.level if standing else None):
        return
    instant = at or _midnight(draft, day, zone)
    if tiers.policy.upgrade == "next_period":
        begins = anchor(draft.member, draft.circumstances, book, tiers, zone)
        instant = _midnight(draft, period_ends(tiers, day, begins), zone)
        if instant > now:
            if standing is None or standing.upgrade_at is None or instant < standing.upgrade_at:
                draft.record(TierUpgradePlanned(set=tiers.name, at=instant))
            return
    until = new_until(draft, book, tiers, instant, zone)
    # A level that would have ended by now came too late to be had.
    if until is None or until > now:
        place(draft, book, tiers.name, OwnLevel(target, instant, until), value, at=instant, reason=reason, now=now)


def _midnight(draft: Draft, day: int, zone: str) -> datetime:
    return draft.circumstances.offsets.instant(zone, datetime.combine(date.fromordinal(day), time()))


def _reached(draft: Draft, book: CompiledRulebook, tiers: Tiers, day: int, zone: str, at: datetime) -> Reached:
    """The level that is reached, looked at on the local day `day`, and the value that decides."""
    value = evidence(draft.member, draft.circumstances, book, tiers, day=day, zone=zone, at=at)
    return reached(tiers, value), value


def _move(
    draft: Draft,
    book: CompiledRulebook,
    tiers: Tiers,
    target: str | None,
    value: int,
    at: datetime,
    zone: str,
    reason: str,
    now: datetime,
) -> None:
    own = OwnLevel(target, at, new_until(draft, book, tiers, at, zone) if target else None)
    place(draft, book, tiers.name, own, value, at=at, reason=reason, now=now)
