"""Offers in a member's hands: assigned, seen, counted for by activities, completed; and taken back by returns.

A slot keeps the definition it was opened under. What an activity counts for it is weighed with the rules of the
activity (`weigh`, which is also the explanation) and then written down (`count_for_offers`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from domain.calendar import month_of
from domain.errors import InvalidPayload, NotEligible, UnknownOffer
from domain.member.bonuses import grant
from domain.member.commands import AssignOffer, RecordActivity
from domain.member.counters import ColdHistoryNeeded, require
from domain.member.draft import Draft, Original
from domain.member.events import (
    OfferAssigned,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
    RuleFailed,
)
from domain.member.lateness import not_ahead
from domain.member.reading import Reading
from domain.member.slots import Slot, with_step
from domain.member.spending import active
from domain.member.state import Member, Reversed
from domain.rules.compiled import CompiledRulebook
from domain.rules.expression import EvaluationError
from domain.rules.limits import Assigned, takes_of
from domain.rules.offers import CompiledOffer
from domain.rules.rulebook import ActivityType

NO_GOAL = "the offer has no goal"
ELSEWHERE = "the goal is about something else"
OUTSIDE = "outside its window"
UNSEEN = "not seen by then"
NOT_ENOUGH = "does not qualify"


class Weighed(msgspec.Struct, frozen=True):
    """What an activity counts for one slot (`step`), and where that leaves it. `note` says why it counts nothing."""

    slot: Slot
    offer: CompiledOffer
    progress: int
    step: int = 0
    period: int | None = None
    note: str | None = None

    @property
    def completes(self) -> bool:
        goal = self.offer.goal
        return goal is not None and self.step > 0 and not self.slot.completed and self.progress >= goal.target


def offer_of(draft: Draft, slot: Slot) -> CompiledOffer:
    """The offer as it was when the slot was opened."""
    return draft.circumstances.timeline.version(slot.rulebook).offers[slot.offer]


def slots_at(member: Member, at: datetime) -> list[Slot]:
    """Every open slot, and every closed one that may have been open at `at`, in the order of assignment."""
    found = list(member.slots)
    if member.closed_until is not None and at <= member.closed_until:
        require(member, at.toordinal())
        first = month_of(at.toordinal())
        for number, rows in member.months.items():
            if number >= first:
                found += rows.slots.values()
    return sorted(found, key=by_assignment) if len(found) > 1 else found


def by_assignment(slot: Slot) -> tuple[datetime, int, int]:
    """The order in which slots are reported."""
    entry, _, number = slot.id.partition(".")
    return slot.assigned_at, int(entry), int(number)


# --- counting ------------------------------------------------------------------------------------


def weigh(
    draft: Draft, member: Member, kind: str, at: datetime, day: int, measures: Mapping[str, int]
) -> tuple[Weighed, ...]:
    """What an activity of the local day `day` counts for each slot. Records nothing."""
    if not member.slots and (member.closed_until is None or at > member.closed_until):
        return ()
    return tuple(_weighed(slot, offer_of(draft, slot), kind, at, day, measures) for slot in slots_at(member, at))


def _weighed(
    slot: Slot, offer: CompiledOffer, kind: str, at: datetime, day: int, measures: Mapping[str, int]
) -> Weighed:
    goal = offer.goal
    note = None
    if goal is None:
        note = NO_GOAL
    elif goal.on != kind:
        note = ELSEWHERE
    elif not slot.contains(at):
        note = OUTSIDE
    elif offer.declared.requires_view and (slot.viewed_at is None or at < slot.viewed_at):
        note = UNSEEN
    if goal is None or note is not None:
        return Weighed(slot, offer, slot.progress, note=note)
    step = goal.step(measures.get(goal.measure, 0) if goal.measure is not None else 1)
    if not step:
        return Weighed(slot, offer, slot.progress, note=NOT_ENOUGH)
    period = goal.period(day)
    progress = slot.progress + step if period is None else goal.progress(with_step(slot.periods, period, step))
    return Weighed(slot, offer, progress, step, period)


def count_for_offers(draft: Draft, weighed: Iterable[Weighed], at: datetime, day: int, zone: str) -> None:
    """Write down what an activity counted, and reward what it completed, in the order of assignment."""
    for one in weighed:
        if not one.step:
            continue
        slot = one.slot
        draft.record(
            OfferProgressed(slot=slot.id, offer=slot.offer, step=one.step, progress=one.progress, period=one.period)
        )
        if one.completes:
            lot = draft.new_lot() if one.offer.reward is not None else ""
            draft.record(OfferCompleted(slot=slot.id, offer=slot.offer, lot=lot))
            reward(draft, slot, one.offer, lot, at, day, zone)


def reward(draft: Draft, slot: Slot, offer: CompiledOffer, lot: str, at: datetime, day: int, zone: str) -> None:
    """Open the lot that an offer gives, if it gives one."""
    given = offer.reward
    if given is None:
        return
    book = draft.circumstances.timeline.version(slot.rulebook)
    grant(draft, book, rule_name(offer.id), given.currency, given.points, at, day, zone, lot=lot)


def rule_name(offer: str) -> str:
    """What stands for the rule of a lot that an offer gave."""
    return f"offer:{offer}"


# --- assigning and seeing --------------------------------------------------------------------------


def assign_offer(draft: Draft, command: AssignOffer) -> None:
    """A slot by command, as of `at`. Raises UnknownOffer, NotEligible for an offer that is over by then."""
    active(draft)
    book = draft.circumstances.timeline.at(command.at)
    if book is None or command.offer not in book.offers:
        raise UnknownOffer(f"{command.offer!r} is not an offer of this program")
    not_ahead(draft, command.at, book.document.late, "/at")
    draft.rulebook = book.number
    zone = draft.zone(book)
    if not _open(draft, book, command.offer, command.at, draft.local_day(book, zone, command.at), zone):
        raise NotEligible("the offer is over", reasons=["offer-over"])


def assign_by_rules(
    draft: Draft, book: CompiledRulebook, earned: Iterable[Assigned], at: datetime, day: int, zone: str
) -> None:
    """Open what rules assign. Under a version that is not the entry's own, the slot says so."""
    for one in earned:
        if one.limited_by is not None:
            continue
        if _open(draft, book, one.offer, at, day, zone, one):
            draft.takes += one.takes
        else:
            draft.record(RuleFailed(rule=one.rule, error=f"the offer {one.offer} is over"))


def hear_of_offers(
    draft: Draft, book: CompiledRulebook, declared: ActivityType, command: RecordActivity, reading: Reading,
    day: int, zone: str,
) -> None:  # fmt: skip
    """An activity that says that an offer was assigned, or seen. Raises UnknownOffer, InvalidPayload."""
    evaluator = book.evaluator(f"/activities/{command.type}/offer")
    assert evaluator is not None
    try:
        name = evaluator(reading)
    except EvaluationError as error:
        raise InvalidPayload(f"the payload does not say which offer: {error}", errors=[("/data", str(error))]) from None
    at = command.occurred_at
    if declared.role == "views":
        seen = [slot for slot in slots_at(draft.member, at) if slot.offer == name]
        if not seen and name not in book.offers:
            raise UnknownOffer(f"{name!r} is not an offer of this program", errors=[("/data", "no such offer")])
        for slot in seen:
            # The first time counts, however late it is heard of.
            if slot.contains(at) and (slot.viewed_at is None or at < slot.viewed_at):
                draft.record(OfferViewed(slot=slot.id, offer=name, at=at))
        return
    if name not in book.offers:
        raise UnknownOffer(f"{name!r} is not an offer of this program", errors=[("/data", "no such offer")])
    if not _open(draft, book, name, at, day, zone):
        draft.record(RuleFailed(rule=rule_name(name), error="the offer is over"))


def _open(
    draft: Draft,
    book: CompiledRulebook,
    name: str,
    at: datetime,
    day: int,
    zone: str,
    by: Assigned | None = None,
) -> bool:
    """Open a slot, unless the offer would be over before it begins."""
    ends = book.offers[name].last_instant(at, zone, draft.circumstances.offsets)
    if ends < at:
        return False
    draft.record(
        OfferAssigned(
            slot=draft.new_slot(),
            offer=name,
            assigned_at=at,
            ends_at=ends,
            day=day,
            rule=by.rule if by else "",
            counts=by.counts if by else {},
            rulebook=book.number if book.number != draft.rulebook else 0,
        )
    )
    return True


# --- returns ---------------------------------------------------------------------------------------


def take_back_progress(
    draft: Draft, original: Original, so_far: Reversed, counts: Mapping[str, int], *, complete: bool
) -> list[Slot]:
    """Take back what the returned part of an activity counted. The slots that are not completed any more, as they were.

    `so_far` is what earlier returns took, `counts` what this one takes of measures.
    """
    reopened = []
    for counted in original.progressed:
        slot = slot_named(draft.member, counted.slot)
        if slot is None:
            continue
        offer = offer_of(draft, slot)
        goal = offer.goal
        assert goal is not None
        if goal.measure is None:
            before, after = int(not so_far.complete), int(not complete)
        else:
            name = f"measure:{goal.measure}"
            before = original.counts.get(name, 0) + so_far.counts.get(name, 0)
            after = before + counts.get(name, 0)
        step = goal.step(after) - goal.step(before)
        if not step:
            continue
        period = counted.period
        progress = slot.progress + step if period is None else goal.progress(with_step(slot.periods, period, step))
        draft.record(
            OfferProgressed(
                slot=slot.id,
                offer=slot.offer,
                step=step,
                progress=progress,
                period=period,
                activity=original.version,
            )
        )
        if slot.completed and progress < goal.target:
            draft.record(OfferReopened(slot=slot.id, offer=slot.offer, activity=original.version))
            reopened.append(slot)
    return reopened


def withdraw(draft: Draft, original: Original) -> None:
    """The activity is returned whole: slots it opened are gone, unless something has come of them."""
    for event in original.assigned:
        slot = slot_named(draft.member, event.slot)
        if slot is not None and not slot.completed and not slot.uses:
            back = {name: -step for name, step in event.counts.items()}
            if event.rule:
                book = draft.circumstances.timeline.version(original.rulebook)
                draft.takes += takes_of(book.document, book.rule(event.rule), "", event.day, 0, uses=-1)
            draft.record(OfferWithdrawn(slot=slot.id, offer=slot.offer, day=event.day, counts=back))


def slot_named(member: Member, name: str) -> Slot | None:
    """A slot by its id, open or closed; None when it was withdrawn. Raises ColdHistoryNeeded."""
    for slot in member.slots:
        if slot.id == name:
            return slot
    for rows in member.months.values():
        if name in rows.slots:
            return rows.slots[name]
    if member.since:
        raise ColdHistoryNeeded("a slot that is closed")
    return None
