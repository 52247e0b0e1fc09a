"""How many points does each member have, as of the member's last entry?

What time has done since (a lot that expired and was not swept) does not show here: balances_now knows it.
"""

from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.log import After, Entry
from domain.member import wallet
from domain.member.events import ActivityRecorded, MemberMerged, PointsEarned
from domain.member.movements import movements
from projections.columns import Currency, Position, Program, RecordedAt, Stream, Version


class Balance(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    currency: Currency
    available: Annotated[int, "Points that could be spent when the last entry was recorded."]
    pending: Annotated[int, "Points granted that could not be spent yet."]
    held: Annotated[int, "Points held for redemptions that were not confirmed yet."]
    debt: Annotated[int, "Points owed; the next award repays them first."]
    lifetime: Annotated[int, "All that rules ever granted, less what returns took back."]
    version: Version
    position: Position
    recorded_at: RecordedAt


def apply(rows: Rows, at: Placed) -> None:
    """An entry carries the balances that resulted from it, of every currency the member was granted or has any of."""
    if at.entry.after is None:
        return
    for currency, balance in (at.entry.after.balances | _gone(at.entry, at.entry.after)).items():
        rows[(at.stream, currency)] = Balance(
            at.program,
            at.stream,
            currency,
            balance.available,
            balance.pending,
            balance.held,
            balance.debt,
            balance.lifetime,
            at.entry.version,
            at.position,
            at.entry.recorded_at,
        )


def _gone(entry: Entry, after: After) -> dict[str, wallet.Balance]:
    """Points that no rule had granted, the last of which left with this entry: no balance tells of them any more."""
    # Whatever a rule granted is told of for ever; most entries hold nothing else.
    others = [event for event in entry.events if not isinstance(event, PointsEarned | ActivityRecorded)]
    if all(getattr(event, "currency", None) in after.balances for event in others if _moves(event)):
        return {}
    return {line.currency: wallet.Balance() for line in movements(entry) if line.currency not in after.balances}


def _moves(event: object) -> bool:
    return hasattr(event, "currency") or isinstance(event, MemberMerged)


BALANCES = Projection(
    table=Table(
        name="balances",
        comment="Balances per member and currency, settled up to the member's last entry.",
        row=Balance,
        key=("stream", "currency"),
        replaced=True,
        # Few owe anything: the index is small, and other balances change without it.
        indexes=("(program, debt DESC, stream) WHERE debt > 0",),
    ),
    version=3,
    apply=apply,
)
