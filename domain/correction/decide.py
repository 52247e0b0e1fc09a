"""Every step of a correction: who may take it, and when."""

from collections.abc import Sequence

from domain.correction.events import CorrectionApplied, CorrectionApproved, CorrectionTried, MemberToCorrect
from domain.correction.state import Correction
from domain.errors import NotTried, SameActor

MEMBERS_PER_ENTRY = 200


def tried(found: Sequence[MemberToCorrect]) -> tuple[CorrectionTried, ...]:
    """What a dry run found, in parts that fit into entries."""
    parts = [tuple(found[at : at + MEMBERS_PER_ENTRY]) for at in range(0, len(found), MEMBERS_PER_ENTRY)] or [()]
    return tuple(CorrectionTried(part=number, of=len(parts), members=part) for number, part in enumerate(parts, 1))


def approve(correction: Correction, actor: str) -> tuple[CorrectionApproved, ...]:
    """Approve what was found; nothing more where that was done. Raises NotTried, SameActor."""
    if correction.state in ("", "trying"):
        raise NotTried("the dry run is not over yet")
    if correction.state != "proposed":
        return ()
    if actor == correction.proposer:
        raise SameActor("whoever proposes a correction does not approve it")
    return (CorrectionApproved(members=len(correction.members)),)


def applied(moved: Sequence[str], members: int) -> CorrectionApplied:
    return CorrectionApplied(applied=members - len(moved), moved=tuple(moved))
