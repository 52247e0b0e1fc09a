"""What a rule may read of an activity and a member: the evaluator's context.

Counters and history are computed when an expression asks, in the local day of the activity; personal
fields are not here at all.
"""

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any

from domain.calendar import Offsets
from domain.member import counters
from domain.member.state import Member
from domain.member.wallet import balance
from domain.rules.compiled import CompiledRulebook
from domain.rules.experiments import drawn
from domain.rules.expression import EvaluationError


class Reading:
    """Reads a member settled up to `now`, for an activity of local day `day` at the instant `at`."""

    def __init__(
        self,
        *,
        member: Member,
        data: dict[str, Any],
        at: datetime,
        now: datetime,
        day: int,
        zone: str,
        offsets: Offsets,
        program: str,
        tier_at: datetime,
        book: CompiledRulebook,
        program_zone: str = "UTC",
        store_zone: str = "UTC",
    ) -> None:
        self.activity = data
        self._member = member
        self._at = at
        self._now = now
        self.day = day
        self._zone = zone
        self._program_zone = program_zone
        self._store_zone = store_zone
        self._offsets = offsets
        self._tier_at = tier_at
        self._book = book
        self.program = {"id": program}
        self._local: dict[str, Any] | None = None
        self._view: dict[str, Any] | None = None

    def of(self, member: Member) -> "Reading":
        """The same of the same activity, with another member."""
        other = copy(self)
        other._member, other._view = member, None
        return other

    @property
    def local(self) -> dict[str, Any]:
        if self._local is None:
            local = self._offsets.local(self._zone, self._at)
            self._local = {
                "hour": local.hour,
                "weekday": local.isoweekday(),
                "day": local.day,
                "month": local.month,
                "year": local.year,
                "date": local.date().isoformat(),
                "at": self._at,
            }
        return self._local

    @property
    def member(self) -> dict[str, Any]:
        if self._view is None:
            self._view = {
                "attributes": self._member.attributes,
                "tiers": _Tiers(self._member, self._tier_at),
                "balances": _Balances(self._member, self._now),
                "segments": self._member.segments,
            }
        return self._view

    def counter(self, measure: str, window: str) -> int:
        return counters.in_window(self._member, f"measure:{measure}", window, self.day)

    def history(self, function: str, name: str, window: str) -> int | datetime:
        if function == "sum":
            return counters.in_window(self._member, f"measure:{name}", window, self.day)
        if function == "count":
            return counters.in_window(self._member, f"type:{name}", window, self.day)
        if function == "days":
            return counters.distinct_days(self._member, f"type:{name}", window, self.day)
        if function == "streak":
            try:
                streak = self._book.streak(name)
            except KeyError:
                # A reward's condition may outlive the rulebook that it was checked against.
                raise EvaluationError(f"no streak {name!r} in these rules") from None
            standing = self._member.streaks.get(streak.id)
            return streak.length_at(standing.current, standing.last, self.day) if standing else 0
        known = self._member.first if function == "first" else self._member.last
        found = known.get(name)
        if found is None:
            raise EvaluationError(f"no {name} yet")
        return found

    def used(self, counter: str, period: str) -> int:
        """How much of a cap's counter is used in the period that contains the activity's day."""
        return counters.in_window(self._member, counter, period, self.day)

    def arm(self, experiment: str, arms: Mapping[str, int]) -> tuple[str, bool]:
        """The member's arm of an experiment, and whether it was drawn just now."""
        known = self._member.arms.get(experiment)
        if known is not None:
            return known, False
        return drawn(self.program["id"], experiment, self._member.id, arms), True

    def wall(self, *, of_store: bool) -> datetime:
        """Wall-clock time of the activity, in its own zone or in the program's."""
        return self._offsets.local(self._store_zone if of_store else self._program_zone, self._at)


class _Tiers(dict[str, Any]):
    """`tiers.<set>.level` as of an instant; a set without a level reads as ''."""

    def __init__(self, member: Member, at: datetime) -> None:
        super().__init__()
        self._member = member
        self._tier_at = at

    def __missing__(self, name: str) -> dict[str, Any]:
        return {"level": level_at(self._member, name, self._tier_at) or ""}

    def __contains__(self, name: object) -> bool:
        return True


class _Balances(dict[str, Any]):
    def __init__(self, member: Member, now: datetime) -> None:
        super().__init__()
        self._member = member
        self._now = now

    def __missing__(self, currency: str) -> dict[str, int]:
        held = balance(self._member, currency, self._now)
        return {
            "available": held.available,
            "pending": held.pending,
            "held": held.held,
            "debt": held.debt,
            "lifetime": held.lifetime,
        }

    def __contains__(self, currency: object) -> bool:
        return True


def level_at(member: Member, tier_set: str, at: datetime) -> str | None:
    """The level the member stood at, at an instant of the world's clock."""
    standing = member.tiers.get(tier_set)
    level = None
    for since, reached in standing.path if standing else ():
        # A late activity may have put an earlier instant after a later one: the last word that applies counts.
        if since <= at:
            level = reached
    return level
