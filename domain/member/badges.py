"""A member's badges: granted once, or once a period, and what a return does to them."""

from domain.member.bonuses import grant, granted, take_back
from domain.member.commands import RecordActivity
from domain.member.counters import in_days, in_window
from domain.member.draft import Draft, HistoryNeeded, Original
from domain.member.events import BadgeGranted, BadgeRevoked, RuleFailed
from domain.member.reading import Reading
from domain.rules.badges import CompiledBadge
from domain.rules.compiled import CompiledRulebook
from domain.rules.expression import EvaluationError


def grant_badges(
    draft: Draft,
    book: CompiledRulebook,
    badges: tuple[CompiledBadge, ...],
    command: RecordActivity,
    reading: Reading,
    day: int,
    zone: str,
) -> bool:
    """Grant what the member has come to with an activity; `reading` is of the member as that leaves it.

    Whether points came with them.
    """
    with_points = False
    for badge in badges:
        if held(draft, badge, day):
            continue
        try:
            if not reached(draft, badge, reading, day):
                continue
        except EvaluationError as error:
            draft.record(RuleFailed(rule=badge.rule, error=str(error)))
            continue
        draft.record(
            BadgeGranted(
                badge=badge.id, period=badge.period(day), day=day, at=command.occurred_at, counts={badge.counter: 1}
            )
        )
        points = badge.declared.points
        if points is not None:
            grant(draft, book, badge.rule, badge.currency, points, command.occurred_at, day, zone)
            with_points = True
    return with_points


def held(draft: Draft, badge: CompiledBadge, day: int) -> bool:
    """Whether the badge was granted before, or in the period of the local day."""
    first, last = badge.days(day)
    if first is None:
        total = draft.member.totals.get(badge.counter)
        return total is not None and total.ever > 0
    return in_days(draft.member, badge.counter, first, last) > 0


def reached(draft: Draft, badge: CompiledBadge, reading: Reading, day: int) -> bool:
    """Whether the member has come to it. Raises EvaluationError."""
    if badge.measure is not None:
        return _value(draft, badge, day) >= (badge.declared.at or 0)
    return badge.when is not None and bool(badge.when(reading))


def take_back_badges(draft: Draft, book: CompiledRulebook, original: Original, *, complete: bool) -> None:
    """Undo what the badges lose by a return: their points in any case, themselves where the rulebook says so.

    A mark is lost when the measure falls short of it, on the day it was reached; a condition with the whole of the
    activity that met it.
    """
    history = draft.circumstances.history
    for badge in book.badges(original.command.type):
        if badge.measure is None and not complete:
            continue
        if history is None:
            raise HistoryNeeded(badge.rule)
        for version, event in history.badges(badge.id):
            if badge.measure is None:
                lost = version == original.version
            else:
                lost = event.day >= original.day and _value(draft, badge, event.day) < (badge.declared.at or 0)
            if not lost:
                continue
            for given in granted(draft, badge.rule):
                if given.version == version:
                    take_back(draft, book, given, given.left, {})
            if badge.declared.reversal == "revoke":
                draft.record(
                    BadgeRevoked(badge=badge.id, period=event.period, day=event.day, counts={badge.counter: -1})
                )


def _value(draft: Draft, badge: CompiledBadge, day: int) -> int:
    assert badge.measure is not None
    return in_window(draft.member, badge.measure, badge.declared.window, day)
