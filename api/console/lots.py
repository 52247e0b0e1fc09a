"""The lots of a member: few one by one, and all of them as bars by the month in which they end."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from api.console.charts import share
from application.dossier import Ahead

LISTED = 30
"""Lots of a page."""
MONTHS = 24
"""Months that are told one by one; what ends later is one bar."""
FOREVER = "without end"
_A_MOMENT = timedelta(microseconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Month(msgspec.Struct, frozen=True):
    """What ends in a month, of one currency; `width` is that of its bar."""

    name: str
    currency: str
    points: int
    lots: int
    width: int


def by_month(lots: Sequence[Ahead], local: Callable[[datetime], datetime]) -> list[Month]:
    """Sums of what the lots hold, by the last month in which it can be spent; a currency's longest bar is whole."""
    sums: dict[str, dict[str, list[int]]] = {}
    name, begin, end = FOREVER, _NEVER, _NEVER
    for lot in lots:
        at = lot.expires_at
        # Lots come by their ends: the zone is asked once a month, not ten thousand times.
        if at is not None and not begin < at <= end:
            first = local(at - _A_MOMENT).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            next_one = (first + timedelta(days=31)).replace(day=1)
            name, begin, end = f"{first:%Y-%m}", first.astimezone(UTC), next_one.astimezone(UTC)
        held = sums.setdefault(lot.currency, {}).setdefault(FOREVER if at is None else name, [0, 0])
        held[0] += lot.remaining
        held[1] += 1
    return [month for currency, held in sorted(sums.items()) for month in _months(currency, held)]


def _months(currency: str, held: dict[str, list[int]]) -> Iterator[Month]:
    first = sorted(held.keys() - {FOREVER})[:MONTHS]
    bars: dict[str, list[int]] = {}
    for name, sums in sorted(held.items(), key=lambda one: (one[0] == FOREVER, one[0])):
        bar = bars.setdefault(name if name in first or name == FOREVER else "later", [0, 0])
        bar[0] += sums[0]
        bar[1] += sums[1]
    top = max(points for points, _ in bars.values())
    for name, (points, lots) in bars.items():
        yield Month(name, currency, points, lots, share(points, top))
