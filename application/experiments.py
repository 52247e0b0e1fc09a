"""What came of the arms of experiments: means of what members did since they were exposed, and how sure these are."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from domain.intervals import MICRO, Mean, mean

Json = dict[str, Any]
MEASURES = ("activities", "granted", "redeemed")


class Arms(Protocol):
    async def arms(self, program: str, experiment: str | None) -> Sequence[Json]:
        """By experiment and arm: members, and of each measure the sum and the sum of squares."""


async def experiments(arms: Arms, program: str, experiment: str | None) -> list[Json]:
    """Every experiment that somebody was exposed to, with its arms."""
    rows = await arms.arms(program, experiment)
    return [
        {"experiment": name, "arms": [_arm(row) for row in some]}
        for name, some in groupby(rows, key=itemgetter("experiment"))
    ]


def _arm(row: Json) -> Json:
    found = {name: mean(row["members"], row[name], row[f"{name}_squares"]) for name in MEASURES}
    return {"arm": row["arm"], "members": row["members"]} | {
        name: {"total": row[name], **_told(one)} for name, one in found.items() if one is not None
    }


def _told(one: Mean) -> Json:
    return {
        "mean": _decimal(one.mean),
        "low": _decimal(one.low) if one.low is not None else None,
        "high": _decimal(one.high) if one.high is not None else None,
    }


def _decimal(micros: int) -> str:
    sign, whole = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{whole // MICRO}.{whole % MICRO:06}"
