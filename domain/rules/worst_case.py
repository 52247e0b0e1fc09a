"""What each rule can grant at most, as far as the document alone says so.

An amount is bounded where the payload's schema bounds what it reads (`maximum`), a grant where the rule is fixed,
capped or drawn from a budget. What is not said to have a bound has none here.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil

import msgspec

from domain.numbers import MAX_AMOUNT, exact
from domain.rules.celtree import Tree
from domain.rules.rulebook import ActivityType, Rule, Rulebook
from domain.rules.truth import declared

MOST_MULTIPLIERS = 100
"""Of more on one type, what they come to together is beyond all bounds anyway."""

Range = tuple[int | None, int | None]
"""The least and the most; None where nothing bounds it."""


class Limit(msgspec.Struct, frozen=True):
    """So many points in a period, per member."""

    points: int
    period: str


class WorstCase(msgspec.Struct, frozen=True):
    """The most that a rule grants: to one activity, to one member in each capped period, and to all from its budget.

    None is unbounded. A rule on several currencies, a multiplier without `award`, has a line for each.
    """

    rule: str
    currency: str
    activity: int | None
    member: tuple[Limit, ...] = ()
    everybody: int | None = None


def worst_case(book: Rulebook, trees: Mapping[str, Tree]) -> tuple[WorstCase, ...]:
    """For each rule of a document without errors, in its order."""
    found = []
    for number, rule in enumerate(book.rules):
        for currency in _currencies(book, rule):
            once = _multiplied(book, trees, rule, currency) if rule.phase == "multiply" else _once(book, trees, number)
            found.append(_limited(book, rule, currency, once))
    return tuple(found)


def _currencies(book: Rulebook, rule: Rule) -> list[str]:
    if rule.award is not None:
        return [rule.award.currency]
    bases = (one.award.currency for one in book.rules if one.on == rule.on and one.phase == "base" and one.award)
    return sorted(set(bases))


def _limited(book: Rulebook, rule: Rule, currency: str, once: int | None) -> WorstCase:
    member = []
    for cap in rule.cap:
        points = cap.points
        if points is not None:
            once = points if once is None else min(once, points) if cap.partial else once if once <= points else 0
        elif cap.times is not None and once is not None:
            points = cap.times * once
        if points is not None:
            member.append(Limit(points, cap.period))
    budget = book.budgets.get(rule.budget) if rule.budget is not None else None
    everybody = None
    if budget is not None:
        everybody = budget.points
        if budget.uses is not None and once is not None:
            by_uses = budget.uses * once
            everybody = by_uses if everybody is None else min(everybody, by_uses)
    return WorstCase(rule.id, currency, once, tuple(member), everybody)


def _once(book: Rulebook, trees: Mapping[str, Tree], number: int) -> int | None:
    rule = book.rules[number]
    award, at = rule.award, f"/rules/{number}/award"
    if award is None:
        return 0
    if isinstance(award.points, int):
        return award.points
    schema = book.activities.get(rule.on, ActivityType()).data
    key = f"{at}/points" if award.points is not None else f"{at}/per/amount" if award.per else f"{at}/amount"
    tree = trees.get(key)
    most = _range(tree, schema)[1] if tree is not None else None
    if most is None:
        return None
    most = max(0, most)
    if award.per is not None:
        return most // award.per.step * award.per.points
    if award.rate is not None:
        rate = exact(award.rate)
        return _whole(Fraction(rate.n, rate.d) * most, rule)
    return min(most, MAX_AMOUNT)


def _multiplied(book: Rulebook, trees: Mapping[str, Tree], rule: Rule, currency: str) -> int | None:
    """What a multiplier adds to the most that all base rules may grant, after all multipliers before it."""
    multipliers = [one for one in book.rules if one.on == rule.on and one.phase == "multiply"]
    if len(multipliers) > MOST_MULTIPLIERS:
        return None
    base = 0
    for number, one in enumerate(book.rules):
        if one.on == rule.on and one.phase == "base" and one.award is not None and one.award.currency == currency:
            once = _once(book, trees, number)
            if once is None:
                return None
            base += once
    before = Fraction(1)
    for one in multipliers:
        if (one.priority, one.id) < (rule.priority, rule.id) and one.by is not None:
            before *= Fraction(one.by)
    # Grants are differences of rounded totals: each may be one more than its share.
    return ceil(base * before * (Fraction(rule.by or "1") - 1)) + 1 if base else 0


def _whole(value: Fraction, rule: Rule) -> int:
    return int(value) if rule.round == "down" else ceil(value)


def _range(tree: Tree, schema: Mapping[str, object]) -> Range:
    """The values that a whole-number expression may have, over payloads of a schema. `line` has no bound."""
    match tree:
        case ["const", _, _, int(value)]:
            return value, value
        case ["field", *_]:
            bounds = declared(tree, schema)
            least, most = bounds.get("minimum"), bounds.get("maximum")
            return (least if type(least) is int else None), (most if type(most) is int else None)
        case ["call", _, _, "size", _]:
            return 0, None
        case ["call", _, _, "neg", [list(one)]]:
            least, most = _range(one, schema)
            return (None if most is None else -most), (None if least is None else -least)
        case ["call", _, _, "?:", [_, list(yes), list(no)]]:
            (least, most), (low, high) = _range(yes, schema), _range(no, schema)
            return (
                None if least is None or low is None else min(least, low),
                None if most is None or high is None else max(most, high),
            )
        case ["call", _, _, "+" | "-" | "*" | "/" as sign, [list(left), list(right)]]:
            return _computed(sign, _range(left, schema), _range(right, schema))
        case _:
            return None, None


def _computed(sign: str, left: Range, right: Range) -> Range:
    (a, b), (c, d) = left, right
    if sign == "+":
        return (None if a is None or c is None else a + c), (None if b is None or d is None else b + d)
    if sign == "-":
        return (None if a is None or d is None else a - d), (None if b is None or c is None else b - c)
    if sign == "/" and c is not None and c == d and c > 0:
        return (None if a is None else _divided(a, c)), (None if b is None else _divided(b, c))
    if sign == "*" and None not in (a, b, c, d):
        corners = [x * y for x in (a, b) for y in (c, d) if x is not None and y is not None]
        return min(corners), max(corners)
    if sign == "*" and c is not None and c == d and c >= 0:
        return (None if a is None else a * c), (None if b is None else b * c)
    if sign == "*" and a is not None and a == b and a >= 0:
        return _computed("*", right, left)
    return None, None


def _divided(value: int, by: int) -> int:
    return value // by if value >= 0 else -(-value // by)
