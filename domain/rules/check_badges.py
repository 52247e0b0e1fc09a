"""Judge the badges of a rulebook: a part of `check.py`."""

from domain.calendar import reach
from domain.numbers import MAX_AMOUNT
from domain.rules.boards import measures_of
from domain.rules.check_boards import Checking
from domain.rules.check_streaks import bonus, earning_type, unlike_rules
from domain.rules.rulebook import ID, Badge, Rulebook


def check_badges(checking: Checking) -> None:
    for name, badge in checking.book.badges.items():
        at = f"/badges/{name}"
        if not ID.fullmatch(name):
            checking.error("bad-id", at, "ids are 1 to 128 of A-Z a-z 0-9 _ . : -")
        unlike_rules(checking, at, f"badge:{name}")
        known = badge.on is None or earning_type(checking, f"{at}/on", badge.on)
        if (badge.when is None) == (badge.measure is None):
            checking.error("missing", at, "exactly one of `when`, `measure`")
        elif badge.measure is not None:
            _mark(checking, at, badge, badge.measure)
        elif badge.on is None:
            checking.error("missing", f"{at}/on", "the activity type with which the condition is looked at")
        elif known and badge.when is not None:
            checking.expression(f"{at}/when", badge.when, "bool", badge.on)
        if badge.points is not None:
            bonus(checking, at, badge.points, badge.currency)
        elif badge.currency is not None:
            checking.error("misplaced", f"{at}/currency", "only with `points`")


def check_badges_against(checking: Checking, before: Rulebook) -> None:
    """A badge that was granted once a period is not granted once, or the other way round."""
    for name, old in before.badges.items():
        new = checking.book.badges.get(name)
        if new is not None and new.per != old.per:
            checking.error("badge-changed", f"/badges/{name}/per", "members have it by period: give it a new id")


def _mark(checking: Checking, at: str, badge: Badge, measure: str) -> None:
    kinds = measures_of(checking.book).get(measure)
    if kinds is None:
        checking.error("unknown-measure", f"{at}/measure", f"{measure!r} is not a declared measure")
    elif badge.on is not None and badge.on not in kinds and badge.on in checking.book.activities:
        checking.error("unknown-measure", f"{at}/on", f"{badge.on!r} has no measure {measure!r}")
    if badge.at is None:
        checking.error("missing", f"{at}/at", "the value that the measure has to reach")
    elif not 1 <= badge.at <= MAX_AMOUNT:
        checking.error("out-of-range", f"{at}/at", "1 to 2^53 - 1")
    try:
        reach(badge.window)
    except ValueError as error:
        checking.error("bad-window", f"{at}/window", str(error))
