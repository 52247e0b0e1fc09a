"""A reward of the catalogue as a redemption sees it."""

from datetime import datetime
from typing import Any, Literal

import msgspec

RewardKind = Literal["discount", "product", "code", "credit", "gift"]


class RewardTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a unit costs, how many there are, how many one member may have, and when: `starts <= now < ends`.

    `stock` and `per_member` None are without limit. With `generates_codes` each unit has a code of its own.
    `when` is the condition that a member has to meet, `tree` what it was checked to mean (`rules/celtree.py`).
    """

    id: str
    kind: RewardKind
    currency: str
    points: int
    name: str = ""
    stock: int | None = None
    per_member: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    generates_codes: bool = False
    withdrawn: bool = False
    when: str = ""
    tree: list[Any] | None = None
