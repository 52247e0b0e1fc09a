"""A manual floor: an operator keeps a member from falling below a level, until an instant or for good."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from domain.errors import Refused
from domain.member.commands import EraseMember, SetTierFloor
from domain.member.events import Beneath, TierFloorSet, TierHeld
from domain.member.settle import settled
from domain.rules.tiers import rank
from tests.build import Json, Stream, World, buy, enrol, instant, points, rulebook
from tests.spec import Step, Told, adjusted, bought, do, enrolled, given, moved_to, published, redeemed, returned, swept

EVERY_CENT = points("activity.amount_minor")
LADDER = [{"id": "silver", "at": 100}, {"id": "gold", "at": 300}, {"id": "platinum", "at": 900}]


def rules(**tiers: object) -> Json:
    return rulebook(EVERY_CENT, tiers={"window": "calendar_year", "levels": LADDER} | tiers)


def floor(level: str | None, at: str, until: str | None = None, name: str = "status") -> Step:
    command = SetTierFloor(
        set=name, level=level, reason="status match", until=instant(until) if until is not None else None
    )
    return do(command, at)


def floored(level: str | None, **fields: object) -> Told:
    return Told(TierFloorSet, {"level": level, **fields})


def held(level: str, own: str | None, **fields: object) -> Told:
    return Told(TierHeld, {"level": level, **fields}, {"beneath": lambda found: found is not None and found.level == own})


def on_its_own(level: str, **fields: object) -> Told:
    return Told(TierHeld, {"level": level, "beneath": None, **fields})
