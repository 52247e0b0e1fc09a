"""Conditions about the member alone, as it is at this moment: those of segments, and of rewards."""

from domain.member.draft import Draft
from domain.member.reading import Reading
from domain.rules.compiled import CompiledRulebook, Evaluator
from domain.rules.expression import EvaluationError


def reading_now(draft: Draft, book: CompiledRulebook) -> Reading:
    """What a condition reads of the member: there is no activity in it."""
    zone = draft.zone(book)
    return Reading(
        member=draft.member,
        data={},
        at=draft.now,
        now=draft.now,
        day=draft.local_day(book, zone, draft.now),
        zone=zone,
        offsets=draft.circumstances.offsets,
        program=draft.circumstances.program,
        tier_at=draft.now,
        book=book,
    )


def holds(condition: Evaluator, reading: Reading) -> bool:
    """A condition that has no value does not hold."""
    try:
        return bool(condition(reading))
    except EvaluationError:
        return False
