"""What a new version of the rules changes of what members have: only what it says it does, from when it is in force.

Tier sets with `on_edit: now` put everybody where the new thresholds say; currencies with
`expires_applies_to: existing` move the ends of open lots; rules on birthdays and anniversaries plan these; a floor
holds whom it may hold under the new levels. What was before stays as it was.
"""

from datetime import datetime

from domain.calendar import MICROSECOND
from domain.member.draft import Draft
from domain.member.floors import hold
from domain.member.lives import reschedule
from domain.member.occasions import plan
from domain.member.standing import reassess
from domain.rules.compiled import CompiledRulebook


def edit(draft: Draft, number: int, at: datetime) -> None:
    """Version `number` is in force for this member from `at` on."""
    timeline = draft.circumstances.timeline
    ruling = timeline.at(at)
    if ruling is None or ruling.number != number:
        # A later version is in force at the same instant: this one never was.
        return
    book = timeline.version(number)
    plan(draft, book, at)
    if number == 1:
        return
    before = timeline.version(number - 1)
    if any(currency.expires_applies_to == "existing" for currency in book.document.currencies.values()):
        reschedule(draft, book, at)
    zone = draft.zone(book)
    for name in _edited(book, before):
        reassess(draft, book, name, at, draft.local_day(book, zone, at - MICROSECOND), zone)
    for name, standing in sorted(draft.member.tiers.items()):
        if standing.floor is not None:
            hold(draft, book, name, at)


def _edited(book: CompiledRulebook, before: CompiledRulebook) -> list[str]:
    """The tier sets whose meaning is another now, and that ask for it to count at once."""
    sets = sorted(book.document.tiers.items())
    return [name for name, tiers in sets if tiers.on_edit == "now" and before.document.tiers.get(name) != tiers]
