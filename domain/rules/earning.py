"""What an activity earns: the phases base, multiply, add, cap.

One pass over the rules of the type, exact decimals inside, one rounding per grant. The trace of the pass
is the explanation: nothing is written beside the code that could say something else.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from domain.numbers import EXACT, MAX_AMOUNT, times, whole
from domain.rules.compiled import CompiledRule, CompiledRulebook
from domain.rules.expression import Clause, Context, EvaluationError, clauses
from domain.rules.rulebook import Cap

Used = Callable[[str, str], int]
"""(counter name, period) -> how much of it the member has used in the period that contains the activity."""


class LimitedBy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What cut a grant, and what it had left when it did."""

    left: int
    cap: str | None = None
    budget: str | None = None
    group: str | None = None
    stacking: str | None = None


class Awarded(msgspec.Struct, frozen=True):
    """What one rule wanted and what it was granted, in smallest units. `counts` moves the cap counters."""

    rule: str
    currency: str
    wanted: int
    granted: int
    limited_by: LimitedBy | None
    counts: dict[str, int]


class RuleTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule did, clause by clause."""

    rule: str
    phase: str
    matched: bool
    clauses: tuple[Clause, ...] = ()
    wanted: int = 0
    granted: int = 0
    currency: str | None = None
    limited_by: LimitedBy | None = None
    error: str | None = None
    note: str | None = None


class Earned(msgspec.Struct, frozen=True):
    """The outcome of a pass. `failed` are (rule, error): a rule that fails grants nothing and refuses nothing."""

    awards: tuple[Awarded, ...]
    failed: tuple[tuple[str, str], ...]
    trace: tuple[RuleTrace, ...]


class _Grant(msgspec.Struct):
    rule: CompiledRule
    currency: str
    wanted: int


def earn(book: CompiledRulebook, kind: str, at: datetime, context: Context, used: Used) -> Earned:
    """Run the rules of `kind` at the instant `at`. Pure: `context` and `used` are all it reads."""
    run = _Run(book, context, used)
    for rule in book.rules(kind):
        run.rule(rule, at)
    awards = run.capped()
    return Earned(awards, tuple(run.failed), tuple(run.traced(awards)))


class _Run:
    def __init__(self, book: CompiledRulebook, context: Context, used: Used) -> None:
        self.book = book
        self.context = context
        self.used = used
        self.grants: list[_Grant] = []
        self.exact: dict[str, Decimal] = {}
        self.issued: dict[str, int] = {}
        self.failed: list[tuple[str, str]] = []
        self.outcomes: list[tuple[CompiledRule, bool, str | None]] = []

    def rule(self, rule: CompiledRule, at: datetime) -> None:
        if not rule.starts <= at < rule.ends:
            self.outcomes.append((rule, False, "outside its dates"))
            return
        try:
            if rule.when is not None and not rule.when(self.context):
                self.outcomes.append((rule, False, None))
                return
            if rule.rule.phase == "multiply":
                self._multiply(rule)
            else:
                self._award(rule)
        except EvaluationError as error:
            self.failed.append((rule.rule.id, str(error)))
            self.outcomes.append((rule, False, None))
            return
        self.outcomes.append((rule, True, None))

    def _award(self, rule: CompiledRule) -> None:
        award = rule.rule.award
        if award is None:
            return
        exact = self._amount(rule)
        wanted = whole(exact, rule.rule.round)
        if not 0 <= wanted <= MAX_AMOUNT:
            raise EvaluationError(f"{wanted} points are out of range")
        self.grants.append(_Grant(rule, award.currency, wanted))
        if rule.rule.phase == "base":
            self.exact[award.currency] = EXACT.add(self.exact.get(award.currency, Decimal(0)), exact)
            self.issued[award.currency] = self.issued.get(award.currency, 0) + wanted

    def _amount(self, rule: CompiledRule) -> Decimal:
        award = rule.rule.award
        assert award is not None
        if award.per is not None:
            assert rule.amount is not None
            amount: int = rule.amount(self.context)
            # Floor on the step, then multiply: 3.00 at "5 per 2.50" is 5, never 6.
            steps = amount // award.per.step if amount >= 0 else 0
            return Decimal(steps * award.per.points)
        if award.rate is not None:
            assert rule.amount is not None
            return times(Decimal(max(0, rule.amount(self.context))), rule.rate)
        if rule.points is not None:
            return Decimal(rule.points(self.context))
        assert isinstance(award.points, int)
        return Decimal(award.points)

    def _multiply(self, rule: CompiledRule) -> None:
        """What the multiplier adds to the base of this evaluation, as a grant of its own.

        Several multiply one after another; each grant is the difference of rounded totals, so that
        base and promotions together are the product rounded once.
        """
        only = rule.rule.award.currency if rule.rule.award else None
        for currency in sorted(self.exact):
            if only not in (None, currency):
                continue
            total = times(self.exact[currency], rule.by)
            extra = max(0, whole(total, rule.rule.round) - self.issued[currency])
            if self.issued[currency] <= 0:
                continue
            if self.issued[currency] + extra > MAX_AMOUNT:
                raise EvaluationError("points are out of range")
            self.exact[currency] = total
            self.issued[currency] += extra
            self.grants.append(_Grant(rule, currency, extra))

    def capped(self) -> tuple[Awarded, ...]:
        counted: dict[str, int] = {}
        awards = []
        for grant in self.grants:
            if grant.wanted == 0:
                continue
            granted, limited_by = grant.wanted, None
            for number, cap in enumerate(grant.rule.rule.cap):
                left = self._left(cap, grant.rule, counted)
                allowed = granted
                if cap.times is not None:
                    allowed = granted if left > 0 else 0
                elif granted > left:
                    allowed = max(0, left) if cap.partial else 0
                if allowed < granted:
                    granted = allowed
                    limited_by = LimitedBy(left=max(0, left), cap=f"{grant.rule.rule.id}.{number}")
            counts = _counts(grant.rule, granted) if granted > 0 else {}
            for name, step in counts.items():
                counted[name] = counted.get(name, 0) + step
            awards.append(Awarded(grant.rule.rule.id, grant.currency, grant.wanted, granted, limited_by, counts))
        return tuple(awards)

    def _left(self, cap: Cap, rule: CompiledRule, counted: dict[str, int]) -> int:
        name = _counter(cap, rule)
        limit = cap.times if cap.times is not None else cap.points
        assert limit is not None
        return limit - self.used(name, cap.period) - counted.get(name, 0)

    def traced(self, awards: tuple[Awarded, ...]) -> list[RuleTrace]:
        by_rule = {award.rule: award for award in awards}
        errors = dict(self.failed)
        traces = []
        for rule, matched, note in self.outcomes:
            award = by_rule.get(rule.rule.id) if matched else None
            traces.append(
                RuleTrace(
                    rule=rule.rule.id,
                    phase=rule.rule.phase,
                    matched=matched,
                    wanted=award.wanted if award else 0,
                    granted=award.granted if award else 0,
                    currency=award.currency if award else None,
                    limited_by=award.limited_by if award else None,
                    error=errors.get(rule.rule.id),
                    note=note,
                )
            )
        return traces


def with_clauses(book: CompiledRulebook, earned: Earned, kind: str, context: Context) -> tuple[RuleTrace, ...]:
    """The trace with each condition's clauses and values: costly, so only for those who ask why."""
    paths = {rule.rule.id: rule.path for rule in book.rules(kind)}

    def explained(trace: RuleTrace) -> RuleTrace:
        tree: Any = book.trees.get(f"{paths[trace.rule]}/when")
        return msgspec.structs.replace(trace, clauses=clauses(tree, context)) if tree is not None else trace

    return tuple(explained(trace) for trace in earned.trace)


def _counter(cap: Cap, rule: CompiledRule) -> str:
    kind = "times" if cap.times is not None else "cap"
    return f"{kind}:group:{rule.rule.group}" if cap.per == "group" else f"{kind}:{rule.rule.id}"


def _counts(rule: CompiledRule, granted: int) -> dict[str, int]:
    """What a grant adds to the counters of the rule's caps; counters go by rule id, across versions."""
    return {_counter(cap, rule): 1 if cap.times is not None else granted for cap in rule.rule.cap}
