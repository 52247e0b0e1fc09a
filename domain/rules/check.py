"""Judge a rulebook before it is published: every expression typed, every name known, every policy possible.

`check` never raises: whatever the document, it answers with findings. A document without errors comes back
with the tree of each expression, ready to publish.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from domain.calendar import UNITS, parse_period, reach
from domain.numbers import MAX_AMOUNT
from domain.rules.check_badges import check_badges, check_badges_against
from domain.rules.check_boards import check_boards, check_boards_against
from domain.rules.check_offers import check_assigning, check_offers
from domain.rules.check_promotions import (
    check_birthday,
    check_calendar,
    check_experiments,
    check_occasion,
    check_stacking,
)
from domain.rules.check_referrals import check_referrals
from domain.rules.check_streaks import check_streaks, check_streaks_against
from domain.rules.compiled import ENROLLED
from domain.rules.expression import CheckFailed, Environment, Tree, references, under
from domain.rules.limits import SHARED
from domain.rules.lines import SHAPE
from domain.rules.lint import lint
from domain.rules.occasions import OCCASIONS
from domain.rules.places import Place, Places
from domain.rules.rulebook import (
    ID,
    ActivityType,
    Availability,
    Budget,
    Cap,
    Currency,
    Expiry,
    Rule,
    Rulebook,
    TierSet,
    canonical,
    read,
)
from domain.rules.schema import compile_schema, line_schema, readable
from domain.rules.streaks import streak_names
from domain.rules.tiers import ANNIVERSARIES, is_expression

MAX_DOCUMENT = 1_000_000
"""Bytes of a document in its canonical form."""

LONGEST_MONTHS = 12_000
"""A thousand years: longer ones leave the calendar at the next purchase."""

_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,12})?")
_ROUND_UP = re.compile(r"day|week|month|quarter|half|year|(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class Finding(msgspec.Struct, frozen=True):
    """One thing to mend (`error`) or to think about (`warning`).

    `at` is the JSON pointer in the document; line and column are in the expression there, from 1; `text` is that
    line with a caret under the column. `place` is where all of that stands in the text of the document.
    """

    severity: Literal["error", "warning"]
    code: str
    at: str
    message: str
    rule: str | None = None
    line: int | None = None
    column: int | None = None
    text: str | None = None
    place: Place | None = None


class Checked(msgspec.Struct, frozen=True):
    """The outcome: publishable when `ok`."""

    findings: tuple[Finding, ...]
    trees: dict[str, Tree]

    @property
    def ok(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


def check(document: Any, *, before: Rulebook | None = None, known_zone: Any = None, text: str | None = None) -> Checked:
    """Check a document against itself and against the version published before it.

    `known_zone(name) -> bool` says whether a time zone exists; without it zones are taken as they are. `text` is the
    JSON that the document was read from: findings then say where in it they stand.
    """
    checked = _checked(document, before, known_zone)
    if text is None:
        return checked
    places = Places(text) if checked.findings else None
    return Checked(tuple(_placed(finding, places) for finding in checked.findings), checked.trees)


def _placed(finding: Finding, places: Places | None) -> Finding:
    assert places is not None
    inside = (finding.line, finding.column) if finding.line is not None and finding.column is not None else None
    return msgspec.structs.replace(finding, place=places.of(finding.at, inside))


def _checked(document: Any, before: Rulebook | None, known_zone: Any) -> Checked:
    try:
        size = len(canonical(document))
        book = read(document)
    except (msgspec.ValidationError, ValueError, TypeError, RecursionError) as error:
        return Checked((_shape_finding(error),), {})
    if size > MAX_DOCUMENT:
        message = f"the document has {size} bytes, at most {MAX_DOCUMENT} are taken"
        return Checked((Finding("error", "too-large", "", message),), {})
    checking = _Checking(book, known_zone)
    checking.run()
    if before is not None:
        checking.against(before)
    if not any(finding.severity == "error" for finding in checking.findings):
        lint(checking)
    return Checked(tuple(checking.findings), checking.trees)


class _Checking:
    def __init__(self, book: Rulebook, known_zone: Any) -> None:
        self.book = book
        self.known_zone = known_zone
        self.findings: list[Finding] = []
        self.trees: dict[str, Tree] = {}
        self.measures = sorted({name for kind in book.activities.values() for name in kind.measures})
        self._sources: dict[str, tuple[str, str]] = {}
        """By key of the tree: where an expression stands, and its text."""
        self._told: set[tuple[str, str, int, int]] = set()
        self._environments: dict[tuple[str | None, bool], Environment] = {}

    # --- findings ------------------------------------------------------------------------------

    def error(self, code: str, at: str, message: str, rule: str | None = None) -> None:
        self.findings.append(Finding("error", code, at, message, rule))

    def warning(self, code: str, at: str, message: str, rule: str | None = None) -> None:
        self.findings.append(Finding("warning", code, at, message, rule))

    def inside(self, code: str, key: str, message: str, line: int, column: int, rule: str | None = None) -> None:
        """A warning at a place in the expression whose tree has that key."""
        at, source = self._sources[key]
        # One expression has a tree for each type of activity it is about.
        if (code, at, line, column) not in self._told:
            self._told.add((code, at, line, column))
            shown = under(source, line, column)
            self.findings.append(Finding("warning", code, at, message, rule, line, column, shown))

    def expression(
        self,
        at: str,
        source: str,
        expects: Any,
        kind: str | None,
        rule: str | None = None,
        *,
        of_lines: bool = False,
        key: str | None = None,
    ) -> None:
        """Check one expression of an activity type and keep its tree, under `key` where each type has its own.

        Without a type it is about members alone, and reads neither an activity nor segments.
        `of_lines` lets it read a `line`.
        """
        environment = self._environment(kind, of_lines=of_lines)
        if environment is None:
            return
        self._sources[key or at] = (at, source)
        try:
            tree = self.trees[key or at] = environment.check(source, expects)
            for what, *rest in references(tree):
                if what in ("counter", "history") and rest[-1] != "days":
                    self._window(at, rest[-1], rule)
        except CheckFailed as failed:
            for problem in failed.problems:
                self.findings.append(
                    Finding(
                        "error", "expression", at, problem.message, rule, problem.line, problem.column, problem.text
                    )
                )

    def fits(self, source: str, expects: Any, kind: str) -> bool:
        """Whether an expression checks for an activity type; nothing is noted."""
        environment = self._environment(kind, of_lines=False)
        try:
            return environment is not None and bool(environment.check(source, expects))
        except CheckFailed:
            return False

    def _environment(self, kind: str | None, *, of_lines: bool) -> Environment | None:
        found = self._environments.get((kind, of_lines))
        if found is None:
            declared = self.book.activities.get(kind or "") or ActivityType(data=OCCASIONS.get(kind or "", {}))
            if compile_schema(declared.data).problems or compile_schema(self.book.members.attributes).problems:
                return None
            activity = readable(declared.data, declared.personal)
            found = self._environments[kind, of_lines] = Environment.build(
                activity=activity if kind is not None else None,
                attributes=self.book.members.attributes,
                tier_sets=self.book.tiers,
                currencies=self.book.currencies,
                measures=self.measures,
                types={*self.book.activities, ENROLLED},
                streaks=streak_names(self.book),
                segments=self.book.segments if kind is not None else (),
                line=line_schema(activity, SHAPE, declared.personal) if of_lines else None,
            )
        return found

    # --- the parts -----------------------------------------------------------------------------

    def run(self) -> None:
        self._later_chapters()
        self._general()
        for name, currency in self.book.currencies.items():
            self._id(name, f"/currencies/{name}")
            self._currency(f"/currencies/{name}", currency)
        for kind, activity in self.book.activities.items():
            self._id(kind, f"/activities/{kind}")
            self._activity(kind, activity)
        seen: set[str] = set()
        for number, rule in enumerate(self.book.rules):
            at = f"/rules/{number}"
            self._id(rule.id, f"{at}/id", rule.id)
            if rule.id in seen:
                self.error("duplicate-id", f"{at}/id", f"there is another rule {rule.id!r}", rule.id)
            seen.add(rule.id)
            self._rule(at, rule)
        self._groups()
        for name, budget in self.book.budgets.items():
            self._id(name, f"/budgets/{name}")
            self._budget(f"/budgets/{name}", budget)
        for name, tiers in self.book.tiers.items():
            self._id(name, f"/tiers/{name}")
            self._tiers(f"/tiers/{name}", tiers)
        check_birthday(self)
        check_stacking(self)
        check_experiments(self)
        check_offers(self)
        for name, source in self.book.segments.items():
            self._id(name, f"/segments/{name}")
            self.expression(f"/segments/{name}", source, "bool", None)
        check_boards(self)
        check_streaks(self)
        check_badges(self)
        check_referrals(self)

    def _later_chapters(self) -> None:
        """Words of the vocabulary that this version does not run are refused: none is ever silently ignored."""
        if self.book.unknown_member == "hold":
            self._unsupported("/unknown_member")

    def _unsupported(self, at: str, rule: str | None = None) -> None:
        self.error("not-supported-yet", at, "this version of Guerdon does not run this part of the vocabulary", rule)

    def _general(self) -> None:
        for pointer, message in compile_schema(self.book.members.attributes).problems:
            self.error("schema", f"/members/attributes{pointer}", message)
        if self.book.time_zone is not None and self.known_zone and not self.known_zone(self.book.time_zone):
            self.error("unknown-zone", "/time_zone", f"{self.book.time_zone!r} is not a time zone")
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.book.day_starts):
            self.error("bad-time", "/day_starts", "a time of day such as 00:00 or 04:30")
        self._period("/late/future_skew", self.book.late.future_skew)
        if self.book.late.max_age is not None:
            self._period("/late/max_age", self.book.late.max_age)

    def _currency(self, at: str, currency: Currency) -> None:
        if not 0 <= currency.scale <= 9:
            self.error("out-of-range", f"{at}/scale", "0 to 9 digits")
        self._availability(f"{at}/available", currency.available)
        self._expiry(f"{at}/expires", currency.expires)
        if currency.expires_applies_to == "existing" and _from_recorded(currency.expires):
            self.error(
                "bad-policy",
                f"{at}/expires_applies_to",
                "a lot does not know when it was recorded: count from occurred",
            )
        if currency.returns.absorb:
            self._unsupported(f"{at}/returns/absorb")
        worth = currency.value
        if worth is None:
            return
        if self._rate(f"{at}/value/per_point", worth.per_point) == 0:
            self.error("out-of-range", f"{at}/value/per_point", "more than 0")
        for name, least in (("round_to", 1), ("step", 1), ("minimum", 0)):
            if not least <= getattr(worth, name) <= MAX_AMOUNT:
                self.error("out-of-range", f"{at}/value/{name}", f"a whole number from {least}")
        if worth.max_share is not None:
            share = self._rate(f"{at}/value/max_share", worth.max_share)
            if share is not None and not 0 < share <= 1:
                self.error("out-of-range", f"{at}/value/max_share", 'more than 0, at most "1"')

    def _activity(self, kind: str, activity: ActivityType) -> None:
        at = f"/activities/{kind}"
        for pointer, message in compile_schema(activity.data).problems:
            self.error("schema", f"{at}/data{pointer}", message)
        for number, pointer in enumerate(activity.personal):
            if not pointer.startswith("/"):
                self.error("bad-pointer", f"{at}/personal/{number}", "a JSON pointer such as /shipping/name")
        if activity.money is not None and not activity.money.startswith("/"):
            self.error("bad-pointer", f"{at}/money", "a JSON pointer such as /currency")
        for name, source in activity.measures.items():
            self._id(name, f"{at}/measures/{name}")
            self.expression(f"{at}/measures/{name}", source, "int", kind)
        match activity.role:
            case None:
                pass
            case "spends":
                if activity.currency not in self.book.currencies:
                    self.error("unknown-currency", f"{at}/currency", f"{activity.currency!r} is not a currency here")
                self._needed(at, "points", activity.points, "int", kind)
            case "reverses":
                if activity.of not in self.book.activities:
                    self.error("unknown-activity-type", f"{at}/of", f"{activity.of!r} is not an activity type here")
                self._needed(at, "original", activity.original, "string", kind)
                if activity.amount is not None:
                    self.expression(f"{at}/amount", activity.amount, "int", kind)
            case "assigns" | "views":
                self._needed(at, "offer", activity.offer, "string", kind)

    def _needed(self, at: str, name: str, source: str | None, expects: Any, kind: str) -> None:
        if source is None:
            self.error("missing", f"{at}/{name}", f"the role needs {name!r}, an expression")
        else:
            self.expression(f"{at}/{name}", source, expects, kind)

    def _rule(self, at: str, rule: Rule) -> None:
        if rule.on not in self.book.activities and rule.on != ENROLLED and rule.on not in OCCASIONS:
            self.error("unknown-activity-type", f"{at}/on", f"{rule.on!r} is not an activity type here", rule.id)
            return
        check_calendar(self, at, rule)
        check_occasion(self, at, rule)
        if rule.group is not None and rule.group not in self.book.groups:
            self.error("unknown-group", f"{at}/group", f"{rule.group!r} is not under `groups`", rule.id)
        if rule.lines is not None and rule.lines.where is not None:
            self.expression(f"{at}/lines/where", rule.lines.where, "bool", rule.on, rule.id, of_lines=True)
        if rule.budget is not None:
            self._spends(f"{at}/budget", rule)
        for name in ("starts", "ends"):
            self._instant(f"{at}/{name}", getattr(rule, name), rule.id)
        if rule.when is not None:
            self.expression(f"{at}/when", rule.when, "bool", rule.on, rule.id)
        if rule.assign is not None:
            check_assigning(self, at, rule)
        elif rule.phase == "multiply":
            self._multiplier(at, rule)
        else:
            self._award(at, rule)
        if rule.available is not None:
            self._availability(f"{at}/available", rule.available)
        if rule.expires is not None:
            self._expiry(f"{at}/expires", rule.expires)
        for number, cap in enumerate(rule.cap):
            self._cap(f"{at}/cap/{number}", cap, rule)

    def _multiplier(self, at: str, rule: Rule) -> None:
        if rule.by is None:
            self.error("missing", f"{at}/by", 'a multiplier needs `by`, a decimal such as "1.5"', rule.id)
        else:
            by = self._rate(f"{at}/by", rule.by, rule.id)
            if by is not None and by < 1:
                self.error("out-of-range", f"{at}/by", "a multiplier is 1 or more", rule.id)
        if rule.award is not None and rule.award.currency not in self.book.currencies:
            self.error("unknown-currency", f"{at}/award/currency", "not a currency here", rule.id)

    def _award(self, at: str, rule: Rule) -> None:
        award = rule.award
        if rule.by is not None:
            self.error("misplaced", f"{at}/by", "only rules of the phase `multiply` have `by`", rule.id)
        if award is None:
            self.error("missing", f"{at}/award", "the rule grants nothing", rule.id)
            return
        if award.currency not in self.book.currencies:
            self.error(
                "unknown-currency", f"{at}/award/currency", f"{award.currency!r} is not a currency here", rule.id
            )
        ways = [name for name in ("points", "per", "rate") if getattr(award, name) is not None]
        if len(ways) != 1:
            self.error("missing", f"{at}/award", "exactly one of `points`, `per`, `rate`", rule.id)
        of_lines = rule.lines is not None
        if isinstance(award.points, str):
            self.expression(f"{at}/award/points", award.points, "int", rule.on, rule.id, of_lines=of_lines)
        elif award.points is not None and not 0 <= award.points <= MAX_AMOUNT:
            self.error("out-of-range", f"{at}/award/points", "0 to 2^53 - 1", rule.id)
        if award.per is not None:
            if not 1 <= award.per.step <= MAX_AMOUNT or not 0 <= award.per.points <= MAX_AMOUNT:
                self.error("out-of-range", f"{at}/award/per", "a step from 1, points from 0", rule.id)
            self.expression(f"{at}/award/per/amount", award.per.amount, "int", rule.on, rule.id, of_lines=of_lines)
        if award.rate is not None:
            self._rate(f"{at}/award/rate", award.rate, rule.id)
            self.expression(f"{at}/award/amount", award.amount, "int", rule.on, rule.id, of_lines=of_lines)

    def _spends(self, at: str, rule: Rule) -> None:
        """A rule and the budget it draws on must count in the same currency."""
        assert rule.budget is not None
        budget = self.book.budgets.get(rule.budget)
        if budget is None:
            self.error("unknown-budget", at, f"{rule.budget!r} is not under `budgets`", rule.id)
            return
        granted = {rule.award.currency} if rule.award is not None else set(self.book.currencies)
        if budget.currency is not None and granted != {budget.currency}:
            self.error("other-currency", at, f"the budget is of {budget.currency}: award that one alone", rule.id)

    def _budget(self, at: str, budget: Budget) -> None:
        if budget.points is None and budget.uses is None and budget.liability_minor is None:
            self.error("missing", at, "at least one of `points`, `uses`, `liability_minor`")
        for name in ("points", "uses", "liability_minor"):
            if not 0 <= (getattr(budget, name) or 0) <= MAX_AMOUNT:
                self.error("out-of-range", f"{at}/{name}", "0 to 2^53 - 1")
        if budget.currency is not None and budget.currency not in self.book.currencies:
            self.error("unknown-currency", f"{at}/currency", f"{budget.currency!r} is not a currency here")
        if budget.points is not None and budget.currency is None:
            self.error("missing", f"{at}/currency", "points are of a currency")
        if budget.liability_minor is not None:
            currency = self.book.currencies.get(budget.currency or "")
            if currency is None or currency.value is None:
                self.error(
                    "missing", f"{at}/liability_minor", "needs a `currency` whose `value` says what points are worth"
                )

    def _groups(self) -> None:
        for name in self.book.groups:
            self._id(name, f"/groups/{name}")
            mine = [rule for rule in self.book.rules if rule.group == name]
            if not mine:
                self.warning("unused-group", f"/groups/{name}", "no rule is in this group")
            for kind in sorted({rule.on for rule in mine}):
                phases = {rule.phase for rule in mine if rule.on == kind}
                if len(phases) > 1:
                    message = f"on {kind} its rules are of {len(phases)} phases: it chooses in each on its own"
                    self.warning("group-over-phases", f"/groups/{name}", message)

    def _cap(self, at: str, cap: Cap, rule: Rule) -> None:
        if (cap.points is None) == (cap.times is None):
            self.error("missing", at, "exactly one of `points`, `times`", rule.id)
        if (cap.points or 0) < 0 or (cap.times or 0) < 0:
            self.error("out-of-range", at, "0 or more", rule.id)
        if cap.per == "group" and rule.group is None:
            self.error("missing", f"{at}/per", "the rule is in no `group`", rule.id)
        if cap.per in SHARED and cap.period not in (*UNITS, "ever", "lifetime"):
            self.error("bad-window", f"{at}/period", "what all members share counts calendar periods, or ever", rule.id)
            return
        self._window(f"{at}/period", cap.period, rule.id)

    def _tiers(self, at: str, tiers: TierSet) -> None:
        if is_expression(tiers.measure):
            self.expression(f"{at}/measure", tiers.measure, "int", "")
        elif tiers.measure == "points_earned":
            if len(self.book.currencies) != 1:
                self.error("ambiguous", f"{at}/measure", "with several currencies write points_earned:CURRENCY")
        elif tiers.measure.startswith("points_earned:"):
            if tiers.measure.removeprefix("points_earned:") not in self.book.currencies:
                self.error("unknown-currency", f"{at}/measure", "not a currency here")
        elif tiers.measure not in self.measures:
            self.error("unknown-measure", f"{at}/measure", f"{tiers.measure!r} is not a declared measure")
        if tiers.window != "lifetime" and tiers.window not in ANNIVERSARIES:
            self._window(f"{at}/window", tiers.window)
        for name in ("grace", "min_stay"):
            if getattr(tiers, name) is not None:
                self._period(f"{at}/{name}", getattr(tiers, name), least_days=True)
        if tiers.upgrade == "next_period" and not _calendar_window(tiers.window):
            self.error("bad-window", f"{at}/upgrade", "only windows of calendar units or years have a next period")
        if tiers.demote == "at_once" and not is_expression(tiers.measure) and tiers.window != "lifetime":
            message = "at once follows an expression or a lifetime: other counters sink with time, and are reviewed"
            self.error("bad-window", f"{at}/demote", message)
        if is_expression(tiers.measure) and not tiers.count_current:
            self.error("misplaced", f"{at}/count_current", "an expression reads what the member has")
        if tiers.validity not in (None, "forever", "end_of_period", "end_of_next_period"):
            self._period(f"{at}/validity", tiers.validity, least_days=True)
        if tiers.validity in ("end_of_period", "end_of_next_period") and not _calendar_window(tiers.window):
            self.error(
                "bad-window", f"{at}/validity", "only windows of calendar units or years have a period that ends"
            )
        if not tiers.levels:
            self.error("missing", f"{at}/levels", "at least one level")
        marks = [level.at for level in tiers.levels]
        if len(set(marks)) != len(marks) or len({level.id for level in tiers.levels}) != len(marks):
            self.error("duplicate-id", f"{at}/levels", "each level has an id and a threshold of its own")
        for number, level in enumerate(tiers.levels):
            self._id(level.id, f"{at}/levels/{number}/id")
            if not 0 <= level.at <= MAX_AMOUNT:
                self.error("out-of-range", f"{at}/levels/{number}/at", "0 to 2^53 - 1")

    # --- against the version before ------------------------------------------------------------

    def against(self, before: Rulebook) -> None:
        """What may not change once members have history under it."""
        for name, old in before.currencies.items():
            new = self.book.currencies.get(name)
            if new is None:
                self.error("currency-removed", f"/currencies/{name}", "members hold it: a currency stays")
            elif new.scale != old.scale:
                self.error("scale-changed", f"/currencies/{name}/scale", f"it was {old.scale}, and lots count in it")
        old_measures = _measures(before)
        for (kind, name), source in _measures(self.book).items():
            at = f"/activities/{kind}/measures/{name}"
            if (kind, name) not in old_measures and kind in before.activities:
                self.warning("new-measure", at, "counts from its publication on")
            elif old_measures.get((kind, name), source) != source:
                self.error("measure-changed", at, "what has been counted would not add up: give it a new name")
        check_boards_against(self, before)
        check_streaks_against(self, before)
        check_badges_against(self, before)

    # --- small things --------------------------------------------------------------------------

    def _id(self, name: str, at: str, rule: str | None = None) -> None:
        if not ID.fullmatch(name):
            self.error("bad-id", at, "ids are 1 to 128 of A-Z a-z 0-9 _ . : -", rule)

    def _rate(self, at: str, text: str, rule: str | None = None) -> Decimal | None:
        if not _DECIMAL.fullmatch(text):
            self.error("bad-rate", at, 'a decimal in a string, such as "0.05"', rule)
            return None
        try:
            return Decimal(text)
        except InvalidOperation:
            return None

    def _period(self, at: str, text: str, *, least_days: bool = False) -> None:
        try:
            period = parse_period(text)
        except ValueError as error:
            self.error("bad-period", at, str(error))
            return
        if period.months > LONGEST_MONTHS:
            self.error("bad-period", at, "at most a thousand years")
        if least_days and not (period.months or period.days):
            self.error("bad-period", at, "at least one day")

    def _window(self, at: str, window: str, rule: str | None = None) -> None:
        try:
            days = reach(window)
        except ValueError as error:
            self.error("bad-window", at, str(error), rule)
            return
        if days is not None and days > 31 * LONGEST_MONTHS:
            self.error("bad-window", at, "at most a thousand years", rule)

    def _instant(self, at: str, text: str | None, rule: str | None = None) -> None:
        if text is None:
            return
        try:
            aware = datetime.fromisoformat(text).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            self.error("bad-time", at, "a time with offset, such as 2027-01-01T00:00:00+01:00", rule)

    def _availability(self, at: str, policy: str | Availability) -> None:
        if isinstance(policy, str):
            if policy not in ("at_once", "on_action"):
                self.error("bad-policy", at, 'at_once, on_action, {"after": ...} or {"at": ...}')
            return
        if (policy.after is None) == (policy.at is None):
            self.error("missing", at, "exactly one of `after`, `at`")
        if policy.after is not None:
            self._period(f"{at}/after", policy.after)
        self._instant(f"{at}/at", policy.at)

    def _expiry(self, at: str, policy: str | Expiry) -> None:
        if isinstance(policy, str):
            if policy != "never":
                self.error("bad-policy", at, 'never, {"after": ...}, {"at": ...} or {"inactive_for": ...}')
            return
        if [policy.after, policy.at, policy.inactive_for].count(None) != 2:
            self.error("missing", at, "exactly one of `after`, `at`, `inactive_for`")
        if policy.inactive_for is not None:
            self._period(f"{at}/inactive_for", policy.inactive_for)
        for number, kind in enumerate(policy.activities):
            if policy.inactive_for is None:
                self.error("misplaced", f"{at}/activities", "only with `inactive_for`")
                break
            if kind not in self.book.activities and kind != ENROLLED:
                self.error(
                    "unknown-activity-type", f"{at}/activities/{number}", f"{kind!r} is not an activity type here"
                )
        if policy.after is not None:
            self._period(f"{at}/after", policy.after)
        if not _ROUND_UP.fullmatch(policy.round_up):
            self.error("bad-policy", f"{at}/round_up", "day, week, month, quarter, half, year or a day as MM-DD")
        elif policy.round_up in ("02-30", "02-31", "04-31", "06-31", "09-31", "11-31"):
            self.error("bad-policy", f"{at}/round_up", "no such day")
        self._instant(f"{at}/at", policy.at)


def _from_recorded(policy: str | Expiry) -> bool:
    return isinstance(policy, Expiry) and policy.from_ == "recorded"


def _calendar_window(window: str) -> bool:
    return window in ANNIVERSARIES or window in ("calendar_year", "year", "half", "quarter", "month", "week", "day")


def _measures(book: Rulebook) -> Mapping[tuple[str, str], str]:
    return {
        (kind, name): source for kind, activity in book.activities.items() for name, source in activity.measures.items()
    }


def _shape_finding(error: Exception) -> Finding:
    """A document that could not even be read: msgspec names the place as `$.rules[3].when`."""
    text = str(error)
    if text.startswith("/") and not isinstance(error, msgspec.ValidationError):
        # A number that is no whole number names its own place.
        place, _, message = text.partition(": ")
        return Finding("error", "shape", place, message)
    message, _, place = text.partition(" - at `$")
    at = "".join(_steps(place.rstrip("`")))
    return Finding("error", "shape", at, message)


def _steps(place: str) -> Iterator[str]:
    for name, number in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", place):
        yield f"/{name or number}"
