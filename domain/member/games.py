"""What a member's streaks and badges stand at: parts of the account book."""

from datetime import datetime

import msgspec


class StreakStanding(msgspec.Struct, frozen=True, gc=False):
    """A streak as its last activity left it, by local days; `last` 0 has no run. See `StreakMoved`."""

    current: int
    longest: int
    previous: int
    first: int
    last: int
    at: datetime
    zone: str


class BadgeStanding(msgspec.Struct, frozen=True, gc=False):
    """How often a badge is held, and when and for which period it was granted last."""

    count: int = 0
    at: datetime | None = None
    period: str = ""
