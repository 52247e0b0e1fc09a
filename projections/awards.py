"""Which rule granted what, how much did it want to grant, and what cut it?"""

from datetime import date, datetime
from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.commands import ApplyCorrection, PayPrize, PayReferral
from domain.member.events import ActivityRecorded, PointsEarned
from domain.rules.limits import LimitedBy
from projections.columns import Currency, Day, Position, Program, RecordedAt, Rulebook, Stream, Version


class Award(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    version: Version
    number: Annotated[int, "Number of the award in its entry, from 1."]
    rule: Annotated[str, "The rule."]
    rulebook: Rulebook
    currency: Currency
    wanted: Annotated[int, "Points the rule asked for."]
    granted: Annotated[int, "Points it was granted; returns are in movements."]
    repaid: Annotated[int, "How many of them repaid debt at once."]
    restates: Annotated[
        int | None, "Entry of the activity that earns this beyond its own awards. Null: this entry's own."
    ]
    limited_by: Annotated[str | None, "What cut the grant: cap, budget, group or stacking, and its name."]
    lot: Annotated[str | None, "The lot that was opened. Null: nothing was left to grant."]
    type: Annotated[
        str,
        "Type of the activity or the occasion that was rewarded; prize, where a leaderboard paid it; referral, where a "
        "friend did it; correction, where one found that there was more.",
    ]
    occurred_at: Annotated[datetime, "When the activity happened in the world."]
    recorded_at: RecordedAt
    day: Day
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    entry = at.entry
    number, occurred_at = 0, entry.at
    kind = "prize" if isinstance(entry.input, PayPrize) else "referral" if isinstance(entry.input, PayReferral) else ""
    if isinstance(entry.input, ApplyCorrection):
        kind = "correction"
    for event in entry.events:
        if isinstance(event, PointsEarned):
            number += 1
            occasion = event.occasion
            own = occasion or event.restated
            rows.add(
                Award(
                    at.program,
                    at.stream,
                    entry.version,
                    number,
                    event.rule,
                    own.rulebook if own else entry.pins.rulebook,
                    event.currency,
                    event.wanted,
                    event.points,
                    event.repaid,
                    event.restated.activity if event.restated else None,
                    limit(event.limited_by) if event.limited_by is not None else None,
                    event.lot if event.points else None,
                    occasion.kind if occasion else kind,
                    own.at if own else occurred_at,
                    entry.recorded_at,
                    date.fromordinal(event.day),
                    at.position,
                )
            )
        elif isinstance(event, ActivityRecorded):
            kind, occurred_at = event.type, event.occurred_at


def limit(by: LimitedBy) -> str:
    """What cut a grant, in words.

    >>> limit(LimitedBy(left=60, cap="daily"))
    'cap daily'
    """
    if by.cap is not None:
        return f"cap {by.cap}"
    if by.budget is not None:
        return f"budget {by.budget}"
    if by.group is not None:
        return f"group {by.group}"
    return f"stacking {by.stacking}" if by.stacking is not None else "limit"


AWARDS = Projection(
    table=Table(
        name="awards",
        comment="What each rule wanted to grant and was granted, one row per activity and rule.",
        row=Award,
        key=("stream", "version", "number"),
        indexes=("(program, day, rule)",),
    ),
    version=2,
    apply=apply,
)
