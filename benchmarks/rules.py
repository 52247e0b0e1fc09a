"""What it costs that there are many rules: decisions alone, without a log."""

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured
from domain.calendar import BEGINNING, Offsets
from domain.member.commands import EnrolMember, RecordActivity
from domain.member.decide import decide
from domain.member.draft import Circumstances
from domain.member.state import Member
from domain.rules.check import check
from domain.rules.compiled import CompiledRulebook
from domain.rules.rulebook import digest_of, read
from domain.rules.timeline import Published, Timeline
from infrastructure.zones import SystemZones

Json = dict[str, Any]

APPLY, ALL = 20, 100
DECISIONS = 400
TURNS = 20
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PURCHASE: Json = {
    "amount_minor": 4_550, "items": 3, "category": "grocery", "channel": "app", "country": "DE", "store": "s-7",
}  # fmt: skip
_MATCH = (
    "activity.amount_minor >= {0}",
    "activity.country == 'DE' && activity.items < {0} + 10",
    "activity.channel == 'app' || activity.store == 's-{0}'",
    "member.counters.spend.last_30d >= 0 && activity.items > 0",
)
_MISS = (
    "activity.amount_minor > 100000 + {0}",
    "activity.category == 'c-{0}' && activity.items > 1",
    "activity.country == 'AT' || activity.store == 'x-{0}'",
    "activity.channel == 'app' && activity.store in ['a-{0}', 'b-{0}']",
    "member.tiers.status.level == 'gold' && activity.items > {0}",
)


def rules_100(bench: Bench) -> Measured:
    """The cost of a decision under 100 rules of which 20 apply, to that under the 20 alone, in turns."""
    few, many = _decider(APPLY), _decider(ALL)
    values = []
    for _ in range(bench.rounds):
        costs: dict[int, list[float]] = {APPLY: [], ALL: []}
        for _ in range(TURNS):
            costs[APPLY].append(few())
            costs[ALL].append(many())
        low, high = statistics.median(costs[APPLY]), statistics.median(costs[ALL])
        say(f"{low * 1e6:.0f} us under {APPLY} rules, {high * 1e6:.0f} us under {ALL}")
        values.append(high / low)
    return Measured(values=values)


def _decider(rules: int) -> Any:
    """A function that decides purchases of one member, and gives the seconds of one."""
    book = _book(rules)
    member = _decide(book, Member(), EnrolMember(member="m", enrolled_at=AT), 0)[0]
    command = RecordActivity(source="bench", id="a", type="purchase", occurred_at=AT + timedelta(days=1), data=PURCHASE)
    granted = _decide(book, member, command, 1)[1]
    assert granted == APPLY, granted

    def measured() -> float:
        started = perf_counter()
        for number in range(DECISIONS // TURNS):
            _decide(book, member, command, number + 1)
        return (perf_counter() - started) / (DECISIONS // TURNS)

    return measured


def _decide(book: CompiledRulebook, member: Member, command: Any, seconds: int) -> tuple[Member, int]:
    circumstances = Circumstances(
        program="bench",
        zone="Europe/Berlin",
        recorded_at=AT + timedelta(days=2, seconds=seconds),
        timeline=Timeline((Published(1, book.digest, BEGINNING, BEGINNING),), lambda _number: book),
        offsets=Offsets(SystemZones().offset),
    )
    found = decide(command, member, circumstances)
    return found.member, sum(getattr(event, "rule", None) is not None for event in found.events)


def _book(rules: int) -> CompiledRulebook:
    document = {**workload.RULEBOOK, "groups": {}, "rules": [_rule(number) for number in _mixed(rules)]}
    checked = check(document)
    assert checked.ok, checked.findings
    return CompiledRulebook(1, digest_of(document), read(document), checked.trees)


def _mixed(rules: int) -> Sequence[int]:
    """Those that apply are 0 to 19; the others stand between them."""
    apart = rules // APPLY
    return [number // apart if number % apart == 0 else APPLY + number for number in range(rules)]


def _rule(number: int) -> Json:
    conditions = _MATCH if number < APPLY else _MISS
    return {
        "id": f"r{number:03}",
        "on": "purchase",
        "priority": 100 + number % 7,
        "when": conditions[number % len(conditions)].format(number),
        "award": {"currency": "points", "points": 1 + number % 5},
    }
