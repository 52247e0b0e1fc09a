"""Two members become one: the one is closed, the other takes over all that it had. Nothing is decided again.

What comes over are lots, debt, counters, slots of offers, what had been returned, arms, referrals. Streaks are made
again from the ticks of both, badges are those of either, of two levels the higher stays, of two floors likewise, and
the counters of both may reach a higher one still.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import asdict

from domain.errors import AmountOutOfRange, NotEligible
from domain.member.closing import (
    ClosedIdle,
    ClosedLot,
    ClosedPool,
    ClosedReferred,
    ClosedReturn,
    ClosedSeat,
    ClosedSlot,
    Closing,
    moved_id,
    moved_key,
)
from domain.member.commands import AbsorbMember, MergeMember, Past
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import (
    BadgeGranted,
    BadgeRevoked,
    Gone,
    MemberAbsorbed,
    MemberMerged,
    OwnLevel,
    StreakMoved,
    TierFloorSet,
)
from domain.member.floors import hold, in_force, place
from domain.member.households import may_absorb
from domain.member.levels import evidence
from domain.member.pool import Pool
from domain.member.slots import Slot
from domain.member.spending import active, lifetime_total
from domain.member.standing import raise_tiers
from domain.member.state import Floor, Lot, Member, Reversed, TierStanding, evolve
from domain.member.streaks import standing_of
from domain.member.wallet import balance, currencies
from domain.numbers import MAX_AMOUNT
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import Tiers, rank


def merge_member(draft: Draft, command: MergeMember) -> None:
    """Close a member, whether it is active or not. Whoever was erased is refused before this."""
    member = draft.member
    if member.holds:
        raise NotEligible("points are held for redemptions: confirm or cancel these first", reasons=["points-held"])
    lots = tuple(Gone(lot.id, lot.currency, lot.remaining, not lot.active) for lot in member.lots)
    draft.record(
        MemberMerged(
            merge=command.id,
            into=command.into,
            entry=command.entry,
            lots=lots,
            slots=tuple(slot.id for slot in member.slots),
            debt=dict(sorted(member.debt.items())),
        )
    )


def absorb_member(draft: Draft, command: AbsorbMember) -> None:
    """Take over what a closed member had."""
    active(draft)
    require(draft.member, 1)
    gone = as_closed(command.past)
    may_absorb(draft.member, gone, command.survivor)
    for name in currencies(gone):
        held = balance(gone, name, draft.now)
        if lifetime_total(draft, name) + max(held.available + held.pending, held.lifetime) > MAX_AMOUNT:
            raise AmountOutOfRange("the balance would exceed 2^53 - 1")
    book = draft.circumstances.timeline.at(draft.now)
    draft.rulebook = book.number if book is not None else 0
    before = len(draft.member.absorbed)
    person = draft.member.pool is None
    badges = [one for one in _badges(command.past) if _is_new(draft.member, one)] if person else []
    draft.record(
        MemberAbsorbed(
            merge=command.id,
            member=command.member,
            entry=command.entry,
            closing=closing_of(gone, before),
            survivor=command.survivor,
        )
    )
    for badge in badges:
        # It is counted already.
        draft.record(msgspec.structs.replace(badge, counts={}))
    # Levels and runs of days are a person's.
    if book is not None and person:
        _join_streaks(draft, book, gone)
        _keep_higher_level(draft, book, gone)


def as_closed(past: Iterable[Past]) -> Member:
    """The member as the last of its entries found it: with what time had made true by then."""
    member = Member()
    for entry in past:
        for event in entry.events:
            if not isinstance(event, MemberMerged):
                evolve(member, event, entry.stamp)
    return member


def closing_of(member: Member, before: int) -> Closing:
    """What a member leaves to one that has absorbed `before` others; it has all its months."""
    counts: dict[str, dict[int, int]] = {name: {} for name in member.totals}
    for _, rows in sorted(member.months.items()):
        for name, days in rows.counts.items():
            if days:
                counts.setdefault(name, {}).update(sorted(days.items()))
    returned = {
        month: {moved_key(entry, before): _returned(note, before) for entry, note in sorted(rows.reversed.items())}
        for month, rows in sorted(member.months.items())
        if rows.reversed
    }
    ended = [slot for _, rows in sorted(member.months.items()) for _, slot in sorted(rows.slots.items())]
    referred = member.referred
    return Closing(
        lots=tuple(_lot(lot, before) for lot in member.lots),
        debt=dict(sorted(member.debt.items())),
        counts=dict(sorted(counts.items())),
        first=dict(sorted(member.first.items())),
        last=dict(sorted(member.last.items())),
        returned=returned,
        slots=tuple(_slot(slot, before) for slot in member.slots),
        ended=tuple(_slot(slot, before) for slot in ended),
        closed_until=member.closed_until,
        code=member.code,
        code_at=member.code_at,
        referred=ClosedReferred(**asdict(referred)) if referred is not None else None,
        referrals=dict(sorted(member.referrals.items())),
        arms=dict(sorted(member.arms.items())),
        absorbed=member.absorbed,
        pool=_household(member.pool, before) if member.pool is not None else None,
    )


def _household(pool: Pool, before: int) -> ClosedPool:
    return ClosedPool(
        seats={name: ClosedSeat(role=seat.role, since=seat.since) for name, seat in sorted(pool.seats.items())},
        origins={moved_id(lot, before): (one.member, one.lot) for lot, one in sorted(pool.origins.items())},
    )


def _lot(lot: Lot, before: int) -> ClosedLot:
    idle = (
        ClosedIdle(for_=lot.idle.for_, round_up=lot.idle.round_up, activities=lot.idle.activities) if lot.idle else None
    )
    moved = {"id": moved_id(lot.id, before), "entry": moved_key(lot.entry, before), "idle": idle}
    return ClosedLot(**(asdict(lot) | moved))


def _slot(slot: Slot, before: int) -> ClosedSlot:
    completed = moved_key(slot.completed, before) if slot.completed else 0
    moved = {"id": moved_id(slot.id, before), "lot": moved_id(slot.lot, before), "completed": completed}
    return ClosedSlot(**(asdict(slot) | moved))


def _returned(note: Reversed, before: int) -> ClosedReturn:
    return ClosedReturn(
        returned_minor=note.returned_minor,
        taken={moved_id(lot, before): points for lot, points in note.taken.items()},
        counts=dict(note.counts),
        complete=note.complete,
        lines={name: (line.quantity, line.amount_minor) for name, line in note.lines.items()},
        scores=dict(note.scores),
    )


# --- badges, streaks, levels -----------------------------------------------------------------------


def _badges(past: Iterable[Past]) -> list[BadgeGranted]:
    """The badges that a closed member had, oldest first."""
    found: dict[tuple[str, str], BadgeGranted] = {}
    for entry in past:
        for event in entry.events:
            if isinstance(event, BadgeGranted):
                found[event.badge, event.period] = event
            elif isinstance(event, BadgeRevoked):
                found.pop((event.badge, event.period), None)
    return list(found.values())


def _is_new(member: Member, badge: BadgeGranted) -> bool:
    held = member.badges.get(badge.badge)
    return held is None or held.period not in (badge.period, "ever")


def _join_streaks(draft: Draft, book: CompiledRulebook, gone: Member) -> None:
    """Runs are made again from the ticks of both."""
    for name, theirs in sorted(gone.streaks.items()):
        if name not in book.document.streaks:
            continue
        mine = draft.member.streaks.get(name)
        latest = theirs if mine is None or theirs.at > mine.at else mine
        made = standing_of(draft.member, book.streak(name), latest.at, latest.zone)
        if made != mine:
            draft.record(StreakMoved(streak=name, day=max(made.last, 1), reason="merged", **asdict(made)))


def _keep_higher_level(draft: Draft, book: CompiledRulebook, gone: Member) -> None:
    """Of two levels that their own counters hold the higher one, and of two floors. Then what both together reach."""
    zone = draft.zone(book)
    today = draft.local_day(book, zone, draft.now)
    for tiers in book.tiers.values():
        theirs = gone.tiers.get(tiers.name)
        if theirs is None:
            continue
        mine = draft.member.tiers.get(tiers.name, TierStanding())
        higher = _higher_floor(draft, tiers, mine, theirs)
        if higher is not None:
            draft.record(
                TierFloorSet(set=tiers.name, level=higher.level, reason="merged", at=draft.now, until=higher.until)
            )
        if rank(tiers, theirs.own.level) > rank(tiers, mine.own.level):
            value = evidence(draft.member, draft.circumstances, book, tiers, day=today, zone=zone, at=draft.now)
            own = OwnLevel(theirs.own.level, draft.now, theirs.own.valid_until)
            place(draft, book, tiers.name, own, value, at=draft.now, reason="merged", now=draft.now)
        elif higher is not None:
            hold(draft, book, tiers.name, draft.now)
    raise_tiers(draft, book, draft.now, today, zone, "merged")


def _higher_floor(draft: Draft, tiers: Tiers, mine: TierStanding, theirs: TierStanding) -> Floor | None:
    """Their floor where it is the higher one, or the same for longer."""
    floor, own = in_force(tiers, theirs, draft.now), in_force(tiers, mine, draft.now)
    if floor is None or own is None:
        return floor
    if floor.level != own.level:
        return floor if rank(tiers, floor.level) > rank(tiers, own.level) else None
    longer = own.until is not None and (floor.until is None or floor.until > own.until)
    return floor if longer else None
