"""What time alone makes true, as it fell due: activations, ends of offers, reviews, occasions, expiries, ends of holds.

One function serves the sweeper (which writes the events down), every decision (whose entry begins with
them) and every read (which does not write): so a swept and an unswept member answer alike.
"""

from collections.abc import Iterator
from datetime import datetime

from domain.calendar import FOREVER, MICROSECOND
from domain.member.activation import activate
from domain.member.counters import require
from domain.member.draft import Circumstances, Draft
from domain.member.edits import edit
from domain.member.events import LotExpired, MemberEventUnion, OfferClosed
from domain.member.holds import expire_hold
from domain.member.occasions import reach
from domain.member.reviews import begin_period, review
from domain.member.segments import judge
from domain.member.slots import Slot
from domain.member.standing import follow
from domain.member.state import Hold, Lot, Member
from domain.member.wallet import age, open_lots
from domain.rules.timeline import Published

# At equal instants: activations, closings of offers, edits of the rules, then reviews and levels that begin with a
# period, then occasions, which may reward the level that these left, then expiries (blueprint, law 5).
_ACTIVATION, _CLOSING, _EDIT, _REVIEW, _PERIOD, _OCCASION, _EXPIRY = 1, 2, 3, 4, 5, 6, 7
_HOLD = 8  # last: what comes back to a lot that ended at that instant is gone


def settle(draft: Draft) -> None:
    """Record on the draft all that fell due up to `draft.now`, and which segments the member is in by then."""
    _fall_due(draft)
    judge(draft)


def _fall_due(draft: Draft) -> None:
    now = draft.now
    edits = _edits(draft) if not draft.edited else []
    draft.edited = True
    while True:
        if not edits:
            soonest = next_due(draft.member)
            if soonest is None or soonest > now:
                return
        due = [one for one in (*_due(draft.member), *edits) if one[0] <= now]
        if not due:
            return
        instant, kind, subject = min(due, key=_order)
        if isinstance(subject, Published):
            edits = [one for one in edits if one[2] is not subject]
            edit(draft, subject.number, instant)
        elif isinstance(subject, str) and kind == _PERIOD:
            begin_period(draft, subject, instant)
        elif isinstance(subject, str) and kind == _OCCASION:
            reach(draft, subject, instant)
        elif isinstance(subject, str):
            review(draft, subject, instant)
        elif isinstance(subject, Slot):
            require(draft.member, subject.ends_at.toordinal())
            draft.record(OfferClosed(slot=subject.id, offer=subject.offer, at=instant))
        elif isinstance(subject, Hold):
            expire_hold(draft, subject)
            _follow(draft, instant)
        elif kind == _ACTIVATION:
            activate(draft, subject, instant)
            _follow(draft, instant)
        else:
            draft.record(
                LotExpired(
                    lot=subject.id,
                    currency=subject.currency,
                    points=subject.remaining,
                    at=instant,
                    pending=not subject.active,
                )
            )
            _follow(draft, instant)


def settled(member: Member, circumstances: Circumstances) -> tuple[Member, tuple[MemberEventUnion, ...]]:
    """The member as time has made it by `circumstances.recorded_at`, and the events that say so."""
    draft = Draft(member, circumstances, circumstances.recorded_at)
    settle(draft)
    return draft.member, tuple(draft.events)


def next_due(member: Member) -> datetime | None:
    """When time will next change something; the sweeper's key."""
    if not member.exists:
        return None
    # The same as `_due` says, but one of every decision's steps: without an object for each lot.
    soonest = open_lots(member).due()
    for standing in member.tiers.values():
        if standing.valid_until is not None and standing.valid_until < soonest:
            soonest = standing.valid_until
        if standing.upgrade_at is not None and standing.upgrade_at < soonest:
            soonest = standing.upgrade_at
        beneath = standing.beneath
        if beneath is not None and beneath.valid_until is not None and beneath.valid_until < soonest:
            soonest = beneath.valid_until
    for planned in member.occasions.values():
        if planned.at is not None and planned.at < soonest:
            soonest = planned.at
    for slot in member.slots:
        if slot.ends_at < soonest:
            soonest = slot.ends_at + MICROSECOND
    for hold in member.holds.values():
        if hold.ends_at < soonest:
            soonest = hold.ends_at
    return soonest if soonest < FOREVER else None


_Due = tuple[datetime, int, Lot | Slot | Hold | str | Published]


def _edits(draft: Draft) -> list[_Due]:
    """Versions that came into force since the member's last entry: what the rules say of what members have already.

    A version counts once, in the first entry that knew it and was recorded when it was in force.
    """
    member = draft.member
    last = member.recorded_at
    if not member.exists or last is None:
        return []
    timeline = draft.circumstances.timeline
    return [
        (max(version.effective_from, last), _EDIT, version)
        for version in timeline.published
        if version.effective_from <= draft.now
        and (version.number > member.timeline or version.effective_from > last)
        and (timeline.edits(version.number) or any(standing.floor is not None for standing in member.tiers.values()))
    ]


def _due(member: Member) -> Iterator[_Due]:
    """What will fall due of itself: the instant, the kind, and the lot, the tier set or the occasion."""
    if not member.exists:
        return
    for lot in member.lots:
        if not lot.active and lot.available_at is not None and lot.available_at < (lot.expires_at or FOREVER):
            yield lot.available_at, _ACTIVATION, lot
        if lot.expires_at is not None:
            yield lot.expires_at, _EXPIRY, lot
    for name, standing in member.tiers.items():
        if standing.valid_until is not None:
            yield standing.valid_until, _REVIEW, name
        if standing.beneath is not None and standing.beneath.valid_until is not None:
            yield standing.beneath.valid_until, _REVIEW, name
        if standing.upgrade_at is not None:
            yield standing.upgrade_at, _PERIOD, name
    for kind, planned in member.occasions.items():
        if planned.at is not None:
            yield planned.at, _OCCASION, kind
    for slot in member.slots:
        # The last instant still counts: a slot is closed with the next one.
        yield slot.ends_at + MICROSECOND, _CLOSING, slot
    for hold in member.holds.values():
        yield hold.ends_at, _HOLD, hold


def _order(due: _Due) -> tuple[datetime, int, int, int, str]:
    """By instant, then kind, then older lots before newer ones.

    Not by the text of the lots' ids: how many entries a sweeper wrote in between must not change who repays.
    """
    instant, kind, subject = due
    match subject:
        case str():
            return instant, kind, 0, 0, subject
        case Published():
            return instant, kind, subject.number, 0, ""
        case Slot():
            entry, _, number = subject.id.partition(".")
            return instant, kind, int(entry), int(number), ""
        case Hold():
            return instant, kind, subject.entry, 0, subject.id
        case Lot():
            return instant, kind, *age(subject), ""


def _follow(draft: Draft, instant: datetime) -> None:
    """Levels that follow what the member has, now that it has more or less."""
    rules = draft.circumstances.timeline.look(instant)
    if rules is not None and rules.following:
        follow(draft, rules.following, instant)
