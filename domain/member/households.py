"""Households: persons who share a pool of points, which is an account of its own.

Points come into the pool from persons who belong to it, by transfers that remember whose they are and which lot they
were; they go by redemptions that say who asks. All else that happens to points happens to these as to a member's.
Levels, streaks and badges stay with the persons: nobody buys as a household.
"""

from collections.abc import Collection
from datetime import datetime

from domain.errors import LimitReached, MemberSuspended, NotEligible
from domain.member.commands import (
    AbsorbMember,
    ActivatePending,
    AdjustPoints,
    ApplyCorrection,
    Brought,
    CancelPending,
    CancelRedemption,
    ChangeHousehold,
    ConfirmRedemption,
    DissolveHousehold,
    ExtendLots,
    FormHousehold,
    GiveBackPoints,
    JoinHousehold,
    LeaveHousehold,
    MemberCommand,
    MergeMember,
    PayReferral,
    ReceivePoints,
    RedeemPoints,
    RedeemReward,
    ReinstateLots,
    ReturnActivity,
    ReturnRedemption,
    ReverseAdjustment,
    ReverseReferral,
    SeatMember,
    SetMemberStatus,
    Settle,
    SurrenderPoints,
    UseIssuedCode,
    VacateSeat,
)
from domain.member.draft import Draft
from domain.member.events import (
    HouseholdChanged,
    HouseholdDissolved,
    HouseholdFormed,
    HouseholdJoined,
    HouseholdLeft,
    MemberSeated,
    Part,
    PointsSent,
    SeatVacated,
)
from domain.member.pool import OWNER, Pool
from domain.member.pooling import stranger
from domain.member.spending import active, currency
from domain.member.state import Lot, Member
from domain.member.transfers import arrive, part_of
from domain.member.wallet import spendable

MOST_SEATS = 50
"""Persons of one household: they all stand in its state."""

_OF_HOUSEHOLDS = (
    Settle, RedeemPoints, RedeemReward, ConfirmRedemption, CancelRedemption, ReturnRedemption, UseIssuedCode,
    ReturnActivity, AdjustPoints, ReverseAdjustment, ApplyCorrection, ActivatePending, CancelPending, ExtendLots,
    ReinstateLots, ReceivePoints, GiveBackPoints, MergeMember, AbsorbMember, PayReferral, ReverseReferral,
    SetMemberStatus, ChangeHousehold, SeatMember, VacateSeat, SurrenderPoints, DissolveHousehold,
)  # fmt: skip


def understood(household: Member, command: MemberCommand) -> None:
    """Raises NotEligible for what only a person can do, MemberSuspended for a household that is no more."""
    if household.status == "dissolved" and isinstance(command, SetMemberStatus):
        raise MemberSuspended("the household is dissolved")
    if not isinstance(command, _OF_HOUSEHOLDS):
        raise NotEligible("a household is no person: its members do this", reasons=["household"])


# --- the household ---------------------------------------------------------------------------------


def form_household(draft: Draft, command: FormHousehold) -> None:
    draft.record(
        HouseholdFormed(
            household=command.household, spenders=command.spenders, leaving=command.leaving, limit=command.limit
        )
    )


def change_household(draft: Draft, command: ChangeHousehold) -> None:
    """Other terms from now on. What was spent in the period that runs counts for the new limit, if it has the same."""
    active(draft)
    pool = _pool(draft)
    if (command.spenders, command.leaving, command.limit) != (pool.spenders, pool.leaving, pool.limit):
        draft.record(HouseholdChanged(spenders=command.spenders, leaving=command.leaving, limit=command.limit))
    if command.owner:
        _own(draft, pool, command.owner)


def _own(draft: Draft, pool: Pool, owner: str) -> None:
    """Who owned the household is a member like the others from now on."""
    if owner not in pool.seats:
        raise stranger()
    before = [name for name, seat in pool.seats.items() if seat.role == OWNER]
    if before != [owner]:
        for name in before:
            draft.record(MemberSeated(member=name, role="member"))
        draft.record(MemberSeated(member=owner, role=OWNER))


def dissolve_household(draft: Draft, command: DissolveHousehold) -> None:
    """Close the account of a household that everybody has left."""
    pool = _pool(draft)
    if pool.seats:
        raise NotEligible("somebody belongs to the household still", reasons=["has-members"])
    if draft.member.holds:
        raise NotEligible("points are held for redemptions: confirm or cancel these first", reasons=["points-held"])
    if draft.member.lots or draft.member.debt:
        raise NotEligible("the household has points, or owes some", reasons=["has-points"])
    draft.record(HouseholdDissolved(reason=command.reason))


# --- its members -----------------------------------------------------------------------------------


def join_household(draft: Draft, command: JoinHousehold) -> None:
    """The person's side: of one household at a time."""
    active(draft)
    if draft.member.household:
        raise NotEligible("the member belongs to a household: leave that first", reasons=["in-household"])
    draft.record(HouseholdJoined(household=command.household, entry=command.entry))


def seat_member(draft: Draft, command: SeatMember) -> None:
    """The household's side."""
    active(draft)
    pool = _pool(draft)
    if command.role == OWNER and any(seat.role == OWNER for seat in pool.seats.values()):
        raise NotEligible("the household has an owner", reasons=["has-owner"])
    if len(pool.seats) >= MOST_SEATS:
        raise LimitReached(f"a household has at most {MOST_SEATS} members")
    draft.record(MemberSeated(member=command.member, entry=command.entry, role=command.role))


def vacate_seat(draft: Draft, command: VacateSeat) -> None:
    """The household's side of leaving, with what goes along: what is left of one's own, or all with the last one.

    `members` are all the streams of one person: that of a member, and those that it has absorbed.
    """
    pool, gone = _pool(draft), set(command.members)
    if not gone & pool.seats.keys():
        raise stranger()
    last = not pool.seats.keys() - gone
    if last and draft.member.holds:
        raise NotEligible("points are held for redemptions: confirm or cancel these first", reasons=["points-held"])
    takes = bool(command.to) and (last or pool.leaving == "take")
    for name in sorted({lot.currency for lot in draft.member.lots}) if takes else ():
        book, _ = currency(draft, name)
        draft.rulebook = book.number
        own = [lot for lot in spendable(draft.member, name, draft.now) if last or _gave(pool, lot) in gone]
        if own:
            _send(draft, command, name, tuple(part_of(lot, lot.remaining) for lot in own))
    draft.record(SeatVacated(members=command.members, entry=command.entry))


def leave_household(draft: Draft, command: LeaveHousehold) -> None:
    """The person's side of leaving. Points come with it whatever the person's state is."""
    if not draft.member.household:
        raise stranger()
    for one in command.brought:
        arrive(
            draft, name=command.id, sender=command.household, entry=command.entry, currency_name=one.currency,
            parts=one.parts, reversal=True,
        )  # fmt: skip
    draft.record(HouseholdLeft(household=draft.member.household, entry=command.entry))


def _send(draft: Draft, command: VacateSeat | SurrenderPoints, name: str, parts: tuple[Part, ...]) -> None:
    draft.record(
        PointsSent(
            transfer=command.id,
            to=command.to,
            entry=command.entry,
            currency=name,
            points=sum(part.points for part in parts),
            parts=parts,
        )
    )


def _gave(pool: Pool, lot: Lot) -> str:
    origin = pool.origins.get(lot.id)
    return origin.member if origin is not None else ""


# --- returns ---------------------------------------------------------------------------------------


def recall(draft: Draft, command: ReturnActivity, owed_before: dict[str, int]) -> None:
    """What a return leaves owed is repaid from the lots that the activity earned, as far as the pool has them still."""
    for one in command.pooled:
        rest = draft.member.debt.get(one.currency, 0) - owed_before.get(one.currency, 0)
        parts = []
        for part in one.parts:
            points = min(rest, part.points)
            if points > 0:
                parts.append(Part(part.lot, points, part.expires_at, part.idle, origin=part.lot))
                rest -= points
        if parts:
            arrive(
                draft, name=command.id, sender=command.household, entry=command.household_entry,
                currency_name=one.currency, parts=tuple(parts), reversal=True,
            )  # fmt: skip


def surrender_points(draft: Draft, command: SurrenderPoints) -> None:
    """The household's side of that."""
    _pool(draft)
    for one in command.brought:
        book, _ = currency(draft, one.currency)
        draft.rulebook = book.number
        _send(draft, command, one.currency, one.parts)


def pooled(household: Member, earned: Collection[tuple[str, int]], now: datetime) -> tuple[Brought, ...]:
    """What a pool has of the lots that these entries, (stream, number), had opened."""
    found: dict[str, list[Part]] = {}
    origins = household.pool.origins if household.pool is not None else {}
    for lot in household.lots:
        origin = origins.get(lot.id)
        if origin is not None and (origin.member, _entry_of(origin.lot)) in earned and lot.spendable(now):
            found.setdefault(lot.currency, []).append(part_of(lot, lot.remaining))
    return tuple(Brought(name, tuple(parts)) for name, parts in sorted(found.items()))


def _entry_of(lot: str) -> int:
    return int(lot.partition(".")[0])


# --- merges ----------------------------------------------------------------------------------------


def may_absorb(survivor: Member, gone: Member, stream: str) -> None:
    """A person absorbs persons, a household absorbs either; nobody takes another household's member along."""
    if survivor.pool is None and gone.pool is not None:
        raise NotEligible("a household does not become a person", reasons=["household"])
    homes = (survivor.household,) if survivor.pool is None else (stream, *survivor.absorbed)
    if gone.household and gone.household not in homes:
        raise NotEligible("the member belongs to a household: leave that first", reasons=["in-household"])


def _pool(draft: Draft) -> Pool:
    if draft.member.pool is None:
        raise NotEligible("this is a person, no household", reasons=["not-a-household"])
    return draft.member.pool
