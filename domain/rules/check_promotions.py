"""Judge what promotions say of when and for whom they run: a part of `check.py`."""

from datetime import datetime
from typing import Protocol

from domain.rules.recurrence import minutes, recurrence
from domain.rules.rulebook import Rule, Rulebook


class Checking(Protocol):
    """What `check` gives its parts."""

    @property
    def book(self) -> Rulebook: ...

    def error(self, code: str, at: str, message: str, rule: str | None = None) -> None: ...


def check_calendar(checking: Checking, at: str, rule: Rule) -> None:
    """The days and hours of a rule."""
    calendar = rule.calendar
    if calendar is None:
        return
    at = f"{at}/calendar"
    if calendar.rrule is not None:
        try:
            # A date that is none is a finding of its own.
            recurrence(calendar.rrule, rule.starts if _is_instant(rule.starts) else None)
        except ValueError as error:
            checking.error("bad-calendar", f"{at}/rrule", str(error), rule.id)
    times = []
    for name, text in (("from", calendar.from_), ("to", calendar.to)):
        try:
            times.append(minutes(text))
        except ValueError as error:
            checking.error("bad-time", f"{at}/{name}", str(error), rule.id)
    if len(times) == 2 and times[0] == times[1]:
        checking.error("bad-calendar", f"{at}/to", "hours that end as they begin are none", rule.id)
    if calendar.from_ == "24:00":
        checking.error("bad-time", f"{at}/from", "the last hour begins before 24:00", rule.id)


def _is_instant(text: str | None) -> bool:
    try:
        datetime.fromisoformat(text or "")
    except ValueError:
        return False
    return True
