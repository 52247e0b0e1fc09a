"""A manual floor: a level of a tier set that an operator lets a member not fall below, until an instant or for good.

A member is on the higher of two levels: the floor's, while one is in force, and that of its own counters, which
activities, returns, reviews and edits go on moving as if there were no floor. Where the floor is the higher one, the
standing keeps the other `beneath`. So whenever a floor ends, the member is where it would have been without.
"""

from datetime import datetime

from domain.calendar import MICROSECOND
from domain.errors import BadTime, FloorNotAllowed, UnknownTier
from domain.member.commands import SetTierFloor
from domain.member.draft import Draft
from domain.member.events import OwnLevel, TierChanged, TierFloorSet, TierHeld
from domain.member.levels import evidence
from domain.member.state import Floor, TierStanding
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import Tiers, rank

_NOWHERE = TierStanding()


def set_floor(draft: Draft, command: SetTierFloor) -> None:
    """Set, replace or lift a floor. Raises UnknownTier, FloorNotAllowed, BadTime."""
    now = draft.now
    book = draft.circumstances.timeline.at(now)
    tiers = book.tiers.get(command.set) if book is not None else None
    before = draft.member.tiers.get(command.set, _NOWHERE).floor
    if command.level is not None:
        _possible(command, tiers, now)
    elif tiers is None and before is None:
        raise UnknownTier(f"there is no tier set {command.set!r}", errors=[("/set", "not a tier set")])
    floor = Floor(command.level, command.until) if command.level is not None else None
    if floor == before:
        return
    draft.record(TierFloorSet(set=command.set, level=command.level, reason=command.reason, at=now, until=command.until))
    if book is not None:
        draft.rulebook = book.number
        hold(draft, book, command.set, now)


def in_force(tiers: Tiers | None, standing: TierStanding, now: datetime) -> Floor | None:
    """The floor in force at `now`; None where the rules in force have no such level, or want no floors."""
    floor = standing.floor
    if floor is None or tiers is None or not tiers.policy.floor or (floor.until is not None and floor.until <= now):
        return None
    return floor if rank(tiers, floor.level) else None


def own_of(draft: Draft, tiers: Tiers) -> OwnLevel:
    """Where the member's own counters have put it, whatever a floor does."""
    return draft.member.tiers.get(tiers.name, _NOWHERE).own


def place(
    draft: Draft,
    book: CompiledRulebook,
    name: str,
    own: OwnLevel,
    value: int,
    *,
    at: datetime,
    reason: str,
    now: datetime,
) -> None:
    """Put the member's own counters on a level from `at` on, and the member on that or on its floor's at `now`.

    Every change of a level passes here: this is why nobody is ever below a floor.
    """
    standing = draft.member.tiers.get(name, _NOWHERE)
    level, valid_until, quiet = own.level, own.valid_until, True
    if standing.floor is not None or standing.beneath is not None:
        floor = holding(draft, name, own, now)
        if floor is not None:
            level, valid_until = floor.level, floor.until
        quiet = level == own.level != standing.level and own.grace is None and own.since == at
    if quiet or level != standing.level:
        draft.record(
            TierChanged(
                set=name,
                from_=standing.level,
                to=level,
                reason=reason,
                evidence=value,
                at=at,
                rulebook=book.number,
                valid_until=valid_until,
            )
        )
    if not quiet:
        draft.record(
            TierHeld(
                set=name,
                level=level,
                own=own,
                evidence=value,
                at=at,
                rulebook=book.number,
                valid_until=valid_until,
            )
        )


def hold(draft: Draft, book: CompiledRulebook, name: str, at: datetime) -> None:
    """Raise the member to the floor in force at `at`, or put it on its own level again where none holds it any more."""
    standing = draft.member.tiers.get(name, _NOWHERE)
    floor = holding(draft, name, standing.own, at)
    if floor is None and standing.beneath is None:
        return
    if floor is not None and standing.beneath is not None and _as_now(standing, floor):
        return
    reason = "floor" if floor is not None else "floor_ended"
    place(draft, book, name, standing.own, _value(draft, book, name, at), at=at, reason=reason, now=at)


def holding(draft: Draft, name: str, own: OwnLevel, now: datetime) -> Floor | None:
    """The floor that holds a member above its own level at `now`, under the rules then in force."""
    standing = draft.member.tiers.get(name, _NOWHERE)
    if standing.floor is None:
        return None
    # Not the rules of a late activity: they may not know the level.
    book = draft.circumstances.timeline.at(now)
    tiers = book.tiers.get(name) if book is not None else None
    floor = in_force(tiers, standing, now)
    if floor is None or tiers is None:
        return None
    return floor if rank(tiers, own.level) < rank(tiers, floor.level) else None


def _as_now(standing: TierStanding, floor: Floor) -> bool:
    return (standing.level, standing.valid_until) == (floor.level, floor.until)


def _value(draft: Draft, book: CompiledRulebook, name: str, at: datetime) -> int:
    """What the counter says; 0 where the rules no longer have the set."""
    tiers = book.tiers.get(name)
    if tiers is None:
        return 0
    zone, just_before = draft.zone(book), at - MICROSECOND
    day = draft.local_day(book, zone, just_before)
    return evidence(draft.member, draft.circumstances, book, tiers, day=day, zone=zone, at=just_before)


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
