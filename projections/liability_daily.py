"""What do all members together hold, how did it come to that day by day, and since when is each day known so?

A day has one row for each day on which something of it became known: what was reported for a day at its end is the
sum of its rows known by then, and later rows are its restatement.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated

import msgspec

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import HoldConfirmed, PointsRedeemed
from domain.member.movements import Kind, movements
from projections.columns import Currency, Program, total

OWED = ("member", "pending", "reserve")
"""Accounts whose points members can still ask for."""

_COLUMNS: dict[Kind, str] = {
    "award": "issued",
    "expiry": "expired",
    "spend": "redeemed",
    "given_back": "given_back",
    "adjustment": "adjusted",
    "claw_back": "taken_back",
    "repayment": "repaid",
    "transfer": "moved",
    "merge": "moved",
}
"""What holds, releases and activations move stays with the members, and a debt that is written off was never theirs."""

_GOES = ("redeemed", "expired", "taken_back", "repaid")


class Liability(msgspec.Struct, frozen=True, gc=False):
    program: Program
    currency: Currency
    day: Annotated[date, "The day, in UTC, on which it took effect in the world."]
    known_on: Annotated[date, "The day, in UTC, on which it was recorded. Later than the day: a restatement of it."]
    issued: Annotated[int, "Points that rules granted, pending ones too."]
    redeemed: Annotated[int, "Points that were spent."]
    given_back: Annotated[int, "Points of redemptions that came back."]
    expired: Annotated[int, "Points that ended unspent."]
    taken_back: Annotated[int, "Points that returns, corrections and restatements took back."]
    adjusted: Annotated[int, "Points given by hand, less those taken by hand."]
    repaid: Annotated[int, "Points that repaid a debt as soon as they were there."]
    moved: Annotated[int, "Points that came by transfers and merges, less those that went: 0 once both sides are in."]
    outstanding: Annotated[int, "By how much what members hold changed; the sum over all days is what they hold."]
    debt: Annotated[int, "By how much what members owe changed."]
    redeemed_minor: Annotated[int, "What the spent points were worth, in minor units of money, where they were."]


_SUMS = Liability.__struct_fields__[4:]


def reads(at: Placed) -> list[Key]:
    return list(dict.fromkeys(key for key, _, _ in _told(at)))


def apply(rows: Rows, at: Placed) -> None:
    """Sums over all members: the order of streams makes no difference."""
    for key, column, points in _told(at):
        row: Liability = rows.get(key) or Liability(*key, *([0] * len(_SUMS)))  # type: ignore[arg-type]
        if column in ("debt", "redeemed_minor"):
            changed = {column: total(getattr(row, column), points)}
        else:
            signed = -points if column in _GOES else points
            changed = {
                column: total(getattr(row, column), signed),
                "outstanding": total(row.outstanding, points),
            }
        rows[key] = msgspec.structs.replace(row, **changed)


def add(one: Liability, other: Liability) -> Liability:
    sums = {name: total(getattr(one, name), getattr(other, name)) for name in _SUMS}
    return msgspec.structs.replace(one, **sums)


def _told(at: Placed) -> Iterator[tuple[Key, str, int]]:
    """Where, in which column, how many: points with their sign as members hold them."""
    for line in movements(at.entry):
        if line.account == "debt":
            yield _key(at, line.currency, line.effective_at), "debt", -line.points
        elif line.account in OWED and line.kind in _COLUMNS:
            yield _key(at, line.currency, line.effective_at), _COLUMNS[line.kind], line.points
    for event in at.entry.events:
        if isinstance(event, PointsRedeemed | HoldConfirmed) and event.value_minor:
            yield _key(at, event.currency, at.entry.recorded_at), "redeemed_minor", event.value_minor


def _key(at: Placed, currency: str, effective_at: datetime) -> Key:
    return at.program, currency, effective_at.astimezone(UTC).date(), at.entry.recorded_at.astimezone(UTC).date()


LIABILITY_DAILY = Projection(
    table=Table(
        name="liability_daily",
        comment="What members can ask for, day by day, over all members, and since when each day is known so.",
        row=Liability,
        key=("program", "currency", "day", "known_on"),
    ),
    version=1,
    reads=reads,
    apply=apply,
    sum=add,
)
