"""A slot: one assignment of an offer to a member, and what has come of it. Part of the account book."""

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain.member.events import (
    CodeRedeemed,
    OfferAssigned,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
)


class Slot(msgspec.Struct, frozen=True, gc=False):
    """Open from `assigned_at` to `ends_at`, both included, by the rulebook it was assigned under.

    `periods` says of a goal about periods how many activities count for each; `completed` is the entry that completed
    it (0: none has), `lot` its reward; `uses` is how often each code was used.
    """

    id: str
    offer: str
    rulebook: int
    assigned_at: datetime
    ends_at: datetime
    viewed_at: datetime | None = None
    progress: int = 0
    periods: dict[int, int] = {}
    completed: int = 0
    completed_at: datetime | None = None
    lot: str = ""
    uses: dict[str, int] = {}

    def contains(self, at: datetime) -> bool:
        return self.assigned_at <= at <= self.ends_at


def opened(event: OfferAssigned, rulebook: int) -> Slot:
    """The slot that an entry under a version of the rulebook opened."""
    return Slot(event.slot, event.offer, event.rulebook or rulebook, event.assigned_at, event.ends_at)


def changed(
    slot: Slot,
    event: OfferViewed | OfferProgressed | OfferCompleted | OfferReopened | CodeRedeemed,
    entry: int,
    at: datetime,
) -> Slot:
    """The slot after a fact about it, written in `entry` and true from `at` on."""
    match event:
        case OfferViewed():
            return replace(slot, viewed_at=event.at)
        case OfferProgressed():
            if event.period is None:
                # By the step: where a fold leaves out what came later, the progress of its time comes out.
                return replace(slot, progress=slot.progress + event.step)
            return replace(slot, progress=event.progress, periods=with_step(slot.periods, event.period, event.step))
        case OfferCompleted() if event.restated is not None:
            return replace(slot, completed=event.restated.activity, completed_at=event.restated.at, lot=event.lot)
        case OfferCompleted():
            return replace(slot, completed=entry, completed_at=at, lot=event.lot)
        case OfferReopened():
            return replace(slot, completed=0, completed_at=None, lot="")
        case CodeRedeemed():
            return replace(slot, uses=slot.uses | {event.code: slot.uses.get(event.code, 0) + 1})
        case _:
            assert_never(event)


def with_step(periods: dict[int, int], period: int, step: int) -> dict[int, int]:
    """The periods with one more activity in one of them, or one less."""
    counted = periods.get(period, 0) + step
    return {day: count for day, count in (periods | {period: counted}).items() if count > 0}
