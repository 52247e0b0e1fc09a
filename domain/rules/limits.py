"""What cuts a grant: caps first, in their order, then the budget.

A cap counts for one member (`member`, `group`) by counters in the member's own book, or for all members (`rule`,
`program`) by shared quantities, one per calendar period, as a budget does. What a grant took of either is given back
by a return, in the period it was taken of.
"""

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from domain.calendar import period_start
from domain.numbers import exact
from domain.rules.compiled import BUDGET, BUDGET_USES, CompiledRule, CompiledRulebook
from domain.rules.rulebook import Budget, Cap, Rule, Rulebook
from domain.rules.situation import Situation
from domain.takes import Key, Take, Taken

CAP, CAP_USES = "cap", "cap.uses"
"""Kinds of takes: the points of caps that all members share, and their times."""
SHARED = ("rule", "program")


class LimitedBy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What cut a grant, and what it had left when it did."""

    left: int
    cap: str | None = None
    budget: str | None = None
    group: str | None = None
    stacking: str | None = None


class Awarded(msgspec.Struct, frozen=True, gc=False):
    """What one rule wanted and what it was granted, in smallest units.

    `counts` moves the cap counters, `takes` are what it took of budgets and shared caps.
    """

    rule: str
    currency: str
    wanted: int
    granted: int
    limited_by: LimitedBy | None
    counts: dict[str, int]
    takes: tuple[Take, ...] = ()


class Assigned(msgspec.Struct, frozen=True):
    """An offer that a rule assigns, unless a cap has `limited_by` it. `counts` and `takes` are what it used of caps."""

    rule: str
    offer: str
    limited_by: LimitedBy | None
    counts: dict[str, int]
    takes: tuple[Take, ...] = ()


class Grant(msgspec.Struct, gc=False):
    """What a rule wants before anything cuts it; `lost_to` is what chose another rule in its place."""

    rule: CompiledRule
    currency: str
    wanted: int
    lost_to: LimitedBy | None = None


class Limits:
    """Cuts the grants of one pass, which share what is left."""

    def __init__(self, book: CompiledRulebook, kind: str, situation: Situation, taken: Taken) -> None:
        self._book = book
        self._kind = kind
        self._situation = situation
        self._taken = taken
        self._counted: dict[str, int] = {}
        self._took: dict[Key, int] = {}

    def awards(self, grants: Iterable[Grant]) -> tuple[Awarded, ...]:
        """Raises TakenNeeded."""
        return tuple(self._award(grant) for grant in grants if grant.wanted)

    def assigned(self, rules: Iterable[CompiledRule]) -> tuple[Assigned, ...]:
        """The offers that rules assign, as often as their caps allow. Raises TakenNeeded."""
        return tuple(self._assigned(one.rule, one.rule.assign) for one in rules if one.rule.assign is not None)

    def exhausted(self, rule: Rule, currencies: Iterable[str]) -> bool:
        """Whether nothing was left for a rule when the activity came. Raises TakenNeeded."""
        caps = ((cap, currency) for currency in currencies for cap in rule.cap)
        if any(self._left(cap, rule, currency) <= 0 for cap, currency in caps):
            return True
        return rule.budget is not None and self._of_budget(rule.budget, 1)[1] == 0

    def _award(self, grant: Grant) -> Awarded:
        rule, currency = grant.rule.rule, grant.currency
        if grant.lost_to is not None:
            return Awarded(rule.id, currency, grant.wanted, 0, grant.lost_to, {})
        if not rule.cap and rule.budget is None:
            return Awarded(rule.id, currency, grant.wanted, grant.wanted, None, {})
        granted, limited_by = grant.wanted, None
        for number, cap in enumerate(rule.cap):
            left = max(0, self._left(cap, rule, currency))
            allowed = _allowed(cap, granted, left)
            if allowed < granted:
                granted, limited_by = allowed, LimitedBy(left=left, cap=f"{rule.id}.{number}")
            if not granted:
                break
        if rule.budget is not None and granted:
            left, allowed = self._of_budget(rule.budget, granted)
            if allowed < granted:
                granted, limited_by = allowed, LimitedBy(left=left, budget=rule.budget)
        counts: dict[str, int] = {}
        takes: tuple[Take, ...] = ()
        if granted and rule.cap:
            counts = _counts(rule, currency, granted)
        if granted and (rule.budget is not None or rule.cap):
            takes = takes_of(self._book.document, rule, currency, self._situation.day, granted)
        self._note(counts, takes)
        return Awarded(rule.id, currency, grant.wanted, granted, limited_by, counts, takes)

    def _assigned(self, rule: Rule, offer: str) -> Assigned:
        for number, cap in enumerate(rule.cap):
            if self._left(cap, rule, "") <= 0:
                return Assigned(rule.id, offer, LimitedBy(left=0, cap=f"{rule.id}.{number}"), {})
        if not rule.cap:
            return Assigned(rule.id, offer, None, {})
        counts = _counts(rule, "", 0)
        takes = takes_of(self._book.document, rule, "", self._situation.day, 0)
        self._note(counts, takes)
        return Assigned(rule.id, offer, None, counts, takes)

    def _note(self, counts: dict[str, int], takes: tuple[Take, ...]) -> None:
        for name, step in counts.items():
            self._counted[name] = self._counted.get(name, 0) + step
        for take in takes:
            self._took[take.kind, take.key] = self._took.get((take.kind, take.key), 0) + take.amount

    def _left(self, cap: Cap, rule: Rule, currency: str) -> int:
        limit = _limit(cap)
        if cap.per in SHARED:
            return limit - self._of_all(*_shared(cap, rule, currency, self._situation.day))
        name = counter_of(cap, rule, currency)
        return limit - self._situation.used(name, cap.period) - self._counted.get(name, 0)

    def _of_budget(self, name: str, wanted: int) -> tuple[int, int]:
        """What is left of a budget (its points, or its uses where these are what lacks), and what it allows."""
        budget = self._book.document.budgets[name]
        if budget.uses is not None and budget.uses - self._of_all(BUDGET_USES, name) <= 0:
            return 0, 0
        points = points_of(self._book.document, budget)
        if points is None:
            return wanted, wanted
        left = max(0, points - self._of_all(BUDGET, name))
        return left, wanted if wanted <= left else left if budget.partial else 0

    def _of_all(self, kind: str, key: str) -> int:
        """What all members have taken of a quantity, this pass included."""
        beside = (*self._book.budgets(self._kind), *self._caps()) if self._taken.lacks(kind, key) else ()
        return self._taken.of(kind, key, beside=beside) + self._took.get((kind, key), 0)

    def _caps(self) -> Iterator[Key]:
        """The shared caps of the activity's rules: what may be asked for next."""
        for compiled in self._book.rules(self._kind):
            rule = compiled.rule
            currency = rule.award.currency if rule.award is not None else ""
            for cap in rule.cap if rule.award is not None or rule.assign is not None else ():
                if cap.per in SHARED:
                    yield _shared(cap, rule, currency, self._situation.day)


def takes_of(book: Rulebook, rule: Rule, currency: str, day: int, points: int, *, uses: int = 1) -> tuple[Take, ...]:
    """What a grant of so many points on a local day takes of what all members share; negative numbers give back."""
    found: dict[Key, Take] = {}
    if rule.budget is not None:
        budget = book.budgets[rule.budget]
        most = points_of(book, budget)
        if most is not None and points:
            found[BUDGET, rule.budget] = Take(BUDGET, rule.budget, points, most)
        if budget.uses is not None and uses:
            found[BUDGET_USES, rule.budget] = Take(BUDGET_USES, rule.budget, uses, budget.uses)
    for cap in rule.cap:
        amount = uses if cap.times is not None else points
        if cap.per in SHARED and amount:
            kind, key = _shared(cap, rule, currency, day)
            before = found.get((kind, key))
            ceiling = _limit(cap) if before is None else min(_limit(cap), before.ceiling)
            found[kind, key] = Take(kind, key, amount, ceiling)
    return tuple(found.values())


def points_of(book: Rulebook, budget: Budget) -> int | None:
    """The points that a budget holds: as many as it says, and no more than its money is worth."""
    if budget.liability_minor is None:
        return budget.points
    assert budget.currency is not None
    value = book.currencies[budget.currency].value
    assert value is not None
    per_point = exact(value.per_point)
    worth = budget.liability_minor * per_point.d // per_point.n
    return worth if budget.points is None else min(worth, budget.points)


def _limit(cap: Cap) -> int:
    limit = cap.times if cap.times is not None else cap.points
    assert limit is not None
    return limit


def _allowed(cap: Cap, wanted: int, left: int) -> int:
    if cap.times is not None:
        return wanted if left else 0
    return wanted if wanted <= left else left if cap.partial else 0


def _counts(rule: Rule, currency: str, granted: int) -> dict[str, int]:
    """What a grant moves of the member's own counters."""
    return {
        counter_of(cap, rule, currency): 1 if cap.times is not None else granted
        for cap in rule.cap
        if cap.per not in SHARED
    }


def counter_of(cap: Cap, rule: Rule, currency: str) -> str:
    """A member's own counter of a cap; it goes by the rule's or the group's id, across versions."""
    kind = "times" if cap.times is not None else "cap"
    return f"{kind}:group:{rule.group}:{currency}" if cap.per == "group" else f"{kind}:{rule.id}"


def _shared(cap: Cap, rule: Rule, currency: str, day: int) -> Key:
    """What all members share of a cap, in the period of a local day."""
    kind = CAP_USES if cap.times is not None else CAP
    whose = f"rule:{rule.id}" if cap.per == "rule" else f"program:{currency}"
    if cap.period in ("ever", "lifetime"):
        return kind, f"{whose}:ever"
    return kind, f"{whose}:{cap.period}:{date.fromordinal(period_start(cap.period, day)).isoformat()}"
