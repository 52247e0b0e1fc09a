"""Campaigns: what is left of budgets that all members share, how far offers have come, what arms of experiments did.

Every figure leads to the rows it counts.
"""

from typing import Any

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.budgets import Burn, burn
from api.console.charts import share
from api.console.page import render, viewer
from api.http.problems import AtTheDoor
from api.http.route import Req, caller, parts, path_id
from application.experiments import MEASURES, experiments
from domain.rules.compiled import BUDGET, BUDGET_USES, CompiledRulebook
from domain.rules.limits import points_of
from domain.takes import Key

Json = dict[str, Any]

LISTED = 100


class Left(msgspec.Struct, frozen=True):
    """A quantity of a budget: what was taken of what there is, the width of its bar; of points, how they went."""

    budget: str
    unit: str
    scale: int
    taken: int
    of: int
    width: int
    rules: tuple[str, ...]
    burn: Burn | None = None


@get("/campaigns", **door.page("operator", "analyst"))
async def show(request: Req) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    newest = (await wired.programs.get(program)).newest
    asked = _budgets(newest) if newest is not None else {}
    taken = await wired.store.taken(program, list(asked))
    now = (await viewer(request)).local(await wired.clock.now(program))
    budgets = []
    for key, (unit, scale, of, rules) in asked.items():
        days = await wired.overview.by_day(program, rules, unit) if key[0] == BUDGET else []
        width = share(min(taken[key], of), of)
        budgets.append(Left(key[1], unit, scale, taken[key], of, width, rules, burn(days, of - taken[key], now)))
    return await render(
        request,
        "campaigns.html",
        place="Campaigns",
        budgets=budgets,
        offers=await wired.overview.offers(program),
        experiments=await experiments(wired.analytics, program, None),
        measures=MEASURES,
    )


@get("/campaigns/{what:str}/{name:str}", **door.page("operator", "analyst", many=True))
async def listing(request: Req) -> ASGIResponse:
    """What a figure counts, the newest first."""
    overview, program, name = parts(request).overview, caller(request).program, path_id(request, "name")
    match request.path_params["what"]:
        case "budgets":
            newest = (await parts(request).programs.get(program)).newest
            rules = [one.id for one in newest.document.rules if one.budget == name] if newest is not None else []
            columns: Columns = AWARDED
            title, rows = f"Taken of {name}", await overview.awarded(program, rules, LISTED)
        case "offers":
            title, columns, rows = f"Offer {name}", ASSIGNED, await overview.assigned(program, name, LISTED)
        case "experiments":
            title, columns, rows = f"Experiment {name}", EXPOSED, await overview.exposed(program, name, LISTED)
        case _:
            raise AtTheDoor("not-found", "Nothing is at this address.")
    return await render(request, "list.html", place="Campaigns", title=title, columns=columns, rows=rows, listed=LISTED)


Columns = tuple[tuple[str, str], ...]
AWARDED: Columns = (("member", "Member"), ("rule", "Rule"), ("points", "Points granted"), ("occurred_at", "When"))
ASSIGNED: Columns = (
    ("member", "Member"),
    ("state", "State"),
    ("progress", "Progress"),
    ("points", "Points given"),
    ("assigned_at", "Assigned"),
    ("ends_at", "Ends"),
)
EXPOSED: Columns = (("member", "Member"), ("arm", "Arm"), ("exposed_at", "Since"))


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


HANDLERS = (show, listing)
