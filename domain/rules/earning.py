"""What an activity earns: the phases base, multiply, add, cap.

One pass over the rules of the type, exact fractions inside, one rounding per grant. In each phase first all rules are
looked at, then groups choose among those that match, then what is left is granted. The trace of the pass is the
explanation: nothing is written beside the code that could say something else.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from domain.numbers import MAX_AMOUNT, Exact
from domain.rules.compiled import BUDGET, BUDGET_USES, CompiledRule, CompiledRulebook, Phase
from domain.rules.expression import Clause, Context, EvaluationError, clauses
from domain.rules.lines import PAID_WITH_POINTS, Line, OrderContext, lines_of, narrowed
from domain.rules.rulebook import Budget, Cap
from domain.rules.why import WhyNot, why_not
from domain.takes import Take, Taken

Used = Callable[[str, str], int]
"""(counter name, period) -> how much of it the member has used in the period that contains the activity."""


NOTHING = Exact(0)


class LimitedBy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What cut a grant, and what it had left when it did."""

    left: int
    cap: str | None = None
    budget: str | None = None
    group: str | None = None
    stacking: str | None = None


class Awarded(msgspec.Struct, frozen=True, gc=False):
    """What one rule wanted and what it was granted, in smallest units.

    `counts` moves the cap counters, `takes` are what it took of budgets.
    """

    rule: str
    currency: str
    wanted: int
    granted: int
    limited_by: LimitedBy | None
    counts: dict[str, int]
    takes: tuple[Take, ...] = ()


class RuleTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule did, clause by clause. `lines` are the ids of the lines that it is about."""

    rule: str
    phase: str
    matched: bool
    clauses: tuple[Clause, ...] = ()
    lines: tuple[str, ...] | None = None
    wanted: int = 0
    granted: int = 0
    currency: str | None = None
    limited_by: LimitedBy | None = None
    error: str | None = None
    note: str | None = None
    why_not: WhyNot | None = None
    """The part of its condition that is not so."""


NO_LINE = "no line of the order is one of its lines"
STOPPED = "after a rule that stops"
ELSEWHEN = "outside its dates"


class Earned(msgspec.Struct, frozen=True):
    """The outcome of a pass. `failed` are (rule, error): a rule that fails grants nothing and refuses nothing.

    `matched` are the rules that matched, each with the lines it is about; `lineless` those that found no line.
    """

    awards: tuple[Awarded, ...]
    failed: tuple[tuple[str, str], ...]
    matched: dict[str, tuple[Line, ...] | None]
    lineless: frozenset[str]


def earn(book: CompiledRulebook, kind: str, at: datetime, context: Context, used: Used, taken: Taken) -> Earned:
    """Run the rules of `kind` at the instant `at`. Pure: `context`, `used` and `taken` are all it reads.

    Raises TakenNeeded.
    """
    run = _Run(book, kind, context, used, taken)
    for phase in book.phases(kind):
        run.phase(phase, at)
    return Earned(run.capped(), tuple(run.failed.items()), run.matched, frozenset(run.lineless))


def traced(book: CompiledRulebook, kind: str, at: datetime, earned: Earned, context: Context) -> tuple[RuleTrace, ...]:
    """What each rule did, with its condition's clauses and values: costly, so only for those who ask why."""
    awards = {award.rule: award for award in earned.awards}
    errors = dict(earned.failed)
    stopped = False

    def told(compiled: CompiledRule) -> RuleTrace:
        nonlocal stopped
        rule = compiled.rule
        matched = rule.id in earned.matched
        lines = earned.matched.get(rule.id)
        note = NO_LINE if rule.id in earned.lineless else None
        if stopped:
            note = STOPPED
        elif not compiled.starts <= at < compiled.ends:
            note = ELSEWHEN
        stopped = stopped or (matched and rule.stop)
        award = awards.get(rule.id) if matched else None
        tree: Any = book.trees.get(f"{compiled.path}/when")
        return RuleTrace(
            rule=rule.id,
            phase=rule.phase,
            matched=matched,
            clauses=clauses(tree, context) if tree is not None else (),
            lines=tuple(line.id for line in lines) if lines is not None else None,
            wanted=award.wanted if award else 0,
            granted=award.granted if award else 0,
            currency=award.currency if award else None,
            limited_by=award.limited_by if award else None,
            error=errors.get(rule.id),
            note=note,
            why_not=why_not(tree, context) if tree is not None and not matched else None,
        )

    return tuple(told(one) for one in book.rules(kind))


def selected(rule: CompiledRule, lines: tuple[Line, ...], context: Context) -> tuple[Line, ...]:
    """The lines that a rule is about. A line for which the condition has no value is not one of them."""
    about = rule.rule.lines
    assert about is not None
    found = []
    for line in lines:
        if not about.paid_with_points and line.flagged(PAID_WITH_POINTS):
            continue
        try:
            if rule.where is None or rule.where(OrderContext(context, context.activity, line.data)):
                found.append(line)
        except EvaluationError:
            continue
    return tuple(found)


class _Match(msgspec.Struct, gc=False):
    """A rule that matches: the lines it is about (None: the order), and what it would grant, by currency."""

    rule: CompiledRule
    lines: tuple[Line, ...] | None
    wants: dict[str, int]
    exact: Exact = NOTHING
    shares: dict[int, Exact] = {}


class _Grant(msgspec.Struct, gc=False):
    rule: CompiledRule
    currency: str
    wanted: int
    lost_to: str | None = None
    """The group that chose another rule."""


class _Base(msgspec.Struct):
    """What base rules have granted of a currency, as multipliers see it: exact, by line, and issued in whole points."""

    exact: Exact = NOTHING
    by_line: dict[int, Exact] = {}
    issued: int = 0


class _Run:
    def __init__(self, book: CompiledRulebook, kind: str, context: Context, used: Used, taken: Taken) -> None:
        self.book = book
        self.kind = kind
        self.context = context
        self.used = used
        self.taken = taken
        self.splits = book.splits(kind)
        self.grants: list[_Grant] = []
        self.base: dict[str, _Base] = {}
        self.failed: dict[str, str] = {}
        self.matched: dict[str, tuple[Line, ...] | None] = {}
        self.lineless: list[str] = []
        self.stopped = False

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The order's lines. Raises EvaluationError."""
        return lines_of(self.context.activity)

    @property
    def counted(self) -> tuple[Line, ...]:
        """The order's lines; none where they cannot be read: a rule about the whole order does not fail for that."""
        try:
            return self.lines
        except EvaluationError:
            return ()

    # --- looking -------------------------------------------------------------------------------

    def phase(self, phase: Phase, at: datetime) -> None:
        if self.stopped:
            return
        matches: list[_Match] = []
        for number in phase.found(self.context):
            rule = phase.rules[number] if number >= 0 else phase.rules[~number]
            if not rule.starts <= at < rule.ends:
                continue
            try:
                match = self._look(rule, holds=number >= 0)
            except EvaluationError as error:
                self._fail(rule, error)
                continue
            if match is not None:
                matches.append(match)
                self.matched[rule.rule.id] = match.lines
                if rule.rule.stop:
                    self.stopped = True
                    break
        lost = self._choose(matches) if phase.grouped and len(matches) > 1 else {}
        if not lost:
            for match in matches:
                self._grant(match)
            return
        # What a loser would have granted is asked before any multiplier has changed the base.
        missed = {id(match): self._wants(match) for match in matches if match.rule.rule.id in lost}
        for match in matches:
            if id(match) in missed:
                group = lost[match.rule.rule.id]
                self.grants += [_Grant(match.rule, name, wanted, group) for name, wanted in missed[id(match)].items()]
            else:
                self._grant(match)

    def _look(self, rule: CompiledRule, *, holds: bool) -> _Match | None:
        """The match of a rule whose condition `holds`, or is still to be evaluated. Raises EvaluationError."""
        if not holds and rule.when is not None and not rule.when(self.context):
            return None
        lines = None
        if rule.rule.lines is not None:
            lines = selected(rule, self.lines, self.context)
            if not lines:
                self.lineless.append(rule.rule.id)
                return None
        if rule.rule.phase == "multiply":
            # What it adds depends on the multipliers before it, and on which of them apply.
            return _Match(rule, lines, {})
        return self._award(rule, lines)

    def _fail(self, rule: CompiledRule, error: EvaluationError) -> None:
        self.failed[rule.rule.id] = str(error)
        self.matched.pop(rule.rule.id, None)

    # --- amounts -------------------------------------------------------------------------------

    def _award(self, rule: CompiledRule, lines: tuple[Line, ...] | None) -> _Match:
        award = rule.rule.award
        if award is None:
            return _Match(rule, lines, {})
        exact, weights = self._amount(rule, lines)
        wanted = exact.whole(rule.rule.round)
        if not 0 <= wanted <= MAX_AMOUNT:
            raise EvaluationError(f"{wanted} points are out of range")
        shares = _shares(exact, weights) if self.splits and rule.rule.phase == "base" else {}
        return _Match(rule, lines, {award.currency: wanted}, exact, shares)

    def _amount(self, rule: CompiledRule, lines: tuple[Line, ...] | None) -> tuple[Exact, dict[int, int]]:
        """The exact grant, and by line the amounts it was counted from."""
        award = rule.rule.award
        assert award is not None
        if rule.fixed is not None and lines is None and not self.splits:
            return rule.fixed, {}
        weights: dict[int, int] = {}
        if self.splits or lines is not None:
            weights = {line.number: line.amount for line in (self.counted if lines is None else lines)}
        if rule.fixed is not None:
            return rule.fixed, weights
        evaluator = rule.amount if rule.points is None else rule.points
        assert evaluator is not None
        if lines is None:
            amount: int = evaluator(self.context)
        else:
            order = narrowed(self.context.activity, lines)
            if rule.by_line:
                weights = {line.number: evaluator(OrderContext(self.context, order, line.data)) for line in lines}
                amount = sum(weights.values())
            else:
                amount = evaluator(OrderContext(self.context, order))
        if award.per is not None:
            # Floor on the step, then multiply: 3.00 at "5 per 2.50" is 5, never 6.
            return Exact(max(0, amount // award.per.step) * award.per.points), weights
        if award.rate is not None:
            return Exact(max(0, amount)).times(rule.rate), weights
        return Exact(amount), weights

    def _gains(self, rule: CompiledRule, lines: tuple[Line, ...] | None) -> dict[str, int]:
        """What a multiplier adds to the base as it stands now, by currency."""
        only = rule.rule.award.currency if rule.rule.award else None
        gains = {}
        for currency, base in sorted(self.base.items()):
            if only not in (None, currency) or base.issued <= 0:
                continue
            total = _multiplied(base, rule, lines)
            gains[currency] = max(0, total.whole(rule.rule.round) - base.issued)
            if base.issued + gains[currency] > MAX_AMOUNT:
                raise EvaluationError("points are out of range")
        return gains

    # --- groups --------------------------------------------------------------------------------

    def _choose(self, matches: list[_Match]) -> dict[str, str]:
        """Rules that match and yet do not apply, each with the group that chose another."""
        groups = self.book.document.groups
        by_group: dict[str, list[_Match]] = {}
        for match in matches:
            if match.rule.rule.group is not None:
                by_group.setdefault(match.rule.rule.group, []).append(match)
        alone = next((group for group in by_group if groups.get(group) == "exclusive"), None)
        if alone is not None:
            winner = by_group[alone][0]
            return {match.rule.rule.id: alone for match in matches if match is not winner}
        lost: dict[str, str] = {}
        for group, rivals in by_group.items():
            choice = groups.get(group, "all")
            if choice == "all":
                continue
            winner = rivals[0]
            if choice == "best":
                winner = max(rivals, key=lambda match: sum(self._wants(match).values()))
            elif choice == "newest":
                winner = max(rivals, key=lambda match: match.rule.starts)
            lost |= {match.rule.rule.id: group for match in rivals if match is not winner}
        return lost

    def _wants(self, match: _Match) -> dict[str, int]:
        if match.rule.rule.phase != "multiply":
            return match.wants
        try:
            return self._gains(match.rule, match.lines)
        except EvaluationError as error:
            self._fail(match.rule, error)
            return {}

    def _grant(self, match: _Match) -> None:
        phase = match.rule.rule.phase
        for currency, wanted in self._wants(match).items():
            self.grants.append(_Grant(match.rule, currency, wanted))
            if phase == "multiply":
                _multiply(self.base[currency], match, wanted)
            elif phase == "base":
                base = self.base.setdefault(currency, _Base())
                base.exact = base.exact.plus(match.exact)
                base.issued += wanted
                for number, share in match.shares.items():
                    base.by_line[number] = base.by_line.get(number, NOTHING).plus(share)

    # --- limits --------------------------------------------------------------------------------

    def capped(self) -> tuple[Awarded, ...]:
        counted: dict[str, int] = {}
        took: dict[tuple[str, str], int] = {}
        awards = []
        for grant in self.grants:
            if grant.wanted == 0:
                continue
            rule = grant.rule.rule
            granted, limited_by = grant.wanted, None
            if grant.lost_to is not None:
                granted, limited_by = 0, LimitedBy(left=0, group=grant.lost_to)
            for number, cap in enumerate(rule.cap if granted else ()):
                left = self._left(cap, grant.rule, counted)
                allowed = granted
                if cap.times is not None:
                    allowed = granted if left > 0 else 0
                elif granted > left:
                    allowed = max(0, left) if cap.partial else 0
                if allowed < granted:
                    granted = allowed
                    limited_by = LimitedBy(left=max(0, left), cap=f"{rule.id}.{number}")
            takes: tuple[Take, ...] = ()
            if rule.budget is not None and granted:
                budget = self.book.document.budgets[rule.budget]
                left, allowed = self._of_budget(rule.budget, budget, granted, took)
                if allowed < granted:
                    granted = allowed
                    limited_by = LimitedBy(left=left, budget=rule.budget)
                takes = takes_of(rule.budget, budget, granted) if granted else ()
                for take in takes:
                    took[take.kind, take.key] = took.get((take.kind, take.key), 0) + take.amount
            counts = _counts(grant.rule, granted) if rule.cap and granted > 0 else {}
            for name, step in counts.items():
                counted[name] = counted.get(name, 0) + step
            awards.append(Awarded(rule.id, grant.currency, grant.wanted, granted, limited_by, counts, takes))
        return tuple(awards)

    def _left(self, cap: Cap, rule: CompiledRule, counted: dict[str, int]) -> int:
        name = _counter(cap, rule)
        limit = cap.times if cap.times is not None else cap.points
        assert limit is not None
        return limit - self.used(name, cap.period) - counted.get(name, 0)

    def _of_budget(self, name: str, budget: Budget, wanted: int, took: dict[tuple[str, str], int]) -> tuple[int, int]:
        """What is left of a budget (its points, or its uses where these are what lacks), and what it allows."""
        if budget.uses is not None:
            left = budget.uses - self._taken(BUDGET_USES, name) - took.get((BUDGET_USES, name), 0)
            if left <= 0:
                return 0, 0
        if budget.points is None:
            return wanted, wanted
        left = max(0, budget.points - self._taken(BUDGET, name) - took.get((BUDGET, name), 0))
        return left, wanted if wanted <= left else left if budget.partial else 0

    def _taken(self, kind: str, name: str) -> int:
        return self.taken.of(kind, name, beside=self.book.budgets(self.kind))


def takes_of(name: str, budget: Budget, points: int, *, uses: int = 1) -> tuple[Take, ...]:
    """What a grant of so many points takes of a budget; negative numbers give back."""
    found = []
    if budget.points is not None and points:
        found.append(Take(BUDGET, name, points, budget.points))
    if budget.uses is not None and uses:
        found.append(Take(BUDGET_USES, name, uses, budget.uses))
    return tuple(found)


def _multiply(base: _Base, match: _Match, gain: int) -> None:
    base.exact = _multiplied(base, match.rule, match.lines)
    base.issued += gain
    numbers = list(base.by_line) if match.lines is None else [line.number for line in match.lines]
    for number in numbers:
        if number in base.by_line:
            base.by_line[number] = base.by_line[number].times(match.rule.by)


def _multiplied(base: _Base, rule: CompiledRule, lines: tuple[Line, ...] | None) -> Exact:
    """The base with the part of it that lines have earned (None: all of it) multiplied."""
    if lines is None:
        return base.exact.times(rule.by)
    part = NOTHING
    for line in lines:
        part = part.plus(base.by_line.get(line.number, NOTHING))
    return base.exact.plus(part.times(rule.by.plus(Exact(-1))))


def _shares(exact: Exact, weights: dict[int, int]) -> dict[int, Exact]:
    """A grant by line, in proportion to what each line counted for; none where the lines count for nothing."""
    together = sum(weights.values())
    if together <= 0:
        return {}
    return {number: Exact(exact.n * weight, exact.d * together) for number, weight in weights.items()}


def _counter(cap: Cap, rule: CompiledRule) -> str:
    kind = "times" if cap.times is not None else "cap"
    return f"{kind}:group:{rule.rule.group}" if cap.per == "group" else f"{kind}:{rule.rule.id}"


def _counts(rule: CompiledRule, granted: int) -> dict[str, int]:
    """What a grant adds to the counters of the rule's caps; counters go by rule id, across versions."""
    return {_counter(cap, rule): 1 if cap.times is not None else granted for cap in rule.rule.cap}
