"""What telling history again came to, added up: by rule, currency, level, budget and cohort, and who moved most."""

import heapq
from collections import Counter
from typing import Any

import msgspec

from domain.log import After
from domain.member.wallet import Balance
from domain.what_if import MemberOutcome, RuleSum

BEFORE, AFTER = 0, 1
"""The two stories in pairs of numbers: as recorded, as tried."""


Levels = dict[str, tuple[str | None, str | None]]
"""By tier set: the level in both stories."""


class Moved(msgspec.Struct, frozen=True):
    """A member whose points or levels would be other ones."""

    member: str
    currency: str
    recorded: Balance
    tried: Balance
    tiers: Levels = {}

    @property
    def difference(self) -> int:
        return worth(self.tried) - worth(self.recorded)


def worth(balance: Balance) -> int:
    """What a member has in a currency, debt deducted."""
    return balance.available + balance.pending + balance.held - balance.debt


class Sums(msgspec.Struct):
    """What a task found. Pairs are (recorded, tried)."""

    members: int = 0
    entries: int = 0
    decided: int = 0
    different: int = 0
    older_engine: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    failed: list[Counter[str]] = msgspec.field(default_factory=lambda: [Counter(), Counter()])
    rules: dict[tuple[str, str], list[RuleSum]] = {}
    takes: list[Counter[tuple[str, str]]] = msgspec.field(default_factory=lambda: [Counter(), Counter()])
    balances: dict[str, list[dict[str, int]]] = {}
    levels: dict[tuple[str, str | None, str | None], int] = {}
    """Members by (tier set, recorded level, tried level)."""
    segments: dict[str, list[int]] = {}
    """Members in each segment."""
    cohorts: dict[str, "Cohort"] = {}
    winners: list[Moved] = []
    losers: list[Moved] = []
    moved: list[Moved] = []
    counts: dict[str, Counter[str]] = {}
    """By currency: members who win, lose, or stay."""

    def note(self, one: MemberOutcome, top: int, *, every: bool) -> None:
        """Add a member; `every` keeps each one that moved, not only the `top` ones."""
        self.members += 1
        self.entries += one.entries
        self.decided += one.decided
        self.different += one.different
        self.older_engine += one.older_engine
        self.refused.update(one.refused)
        for number, side in enumerate((one.recorded, one.tried)):
            self.failed[number].update(side.failed)
            self.takes[number].update(side.takes)
            for key, done in side.rules.items():
                self._rule(key)[number].add(done)
        for number, side in enumerate((one.recorded, one.tried)):
            for name in side.after.segments:
                self.segments.setdefault(name, [0, 0])[number] += 1
        cohort = one.enrolled_at.strftime("%Y-%m") if one.enrolled_at is not None else ""
        found = self.cohorts.get(cohort)
        if found is None:
            found = self.cohorts[cohort] = Cohort()
        found.members += 1
        tiers = _levels(one.recorded.after, one.tried.after)
        for name, (before, after) in tiers.items():
            self.levels[name, before, after] = self.levels.get((name, before, after), 0) + 1
        changed = {name: pair for name, pair in tiers.items() if pair[BEFORE] != pair[AFTER]}
        found.other_level += bool(changed)
        self._balances(one, found, changed, every=every)
        if len(self.winners) > 20 * top or len(self.losers) > 20 * top:
            self.keep(top)

    def _balances(self, one: MemberOutcome, cohort: "Cohort", changed: Levels, *, every: bool) -> None:
        recorded, tried = one.recorded.after.balances, one.tried.after.balances
        for currency in sorted(recorded.keys() | tried.keys()) or ([""] if changed else []):
            pair = recorded.get(currency, Balance()), tried.get(currency, Balance())
            moved = Moved(one.member, currency, *pair, changed)
            if currency:
                totals = self.balances.setdefault(currency, [{}, {}])
                points = cohort.points.setdefault(currency, [0, 0])
                for number, balance in enumerate(pair):
                    _add(totals[number], msgspec.structs.asdict(balance))
                    points[number] += worth(balance)
                way = "winners" if moved.difference > 0 else "losers" if moved.difference < 0 else "same"
                self.counts.setdefault(currency, Counter())[way] += 1
                if way == "winners":
                    self.winners.append(moved)
                elif way == "losers":
                    self.losers.append(moved)
            if every and (pair[BEFORE] != pair[AFTER] or changed):
                self.moved.append(moved)

    def _rule(self, key: tuple[str, str]) -> list[RuleSum]:
        found = self.rules.get(key)
        if found is None:
            found = self.rules[key] = [RuleSum(), RuleSum()]
        return found

    def keep(self, top: int) -> None:
        """Only those at the top, ties by the member's id."""
        self.winners = heapq.nsmallest(top, self.winners, key=lambda one: (-one.difference, one.member, one.currency))
        self.losers = heapq.nsmallest(top, self.losers, key=lambda one: (one.difference, one.member, one.currency))

    def add(self, other: "Sums") -> None:
        for name in ("members", "entries", "decided", "different", "older_engine"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.refused.update(other.refused)
        for number in (BEFORE, AFTER):
            self.failed[number].update(other.failed[number])
            self.takes[number].update(other.takes[number])
        for key, pair in other.rules.items():
            for number in (BEFORE, AFTER):
                self._rule(key)[number].add(pair[number])
        for currency, totals in other.balances.items():
            mine = self.balances.setdefault(currency, [{}, {}])
            for number in (BEFORE, AFTER):
                _add(mine[number], totals[number])
        for currency, counts in other.counts.items():
            self.counts.setdefault(currency, Counter()).update(counts)
        _add(self.levels, other.levels)
        for name, members in other.segments.items():
            for number in (BEFORE, AFTER):
                self.segments.setdefault(name, [0, 0])[number] += members[number]
        for name, cohort in other.cohorts.items():
            self.cohorts.setdefault(name, Cohort()).add(cohort)
        self.winners += other.winners
        self.losers += other.losers
        self.moved += other.moved


class Cohort(msgspec.Struct):
    """Members enrolled in one month (UTC): what they have together, by currency."""

    members: int = 0
    other_level: int = 0
    points: dict[str, list[int]] = {}

    def add(self, other: "Cohort") -> None:
        self.members += other.members
        self.other_level += other.other_level
        for currency, pair in other.points.items():
            mine = self.points.setdefault(currency, [0, 0])
            for number in (BEFORE, AFTER):
                mine[number] += pair[number]


def _add(mine: dict[Any, int], its: dict[Any, int]) -> None:
    for name, number in its.items():
        mine[name] = mine.get(name, 0) + number


def _levels(recorded: After, tried: After) -> Levels:
    names = sorted(recorded.tiers.keys() | tried.tiers.keys())
    return {name: (recorded.tiers.get(name), tried.tiers.get(name)) for name in names}
