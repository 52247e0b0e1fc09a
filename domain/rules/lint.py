"""What a rulebook says in vain: a part of `check.py`.

A document of which all of this is true is still a rulebook, so these are warnings. They are looked for once nothing is
wrong with it: every expression has its tree, every name is declared.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Protocol, cast

import msgspec

from domain.calendar import BEGINNING, FOREVER
from domain.rules.celtree import Tree, references
from domain.rules.compiled import PHASES
from domain.rules.presence import unasked
from domain.rules.rulebook import ActivityType, Rule, Rulebook
from domain.rules.truth import always, comparisons, never

_NAME = re.compile(r"[A-Za-z0-9_.:-]+")


class Checking(Protocol):
    """What `check` gives its parts."""

    @property
    def book(self) -> Rulebook: ...

    @property
    def trees(self) -> Mapping[str, Tree]: ...

    def warning(self, code: str, at: str, message: str, rule: str | None = None) -> None: ...
    def inside(self, code: str, at: str, message: str, line: int, column: int, rule: str | None = None) -> None: ...


def lint(checking: Checking) -> None:
    _Linting(checking).run()


class _Ordered(msgspec.Struct, frozen=True):
    """A rule in its place. `certain`: it matches every activity of its type while it is in force."""

    number: int
    rule: Rule
    starts: datetime
    ends: datetime
    certain: bool

    @property
    def at(self) -> str:
        return f"/rules/{self.number}"

    def throughout(self, other: "_Ordered") -> bool:
        """Whether it matches whenever the other one is looked at."""
        return self.certain and self.starts <= other.starts and self.ends >= other.ends


class _Linting:
    def __init__(self, checking: Checking) -> None:
        self.checking = checking
        self.book = checking.book
        self.trees = checking.trees
        self.dead: set[str] = set()

    def run(self) -> None:
        for at, tree in self.trees.items():
            self._expression(at, tree)
        rules = [self._ordered(number, rule) for number, rule in enumerate(self.book.rules)]
        for one in rules:
            self._matches(one)
        alive = [one for one in rules if one.rule.id not in self.dead]
        alive.sort(key=lambda one: (one.rule.on, PHASES.index(one.rule.phase), one.rule.priority, one.rule.id))
        for _, of_type in groupby(alive, key=lambda one: one.rule.on):
            self._after_a_stop(list(of_type))
        for _, of_phase in groupby(alive, key=lambda one: (one.rule.on, one.rule.phase)):
            self._rivals([one for one in of_phase if one.rule.id not in self.dead])
        for name in self.book.segments:
            self._unasked(f"/segments/{name}", {})
        self._unused()

    def _ordered(self, number: int, rule: Rule) -> _Ordered:
        return _Ordered(
            number,
            rule,
            datetime.fromisoformat(rule.starts) if rule.starts else BEGINNING,
            datetime.fromisoformat(rule.ends) if rule.ends else FOREVER,
            certain=not _conditional(rule) and always(self.trees.get(f"/rules/{number}/when")),
        )

    # --- single expressions --------------------------------------------------------------------

    def _expression(self, at: str, tree: Tree) -> None:
        rule = self._rule_at(at)
        for line, column, sign in _divisions_by_zero(tree):
            message = "it has no value: a condition does not match, an amount grants nothing"
            self.checking.inside("division-by-zero", at, f"{sign} by 0: {message}", line, column, rule)
        for sign, what, value, node in comparisons(tree):
            match what, node:
                case ["tier", _, _, str(name)], [_, int(line), int(column), *_] if sign in ("==", "!="):
                    levels = [level.id for level in self.book.tiers[name].levels]
                    if value not in ("", *levels):
                        message = f"{value!r} is no level of {name!r}: there are {', '.join(levels)}"
                        self.checking.inside("unknown-level", at, message, line, column, rule)

    def _rule_at(self, at: str) -> str | None:
        found = re.match(r"/rules/(\d+)/", at)
        return self.book.rules[int(found[1])].id if found else None

    # --- single rules --------------------------------------------------------------------------

    def _matches(self, one: _Ordered) -> None:
        rule = one.rule
        if one.starts >= one.ends:
            self.checking.warning("never-matches", f"{one.at}/ends", "it ends before it starts", rule.id)
            self.dead.add(rule.id)
            return
        activity = self.book.activities.get(rule.on, ActivityType())
        self._unasked(f"{one.at}/when", activity.data, rule.id)
        for name in ("when", "lines/where"):
            tree = self.trees.get(f"{one.at}/{name}")
            found = never(tree, activity.data) if tree is not None else None
            if found is not None:
                message = f"the rule never matches: {found.why}"
                self.checking.inside("never-matches", f"{one.at}/{name}", message, found.line, found.column, rule.id)
                self.dead.add(rule.id)

    def _unasked(self, at: str, data: Mapping[str, Any], rule: str | None = None) -> None:
        schemas = {"activity": data, "attributes": self.book.members.attributes}
        for node, name in unasked(self.trees[at], schemas) if at in self.trees else ():
            line, column = cast("tuple[int, int]", (node[1], node[2]))
            message = (
                f"{name} is optional, and without it this fails: require it in the schema, or ask has({name}) first"
            )
            self.checking.inside("unasked", at, message, line, column, rule)

    # --- rules in each other's way -------------------------------------------------------------

    def _after_a_stop(self, rules: list[_Ordered]) -> None:
        for number, one in enumerate(rules):
            if one.rule.stop and one.certain and one.rule.id not in self.dead:
                for later in rules[number + 1 :]:
                    if one.throughout(later):
                        self._shadowed(later, f"{one.rule.id!r} comes first, always matches and stops")

    def _rivals(self, rules: list[_Ordered]) -> None:
        """Rules of one type and phase: which of them the groups never choose."""
        exclusive = sorted({one.rule.group for one in rules if self._choice(one) == "exclusive" and one.rule.group})
        for name in exclusive[1:]:
            message = (
                f"{exclusive[0]!r} is exclusive on {rules[0].rule.on} too: of two that match, the first alone counts"
            )
            self.checking.warning("overlapping-exclusives", f"/groups/{name}", message)
        # Whether a later rule is looked at at all is not known where one may stop before it.
        all_seen = not any(one.rule.stop for one in rules)
        for number, one in enumerate(rules):
            if one.certain and self._choice(one) != "all" and one.rule.id not in self.dead:
                for other in rules[number + 1 :]:
                    self._beaten_by_first(one, other)
                for other in rules[:number] if all_seen else ():
                    self._beaten_by_second(other, one)

    def _beaten_by_first(self, first: _Ordered, second: _Ordered) -> None:
        if not first.throughout(second):
            return
        together = first.rule.group is not None and first.rule.group == second.rule.group
        match self._choice(first):
            case "exclusive":
                self._shadowed(second, f"{first.rule.id!r} always matches, and its group is exclusive")
            case "first" if together:
                self._shadowed(second, f"{first.rule.id!r} comes first in the group and always matches")
            case "best" if together and _worth(first.rule, second.rule, operator.ge):
                self._shadowed(second, f"{first.rule.id!r} always matches and is never worth less")
            case _:
                pass

    def _beaten_by_second(self, first: _Ordered, second: _Ordered) -> None:
        if not second.throughout(first):
            return
        together = first.rule.group is not None and first.rule.group == second.rule.group
        match self._choice(second):
            case "exclusive" if self._choice(first) != "exclusive":
                self._shadowed(first, f"{second.rule.id!r} always matches, and its group is exclusive")
            case "best" if together and _worth(second.rule, first.rule, operator.gt):
                self._shadowed(first, f"{second.rule.id!r} always matches and is worth more")
            case _:
                pass

    def _choice(self, one: _Ordered) -> str:
        return self.book.groups.get(one.rule.group, "all") if one.rule.group is not None else "all"

    def _shadowed(self, one: _Ordered, why: str) -> None:
        if one.rule.id not in self.dead:
            self.dead.add(one.rule.id)
            self.checking.warning("shadowed", one.at, f"the rule never applies: {why}", one.rule.id)

    # --- declared for nothing ------------------------------------------------------------------

    def _unused(self) -> None:
        drawn_on = {rule.budget for rule in self.book.rules}
        for name in self.book.budgets:
            if name not in drawn_on:
                self.checking.warning("unused-budget", f"/budgets/{name}", "no rule draws on it")


def unread(book: Rulebook, trees: Mapping[str, Tree]) -> tuple[str, ...]:
    """The measures, as JSON pointers, that nothing in a rulebook reads: they are counted only to be shown."""
    named = set()
    for tree in trees.values():
        read = references(tree)
        named |= {what[1] for what in read if what[0] == "counter"}
        named |= {what[2] for what in read if what[0] == "history" and what[1] == "sum"}
    document = msgspec.to_builtins(book)
    for chapter in ("activities", "rules"):
        # Rules read measures by their expressions alone, other chapters by name too.
        document.pop(chapter, None)
    for text in _texts(document):
        for name in _NAME.findall(text):
            named |= {name, *name.split(".")}
    return tuple(
        f"/activities/{kind}/measures/{name}"
        for kind, activity in book.activities.items()
        for name in activity.measures
        if name not in named
    )


def _conditional(rule: Rule) -> bool:
    """Whether there is more to it than `when`; an amount without a value, too, makes a rule not match."""
    if rule.lines is not None or rule.calendar is not None or rule.variant is not None:
        return True
    award = rule.award
    return award is not None and (isinstance(award.points, str) or award.per is not None or award.rate is not None)


def _worth(one: Rule, other: Rule, compare: Callable[[Decimal, Decimal], bool]) -> bool:
    """Whether the wishes of two rules of one phase compare so, whatever happened; caps and budgets come later."""
    if one.phase == "multiply":
        alike = one.award == other.award and one.round == other.round
        return alike and one.by is not None and other.by is not None and compare(Decimal(one.by), Decimal(other.by))
    mine, its = (rule.award.points if rule.award is not None else None for rule in (one, other))
    return isinstance(mine, int) and isinstance(its, int) and compare(Decimal(mine), Decimal(its))


def _divisions_by_zero(tree: Any) -> Iterator[tuple[int, int, str]]:
    match tree:
        case ["call", int(line), int(column), "/" | "%" as sign, [_, ["const", _, _, 0]]]:
            yield line, column, sign
    if isinstance(tree, list):
        for part in tree:
            yield from _divisions_by_zero(part)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
