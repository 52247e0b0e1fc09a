"""One kind of counter for caps, measures, history and tiers: a named sum by local day.

Names: `type:purchase` (activities), `measure:spend`, `granted:points` (all that rules granted), `earned:points`
(what of it has become available), `cap:RULE` and `times:RULE` (what a capped rule has granted). A counter keeps its
name, and so its value, across rulebook versions.
"""

from domain.calendar import month_of, window_start
from domain.member.state import Member


class ColdHistoryNeeded(Exception):
    """A decision looks at days whose counters lie in cold rows: bring them in and decide again."""


def in_days(member: Member, name: str, first: int | None, last: int) -> int:
    """The counter over the local days first..last, both included; `first` None is the beginning."""
    if first is None:
        total = member.totals.get(name)
        require(member, last + 1, name)
        return (total.ever if total else 0) - _sum(member, name, last + 1, None)
    require(member, first, name)
    return _sum(member, name, first, last)


def in_window(member: Member, name: str, window: str, day: int) -> int:
    """The counter over the window that ends with the local day `day`; `days` counts distinct days."""
    if window == "days":
        return distinct_days(member, name, "ever", day)
    return in_days(member, name, window_start(window, day), day)


def distinct_days(member: Member, name: str, window: str, day: int) -> int:
    """On how many local days of the window the counter moved."""
    first = window_start(window, day)
    if first is None:
        total = member.totals.get(name)
        require(member, day + 1, name)
        return (total.days if total else 0) - len(_days(member, name, day + 1, None))
    require(member, first, name)
    return len(_days(member, name, first, day))


def days_of(member: Member, name: str, first: int, last: int) -> list[int]:
    """The local days first..last, both included, on which the counter moved, in order."""
    require(member, first, name)
    return sorted(day for day, _ in _days(member, name, first, last))


def require(member: Member, day: int, name: str = "") -> None:
    """Raises ColdHistoryNeeded when the days from `day` on are not all here: of a counter, or of all there is."""
    if member.since and month_of(day) < member.since:
        far = member.far.get(name)
        if far is None or month_of(day) < far.since:
            raise ColdHistoryNeeded(f"days from {day} on")


def _sum(member: Member, name: str, first: int, last: int | None) -> int:
    # What every decision asks several times: without a list of pairs.
    total = 0
    for whole, days in _months(member, name, first, last):
        if whole:
            total += sum(days.values())
        else:
            for day, step in days.items():
                if first <= day and (last is None or day <= last):
                    total += step
    return total


def _days(member: Member, name: str, first: int, last: int | None) -> list[tuple[int, int]]:
    """The local days first..last on which the counter moved, with its steps. `last` None: to the end."""
    found: list[tuple[int, int]] = []
    for whole, days in _months(member, name, first, last):
        if whole:
            found += days.items()
        else:
            found += [(day, step) for day, step in days.items() if first <= day and (last is None or day <= last)]
    return found


def _months(member: Member, name: str, first: int, last: int | None) -> list[tuple[bool, dict[int, int]]]:
    """The months of the days first..last in which the counter moved, and whether all days of each are among them."""
    months = member.months
    low, high = month_of(first), month_of(last) if last is not None else max(months, default=member.since)
    # A window is a few months of many, or longer than there are any.
    numbers = range(low, high + 1) if high - low < len(months) else [one for one in months if low <= one <= high]
    found = []
    for number in numbers:
        rows = months.get(number)
        days = rows.counts.get(name) if rows is not None else None
        if days:
            found.append((low < number < high, days))
    if low < member.since and name in member.far:
        far = member.far[name].months
        found += [(low < number < high, days) for number, days in far.items() if low <= number <= high]
    return found
