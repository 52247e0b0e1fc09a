"""Which households are there, and on what terms?"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import (
    HouseholdChanged,
    HouseholdDissolved,
    HouseholdFormed,
    MemberMerged,
    MemberStatusChanged,
)
from projections.columns import Position, Program, RecordedAt, Stream


class Household(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    household: Annotated[str, "The client's id of the household."]
    status: Annotated[str, "active, suspended, closed, merged or dissolved."]
    spenders: Annotated[str, "Who spends from the pool: all or owner."]
    leaving: Annotated[str, "What becomes of the points of who leaves: take or stay."]
    limit_points: Annotated[int | None, "The most points of a currency that each member spends. Null: no limit."]
    limit_per: Annotated[str | None, "In which period they do."]
    formed_at: Annotated[datetime, "When the household was formed, by the program's clock."]
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    """The row, where the entry may change one. Most who are suspended or merged are persons, and have none."""
    changes = (HouseholdChanged, HouseholdDissolved, MemberStatusChanged, MemberMerged)
    return [(at.stream,)] if any(isinstance(event, changes) for event in at.entry.events) else []


def apply(rows: Rows, at: Placed) -> None:
    key = (at.stream,)
    for event in at.entry.events:
        match event:
            case HouseholdFormed():
                rows[key] = Household(
                    program=at.program,
                    stream=at.stream,
                    household=event.household,
                    status="active",
                    spenders=event.spenders,
                    leaving=event.leaving,
                    limit_points=event.limit.points if event.limit else None,
                    limit_per=event.limit.per if event.limit else None,
                    formed_at=at.recorded_at,
                    position=at.position,
                    recorded_at=at.recorded_at,
                )
            case HouseholdChanged():
                limit = event.limit
                rows[key] = _stamped(
                    replace(
                        rows[key],
                        spenders=event.spenders,
                        leaving=event.leaving,
                        limit_points=limit.points if limit else None,
                        limit_per=limit.per if limit else None,
                    ),
                    at,
                )
            case HouseholdDissolved():
                rows[key] = _stamped(replace(rows[key], status="dissolved"), at)
            case MemberStatusChanged() if key in rows:
                rows[key] = _stamped(replace(rows[key], status=event.status), at)
            case MemberMerged() if key in rows:
                rows[key] = _stamped(replace(rows[key], status="merged"), at)
            case _:
                pass


def _stamped(row: Household, at: Placed) -> Household:
    return replace(row, position=at.position, recorded_at=at.recorded_at)


HOUSEHOLDS = Projection(
    table=Table(
        name="households",
        comment="Households, one row each. Their balances, lots and redemptions stand with those of members.",
        row=Household,
        key=("stream",),
        indexes=("(program, household)",),
    ),
    version=1,
    reads=reads,
    apply=apply,
)
