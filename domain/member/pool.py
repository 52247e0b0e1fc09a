"""What a household's account has besides points: who belongs to it, who may spend how much, and whose points lie in it.

An account with a `Pool` is a household's, any other a person's. All here are values: they are replaced, never changed.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec.structs import replace

OWNER = "owner"


class SpendingLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The most points of a currency that one person spends from the pool in a `per`: day to year, or ever."""

    points: int
    per: str


class Seat(msgspec.Struct, frozen=True, gc=False):
    """A person of the household. `spent` is by currency: the first local day of the period, and how much in it."""

    role: str
    since: datetime
    spent: dict[str, tuple[int, int]] = {}


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whose points a lot of the pool are, and which lot of theirs they came from."""

    member: str
    lot: str


class SetAside(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Points that somebody holds for a redemption, which count for the limit of that period until they are let go."""

    member: str
    currency: str
    points: int
    period: int


class Pool(msgspec.Struct, frozen=True, gc=False):
    """`spenders` is `all` or `owner`, `leaving` is `take` or `stay`: what becomes of the points of who leaves.

    `seats` are by stream, `origins` by lot of the pool, `holding` by redemption.
    """

    spenders: str = "all"
    leaving: str = "take"
    limit: SpendingLimit | None = None
    seats: dict[str, Seat] = {}
    origins: dict[str, Origin] = {}
    holding: dict[str, SetAside] = {}

    def on_terms(self, spenders: str, leaving: str, limit: SpendingLimit | None) -> "Pool":
        """On other terms: a limit for another period begins to count anew."""
        changed = replace(self, spenders=spenders, leaving=leaving, limit=limit)
        if (limit.per if limit else "") == (self.limit.per if self.limit else ""):
            return changed
        seats = {name: replace(seat, spent={}) for name, seat in self.seats.items()}
        return replace(changed, seats=seats, holding={})

    def seated(self, member: str, role: str, since: datetime) -> "Pool":
        seat = self.seats.get(member)
        return replace(self, seats=self.seats | {member: replace(seat, role=role) if seat else Seat(role, since)})

    def vacated(self, members: Iterable[str]) -> "Pool":
        """Without these persons. What they leave here is nobody's, and everybody's."""
        gone = set(members)
        seats = {name: seat for name, seat in self.seats.items() if name not in gone}
        origins = {lot: origin for lot, origin in self.origins.items() if origin.member not in gone}
        return replace(self, seats=seats, origins=origins)

    def given(self, lots: dict[str, Origin], open_lots: set[str]) -> "Pool":
        """With lots that somebody gave, and without those that are gone."""
        kept = {lot: origin for lot, origin in self.origins.items() if lot in open_lots}
        return replace(self, origins=kept | lots)

    def spent(self, redemption: str, one: SetAside, *, held: bool) -> "Pool":
        holding = self.holding | {redemption: one} if held else self.holding
        return replace(self._counted(one, one.points), holding=holding)

    def let_go(self, redemption: str, spent: int) -> "Pool":
        """A hold is over, and so many of its points are spent: the rest counts for no limit any more."""
        one = self.holding.get(redemption)
        if one is None:
            return self
        holding = {name: other for name, other in self.holding.items() if name != redemption}
        return replace(self._counted(one, spent - one.points), holding=holding)

    def used(self, member: str, currency: str, period: int) -> int:
        """What a person has spent of a currency in the period that begins on the local day `period`."""
        first, points = self.seats[member].spent.get(currency, (period, 0))
        return points if first == period else 0

    def _counted(self, one: SetAside, step: int) -> "Pool":
        seat = self.seats.get(one.member)
        if seat is None or one.period < seat.spent.get(one.currency, (0, 0))[0]:
            return self  # who left, or a period that is over
        used = self.used(one.member, one.currency, one.period) + step
        seat = replace(seat, spent=seat.spent | {one.currency: (one.period, used)})
        return replace(self, seats=self.seats | {one.member: seat})
