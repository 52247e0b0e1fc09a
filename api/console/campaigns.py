"""Campaigns: what is left of budgets that all members share, and how far offers have come."""

from typing import Any

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.charts import share
from api.console.page import render
from api.http.route import Req, caller, parts
from domain.rules.compiled import BUDGET, BUDGET_USES, CompiledRulebook
from domain.rules.limits import points_of
from domain.takes import Key

Json = dict[str, Any]


class Left(msgspec.Struct, frozen=True):
    """A quantity of a budget: what was taken of what there is, and the width of its bar."""

    budget: str
    unit: str
    scale: int
    taken: int
    of: int
    width: int
    rules: tuple[str, ...]


@get("/campaigns", **door.page("operator", "analyst"))
async def show(request: Req) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    newest = (await wired.programs.get(program)).newest
    asked = _budgets(newest) if newest is not None else {}
    taken = await wired.store.taken(program, list(asked))
    budgets = [
        Left(key[1], unit, scale, taken[key], of, share(min(taken[key], of), of), rules)
        for key, (unit, scale, of, rules) in asked.items()
    ]
    offers = await wired.overview.offers(program)
    return await render(request, "campaigns.html", place="Campaigns", budgets=budgets, offers=offers)


def _budgets(book: CompiledRulebook) -> dict[Key, tuple[str, int, int, tuple[str, ...]]]:
    """The quantities that the newest rules share: unit, scale, how much there is, and who takes of it."""
    found: dict[Key, tuple[str, int, int, tuple[str, ...]]] = {}
    for name, budget in sorted(book.document.budgets.items()):
        rules = tuple(rule.id for rule in book.document.rules if rule.budget == name)
        points = points_of(book.document, budget)
        if points is not None and budget.currency is not None:
            found[BUDGET, name] = (budget.currency, book.document.currencies[budget.currency].scale, points, rules)
        if budget.uses is not None:
            found[BUDGET_USES, name] = ("uses", 0, budget.uses, rules)
    return found


HANDLERS = (show,)
