"""What calendars and reviews bring about and rules may reward: types that nobody sends.

A rule is `on` one of them as on an activity. Who declares such a type under `activities` sends it: then it is no
occasion.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from domain.calendar import days_in_month

BIRTHDAY, ANNIVERSARY, RENEWED = "member.birthday", "member.anniversary", "tier.renewed"

_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
OCCASIONS: Mapping[str, dict[str, Any]] = {
    BIRTHDAY: {"type": "object", "properties": {}},
    ANNIVERSARY: {"type": "object", "properties": {"years": _NUMBER}, "required": ["years"]},
    RENEWED: {"type": "object", "properties": {"set": _TEXT, "level": _TEXT}, "required": ["set", "level"]},
}
"""What `activity` has for their rules."""

_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


def rewarded(types: Collection[str], declared: Collection[str]) -> frozenset[str]:
    """The occasions among the types that rules are on."""
    return frozenset(kind for kind in OCCASIONS if kind in types and kind not in declared)


def month_and_day(attribute: object) -> tuple[int, int] | None:
    """`MM-DD` of an attribute; None for what is no day of a year."""
    found = _MONTH_DAY.fullmatch(attribute) if isinstance(attribute, str) else None
    if found is None or found[0] in ("02-30", "02-31", "04-31", "06-31", "09-31", "11-31"):
        return None
    return int(found[1]), int(found[2])


def in_year(year: int, month: int, day: int) -> date:
    """The day in a year; 29 February is the last of February in others."""
    return date(year, month, min(day, days_in_month(12 * year + month - 1)))
