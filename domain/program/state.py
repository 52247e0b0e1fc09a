"""A program as its next decision needs it, and the fold that makes it."""

from datetime import datetime
from typing import assert_never

import msgspec

from domain.program.events import (
    BreakageEstimated,
    LeaderboardClosed,
    PrizesPaid,
    ProgramCreated,
    ProgramEventUnion,
    RulebookPublished,
)
from domain.rules.timeline import Published


class Program(msgspec.Struct, frozen=True):
    """Settings, the published versions without their documents, and the estimates of breakage."""

    id: str = ""
    sandbox: bool = False
    money: str = ""
    time_zone: str = "UTC"
    published: tuple[Published, ...] = ()
    estimates: tuple[BreakageEstimated, ...] = ()

    @property
    def exists(self) -> bool:
        return self.id != ""


def evolve(program: Program, event: ProgramEventUnion, recorded_at: datetime) -> Program:
    """Apply one fact."""
    match event:
        case ProgramCreated():
            return msgspec.structs.replace(
                program, id=event.program, sandbox=event.sandbox, money=event.money, time_zone=event.time_zone
            )
        case RulebookPublished():
            version = Published(event.number, event.digest, event.effective_from, recorded_at)
            return msgspec.structs.replace(program, published=(*program.published, version))
        case BreakageEstimated():
            return msgspec.structs.replace(program, estimates=(*program.estimates, event))
        case LeaderboardClosed() | PrizesPaid():
            return program
        case _:
            assert_never(event)
