"""The member's state row: what of the account book is kept hot, what goes to cold rows.

State rows are a cache of the log, never the truth: they carry the number of their shape, and another number
is a miss (fold from the log, write back with the next save). So `Member` may change with `SHAPE`, and two
versions of the server run side by side.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec

from domain.calendar import month_of, reach
from domain.member.state import Far, Member, Month
from domain.rules.compiled import CompiledRulebook
from domain.rules.limits import counter_of
from domain.rules.tiers import days_back

SHAPE = 6
RETURN_DAYS = 60
"""Days that stay hot whatever the rules look at: most late activities and returns are this young."""
_A_MONTH = 31

_encoder = msgspec.msgpack.Encoder()
_member = msgspec.msgpack.Decoder(Member)
_month = msgspec.msgpack.Decoder(Month)


class Horizon(msgspec.Struct, frozen=True):
    """How many days back decisions look: at all that happened, and at single counters, further than that."""

    days: int = 0
    counters: Mapping[str, int] = {}


@lru_cache(maxsize=256)
def horizon_of(book: CompiledRulebook) -> Horizon:
    """How far back the rules of a version look; all-time totals need no days."""
    counters: dict[str, int] = {}
    for name, back in _looks(book):
        # What reaches into the month before is there in any case.
        if back > RETURN_DAYS + _A_MONTH:
            counters[name] = max(back, counters.get(name, 0))
    return Horizon(RETURN_DAYS, counters)


def _looks(book: CompiledRulebook) -> Iterator[tuple[str, int]]:
    """The counters that decisions look at, and how many days back."""
    for kind, name, window in book.windows:
        if window != "days":
            yield f"{kind}:{name}", reach(window) or 0
    for badge in book.badges():
        yield badge.counter, reach(badge.declared.per) or 0
        if badge.measure is not None:
            yield badge.measure, reach(badge.declared.window) or 0
    for rule in book.document.rules:
        currency = rule.award.currency if rule.award is not None else ""
        for cap in rule.cap:
            yield counter_of(cap, rule, currency), reach(cap.period) or 0
    for tiers in book.tiers.values():
        # A review looks back from the end of a period that may lie well behind: twice the window.
        yield tiers.counter, 2 * days_back(tiers.policy)


def pack(member: Member, horizon: Horizon, today: int) -> tuple[Member, bytes, dict[int, bytes]]:
    """The member without what is older than any decision looks, its hot row's bytes, and the cold rows by month.

    A month goes cold whole, and comes back whole: a cold row never holds a part of what happened.
    """
    since = max(member.since, _month_back(today, horizon.days))
    if not member.since and min(member.months, default=since) >= since:
        # Nothing was ever older: it is all here, whatever other rules will look at.
        since = 0
    hot = {month: rows for month, rows in member.months.items() if month >= since}
    cold = {month: _encoder.encode(rows) for month, rows in member.months.items() if month < since}
    kept = msgspec.structs.replace(member, months=hot, since=since, far=_far(member, horizon, since, today))
    return kept, _encoder.encode(kept), cold


def _far(member: Member, horizon: Horizon, since: int, today: int) -> dict[str, Far]:
    """The counters that are looked at in months before `since`, as far back as they are looked at and are here."""
    if not since:
        return {}
    if since == member.since and horizon.counters.keys() == member.far.keys():
        # A month has to pass before there is more of them, or less.
        return member.far
    found = {}
    for name, days in horizon.counters.items():
        old = member.far.get(name)
        first = max(_month_back(today, days), old.since if old is not None else member.since)
        months = {month: rows for month, rows in old.months.items() if month >= first} if old is not None else {}
        for month, rows in member.months.items():
            if first <= month < since and name in rows.counts:
                months[month] = rows.counts[name]
        found[name] = Far(first, months)
    return found


def _month_back(today: int, days: int) -> int:
    return month_of(max(1, today - days))


def unpack(hot: bytes) -> Member:
    return _member.decode(hot)


def bring_in(member: Member, cold: dict[int, bytes]) -> Member:
    """The member with its cold months: complete, so that any day can be looked at."""
    months = {month: _month.decode(body) for month, body in cold.items() if month < member.since}
    return msgspec.structs.replace(member, months=months | member.months, since=0, far={})
