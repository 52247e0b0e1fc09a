"""A member's open lots, and beside them what every decision asks of all of them together.

Sums, the next end and whether activities move any end are found by walking the lots once, and then kept as lots come
and go: a member with thousands of lots decides as fast as one with five. Nothing of it is stored.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, SupportsIndex, TypeAlias

from domain.calendar import BEGINNING, FOREVER

if TYPE_CHECKING:
    from domain.member.state import Lot

Sums: TypeAlias = tuple[int, int]
"""What can be spent, and what waits."""


class Lots(list["Lot"]):
    """The list itself. It is written in by `append`, `lots[place] = lot` and `del lots[place]` alone."""

    __slots__ = ("_at", "_currencies", "_due", "_idle", "_since", "_sums", "_until")

    _sums: dict[str, Sums] | None
    """By currency as of `_at`, and so from `_since` until just before `_until`."""
    _at: datetime
    _since: datetime
    _until: datetime
    _due: datetime | None
    _idle: int | None
    _currencies: dict[str, int] | None
    """How many lots there are of each."""

    def __init__(self, lots: Iterable["Lot"] = ()) -> None:
        super().__init__(lots)
        self._sums = self._due = self._idle = self._currencies = None

    def copy(self) -> "Lots":
        other = Lots(self)
        if self._sums is not None:
            other._sums = self._sums.copy()
            other._at, other._since, other._until = self._at, self._since, self._until
        if self._currencies is not None:
            other._currencies = self._currencies.copy()
        other._due, other._idle = self._due, self._idle
        return other

    # --- asking --------------------------------------------------------------------------------

    def sums(self, currency: str, now: datetime) -> Sums:
        """What can be spent at `now` and what waits, of lots that have not ended."""
        if self._sums is None or not self._since <= now < self._until:
            self._sums, self._at, self._since, self._until = {}, now, BEGINNING, FOREVER
            for lot in self:
                self._weigh(lot, 1)
        return self._sums.get(currency, (0, 0))

    def due(self) -> datetime:
        """When the next lot ends, or begins of itself; FOREVER where none does."""
        if self._due is None:
            self._due = min(map(due_of, self), default=FOREVER)
        return self._due

    @property
    def idle(self) -> bool:
        """Whether activities move the end of any."""
        if self._idle is None:
            self._idle = sum(lot.idle is not None for lot in self)
        return self._idle > 0

    @property
    def currencies(self) -> Collection[str]:
        """Every currency that there is a lot of."""
        if self._currencies is None:
            self._currencies = dict(Counter(lot.currency for lot in self))
        return self._currencies.keys()

    # --- writing -------------------------------------------------------------------------------

    def append(self, lot: "Lot", /) -> None:
        super().append(lot)
        self._came(lot)

    def __setitem__(self, place: SupportsIndex, lot: "Lot", /) -> None:  # type: ignore[override]
        self._went(self[place])
        super().__setitem__(place, lot)
        self._came(lot)

    def __delitem__(self, place: SupportsIndex, /) -> None:  # type: ignore[override]
        self._went(self[place])
        super().__delitem__(place)

    def _came(self, lot: "Lot") -> None:
        if self._sums is not None:
            self._weigh(lot, 1)
        if self._due is not None:
            self._due = min(self._due, due_of(lot))
        if self._idle is not None and lot.idle is not None:
            self._idle += 1
        if self._currencies is not None:
            self._currencies[lot.currency] = self._currencies.get(lot.currency, 0) + 1

    def _went(self, lot: "Lot") -> None:
        if self._sums is not None:
            self._weigh(lot, -1)
        if self._due is not None and due_of(lot) == self._due:
            self._due = None
        if self._idle is not None and lot.idle is not None:
            self._idle -= 1
        if self._currencies is not None:
            self._currencies[lot.currency] -= 1
            if not self._currencies[lot.currency]:
                del self._currencies[lot.currency]

    def _weigh(self, lot: "Lot", sign: int) -> None:
        """Add a lot to the sums, or take it off. They hold as long as no lot begins or ends."""
        assert self._sums is not None
        at, begins, ends = self._at, lot.available_at, lot.expires_at
        if begins is not None:
            if begins > at:
                self._until = min(self._until, begins)
            elif begins > self._since:
                self._since = begins
        if ends is not None:
            if ends <= at:
                self._since = max(self._since, ends)
                return
            self._until = min(self._until, ends)
        available, pending = self._sums.get(lot.currency, (0, 0))
        if begins is not None and begins <= at:
            self._sums[lot.currency] = available + sign * lot.remaining, pending
        else:
            self._sums[lot.currency] = available, pending + sign * lot.remaining


def due_of(lot: "Lot") -> datetime:
    """When time next does something with a lot: it begins, if it waits for a time before its end, or it ends."""
    ends = lot.expires_at or FOREVER
    if not lot.active and lot.available_at is not None and lot.available_at < ends:
        return lot.available_at
    return ends
