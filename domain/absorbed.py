"""What stood in the stream of an absorbed member, by the numbers and names that the survivor's stream has for it."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec.structs import replace

from domain.log import Entry, NotInStream
from domain.member.closing import ROOM, moved_id, moved_key
from domain.member.commands import AbsorbMember, Past
from domain.member.draft import Given, Original, PastLot, Spend
from domain.member.events import Draw, OfferAssigned, OfferProgressed, PointsAdjusted, PointsEarned
from domain.member.redemptions import Redemption
from domain.member.state import Lot

_SlotEvent = TypeVar("_SlotEvent", OfferAssigned, OfferProgressed)

Absorbed = tuple[int, AbsorbMember, int]
"""The place in the list of the entry that absorbed, what it absorbed, and how many members were absorbed earlier."""


def absorbed(entries: Sequence[Entry | Past]) -> Iterator[Absorbed]:
    """Each member that a stream has absorbed, oldest first."""
    before = 0
    for number, entry in enumerate(entries):
        if isinstance(entry.input, AbsorbMember):
            yield number, entry.input, before
            before += how_many(entry.input)


def how_many(command: AbsorbMember) -> int:
    """An absorbed member, and those that it had absorbed itself."""
    inputs = (entry.input for entry in command.past)
    return 1 + sum(how_many(one) for one in inputs if isinstance(one, AbsorbMember))


def whose(entries: Sequence[Entry | Past], version: int) -> tuple[Absorbed, int]:
    """Of which absorbed member a (negative) number is, and the number that it has there. Raises NotInStream."""
    for number, command, before in absorbed(entries):
        theirs = version + (before + 1) * ROOM
        if theirs > -(how_many(command) - 1) * ROOM:
            return (number, command, before), theirs
    raise NotInStream(f"no absorbed member has entry {version}")


def entry_of(lot: str) -> int:
    """The number of the entry that a lot is named after."""
    return int(lot.partition(".")[0])


def moved_given(given: Given, before: int) -> Given:
    return replace(given, version=moved_key(given.version, before), award=_award(given.award, before))


def moved_original(original: Original, before: int) -> Original:
    return replace(
        original,
        version=moved_key(original.version, before),
        awards=tuple(_award(award, before) for award in original.awards),
        fates={moved_id(lot, before): fate for lot, fate in original.fates.items()},
        progressed=tuple(_slot(one, before) for one in original.progressed),
        assigned=tuple(_slot(one, before) for one in original.assigned),
        corrected=frozenset(moved_id(lot, before) for lot in original.corrected),
    )


def moved_adjustment(done: PointsAdjusted, before: int) -> PointsAdjusted:
    lot = moved_id(done.lot, before) if done.lot is not None else None
    return replace(done, lot=lot, draws=_draws(done.draws, before))


def moved_spend(spend: Spend, before: int) -> Spend:
    return replace(spend, entry=moved_key(spend.entry, before), draws=_draws(spend.draws, before))


def moved_redemption(found: Redemption, before: int) -> Redemption:
    return replace(
        found,
        entry=moved_key(found.entry, before),
        parts=tuple(_lot(part, before) for part in found.parts),
        back={moved_id(lot, before): points for lot, points in found.back.items()},
    )


def moved_lot(past: PastLot, before: int) -> PastLot:
    return PastLot(_lot(past.lot, before), moved_key(past.entry, before))


def _lot(lot: Lot, before: int) -> Lot:
    return replace(lot, id=moved_id(lot.id, before), entry=moved_key(lot.entry, before))


def _award(award: PointsEarned, before: int) -> PointsEarned:
    return replace(award, lot=moved_id(award.lot, before))


def _draws(draws: tuple[Draw, ...], before: int) -> tuple[Draw, ...]:
    return tuple(Draw(moved_id(draw.lot, before), draw.points) for draw in draws)


def _slot(event: _SlotEvent, before: int) -> _SlotEvent:
    return replace(event, slot=moved_id(event.slot, before))
