"""What can be asked of a correction: the inputs that entries keep for ever."""

from datetime import datetime
from typing import Literal

import msgspec

Cascade = Literal["none", "to_now"]


class CorrectionInput(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of all commands of a correction."""


class ProposeCorrection(CorrectionInput, frozen=True, kw_only=True, tag="ProposeCorrection"):
    """Propose that a window be decided again, under the rulebook with this digest; or that a correction be reversed."""

    digest: str
    begins: datetime
    ends: datetime
    cascade: Cascade = "none"
    rules: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    reverses: str = ""
    reason: str = ""


class NoteDryRun(CorrectionInput, frozen=True, kw_only=True, tag="NoteDryRun"):
    """Note a part of what a dry run found."""

    part: int
    of: int


class ApproveCorrection(CorrectionInput, frozen=True, kw_only=True, tag="ApproveCorrection"):
    """Approve what the dry run found, and nothing else."""


class NoteCorrected(CorrectionInput, frozen=True, kw_only=True, tag="NoteCorrected"):
    """Note that every member was corrected, or has moved since the dry run."""


CorrectionCommand = ProposeCorrection | NoteDryRun | ApproveCorrection | NoteCorrected
