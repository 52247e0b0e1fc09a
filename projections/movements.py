"""What moved, from which account to which, effective when, and known since when?"""

from datetime import datetime
from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.movements import movements
from projections.columns import Currency, Position, Program, RecordedAt, Stream, Version


class Line(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    version: Version
    line: Annotated[int, "Number of the line in its entry, from 1. Lines 1 and 2 are a pair, 3 and 4, and so on."]
    currency: Currency
    account: Annotated[str, "member, pending, reserve, debt, program, breakage or transfer."]
    points: Annotated[int, "What the account gained; negative: lost. Every pair of lines sums to zero."]
    effective_at: Annotated[datetime, "When it took effect in the world."]
    recorded_at: RecordedAt
    kind: Annotated[
        str,
        "award, activation, repayment, expiry, spend, given_back, adjustment, claw_back, write_off, transfer, merge or "
        "reinstatement.",
    ]
    cause: Annotated[
        str | None,
        "What was asked: source/id of an activity or return, the id of a redemption, adjustment, transfer or "
        "merge. "
        "Null: time.",
    ]
    lot: Annotated[str | None, "The lot whose points moved, or whose award was taken back. Null: debt of a spend."]
    rule: Annotated[str | None, "The rule that granted the points, or whose grant was taken back."]
    rulebook: Annotated[int | None, "Version of the rulebook that decided. Null: time."]
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    version = at.entry.version
    for number, moved in enumerate(movements(at.entry), 1):
        rows.add(
            Line(
                at.program,
                at.stream,
                version,
                number,
                moved.currency,
                moved.account,
                moved.points,
                moved.effective_at,
                moved.recorded_at,
                moved.kind,
                moved.cause,
                moved.lot,
                moved.rule,
                moved.rulebook,
                at.position,
            )
        )


MOVEMENTS = Projection(
    table=Table(
        name="movements",
        comment="Double-entry lines. The balance of a member as of T, known at K, is the sum of the lines of account "
        "'member' with effective_at <= T and recorded_at <= K.",
        row=Line,
        key=("stream", "version", "line"),
    ),
    version=1,
    apply=apply,
)
