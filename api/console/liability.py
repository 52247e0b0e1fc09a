"""Liability: what members could still ask for, how old it is, what it is worth, when it ends, and how much unused."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.charts import share
from api.console.page import render, viewer
from api.http.route import Req, caller, parts
from application import liability as books
from domain.numbers import exact
from domain.rules.rulebook import Currency

Json = dict[str, Any]

AGES = (("under 30 days", 30), ("30 to 89 days", 90), ("90 to 179 days", 180), ("180 to 364 days", 365))
OLDER = "a year and more"
MONTHS = 13
"""This month and the next twelve are told one by one."""


class Owed(msgspec.Struct, frozen=True):
    """One currency: points by state, their worth in minor units of money, and bars: (name, points, width)."""

    currency: str
    scale: int
    open: int
    pending: int
    lots: int
    worth: int | None
    ages: list[tuple[str, int, int]]
    ends: list[tuple[str, int, int]]
    expected: "Expected | None"


class Expected(msgspec.Struct, frozen=True):
    """What of the points that are out will end unused, by the chain ladder: in all, and by month of issue.

    `redeemed`, in thousandths, is the share of points that is redeemed in the end; `stated` is the estimate in force.
    """

    breakage: int
    redeemed: int
    cohorts: list[tuple[str, int, int]]
    stated: Json | None


@get("/liability", **door.page("operator", "analyst"))
async def show(request: Req) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    v, now = await viewer(request), await wired.clock.now(program)
    since = [now - timedelta(days=days) for _, days in reversed(AGES)]
    rows = await wired.overview.outstanding(program, now, since, v.zone)
    newest = (await wired.programs.get(program)).newest
    declared = newest.document.currencies if newest is not None else {}
    today = v.local(now).date()
    ladders = {one["currency"]: one for one in await books.breakage(wired.handler, wired.analytics, program)}
    stated = {
        one["currency"]: one for one in await books.estimates(wired.handler, program) if one["effective_on"] <= today
    }
    owed = [
        _owed(
            name,
            declared.get(name),
            [row for row in rows if row["currency"] == name],
            today,
            _expected(ladders.get(name), stated.get(name)),
        )
        for name in sorted({row["currency"] for row in rows})
    ]
    return await render(request, "liability.html", place="Liability", owed=owed, now=now)


def _owed(name: str, declared: Currency | None, rows: list[Json], today: date, expected: Expected | None) -> Owed:
    held, ages, ends = (_sums(rows, by) for by in ("state", "age", "month"))
    open_points, pending = held["open"], held["pending"]
    whole = open_points + pending
    per_point = exact(declared.value.per_point) if declared is not None and declared.value is not None else None
    # The database counts from the oldest, the page tells the youngest first.
    young = [(label, ages[len(AGES) - number]) for number, (label, _) in enumerate(AGES)]
    return Owed(
        currency=name,
        scale=declared.scale if declared is not None else 0,
        open=open_points,
        pending=pending,
        lots=sum(row["lots"] for row in rows),
        worth=whole * per_point.n // per_point.d if per_point is not None else None,
        ages=_bars([*young, (OLDER, ages[0])]),
        ends=_bars(_by_month(ends, today)),
        expected=expected,
    )


def _expected(ladder: Json | None, stated: Json | None) -> Expected | None:
    """None where too little has ended or was redeemed to tell."""
    if ladder is None or ladder["redeemed_share"] is None:
        return None
    cohorts = [(f"{one['cohort']:%Y-%m}", one["projected_breakage"]) for one in ladder["cohorts"]]
    older = sum(points for _, points in cohorts[:-MONTHS])
    told = [("older", older), *cohorts[-MONTHS:]] if len(cohorts) > MONTHS else cohorts
    share_of = exact(ladder["redeemed_share"])
    return Expected(
        breakage=sum(points for _, points in cohorts),
        redeemed=1_000 * share_of.n // share_of.d,
        cohorts=_bars(told),
        stated=stated,
    )


def _sums(rows: list[Json], by: str) -> Counter[Any]:
    sums = Counter[Any]()
    for row in rows:
        sums[row[by]] += row["points"]
    return sums


def _bars(rows: list[tuple[str, int]]) -> list[tuple[str, int, int]]:
    top = max(points for _, points in rows)
    return [(label, points, share(points, top)) for label, points in rows]


def _by_month(ends: Counter[Any], today: date) -> list[tuple[str, int]]:
    first = today.year * 12 + today.month - 1
    months = [date((first + ahead) // 12, (first + ahead) % 12 + 1, 1) for ahead in range(MONTHS)]
    later = sum(points for month, points in ends.items() if month is not None and month > months[-1])
    told = [(f"{month:%Y-%m}", ends[month]) for month in months]
    return [*told, ("later", later), ("without end", ends[None])]


HANDLERS = (show,)
