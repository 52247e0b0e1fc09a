"""A published rulebook made ready to run.

The published entry holds the document and the checked tree of each expression, keyed by JSON pointer
(`/rules/3/when`). A replay evaluates those trees, so the meaning of an old version needs neither the
expression library nor its parser.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any

import msgspec

from domain.calendar import BEGINNING, FOREVER
from domain.numbers import Exact, exact
from domain.rules.badges import CompiledBadge, compile_badges
from domain.rules.boards import CompiledBoard, compile_boards
from domain.rules.expression import Context, Tree, compile_tree, references
from domain.rules.occasions import ANNIVERSARY, BIRTHDAY, rewarded
from domain.rules.offers import CompiledOffer, codes_of, compile_offers
from domain.rules.recurrence import Hours, hours_of
from domain.rules.referrals import Terms, compile_referrals
from domain.rules.rulebook import ActivityType, Currency, Rule, Rulebook
from domain.rules.schema import Schema, compile_schema
from domain.rules.streaks import CompiledStreak, compile_streaks, streak_names
from domain.rules.tiers import Tiers, compile_tiers
from domain.rules.together import Found, together
from domain.takes import Key

Evaluator = Callable[[Context], Any]

PHASES = ("base", "multiply", "add")
BUDGET, BUDGET_USES = "budget", "budget.uses"
"""Kinds of takes: the points of a budget, and its uses."""
ENROLLED = "member.enrolled"


class CompiledRule(msgspec.Struct, frozen=True):
    """One rule with its expressions compiled. `path` is its JSON pointer in the document."""

    rule: Rule
    path: str
    starts: datetime
    ends: datetime
    when: Evaluator | None
    points: Evaluator | None
    amount: Evaluator | None
    fixed: Exact | None
    """A grant that is the same whatever happened."""
    rate: Exact
    by: Exact
    where: Evaluator | None
    by_line: bool
    """Whether the amount reads `line`: it is then evaluated for each line and added up."""
    reads_amounts: bool
    """Whether what it grants depends on the payload other than in proportion: a return then re-evaluates."""
    hours: Hours | None = None
    """The local days and hours in which it applies; None is always."""


class Phase(msgspec.Struct, frozen=True):
    """Rules that are looked at before any of them grants; `found` says which conditions hold, or may."""

    rules: tuple[CompiledRule, ...]
    found: Found
    grouped: bool
    """Whether some are in a group, which may choose among them."""
    stacked: bool = False
    """Whether some are of a category, which may not go together with another."""


class NoSuchCurrency(LookupError):
    """Points are to be had in a currency that these rules do not have: a decision of other rules looks like that."""


class CompiledRulebook:
    """One version, ready to run. Immutable; share it freely."""

    def __init__(self, number: int, digest: str, document: Rulebook, trees: Mapping[str, Tree]) -> None:
        self.number = number
        self.digest = digest
        self.document = document
        self.trees = trees
        self._evaluators: dict[str, Evaluator] = {}
        self._rules: dict[str, tuple[CompiledRule, ...]] = {}
        self._phases: dict[str, tuple[Phase, ...]] = {}
        self._splits: dict[str, bool] = {}
        self._measures: dict[str, tuple[tuple[str, Evaluator], ...]] = {}
        self._schemas: dict[str, Schema] = {}
        self._budgets: dict[str, tuple[Key, ...]] = {}
        self._boards: dict[str, tuple[CompiledBoard, ...]] = {}
        self._badges: dict[str | None, tuple[CompiledBadge, ...]] = {}
        self._streaks: dict[str, tuple[CompiledStreak, ...]] = {}

    def evaluator(self, path: str) -> Evaluator | None:
        """The compiled expression at a JSON pointer; None where the document has none."""
        found = self._evaluators.get(path)
        if found is None and path in self.trees:
            found = self._evaluators[path] = compile_tree(self.trees[path])
        return found

    def currency(self, name: str) -> Currency:
        """Raises NoSuchCurrency."""
        try:
            return self.document.currencies[name]
        except KeyError:
            raise NoSuchCurrency(f"rulebook {self.number} has no currency {name!r}") from None

    def activity(self, kind: str) -> ActivityType | None:
        """The declaration of an activity type. Enrolling is a type of its own, declared or not."""
        found = self.document.activities.get(kind)
        return ActivityType() if found is None and kind == ENROLLED else found

    def schema(self, kind: str) -> Schema:
        found = self._schemas.get(kind)
        if found is None:
            declared = self.activity(kind)
            found = self._schemas[kind] = compile_schema(declared.data if declared else {})
        return found

    @cached_property
    def attributes(self) -> Schema:
        return compile_schema(self.document.members.attributes)

    def rules(self, kind: str) -> tuple[CompiledRule, ...]:
        """The rules on an activity type: by phase, then priority (1 comes first), then id."""
        found = self._rules.get(kind)
        if found is None:
            mine = [self._compile(n, rule) for n, rule in enumerate(self.document.rules) if rule.on == kind]
            mine.sort(key=lambda one: (PHASES.index(one.rule.phase), one.rule.priority, one.rule.id))
            found = self._rules[kind] = tuple(mine)
        return found

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.document.rules}

    def rule(self, rule_id: str) -> Rule:
        """The rule with an id."""
        return self._by_id[rule_id]

    def phases(self, kind: str) -> tuple[Phase, ...]:
        """The rules on an activity type by phase, each phase with its conditions evaluated together."""
        found = self._phases.get(kind)
        if found is None:
            groups = [tuple(rules) for _, rules in groupby(self.rules(kind), key=lambda rule: rule.rule.phase)]
            found = self._phases[kind] = tuple(
                Phase(
                    rules,
                    together([self.trees.get(f"{rule.path}/when") for rule in rules]),
                    grouped=any(rule.rule.group is not None for rule in rules),
                    stacked=any(rule.rule.category is not None for rule in rules),
                )
                for rules in groups
            )
        return found

    def budgets(self, kind: str) -> tuple[Key, ...]:
        """The shared quantities that the rules on an activity type may take of."""
        found = self._budgets.get(kind)
        if found is None:
            named = sorted({rule.rule.budget for rule in self.rules(kind) if rule.rule.budget is not None})
            declared = self.document.budgets
            found = self._budgets[kind] = (
                *((BUDGET, name) for name in named if declared[name].currency is not None),
                *((BUDGET_USES, name) for name in named if declared[name].uses is not None),
            )
        return found

    def splits(self, kind: str) -> bool:
        """Whether some multiplier is about lines, so that what each line earned has to be known."""
        found = self._splits.get(kind)
        if found is None:
            about_lines = (rule for rule in self.rules(kind) if rule.rule.lines is not None)
            found = self._splits[kind] = any(rule.rule.phase == "multiply" for rule in about_lines)
        return found

    def boards(self, kind: str) -> tuple[CompiledBoard, ...]:
        """The leaderboards that count an activity type, by id."""
        found = self._boards.get(kind)
        if found is None:
            found = self._boards[kind] = compile_boards(self.document, self.trees, self.evaluator, kind)
        return found

    def streaks(self, kind: str) -> tuple[CompiledStreak, ...]:
        """The streaks that an activity type counts for, by id."""
        found = self._streaks.get(kind)
        if found is None:
            found = self._streaks[kind] = compile_streaks(self.document, self.evaluator, kind)
        return found

    def badges(self, kind: str | None = None) -> tuple[CompiledBadge, ...]:
        """The badges that an activity type may bring (None: all), by id."""
        found = self._badges.get(kind)
        if found is None:
            found = self._badges[kind] = compile_badges(self.document, self.evaluator, kind)
        return found

    def streak(self, name: str) -> CompiledStreak:
        """The streak that `history.streak` means by a name."""
        wanted = streak_names(self.document)[name]
        return next(one for one in self.streaks(self.document.streaks[wanted].on) if one.id == wanted)

    def measures(self, kind: str) -> tuple[tuple[str, Evaluator], ...]:
        found = self._measures.get(kind)
        if found is None:
            declared = self.document.activities.get(kind)
            names = declared.measures if declared is not None else ()
            named = ((name, self.evaluator(f"/activities/{kind}/measures/{name}")) for name in names)
            found = self._measures[kind] = tuple((name, one) for name, one in named if one is not None)
        return found

    @cached_property
    def referrals(self) -> dict[str, Terms]:
        """The referrals by id."""
        return compile_referrals(self.document)

    @cached_property
    def tiers(self) -> dict[str, Tiers]:
        """The tier sets, in the order of their names."""
        currencies = sorted(self.document.currencies)
        return {
            name: compile_tiers(name, one, currencies, self.evaluator(f"/tiers/{name}/measure"))
            for name, one in sorted(self.document.tiers.items())
        }

    @cached_property
    def following(self) -> tuple[Tiers, ...]:
        """The tier sets that are looked at with everything that happens to a member."""
        return tuple(tiers for tiers in self.tiers.values() if tiers.follows)

    @cached_property
    def patient(self) -> tuple[Tiers, ...]:
        """The tier sets for which the activity that is being judged does not count yet."""
        return tuple(tiers for tiers in self.tiers.values() if not tiers.policy.count_current)

    @cached_property
    def occasions(self) -> frozenset[str]:
        """What its rules reward that time brings about."""
        return rewarded({rule.on for rule in self.document.rules}, self.document.activities)

    @cached_property
    def celebrates(self) -> tuple[object, ...] | None:
        """What plans depend on: equal for versions that plan alike; None where there is nothing to plan."""
        kinds = self.occasions & {BIRTHDAY, ANNIVERSARY}
        document = self.document
        place = (document.time_zone, document.zone_policy, document.day_starts)
        return (kinds, document.members.birthday, *place) if kinds else None

    @cached_property
    def offers(self) -> dict[str, CompiledOffer]:
        return compile_offers(self.document)

    @cached_property
    def codes(self) -> dict[str, tuple[str, ...]]:
        """By code of a coupon the offers that have it."""
        return codes_of(self.offers)

    @cached_property
    def segments(self) -> tuple[tuple[str, Evaluator], ...]:
        """The segments, in the order of their names."""
        found = ((name, self.evaluator(f"/segments/{name}")) for name in sorted(self.document.segments))
        return tuple((name, one) for name, one in found if one is not None)

    @cached_property
    def edits(self) -> bool:
        """Whether it says something of what members have already: their levels, the ends of their lots."""
        existing = any(one.expires_applies_to == "existing" for one in self.document.currencies.values())
        return existing or any(tiers.on_edit == "now" for tiers in self.document.tiers.values())

    @cached_property
    def restates(self) -> bool:
        """Whether what a late activity changes of later ones is compensated."""
        return self.document.late.mode == "restate"

    @cached_property
    def windows(self) -> frozenset[tuple[str, str, str]]:
        """Every (kind, name, window) that an expression reads; kind is `measure` or `type`."""
        found = set()
        for tree in self.trees.values():
            for read in references(tree):
                if read[0] == "counter":
                    found.add(("measure", read[1], read[2]))
                elif read[0] == "history" and read[1] in ("sum", "count", "days"):
                    found.add(("measure" if read[1] == "sum" else "type", read[2], read[3]))
        return frozenset(found)

    def _compile(self, index: int, rule: Rule) -> CompiledRule:
        path = f"/rules/{index}"
        award = rule.award
        amount_path = f"{path}/award/per/amount" if award and award.per else f"{path}/award/amount"
        reads = self._reads(f"{path}/when", "activity")
        stepwise = award is not None and (award.per is not None or isinstance(award.points, str))
        return CompiledRule(
            rule=rule,
            path=path,
            starts=datetime.fromisoformat(rule.starts) if rule.starts else BEGINNING,
            ends=datetime.fromisoformat(rule.ends) if rule.ends else FOREVER,
            when=self.evaluator(f"{path}/when"),
            points=self.evaluator(f"{path}/award/points"),
            amount=self.evaluator(amount_path),
            fixed=Exact(award.points) if award and isinstance(award.points, int) else None,
            rate=exact(award.rate) if award and award.rate else Exact(0),
            by=exact(rule.by) if rule.by else Exact(1),
            where=self.evaluator(f"{path}/lines/where"),
            by_line=self._reads(f"{path}/award/points", "line") or self._reads(amount_path, "line"),
            reads_amounts=reads or stepwise,
            hours=hours_of(rule.calendar, rule.starts) if rule.calendar is not None else None,
        )

    def _reads(self, path: str, root: str) -> bool:
        """Whether the expression at a JSON pointer, if there is one, reads something of `activity` or `line`."""
        tree = self.trees.get(path)
        return tree is not None and any(kind[0] == root for kind in references(tree))
