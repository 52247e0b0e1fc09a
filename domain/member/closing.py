"""What a member leaves behind when it is merged into another: a storage format of its own, apart from the account book.

Ids and numbers of entries in it are already those of the survivor's stream (`moved_key`, `moved_id`): what stood in
entry 12 of the first member that a survivor absorbed is known there as entry 12 - 10^9, of the second 12 - 2 * 10^9. A
member that had absorbed others brings theirs along: their numbers move by the same step.
"""

from datetime import datetime

import msgspec

ROOM = 1_000_000_000
"""Between the entries of one absorbed stream and those of the next: no stream has so many."""


def moved_key(entry: int, before: int) -> int:
    """The number in the survivor's stream of an absorbed stream's entry; `before` is how many were absorbed earlier."""
    return entry - (before + 1) * ROOM


def first_key(entry: int) -> int:
    """The number that an absorbed stream's entry has in that stream, however often it has moved."""
    return entry % ROOM


def moved_id(name: str, before: int) -> str:
    """The same for a lot or a slot: `12.1` is the first of entry 12. '' stays."""
    entry, _, number = name.partition(".")
    return f"{moved_key(int(entry), before)}.{number}" if name else ""


class _Closed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class ClosedIdle(_Closed, frozen=True, kw_only=True, rename={"for_": "for"}):
    """A lot that ends with inactivity: see `Idle`."""

    for_: str
    round_up: str = "day"
    activities: tuple[str, ...] = ()


class ClosedLot(_Closed, frozen=True, kw_only=True):
    """An open lot, pending or not."""

    id: str
    currency: str
    points: int
    remaining: int
    occurred_at: datetime
    available_at: datetime | None
    expires_at: datetime | None = None
    entry: int
    rule: str
    rulebook: int
    active: bool
    day: int = 0
    idle: ClosedIdle | None = None


class ClosedReturn(_Closed, frozen=True, kw_only=True):
    """How much of an activity had come back; of lines their units and their money."""

    returned_minor: int = 0
    taken: dict[str, int] = {}
    counts: dict[str, int] = {}
    complete: bool = False
    lines: dict[str, tuple[int, int]] = {}
    scores: dict[str, int] = {}


class ClosedSlot(_Closed, frozen=True, kw_only=True):
    """A slot of an offer, open or ended."""

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


class ClosedReferred(_Closed, frozen=True, kw_only=True):
    """With whose code the member had come."""

    owner: str
    referrals: tuple[str, ...]
    rulebook: int
    at: datetime
    conversions: dict[str, int] = {}


class ClosedSeat(_Closed, frozen=True, kw_only=True):
    """A person of a household."""

    role: str
    since: datetime


class ClosedPool(_Closed, frozen=True, kw_only=True):
    """Who belonged to a household, and by lot whose points they were (stream, lot). Limits begin anew."""

    seats: dict[str, ClosedSeat] = {}
    origins: dict[str, tuple[str, str]] = {}


class Closing(_Closed, frozen=True, kw_only=True):
    """Everything of a closed member that a survivor takes over.

    `counts` are counters by name and local day, `returned` by month (year times twelve plus month from zero) and
    entry. `absorbed` are the streams that the member had absorbed itself, oldest first.
    """

    lots: tuple[ClosedLot, ...] = ()
    debt: dict[str, int] = {}
    counts: dict[str, dict[int, int]] = {}
    first: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    returned: dict[int, dict[int, ClosedReturn]] = {}
    slots: tuple[ClosedSlot, ...] = ()
    ended: tuple[ClosedSlot, ...] = ()
    closed_until: datetime | None = None
    code: str = ""
    code_at: datetime | None = None
    referred: ClosedReferred | None = None
    referrals: dict[str, int] = {}
    arms: dict[str, str] = {}
    absorbed: tuple[str, ...] = ()
    pool: ClosedPool | None = None
