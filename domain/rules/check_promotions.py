"""Judge what promotions say of when and for whom they run: a part of `check.py`."""

from datetime import datetime
from typing import Protocol

from domain.numbers import MAX_AMOUNT
from domain.rules.limits import SHARED
from domain.rules.occasions import BIRTHDAY, rewarded
from domain.rules.recurrence import minutes, recurrence
from domain.rules.rulebook import ID, Rule, Rulebook
from domain.rules.stacking import LIMIT


class Checking(Protocol):
    """What `check` gives its parts."""

    @property
    def book(self) -> Rulebook: ...

    def error(self, code: str, at: str, message: str, rule: str | None = None) -> None: ...
    def warning(self, code: str, at: str, message: str, rule: str | None = None) -> None: ...


def check_calendar(checking: Checking, at: str, rule: Rule) -> None:
    """The days and hours of a rule."""
    calendar = rule.calendar
    if calendar is None:
        return
    at = f"{at}/calendar"
    if calendar.rrule is not None:
        try:
            # A date that is none is a finding of its own.
            recurrence(calendar.rrule, rule.starts if _is_instant(rule.starts) else None)
        except ValueError as error:
            checking.error("bad-calendar", f"{at}/rrule", str(error), rule.id)
    times = []
    for name, text in (("from", calendar.from_), ("to", calendar.to)):
        try:
            times.append(minutes(text))
        except ValueError as error:
            checking.error("bad-time", f"{at}/{name}", str(error), rule.id)
    if len(times) == 2 and times[0] == times[1]:
        checking.error("bad-calendar", f"{at}/to", "hours that end as they begin are none", rule.id)
    if calendar.from_ == "24:00":
        checking.error("bad-time", f"{at}/from", "the last hour begins before 24:00", rule.id)


def check_stacking(checking: Checking) -> None:
    """The categories, and the rules that name them."""
    stacking = checking.book.stacking
    if stacking.limit is not None and not 1 <= stacking.limit <= MAX_AMOUNT:
        checking.error("out-of-range", "/stacking/limit", "1 or more")
    for name in stacking.categories:
        if not ID.fullmatch(name) or name == LIMIT:
            message = f"ids are 1 to 128 of A-Z a-z 0-9 _ . : -, and not {LIMIT!r}"
            checking.error("bad-id", f"/stacking/categories/{name}", message)
    for number, rule in enumerate(checking.book.rules):
        if rule.category is not None and rule.category not in stacking.categories:
            message = f"{rule.category!r} is not under `stacking.categories`"
            checking.error("unknown-category", f"/rules/{number}/category", message, rule.id)
    named = {rule.category for rule in checking.book.rules}
    for name in stacking.categories:
        if name not in named:
            checking.warning("unused-category", f"/stacking/categories/{name}", "no rule is of this category")


def check_experiments(checking: Checking) -> None:
    """The arms, and the rules that are for one of them."""
    experiments = checking.book.experiments
    for name, experiment in experiments.items():
        at = f"/experiments/{name}"
        for one, place in ((name, at), *((arm, f"{at}/arms/{arm}") for arm in experiment.arms)):
            if not ID.fullmatch(one):
                checking.error("bad-id", place, "ids are 1 to 128 of A-Z a-z 0-9 _ . : -")
        if any(not 0 <= weight <= MAX_AMOUNT for weight in experiment.arms.values()) or not any(
            experiment.arms.values()
        ):
            checking.error("out-of-range", f"{at}/arms", "weights are whole numbers from 0, and one of them is more")
    for number, rule in enumerate(checking.book.rules):
        if rule.variant is None:
            continue
        at = f"/rules/{number}/variant"
        known = experiments.get(rule.variant.experiment)
        if known is None:
            message = f"{rule.variant.experiment!r} is not under `experiments`"
            checking.error("unknown-experiment", f"{at}/experiment", message, rule.id)
        elif rule.variant.arm not in known.arms:
            checking.error("unknown-arm", f"{at}/arm", f"{rule.variant.arm!r} is not an arm of it", rule.id)
    named = {rule.variant.experiment for rule in checking.book.rules if rule.variant is not None}
    for name in sorted(experiments.keys() - named):
        checking.warning("unused-experiment", f"/experiments/{name}", "no rule is for one of its arms")


def check_birthday(checking: Checking) -> None:
    """The attribute that holds the day, and whether rules on it can ever come true."""
    book = checking.book
    name, declared = book.members.birthday, book.members.attributes.get("properties", {})
    if name is not None and declared.get(name, {}).get("type") != "string":
        checking.error("missing", "/members/birthday", f"{name!r} is not a text among the attributes")
    if name is None and BIRTHDAY in rewarded({rule.on for rule in book.rules}, book.activities):
        checking.error("missing", "/members/birthday", "rules on member.birthday need the attribute that holds the day")


def check_occasion(checking: Checking, at: str, rule: Rule) -> None:
    """What time brings about is read as well as written: it takes of nothing that members share, and has no lines."""
    if rule.on not in rewarded({rule.on}, checking.book.activities):
        return
    message = "what time brings about takes of nothing that all members share"
    if rule.budget is not None:
        checking.error("misplaced", f"{at}/budget", message, rule.id)
    for number, cap in enumerate(rule.cap):
        if cap.per in SHARED:
            checking.error("misplaced", f"{at}/cap/{number}/per", message, rule.id)
    if rule.lines is not None:
        checking.error("misplaced", f"{at}/lines", "an occasion has no lines", rule.id)


def _is_instant(text: str | None) -> bool:
    try:
        datetime.fromisoformat(text or "")
    except ValueError:
        return False
    return True
