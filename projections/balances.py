"""How many points does each member have, as of the member's last entry?

What time has done since (a lot that expired and was not swept) does not show here: balances_now knows it.
"""

from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.events import MemberMerged
from domain.member.wallet import Balance as Nothing
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
    """An entry carries the balances that resulted from it, of every currency that rules have granted or that is left.

    Of one that came by hand alone it says nothing once the last of it is gone: then there is nothing.
    """
    if at.entry.after is None:
        return
    left = at.entry.after.balances
    for currency, balance in ({name: Nothing() for name in _touched(at) if name not in left} | left).items():
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


def _touched(at: Placed) -> set[str]:
    """The currencies that the entry moved anything of."""
    found: set[str] = set()
    for event in at.entry.events:
        if isinstance(event, MemberMerged):
            found |= {gone.currency for gone in event.lots} | event.debt.keys()
        elif (currency := getattr(event, "currency", None)) is not None:
            found.add(currency)
    return found


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
