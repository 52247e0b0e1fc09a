"""Where counters put the member: tiers that are reached, and tiers that a return takes away.

Reviews, which are due by time alone, are `settle`'s.
"""

from datetime import date, datetime, time

from domain.member.counters import days_of, in_days
from domain.member.draft import Draft
from domain.member.events import TierChanged
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import counter_of, rank, reached, valid_until, window


def raise_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str, reason: str) -> None:
    """Raise the member to what its counters reach with an activity of the local day `day`.

    A level counts from `at`, or, when a late activity reaches it only with what came after it, from the local day
    on which it was reached.
    """
    today = max(day, draft.local_day(book, zone, draft.now))
    for name in sorted(book.document.tiers):
        _raise(draft, book, name, at, day, zone, reason, draft.now)
        for later in days_of(draft.member, _counter(book, name), day + 1, today):
            begins = datetime.combine(date.fromordinal(later), time())
            instant = draft.circumstances.offsets.instant(zone, begins)
            _raise(draft, book, name, instant, later, zone, reason, draft.now)


def unlock_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str) -> None:
    """Raise the member with points of the local day `day` that became available, and so count, at `at`."""
    for name, tiers in sorted(book.document.tiers.items()):
        if not tiers.count_pending:
            for look in (day, draft.local_day(book, zone, at)):
                _raise(draft, book, name, at, look, zone, "reached", at)


def lower_tiers(draft: Draft, book: CompiledRulebook, at: datetime, day: int, zone: str) -> None:
    """Take back levels that were reached on or after the local day of a returned activity and are no longer."""
    today = max(day, draft.local_day(book, zone, draft.now))
    for name, tiers in sorted(book.document.tiers.items()):
        standing = draft.member.tiers.get(name)
        if standing is None or standing.since is None or draft.local_day(book, zone, standing.since) < day:
            continue
        moved = _move(draft, book, name, at, today, zone, "returned")
        if rank(tiers, moved.to) < rank(tiers, moved.from_):
            draft.record(moved)


def _raise(
    draft: Draft, book: CompiledRulebook, name: str, at: datetime, day: int, zone: str, reason: str, now: datetime
) -> None:
    tiers = book.document.tiers[name]
    moved = _move(draft, book, name, at, day, zone, reason)
    # A level that would have ended by now came too late to be had.
    over = moved.valid_until is not None and moved.valid_until <= now
    if rank(tiers, moved.to) > rank(tiers, moved.from_) and not over:
        draft.record(moved)


def _move(
    draft: Draft, book: CompiledRulebook, name: str, at: datetime, day: int, zone: str, reason: str
) -> TierChanged:
    """The move that the counter calls for, looked at on the local day `day`; perhaps to the same level."""
    tiers, standing = book.document.tiers[name], draft.member.tiers.get(name)
    evidence = in_days(draft.member, _counter(book, name), *window(tiers, day))
    target = reached(tiers, evidence)
    return TierChanged(
        set=name,
        from_=standing.level if standing else None,
        to=target,
        reason=reason,
        evidence=evidence,
        at=at,
        rulebook=book.number,
        valid_until=valid_until(tiers, at, zone, draft.circumstances.offsets) if target else None,
    )


def _counter(book: CompiledRulebook, name: str) -> str:
    return counter_of(book.document.tiers[name], sorted(book.document.currencies))
