"""What can have happened to a correction: facts, and a storage format."""

from datetime import datetime
from typing import Any

import msgspec

from domain.correction.commands import Cascade
from domain.member.commands import CorrectedActivity


class CorrectionEvent(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of all events of corrections."""


class MemberToCorrect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a dry run found for the member of a stream, which was at this version then."""

    stream: str
    version: int
    rows: tuple[CorrectedActivity, ...]


class CorrectionProposed(CorrectionEvent, frozen=True, kw_only=True, tag="CorrectionProposed"):
    """What is to be decided again: activities whose rule time lies in `begins <= t < ends`, under the document.

    `members` are streams. With `reverses` there is no document: the other way round of what another correction did.
    """

    begins: datetime
    ends: datetime
    document: dict[str, Any] = {}
    trees: dict[str, Any] = {}
    cascade: Cascade = "none"
    rules: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    reverses: str = ""
    reason: str = ""


class CorrectionTried(CorrectionEvent, frozen=True, kw_only=True, tag="CorrectionTried"):
    """What the dry run found, or one part of it."""

    part: int
    of: int
    members: tuple[MemberToCorrect, ...] = ()


class CorrectionApproved(CorrectionEvent, frozen=True, kw_only=True, tag="CorrectionApproved"):
    """Somebody other than the proposer has approved what the dry run found, for so many members."""

    members: int


class CorrectionApplied(CorrectionEvent, frozen=True, kw_only=True, tag="CorrectionApplied"):
    """Every member was corrected, but for those (by stream) that have moved since the dry run, or are erased."""

    applied: int
    moved: tuple[str, ...] = ()


CorrectionEventUnion = CorrectionProposed | CorrectionTried | CorrectionApproved | CorrectionApplied
