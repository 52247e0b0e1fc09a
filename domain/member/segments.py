"""Segments: which of the rulebook's conditions over a member hold, written down when it changes.

They are judged whenever time is settled, so before and after every decision: what a rule reads never depends on when a
sweeper came by. Between a member's entries windows slide on and nobody looks: a read judges for itself, a row of the
log or of a table says what was so at the last entry.
"""

from domain.member.condition import holds, reading_now
from domain.member.draft import Draft
from domain.member.events import SegmentChanged
from domain.rules.compiled import CompiledRulebook


def judge(draft: Draft) -> None:
    """Record which segments the member has come into and left.

    Who was erased or merged away is in none, nor is a household.
    """
    book = draft.circumstances.timeline.segmented(draft.now)
    member = draft.member
    if (book is None and not member.segments) or not member.exists or member.pool is not None:
        return
    inside = _inside(draft, book) if book is not None and member.status not in ("erased", "merged") else set()
    changed = sorted(inside.symmetric_difference(member.segments))
    number = book.number if book is not None else 0
    for name in changed:
        draft.record(SegmentChanged(segment=name, inside=name in inside, at=draft.now, rulebook=number))


def _inside(draft: Draft, book: CompiledRulebook) -> set[str]:
    reading = reading_now(draft, book)
    return {name for name, condition in book.segments if holds(condition, reading)}
