"""A reward of the catalogue as a redemption sees it."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from domain.calendar import Offsets, parse_period, shift

ISSUED_CODE = "issued-code"
"""Kind of claims: codes of issued units, and of those that are kept for a hold."""

RewardKind = Literal["discount", "product", "code", "credit", "gift"]


class Gives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the code of a unit brings to whoever uses it: points, or store credit in minor units of a currency."""

    currency: str
    points: int


class Validity(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """When a code is good: from the period `after` its issue on, and `for` a period from then. "" is no limit."""

    after: str = ""
    for_: str = ""


class RewardTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a unit costs, how many there are, how many one member may have, and when: `starts <= now < ends`.

    `stock` and `per_member` None are without limit. With `generates_codes` each unit has a code of its own, with
    `listed_codes` one of a list that was brought in. `valid` says when codes are good, `gives` what they bring.
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
    listed_codes: bool = False
    valid: Validity | None = None
    gives: Gives | None = None

    @property
    def has_codes(self) -> bool:
        return self.generates_codes or self.listed_codes

    @property
    def for_anybody(self) -> bool:
        """Whether a code may be used by another member than the one who has it."""
        return self.kind == "gift"


def good_between(
    validity: Validity | None, issued_at: datetime, zone: str, offsets: Offsets
) -> tuple[datetime | None, datetime | None]:
    """From when on, and until when, a code is good, where that is limited; counted on the local calendar."""
    if validity is None:
        return None, None
    begins = offsets.local(zone, issued_at)
    if validity.after:
        begins = shift(begins, parse_period(validity.after))
    ends = shift(begins, parse_period(validity.for_)) if validity.for_ else None
    return (
        offsets.instant(zone, begins) if validity.after else None,
        offsets.instant(zone, ends) if ends is not None else None,
    )
