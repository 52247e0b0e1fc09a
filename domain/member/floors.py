"""A manual floor: a level of a tier set that an operator lets a member not fall below, until an instant or for good.

A floor changes nothing of what the member's own counters say. While it holds the member above that, the standing keeps
the member's own level `beneath`: activities, returns and edits go on moving that one. It is not reviewed meanwhile;
when the floor ends, is lifted, or has no level in the rules any more, the member stands on it again: as long as it was
promised, or by a review at that instant where that time is over.
"""

from datetime import datetime

from domain.calendar import MICROSECOND
from domain.errors import BadTime, FloorNotAllowed, UnknownTier
from domain.member.commands import SetTierFloor
from domain.member.draft import Draft
from domain.member.events import Beneath, TierChanged, TierFloorSet, TierHeld
from domain.member.levels import evidence, new_until
from domain.member.state import Floor, TierStanding
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import Tiers, after_review, rank

_NOWHERE = TierStanding()


def set_floor(draft: Draft, command: SetTierFloor) -> None:
    """Set, replace or lift a floor. Raises UnknownTier, FloorNotAllowed, BadTime."""
    now = draft.now
    book = draft.circumstances.timeline.at(now)
    tiers = book.tiers.get(command.set) if book is not None else None
    before = draft.member.tiers.get(command.set, _NOWHERE).floor
    if command.level is None:
        if tiers is None and before is None:
            raise UnknownTier(f"there is no tier set {command.set!r}", errors=[("/set", "not a tier set")])
    else:
        _possible(command, tiers, now)
    floor = Floor(command.level, command.until) if command.level is not None else None
    if floor == before:
        return
    draft.record(
        TierFloorSet(set=command.set, level=command.level, reason=command.reason, at=now, until=command.until)
    )
    if book is not None and tiers is not None:
        draft.rulebook = book.number
        hold(draft, book, tiers, now)


def in_force(tiers: Tiers, standing: TierStanding, now: datetime) -> Floor | None:
    """The floor that holds the member at `now`; None where the rules no longer have its level, or want no floors."""
    floor = standing.floor
    if floor is None or not tiers.policy.floor or (floor.until is not None and floor.until <= now):
        return None
    return floor if rank(tiers, floor.level) else None


def own_of(draft: Draft, tiers: Tiers) -> Beneath:
    """Where the member's own counters have put it, whatever a floor does."""
    return draft.member.tiers.get(tiers.name, _NOWHERE).own


def place(
    draft: Draft,
    book: CompiledRulebook,
    tiers: Tiers,
    target: str | None,
    value: int,
    *,
    at: datetime,
    until: datetime | None,
    reason: str,
    now: datetime,
    since: datetime | None = None,
) -> None:
    """Put the member on a level of its own (had since `since`, or `at`), or on that of the floor that holds it at `now`.

    Every change of a level passes here: this is why nobody is ever below a floor.
    """
    standing = draft.member.tiers.get(tiers.name, _NOWHERE)
    floor = in_force(tiers, standing, now)
    level, valid_until, beneath = target, until, None
    if floor is not None and rank(tiers, target) < rank(tiers, floor.level):
        level, valid_until = floor.level, floor.until
        beneath = Beneath(target, (since or at) if target is not None else None, until)
    if level != standing.level:
        draft.record(
            TierChanged(
                set=tiers.name,
                from_=standing.level,
                to=level,
                reason=reason,
                evidence=value,
                at=at,
                rulebook=book.number,
                valid_until=valid_until,
            )
        )
    if level is not None and (beneath is not None or level == standing.level):
        draft.record(
            TierHeld(
                set=tiers.name,
                level=level,
                evidence=value,
                at=at,
                rulebook=book.number,
                valid_until=valid_until,
                beneath=beneath,
            )
        )


def hold(draft: Draft, book: CompiledRulebook, tiers: Tiers, at: datetime) -> None:
    """Raise the member to the floor in force at `at`, or put it on its own level again where none holds it any more."""
    standing = draft.member.tiers.get(tiers.name)
    if standing is None:
        return
    own, floor = standing.own, in_force(tiers, standing, at)
    holds = floor is not None and rank(tiers, own.level) < rank(tiers, floor.level)
    if not holds and standing.beneath is None:
        return
    if holds and floor is not None and standing.beneath is not None:
        if (standing.level, standing.valid_until) == (floor.level, floor.until):
            return
    zone = draft.zone(book)
    day = draft.local_day(book, zone, at - MICROSECOND)
    value = evidence(draft.member, draft.circumstances, book, tiers, day=day, zone=zone, at=at - MICROSECOND)
    target, until, since = own.level, own.valid_until, own.since
    if not holds and until is not None and until <= at:
        # Its time was over while the floor held the member: this is the review that was due.
        target, since = after_review(tiers, own.level, value), None
        until = new_until(draft, book, tiers, at, zone) if target is not None else None
    reason = "floor" if holds else "floor_ended"
    place(draft, book, tiers, target, value, at=at, until=until, reason=reason, now=at, since=since)


def _possible(command: SetTierFloor, tiers: Tiers | None, now: datetime) -> None:
    if tiers is None:
        raise UnknownTier(f"there is no tier set {command.set!r}", errors=[("/set", "not a tier set")])
    if not tiers.policy.floor:
        raise FloorNotAllowed(f"the rules allow no floor in the tier set {command.set!r}")
    if not rank(tiers, command.level):
        message = f"the tier set {command.set!r} has no level {command.level!r}"
        raise UnknownTier(message, errors=[("/level", "not a level of this set")])
    if command.until is not None and command.until <= now:
        raise BadTime("a floor ends in the future", errors=[("/until", "not in the future")])
