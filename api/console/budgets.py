"""A budget through time: what was left of it day by day, and when it runs out if things go on as lately."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from api.console.charts import HEIGHT, WIDTH, Stepped, stepped

LATELY = 28
"""Days whose pace is taken to go on."""
FAR = 730
"""Days ahead beyond which nobody is told a date."""


class Burn(msgspec.Struct, frozen=True):
    """The picture ends in what is left. `pace` is what goes in seven days, `out` when it is gone: None if not soon."""

    chart: Stepped
    pace: int
    out: datetime | None


def burn(days: Sequence[tuple[date, int]], left: int, now: datetime) -> Burn | None:
    """`days` are the points that were taken less those given back, by the day that counted, in the zone of `now`.

    None as long as nothing was taken. What other rules took before is gone from the start.
    """
    if not days:
        return None
    steps = [(datetime.combine(day, time(), now.tzinfo), -points) for day, points in days]
    begin = min(steps[0][0], now) - timedelta(days=1)
    whole = left + sum(points for _, points in days)
    first = max(days[0][0], now.date() - timedelta(days=LATELY - 1))
    taken = sum(points for day, points in days if day >= first)
    over = max(1, (now.date() - first).days + 1)
    out = None
    if taken > 0 and 0 < left * over <= FAR * taken:
        out = now + timedelta(days=-(-left * over // taken))
    # Ahead is shown as long as what was, so that neither is squeezed.
    until = min(out or now, now + max(now - begin, timedelta(days=LATELY)))
    rest = left - left * (until - now) // (out - now) if out else left
    picture = stepped([(begin, whole), *steps], left, begin, now, [(until, rest - left)])
    if out:
        here, there = ((picture.top - points) * HEIGHT // (picture.top - picture.bottom) for points in (left, rest))
        picture = msgspec.structs.replace(picture, ahead=f"M{picture.now} {here}L{WIDTH} {there}")
    return Burn(picture, max(0, 7 * taken // over), out)
