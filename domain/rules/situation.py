"""What a pass of the rules reads of the world around an activity."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from domain.rules.expression import Context


class Situation(Context, Protocol):
    """What expressions read, and what rules ask beside their expressions."""

    @property
    def day(self) -> int:
        """The activity's local day (ordinal): what caps count by."""

    def used(self, counter: str, period: str, /) -> int:
        """How much of a cap's counter the member has used in the period that contains the activity."""

    def arm(self, experiment: str, arms: Mapping[str, int], /) -> tuple[str, bool]:
        """The member's arm of an experiment, and whether it was drawn just now."""

    def wall(self, *, of_store: bool) -> datetime:
        """Wall-clock time of the activity, without zone: in its own zone, or in the program's."""
