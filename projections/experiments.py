"""Who is in which arm of which experiment, and since when?"""

from datetime import datetime
from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.events import ExperimentAssigned
from projections.columns import Position, Program, RecordedAt, Rulebook, Stream


class Assigned(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    experiment: Annotated[str, "The experiment, by its id in the rulebook."]
    arm: Annotated[str, "The arm that the member is in for ever."]
    exposed_at: Annotated[datetime, "When the activity occurred that first exposed the member."]
    rulebook: Rulebook
    recorded_at: RecordedAt
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        if isinstance(event, ExperimentAssigned):
            rows.add(
                Assigned(
                    at.program,
                    at.stream,
                    event.experiment,
                    event.arm,
                    at.entry.at,
                    at.entry.pins.rulebook,
                    at.recorded_at,
                    at.position,
                )
            )


EXPERIMENTS = Projection(
    table=Table(
        name="experiments",
        comment="Members who were exposed to an experiment, each in one arm.",
        row=Assigned,
        key=("stream", "experiment"),
        indexes=("(program, experiment)",),
    ),
    version=1,
    apply=apply,
)
