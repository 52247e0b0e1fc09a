"""What an activity earns: the phases base, multiply, add, cap.

One pass over the rules of the type, exact fractions inside, one rounding per grant. In each phase first all rules are
looked at, then groups choose among those that match, then what is left is granted. The trace of the pass is the
explanation: nothing is written beside the code that could say something else.
"""

from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from domain.numbers import MAX_AMOUNT, Exact
from domain.rules.compiled import CompiledRule, CompiledRulebook, Phase
from domain.rules.expression import Clause, Context, EvaluationError, clauses
from domain.rules.limits import Assigned, Awarded, Grant, LimitedBy, Limits
from domain.rules.lines import PAID_WITH_POINTS, Line, OrderContext, lines_of, narrowed
from domain.rules.rulebook import Variant
from domain.rules.situation import Situation
from domain.rules.stacking import Stack
from domain.rules.why import WhyNot, why_not
from domain.takes import Taken

NOTHING = Exact(0)


class RuleTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule did, clause by clause. `lines` are the ids of the lines, `assigns` the offer that it is about."""

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
    assigns: str | None = None
    why_not: WhyNot | None = None
    """The part of its condition that is not so."""


NO_LINE = "no line of the order is one of its lines"
STOPPED = "after a rule that stops"
ELSEWHEN = "outside its dates"
OFF_HOURS = "outside its calendar"


class Earned(msgspec.Struct, frozen=True):
    """The outcome of a pass. `failed` are (rule, error): a rule that fails grants nothing and refuses nothing.

    `matched` are the rules that matched, each with the lines it is about; `lineless` those that found no line.
    `other_arm` are those that would have matched a member of another arm, each with the member's own. `assigned` are
    arms drawn now, by experiment.
    """

    awards: tuple[Awarded, ...]
    failed: tuple[tuple[str, str], ...]
    matched: dict[str, tuple[Line, ...] | None]
    lineless: frozenset[str]
    other_arm: dict[str, str] = {}
    arms: dict[str, str] = {}
    assigned: tuple[Assigned, ...] = ()


def earn(book: CompiledRulebook, kind: str, at: datetime, context: Situation, taken: Taken) -> Earned:
    """Run the rules of `kind` at the instant `at`. Pure: `context` and `taken` are all it reads.

    Raises TakenNeeded.
    """
    limits = Limits(book, kind, context, taken)
    run = _Run(book, kind, context, limits)
    for phase in book.phases(kind):
        run.phase(phase, at)
    return Earned(
        awards=limits.awards(run.grants),
        failed=tuple(run.failed.items()),
        matched=run.matched,
        lineless=frozenset(run.lineless),
        other_arm=run.other_arm,
        arms=run.arms,
        assigned=limits.assigned(run.assigning),
    )


def traced(
    book: CompiledRulebook, kind: str, at: datetime, earned: Earned, context: Situation
) -> tuple[RuleTrace, ...]:
    """What each rule did, with its condition's clauses and values: costly, so only for those who ask why."""
    awards = {award.rule: award for award in earned.awards}
    assigned = {one.rule: one for one in earned.assigned}
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
        elif not in_hours(compiled, context):
            note = OFF_HOURS
        elif rule.id in earned.other_arm:
            note = f"the member is in the arm {earned.other_arm[rule.id]} of the experiment"
        stopped = stopped or (matched and rule.stop)
        award = awards.get(rule.id) if matched else None
        limited = award or assigned.get(rule.id) if matched else None
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
            limited_by=limited.limited_by if limited else None,
            assigns=rule.assign,
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


def in_hours(rule: CompiledRule, context: Situation) -> bool:
    """Whether the activity falls into the rule's calendar."""
    return rule.hours is None or rule.hours.contain(context.wall(of_store=rule.hours.of_store))


class _Match(msgspec.Struct, gc=False):
    """A rule that matches: the lines it is about (None: the order), and what it would grant, by currency."""

    rule: CompiledRule
    lines: tuple[Line, ...] | None
    wants: dict[str, int]
    exact: Exact = NOTHING
    shares: dict[int, Exact] = {}


class _Base(msgspec.Struct):
    """What base rules have granted of a currency, as multipliers see it: exact, by line, and issued in whole points."""

    exact: Exact = NOTHING
    by_line: dict[int, Exact] = {}
    issued: int = 0


class _Run:
    def __init__(self, book: CompiledRulebook, kind: str, context: Situation, limits: Limits) -> None:
        self.book = book
        self.limits = limits
        self.context = context
        self.splits = book.splits(kind)
        self.grants: list[Grant] = []
        self.assigning: list[CompiledRule] = []
        self.base: dict[str, _Base] = {}
        self.failed: dict[str, str] = {}
        self.matched: dict[str, tuple[Line, ...] | None] = {}
        self.lineless: list[str] = []
        self.other_arm: dict[str, str] = {}
        self.arms: dict[str, str] = {}
        self.gains: dict[str, dict[str, int]] = {}
        """By multiplier: what it adds to the base as it stands now."""
        self.stopped = False

    @cached_property
    def stack(self) -> Stack:
        return Stack(self.book.document.stacking)

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
            if rule.hours is not None and not in_hours(rule, self.context):
                continue
            try:
                match = self._look(rule, holds=number >= 0)
            except EvaluationError as error:
                self._fail(rule, error)
                continue
            if match is not None and (rule.rule.variant is None or self._is_for(rule, rule.rule.variant)):
                matches.append(match)
                self.matched[rule.rule.id] = match.lines
                if rule.rule.stop:
                    self.stopped = True
                    break
        lost = self._choose(matches) if phase.grouped and len(matches) > 1 else {}
        if not lost and not phase.stacked:
            for match in matches:
                self._grant(match)
            return
        # What a loser would have granted is asked before any multiplier has changed the base.
        missed = {match.rule.rule.id: self._wants(match) for match in matches if match.rule.rule.id in lost}
        for match in matches:
            own = match.rule.rule
            if own.id in missed:
                self._skip(match, missed[own.id], LimitedBy(left=0, group=lost[own.id]))
            elif own.category is not None:
                self._stack(match, own.category)
            else:
                self._grant(match)

    def _skip(self, match: _Match, wants: dict[str, int], reason: LimitedBy) -> None:
        self.grants += [Grant(match.rule, currency, wanted, reason) for currency, wanted in wants.items()]

    def _stack(self, match: _Match, category: str) -> None:
        """Grant a promotion, unless one that it does not go with has applied."""
        wants = self._wants(match)
        reason = self.stack.in_the_way(category) if any(wants.values()) else None
        if reason is not None:
            self._skip(match, wants, reason)
            return
        self._grant(match)
        # A promotion whose limit is reached already bars no other.
        if any(wants.values()) and not self.limits.exhausted(match.rule.rule, wants):
            self.stack.add(category)

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

    def _is_for(self, rule: CompiledRule, variant: Variant) -> bool:
        """Whether the member is in the arm that the rule is for. To be asked is to be exposed."""
        arm, fresh = self.context.arm(variant.experiment, self.book.document.experiments[variant.experiment].arms)
        if fresh:
            self.arms[variant.experiment] = arm
        if arm != variant.arm:
            self.other_arm[rule.rule.id] = arm
        return arm == variant.arm

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
        for currency, base in sorted(self.base.items()) if len(self.base) > 1 else self.base.items():
            if only not in (None, currency) or base.issued <= 0:
                continue
            whole = _multiplied(base, rule, lines).whole(rule.rule.round)
            gains[currency] = gain = max(0, whole - base.issued)
            if base.issued + gain > MAX_AMOUNT:
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
                together = [sum(self._wants(match).values()) for match in rivals]
                winner = rivals[together.index(max(together))]
            elif choice == "newest":
                winner = max(rivals, key=lambda match: match.rule.starts)
            lost |= {match.rule.rule.id: group for match in rivals if match is not winner}
        return lost

    def _wants(self, match: _Match) -> dict[str, int]:
        if match.rule.rule.phase != "multiply":
            return match.wants
        name = match.rule.rule.id
        gains = self.gains.get(name)
        if gains is None:
            try:
                gains = self.gains[name] = self._gains(match.rule, match.lines)
            except EvaluationError as error:
                self._fail(match.rule, error)
                return {}
        return gains

    def _grant(self, match: _Match) -> None:
        phase = match.rule.rule.phase
        if match.rule.rule.assign is not None:
            self.assigning.append(match.rule)
        for currency, wanted in self._wants(match).items():
            self.grants.append(Grant(match.rule, currency, wanted))
            if phase == "add":
                continue
            self.gains = {}
            if phase == "multiply":
                _multiply(self.base[currency], match, wanted)
            else:
                base = self.base.setdefault(currency, _Base())
                base.exact = base.exact.plus(match.exact)
                base.issued += wanted
                for number, share in match.shares.items():
                    base.by_line[number] = base.by_line.get(number, NOTHING).plus(share)


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
