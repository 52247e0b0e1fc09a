"""A correction as its next step needs it, and the fold that makes it."""

from datetime import datetime
from typing import Literal, assert_never

import msgspec

from domain.correction.events import (
    CorrectionApplied,
    CorrectionApproved,
    CorrectionEventUnion,
    CorrectionProposed,
    CorrectionTried,
    MemberToCorrect,
)

State = Literal["", "trying", "proposed", "approved", "applied"]


class Correction(msgspec.Struct, frozen=True):
    """`proposed` is a correction whose dry run is whole; `members` is what that found."""

    state: State = ""
    asked: CorrectionProposed | None = None
    proposer: str = ""
    proposed_at: datetime | None = None
    approver: str = ""
    approved_at: datetime | None = None
    members: tuple[MemberToCorrect, ...] = ()
    applied: int = 0
    moved: tuple[str, ...] = ()


def evolve(correction: Correction, event: CorrectionEventUnion, actor: str, recorded_at: datetime) -> Correction:
    """Apply one fact."""
    replace = msgspec.structs.replace
    match event:
        case CorrectionProposed():
            return replace(correction, state="trying", asked=event, proposer=actor, proposed_at=recorded_at)
        case CorrectionTried():
            state: State = "proposed" if event.part == event.of else "trying"
            return replace(correction, state=state, members=(*correction.members, *event.members))
        case CorrectionApproved():
            return replace(correction, state="approved", approver=actor, approved_at=recorded_at)
        case CorrectionApplied():
            return replace(correction, state="applied", applied=event.applied, moved=event.moved)
        case _:
            assert_never(event)
