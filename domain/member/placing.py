"""A level that a member brings from elsewhere: taken as it is, and reviewed from then on like any other."""

from domain.errors import NotEligible
from domain.member.commands import PlaceInTier
from domain.member.draft import Draft
from domain.member.events import OwnLevel
from domain.member.floors import place
from domain.member.levels import evidence
from domain.member.spending import active
from domain.rules.tiers import rank


def place_in_tier(draft: Draft, command: PlaceInTier) -> None:
    """Put the member on a level, from now until `valid_until` or as long as the set says nothing else."""
    active(draft)
    book = draft.circumstances.timeline.at(draft.now)
    tiers = book.tiers.get(command.set) if book is not None else None
    if book is None or tiers is None or not rank(tiers, command.level):
        raise NotEligible(f"{command.set} has no level {command.level}", reasons=["no-such-level"])
    if command.valid_until is not None and command.valid_until <= draft.now:
        raise NotEligible("the level is over", reasons=["level-over"])
    draft.rulebook = book.number
    zone = draft.zone(book)
    today = draft.local_day(book, zone, draft.now)
    value = evidence(draft.member, draft.circumstances, book, tiers, day=today, zone=zone, at=draft.now)
    own = OwnLevel(command.level, draft.now, command.valid_until)
    place(draft, book, command.set, own, value, at=draft.now, reason="imported", now=draft.now)
