"""The member's state row: what of the account book is kept hot, what goes to cold rows.

State rows are a cache of the log, never the truth: they carry the number of their shape, and another number
is a miss (fold from the log, write back with the next save). So `Member` may change with `SHAPE`, and two
versions of the server run side by side.
"""

from functools import lru_cache

import msgspec

from domain.calendar import month_of, reach
from domain.member.state import Member, Month
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import days_back

SHAPE = 6
RETURN_DAYS = 60
"""Days that stay hot whatever the rules look at: most late activities and returns are this young."""

_encoder = msgspec.msgpack.Encoder()
_member = msgspec.msgpack.Decoder(Member)
_month = msgspec.msgpack.Decoder(Month)


@lru_cache(maxsize=256)
def horizon_of(book: CompiledRulebook) -> int:
    """How many days back the rules of a version look; all-time totals need no days."""
    days = [RETURN_DAYS, *(reach(window) or 0 for _, _, window in book.windows if window != "days")]
    # A review looks back from the end of a period that may lie well behind: twice the window.
    days += [reach(badge.window) or 0 for badge in book.document.badges.values() if badge.measure is not None]
    days += [reach(badge.per) or 0 for badge in book.document.badges.values()]
    days += [2 * days_back(tiers) for tiers in book.document.tiers.values()]
    days += [reach(cap.period) or 0 for rule in book.document.rules for cap in rule.cap]
    return max(days)


def pack(member: Member, horizon: int, today: int) -> tuple[Member, bytes, dict[int, bytes]]:
    """The member without what is older than any decision looks, its hot row's bytes, and the cold rows by month.

    A month goes cold whole, and comes back whole: a cold row never holds a part of what happened.
    """
    since = max(member.since, month_of(max(1, today - horizon)))
    hot = {month: rows for month, rows in member.months.items() if month >= since}
    cold = {month: _encoder.encode(rows) for month, rows in member.months.items() if month < since}
    kept = msgspec.structs.replace(member, months=hot, since=since)
    return kept, _encoder.encode(kept), cold


def unpack(hot: bytes) -> Member:
    return _member.decode(hot)


def bring_in(member: Member, cold: dict[int, bytes]) -> Member:
    """The member with its cold months: complete, so that any day can be looked at."""
    months = {month: _month.decode(body) for month, body in cold.items() if month < member.since}
    return msgspec.structs.replace(member, months=months | member.months, since=0)
