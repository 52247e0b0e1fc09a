"""What a member's streaks, badges and referrals stand at: parts of the account book."""

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


class Referred(msgspec.Struct, frozen=True, gc=False):
    """Whose code the member came with, for what it counts on which terms, and how often it has counted."""

    owner: str
    referrals: tuple[str, ...]
    rulebook: int
    at: datetime
    conversions: dict[str, int] = {}

    def counted(self, referrals: tuple[str, ...], step: int) -> "Referred":
        """The same after so many more or fewer conversions of each."""
        moved = {name: self.conversions.get(name, 0) + step for name in referrals}
        return msgspec.structs.replace(self, conversions=self.conversions | moved)
