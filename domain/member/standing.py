"""Where counters put the member: tiers that are reached, and tiers that a return takes away.

Reviews, which are due by time alone, are `settle`'s.
"""

from datetime import date, datetime, time

from domain.member.counters import days_of, in_days
from domain.member.draft import Draft
from domain.member.events import TierChanged
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import Tiers, rank, reached, valid_until, window


def raise_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str, reason: str) -> None:
    """Raise the member to what its counters reach with an activity of the local day `day`.

    A level counts from `at`, or, when a late activity reaches it only with what came after it, from the local day
    on which it was reached.
    """
    today = draft.local_day(book, zone, draft.now)
    for tiers in book.tiers.values():
        _raise(draft, book, tiers, at, day, zone, reason, draft.now)
        for later in days_of(draft.member, tiers.counter, day + 1, today) if day < today else ():
            _raise(draft, book, tiers, None, later, zone, reason, draft.now)


def unlock_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str) -> None:
    """Raise the member with points of the local day `day` that became available, and so count, at `at`."""
    for tiers in book.tiers.values():
        if not tiers.policy.count_pending:
            for look in (day, draft.local_day(book, zone, at)):
                _raise(draft, book, tiers, at, look, zone, "reached", at)


def lift_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str) -> None:
    """Raise the member to what its counters reach with what an occasion brought at `at`."""
    for tiers in book.tiers.values():
        _raise(draft, book, tiers, at, day, zone, "reached", at)


def lower_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str, moved: frozenset[str]) -> None:
    """Take back levels that a return leaves unreached: those got on or after the local day of its activity.

    `moved` are the counters that the return lowered. A level stays that is still reached in the window of the day it
    was got, of the activity's day, or of today.
    """
    today = max(day, draft.local_day(book, zone, draft.now))
    for tiers in book.tiers.values():
        standing = draft.member.tiers.get(tiers.name)
        if standing is None or standing.since is None or tiers.counter not in moved:
            continue
        since = draft.local_day(book, zone, standing.since)
        if since < day:
            continue
        looks = [_reached(draft, tiers, look) for look in (since, day, today)]
        target, evidence = max(looks, key=lambda look: rank(tiers, look[0]))
        if rank(tiers, target) < rank(tiers, standing.level):
            _move(draft, book, tiers, target, evidence, at, zone, "returned")


def reassess(draft: Draft, book: CompiledRulebook, name: str, at: datetime, day: int, zone: str) -> None:
    """Put the member where the thresholds say, up or down, as the counter stands on the local day `day`."""
    tiers, standing = book.tiers[name], draft.member.tiers.get(name)
    target, evidence = _reached(draft, tiers, day)
    if target != (standing.level if standing else None):
        _move(draft, book, tiers, target, evidence, at, zone, "edited")


def _raise(
    draft: Draft,
    book: CompiledRulebook,
    tiers: Tiers,
    at: datetime | None,
    day: int,
    zone: str,
    reason: str,
    now: datetime,
) -> None:
    """`at` None means the beginning of the local day, which is only worked out when it matters."""
    standing = draft.member.tiers.get(tiers.name)
    target, evidence = _reached(draft, tiers, day)
    if rank(tiers, target) <= rank(tiers, standing.level if standing else None):
        return
    offsets = draft.circumstances.offsets
    instant = at or offsets.instant(zone, datetime.combine(date.fromordinal(day), time()))
    until = valid_until(tiers, instant, zone, offsets)
    # A level that would have ended by now came too late to be had.
    if until is None or until > now:
        _move(draft, book, tiers, target, evidence, instant, zone, reason)


def _reached(draft: Draft, tiers: Tiers, day: int) -> tuple[str | None, int]:
    """The level that the counter reaches, looked at on the local day `day`, and its value."""
    evidence = in_days(draft.member, tiers.counter, *window(tiers, day))
    return reached(tiers, evidence), evidence


def _move(
    draft: Draft,
    book: CompiledRulebook,
    tiers: Tiers,
    target: str | None,
    evidence: int,
    at: datetime,
    zone: str,
    reason: str,
) -> None:
    standing = draft.member.tiers.get(tiers.name)
    draft.record(
        TierChanged(
            set=tiers.name,
            from_=standing.level if standing else None,
            to=target,
            reason=reason,
            evidence=evidence,
            at=at,
            rulebook=book.number,
            valid_until=valid_until(tiers, at, zone, draft.circumstances.offsets) if target else None,
        )
    )
