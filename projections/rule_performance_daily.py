"""How much does each rule grant a day, how often is it cut, and how often does it fail?"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import msgspec

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import ActivityRecorded, PointsClawedBack, PointsEarned, RuleFailed
from projections.columns import Day, Program, Rulebook, total


class RulePerformance(msgspec.Struct, frozen=True, gc=False):
    program: Program
    day: Day
    rule: Annotated[str, "The rule; measure:NAME and leaderboard:NAME for those, which can fail too."]
    rulebook: Rulebook
    currency: Annotated[str, "The loyalty currency. Empty for failures, which never came to one."]
    awards: Annotated[int, "How often it granted or wanted to."]
    limited: Annotated[int, "How often it was granted less than it wanted."]
    wanted: Annotated[int, "Points it asked for."]
    granted: Annotated[int, "Points it was granted."]
    clawed_back: Annotated[int, "Points that returns and restatements took back, on the day of their activity."]
    failures: Annotated[int, "How often it could not be evaluated."]


def reads(at: Placed) -> list[Key]:
    return [key for key, _ in _told(at)]


def apply(rows: Rows, at: Placed) -> None:
    """Sums over all members: the order of streams makes no difference."""
    for key, steps in _told(at):
        row: RulePerformance = rows.get(key) or _nothing(*key)
        moved = {name: total(getattr(row, name), step) for name, step in steps.items()}
        rows[key] = msgspec.structs.replace(row, **moved)


def add(one: RulePerformance, other: RulePerformance) -> RulePerformance:
    moved = {name: total(getattr(one, name), getattr(other, name)) for name in _SUMS}
    return msgspec.structs.replace(one, **moved)


_SUMS = ("awards", "limited", "wanted", "granted", "clawed_back", "failures")


def _nothing(program: Any, day: Any, rule: Any, rulebook: Any, currency: Any) -> RulePerformance:
    return RulePerformance(program, day, rule, rulebook, currency, 0, 0, 0, 0, 0, 0)


def _told(at: Placed) -> Iterator[tuple[Key, dict[str, Any]]]:
    day = at.entry.at.toordinal()
    for event in at.entry.events:
        match event:
            case ActivityRecorded():
                day = event.day
            case PointsEarned():
                # What an earlier activity earns beyond its own was counted with that one already.
                once = int(event.restated is None)
                cut = once if event.points < event.wanted else 0
                steps = {"awards": once, "limited": cut, "wanted": event.wanted, "granted": event.points}
                own = event.occasion or event.restated
                rulebook = own.rulebook if own else at.entry.pins.rulebook
                yield _key(at, event.day, event.rule, event.currency, rulebook), steps
            case PointsClawedBack():
                ruled_by = event.restated.rulebook if event.restated is not None else None
                yield _key(at, event.day, event.rule, event.currency, ruled_by), {"clawed_back": event.points}
            case RuleFailed():
                yield _key(at, day, event.rule, ""), {"failures": 1}
            case _:
                pass


def _key(at: Placed, day: int, rule: str, currency: str, rulebook: int | None = None) -> Key:
    return (at.program, date.fromordinal(day), rule, at.entry.pins.rulebook if rulebook is None else rulebook, currency)


RULE_PERFORMANCE_DAILY = Projection(
    table=Table(
        name="rule_performance_daily",
        comment="What each rule did on each day, over all members.",
        row=RulePerformance,
        key=("program", "day", "rule", "rulebook", "currency"),
    ),
    version=1,
    reads=reads,
    apply=apply,
    sum=add,
)
