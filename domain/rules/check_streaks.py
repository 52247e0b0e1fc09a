"""Judge the streaks of a rulebook: a part of `check.py`."""

from domain.numbers import MAX_AMOUNT
from domain.rules.check_boards import Checking
from domain.rules.compiled import ENROLLED
from domain.rules.rulebook import ID, Rulebook, Streak

LONGEST = 10_000
"""The most periods that an award may wait for: a life of days is longer, but nobody waits for it."""


def check_streaks(checking: Checking) -> None:
    for name, streak in checking.book.streaks.items():
        at = f"/streaks/{name}"
        if not ID.fullmatch(name):
            checking.error("bad-id", at, "ids are 1 to 128 of A-Z a-z 0-9 _ . : -")
        unlike_rules(checking, at, f"streak:{name}")
        if earning_type(checking, f"{at}/on", streak.on) and streak.when is not None:
            checking.expression(f"{at}/when", streak.when, "bool", streak.on)
        if not 0 <= streak.grace <= LONGEST:
            checking.error("out-of-range", f"{at}/grace", f"0 to {LONGEST:,} periods")
        _awards(checking, at, streak)


def check_streaks_against(checking: Checking, before: Rulebook) -> None:
    """What may not change while periods count: they would not add up."""
    for name, old in before.streaks.items():
        new = checking.book.streaks.get(name)
        for field in ("on", "period"):
            if new is not None and getattr(new, field) != getattr(old, field):
                checking.error("streak-changed", f"/streaks/{name}/{field}", "runs would not add up: give it a new id")


def _awards(checking: Checking, at: str, streak: Streak) -> None:
    seen = set()
    for number, award in enumerate(streak.awards):
        place = f"{at}/awards/{number}"
        if (award.at is None) == (award.every is None):
            checking.error("missing", place, "exactly one of `at`, `every`")
        elif not 1 <= (award.at or award.every or 0) <= LONGEST:
            checking.error("out-of-range", place, f"1 to {LONGEST:,} periods")
        bonus(checking, place, award.points, award.currency)
        if (award.at, award.every) in seen:
            checking.error("duplicate-id", place, "another award is for the same length")
        seen.add((award.at, award.every))


# --- what bonuses of all kinds have in common --------------------------------------------------


def bonus(checking: Checking, at: str, points: int, currency: str | None) -> None:
    """Points of a currency, which may be left out where there is only one."""
    currencies = checking.book.currencies
    if not 1 <= points <= MAX_AMOUNT:
        checking.error("out-of-range", f"{at}/points", "1 to 2^53 - 1")
    if currency is not None and currency not in currencies:
        checking.error("unknown-currency", f"{at}/currency", f"{currency!r} is not a currency here")
    elif currency is None and len(currencies) != 1:
        checking.error("ambiguous", f"{at}/currency", "with several currencies, say which")


def earning_type(checking: Checking, at: str, kind: str) -> bool:
    """Whether a name is that of an activity type that something can be on; noted where it is not."""
    activities = checking.book.activities
    if kind not in activities and kind != ENROLLED:
        checking.error("unknown-activity-type", at, f"{kind!r} is not an activity type here")
        return False
    if kind in activities and activities[kind].role == "reverses":
        checking.error("misplaced", at, "a return takes back what its activity counted")
        return False
    return True


def unlike_rules(checking: Checking, at: str, name: str) -> None:
    """A bonus is granted under a name like a rule's: no rule may have it."""
    if any(rule.id == name for rule in checking.book.rules):
        checking.error("duplicate-id", at, f"there is a rule {name!r}, by which its awards would be told")
