"""What can have happened to a program: facts, and a storage format."""

from datetime import datetime
from typing import Any

import msgspec


class ProgramEvent(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of all program events."""


class ProgramCreated(ProgramEvent, frozen=True, kw_only=True, tag="ProgramCreated"):
    program: str
    sandbox: bool
    money: str
    time_zone: str


class RulebookPublished(ProgramEvent, frozen=True, kw_only=True, tag="RulebookPublished"):
    """A version of the rules, whole: the document, and the checked tree of every expression by JSON pointer."""

    number: int
    digest: str
    effective_from: datetime
    document: dict[str, Any]
    trees: dict[str, Any]
    note: str = ""


ProgramEventUnion = ProgramCreated | RulebookPublished
