"""Lots, balances and who pays first."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from domain.calendar import FOREVER
from domain.member.events import Draw
from domain.member.lots import Lots
from domain.member.state import Lot, Member


class Balance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One currency of one member, in smallest units. Debt stands apart: a balance of -10 is available 0, debt 10.

    `lifetime` is all that rules ever granted, less what returns took back.
    """

    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0
    lifetime: int = 0


def balance(member: Member, currency: str, now: datetime) -> Balance:
    """The balance at `now` of a member settled up to `now`."""
    available, pending = open_lots(member).sums(currency, now)
    total = member.totals.get(f"granted:{currency}")
    return Balance(
        available=available,
        pending=pending,
        held=member.held.get(currency, 0),
        debt=member.debt.get(currency, 0),
        lifetime=total.ever if total else 0,
    )


def open_lots(member: Member) -> Lots:
    """A member's lots, with what is kept beside them from now on."""
    lots = member.lots
    if not isinstance(lots, Lots):
        lots = member.lots = Lots(lots)
    return lots


def currencies(member: Member) -> list[str]:
    """Every currency the member has ever had anything of."""
    granted = {name.removeprefix("granted:") for name in member.totals if name.startswith("granted:")}
    return sorted(granted.union(open_lots(member).currencies, member.debt, member.held))


def spendable(member: Member, currency: str, now: datetime) -> list[Lot]:
    return [lot for lot in member.lots if lot.currency == currency and lot.spendable(now)]


def draw(lots: Iterable[Lot], points: int, order: str) -> tuple[tuple[Draw, ...], int]:
    """Which lots pay `points`, in `order`, and what they cannot pay.

    `expiry_first` takes the soonest-ending lot (ties by occurred time, then entry; never-ending last), `fifo` the
    oldest, `lifo` the newest, `proportional` a share of each by largest remainder, so that parts sum to the whole.
    """
    open_lots = sorted(lots, key=_by_age)
    if order == "proportional":
        return _proportional(open_lots, points)
    if order == "expiry_first":
        open_lots.sort(key=lambda lot: lot.expires_at or FOREVER)
    elif order == "lifo":
        open_lots.reverse()
    draws = []
    for lot in open_lots:
        if points == 0:
            break
        part = min(points, lot.remaining)
        draws.append(Draw(lot.id, part))
        points -= part
    return tuple(draws), points


def _proportional(lots: list[Lot], points: int) -> tuple[tuple[Draw, ...], int]:
    whole = sum(lot.remaining for lot in lots)
    if whole <= points:
        return tuple(Draw(lot.id, lot.remaining) for lot in lots), points - whole
    parts = {lot.id: lot.remaining * points // whole for lot in lots}
    rests = sorted(lots, key=lambda lot: -(lot.remaining * points % whole))
    for lot in rests[: points - sum(parts.values())]:
        parts[lot.id] += 1
    return tuple(Draw(lot.id, parts[lot.id]) for lot in lots if parts[lot.id]), 0


def _by_age(lot: Lot) -> tuple[datetime, int, int]:
    return lot.occurred_at, *age(lot)


def age(lot: Lot) -> tuple[int, int]:
    """Which entry opened the lot, and as which of its lots."""
    return lot.entry, int(lot.id.rpartition(".")[2])
