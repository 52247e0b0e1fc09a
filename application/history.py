"""A member's past: as of any moment on either clock, as sentences, as lots, as a statement.

Everything here folds the member's own stream, so it is current to the last entry and needs no projection. What time
has made true since the last entry is shown too, without being written.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeGuard
from uuid import UUID

import msgspec

from application.answers import activity_ref
from application.handle import Handler
from application.programs import KnownProgram
from application.recent import Loaded
from application.told_redemptions import changes_lots, told
from application.views import current_member, shown
from domain.errors import BadTime, UnknownMember
from domain.log import ENGINE, Entry, Pins, decode, fold
from domain.member.commands import (
    ActivatePending,
    ApplyCorrection,
    CancelPending,
    ExtendLots,
    LeaveHousehold,
    PayPrize,
    PayReferral,
    ReinstateLots,
    ReturnActivity,
    ReverseAdjustment,
    ReverseReferral,
    SurrenderPoints,
    UseIssuedCode,
    VacateSeat,
)
from domain.member.correcting import correction_cause
from domain.member.draft import Circumstances
from domain.member.events import (
    ActivityRecorded,
    ActivityRestated,
    ActivityReversed,
    AdjustmentReversed,
    BadgeGranted,
    BadgeRevoked,
    CodeRedeemed,
    ExperimentAssigned,
    HoldConfirmed,
    HoldReleased,
    HouseholdChanged,
    HouseholdDissolved,
    HouseholdFormed,
    HouseholdJoined,
    HouseholdLeft,
    HouseholdSpent,
    IssuedCodeUsed,
    LotActivated,
    LotExpired,
    LotsReinstated,
    LotsRescheduled,
    MemberAbsorbed,
    MemberChanged,
    MemberEnrolled,
    MemberErased,
    MemberEventUnion,
    MemberMerged,
    MemberReferred,
    MemberSeated,
    MemberStatusChanged,
    OccasionPlanned,
    OccasionReached,
    OfferAssigned,
    OfferClosed,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
    OpenLot,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    PointsHeld,
    PointsReceived,
    PointsRedeemed,
    PointsSent,
    RedemptionReturned,
    ReferralCodeIssued,
    ReferralConverted,
    ReferralReversed,
    ReferralRewarded,
    ReferralTakenBack,
    RewardIssued,
    RewardReleased,
    RewardReserved,
    RuleFailed,
    SeatVacated,
    SegmentChanged,
    StreakMoved,
    TierChanged,
    TierFloorSet,
    TierGraceBegan,
    TierHeld,
    TierRenewed,
    TierRestated,
    TierUpgradePlanned,
)
from domain.member.extending import EXTENDED
from domain.member.movements import (
    OWN_SOURCE,
    REINSTATED,
    Movement,
    merged_points,
    movements,
    pending_cause,
    slot_cause,
)
from domain.member.prizes import prize_cause
from domain.member.referral_payments import referral_cause
from domain.member.settle import settled
from domain.member.slots import Slot
from domain.member.state import TRANSFERRED, Member, TierStanding, evolve
from domain.member.streaks import standing_of
from domain.member.wallet import Balance

Json = dict[str, Any]

_BY_ITSELF = (LotsRescheduled, SegmentChanged)
"""Events that follow from what an entry did, but are not what its activity was for."""


class Past(msgspec.Struct):
    """A stream as known at an instant: its entries up to then, and what time had made true by then."""

    entries: list[Entry]
    positions: dict[int, int]
    member: Member
    circumstances: Circumstances
    by_time: Entry | None


async def past(handler: Handler, known: KnownProgram, stream: UUID, known_at: datetime) -> Past:
    """The member's stream as known at `known_at`, folded and settled to it. Raises UnknownMember before enrolment."""
    entries, positions, member = [], {}, Member()
    for row in await handler.store.rows(stream):
        if row.recorded_at > known_at:
            break
        entry = decode(row.state)
        fold(member, entry)
        entries.append(entry)
        positions[entry.version] = row.position
    if not entries:
        raise UnknownMember("the member was not known then")
    # A sandbox's clock may run behind the one its rulebooks were published by.
    timeline = known.timeline(None if known.program.sandbox else lambda one: one.published_at <= known_at)
    circumstances = msgspec.structs.replace(handler.circumstances(known, known_at), timeline=timeline)
    current, events = settled(member, circumstances)
    return Past(
        entries, positions, current, circumstances, unwritten(entries[-1], known_at, events) if events else None
    )


def unwritten(last: Entry, known_at: datetime, events: tuple[MemberEventUnion, ...]) -> Entry:
    """The entry that would follow `last` if what time has made true were written down now."""
    return Entry(
        stream=last.stream,
        version=last.version + 1,
        save="",
        recorded_at=known_at,
        at=known_at,
        actor="",
        pins=Pins(engine=ENGINE),
        events=events,
        settled=len(events),
    )


async def view_as_of(
    handler: Handler,
    known: KnownProgram,
    loaded: Loaded,
    *,
    as_of: datetime | None,
    known_at: datetime | None,
) -> Json:
    """The member as of an instant of the world, as known at an instant of the program's clock.

    `known_at` defaults to now and `as_of` to `known_at`. Balance = the movements effective by `as_of` and recorded by
    `known_at`. Raises BadTime for instants that have not come.
    """
    now = handler.now(loaded)
    known_at = known_at or now
    as_of = as_of or known_at
    if known_at > now or as_of > known_at:
        raise BadTime(
            "as_of is not after known_at, and known_at not after the program's clock",
            errors=[("/as_of" if as_of > known_at else "/known_at", f"the clock shows {now.isoformat()}")],
        )
    found = await past(handler, known, loaded.stream, known_at)
    view = shown(found.member, found.circumstances, known_at)
    if as_of < known_at:
        partial = _counted(found, as_of)
        then = shown(partial, found.circumstances, as_of)
        lifetimes = {name: held["lifetime"] for name, held in then["balances"].items()}
        view |= {
            "balances": _balances(found, as_of, view["balances"], lifetimes),
            "tiers": then["tiers"],
            "counters": then["counters"],
            "offers": then["offers"],
            "streaks": then["streaks"],
            "badges": then["badges"],
            "referrals": view["referrals"] | {"brought": then["referrals"]["brought"]},
        }
    return view | {"as_of": as_of, "known_at": known_at}


def _balances(found: Past, as_of: datetime, names: Json, lifetimes: dict[str, int]) -> Json:
    """Sums of movements effective by `as_of`."""
    sums: dict[tuple[str, str], int] = {}
    for entry in every(found):
        for line in movements(entry):
            if line.effective_at <= as_of:
                key = (line.currency, line.account)
                sums[key] = sums.get(key, 0) + line.points
    return {
        name: msgspec.to_builtins(
            Balance(
                available=sums.get((name, "member"), 0),
                pending=sums.get((name, "pending"), 0),
                held=sums.get((name, "reserve"), 0),
                debt=-sums.get((name, "debt"), 0),
                lifetime=lifetimes.get(name, 0),
            )
        )
        for name in names
    }


def _counted(found: Past, as_of: datetime) -> Member:
    """A book that holds only the counters, levels and slots of what happened by `as_of`."""
    partial = Member(id=found.member.id, status=found.member.status)
    for entry in every(found):
        for event in entry.events:
            if _counts(event, entry, as_of):
                _count_only(partial, event, entry, as_of)
    book = found.circumstances.timeline.at(as_of)
    for name, standing in found.member.streaks.items():
        if book is not None and name in book.document.streaks:
            partial.streaks[name] = standing_of(partial, book.streak(name), standing.at, standing.zone)
    return partial


def _counts(event: object, entry: Entry, as_of: datetime) -> TypeGuard[MemberEventUnion]:
    about = getattr(event, "restated", None)
    if about is not None:
        return bool(about.at <= as_of)
    match event:
        case ActivityRecorded():
            return event.occurred_at <= as_of
        case TierChanged() | TierRenewed() | TierGraceBegan() | LotActivated() | BadgeGranted() | OccasionReached():
            return event.at <= as_of
        case OfferViewed() | OfferClosed() | SegmentChanged() | ActivityRestated():
            return event.at <= as_of
        case TierRestated() | TierFloorSet() | TierHeld():
            return event.at <= as_of
        case OfferAssigned():
            return event.assigned_at <= as_of
        case PointsEarned() if event.occasion is not None:
            return event.occasion.at <= as_of
        case PointsEarned() | PointsClawedBack() | ActivityReversed() | BadgeRevoked():
            return entry.at <= as_of
        case ReferralRewarded() | ReferralTakenBack() | MemberAbsorbed():
            return entry.at <= as_of
        case OfferProgressed() | OfferCompleted() | OfferReopened() | OfferWithdrawn():
            return entry.at <= as_of
        case _:
            return False


def _count_only(partial: Member, event: MemberEventUnion, entry: Entry, as_of: datetime) -> None:
    if isinstance(event, PointsEarned | LotActivated):
        event = msgspec.structs.replace(event, repaid=0)
    elif isinstance(event, MemberAbsorbed):
        event = msgspec.structs.replace(event, closing=msgspec.structs.replace(event.closing, lots=(), debt={}))
    elif isinstance(event, PointsClawedBack):
        event = msgspec.structs.replace(event, from_pending=(), from_lots=(), from_other=(), debt=0)
    elif isinstance(event, TierRestated):
        event = _by_then(event, as_of)
    elif isinstance(event, TierHeld):
        event = _before_floor(partial, event)
    slot = getattr(event, "slot", "")
    if slot.startswith("-") and all(one.id != slot for one in _slots(partial)):
        return  # that of another member, which this one had not absorbed by then
    # Points of a late activity may have been available when it was recorded, and not yet at `as_of`.
    evolve(partial, event, msgspec.structs.replace(entry.stamp, recorded_at=min(entry.recorded_at, as_of)))


def _slots(member: Member) -> Iterator[Slot]:
    yield from member.slots
    for rows in member.months.values():
        yield from rows.slots.values()


def _by_then(event: TierRestated, as_of: datetime) -> TierRestated:
    """As much of a path as lies before an instant."""
    path = tuple(step for step in event.path if step.at <= as_of)
    if len(path) == len(event.path):
        return event
    level, since = (path[-1].level, path[-1].at) if path else (event.from_, None)
    return msgspec.structs.replace(
        event, path=path, to=level, since=since, valid_until=None, grace=None, beneath=None, own_since=None
    )


def _before_floor(partial: Member, event: TierHeld) -> TierHeld | TierChanged:
    """A level of the member's own that a late activity reached before the floor held it above that."""
    standing = partial.tiers.get(event.set, TierStanding())
    if standing.level == event.level:
        return event
    return TierChanged(
        set=event.set,
        from_=standing.level,
        to=event.own.level,
        reason="reached",
        evidence=event.evidence,
        at=event.at,
        rulebook=event.rulebook,
        valid_until=event.own.valid_until,
    )


def every(found: Past) -> Iterator[Entry]:
    yield from found.entries
    if found.by_time is not None:
        yield found.by_time


# --- sentences ---------------------------------------------------------------------------------


async def history(
    handler: Handler,
    program: str,
    member: str,
    *,
    after: datetime | None = None,
    before: datetime | None = None,
    kind: str | None = None,
    limit: int = 100,
    cursor: int = 0,
) -> Json:
    """What happened, oldest first, one item per fact, each in a sentence.

    `after` and `before` bound `recorded_at` (half-open); `cursor` is the number of items to pass over. What happened to
    members that this one has absorbed is told with their ids (`member`), and with the balances that they had then.
    """
    loaded, known = await handler.find(program, member)
    found = await past(handler, known, loaded.stream, handler.now(loaded))
    told = list(sentences(every(found), found.positions, say_in(found.circumstances)))
    if loaded.member.absorbed:
        told = sorted([*await _of_absorbed(handler, known, loaded), *told], key=lambda item: item["recorded_at"])
    items = [
        item
        for item in told
        if (after is None or item["recorded_at"] >= after)
        and (before is None or item["recorded_at"] < before)
        and (kind is None or item["kind"] == kind)
    ]
    page = items[cursor : cursor + limit]
    return {"items": page, "next_cursor": str(cursor + limit) if len(items) > cursor + limit else None}


async def _of_absorbed(handler: Handler, known: KnownProgram, loaded: Loaded) -> list[Json]:
    """What happened to members before they were merged into this one. A household does not tell of persons."""
    told = []
    for stream in loaded.member.absorbed:
        other, _ = await handler.load_itself(known.program.id, UUID(stream))
        if other.key is None or (loaded.member.pool is not None and other.member.pool is None):
            continue
        found = await past(handler, known, other.stream, handler.now(other))
        items = sentences(every(found), found.positions, say_in(found.circumstances))
        told += [item | {"member": other.member.id} for item in items]
    return told


def sentences(
    entries: Iterable[Entry], positions: Mapping[int, int], say: "Say", running: dict[str, int] | None = None
) -> Iterator[Json]:
    """Facts of entries that follow each other. `running` is what could be spent before the first of them."""
    running = {} if running is None else running
    for entry in entries:
        cause = _cause(entry)
        lines = movements(entry)
        for number, event in enumerate(entry.events):
            for kind, at, currency, points, rule, text in _all_told(event, entry, say):
                if currency is not None and points:
                    running[currency] = running.get(currency, 0) + points
                yield {
                    "at": at,
                    "recorded_at": entry.recorded_at,
                    "position": positions.get(entry.version),
                    "kind": kind,
                    "currency": currency,
                    "points": points,
                    "balance_after": running.get(currency, 0) if currency is not None else None,
                    "cause": cause if number >= entry.settled and not isinstance(event, _BY_ITSELF) else None,
                    "rule": rule,
                    "rulebook": _ruled_by(event, entry),
                    "text": text,
                }
        assert sum(line.points for line in lines) == 0, "movements of an entry sum to zero"


def _ruled_by(event: object, entry: Entry) -> int | None:
    """The version that an event names, as what time made true does, or the entry's own."""
    own = getattr(event, "occasion", None) or getattr(event, "restated", None) or event
    return getattr(own, "rulebook", 0) or entry.pins.rulebook or None


def _cause(entry: Entry) -> str | None:
    """The activity's ref, which opens its explanation; None where time or an operator acted."""
    if any(isinstance(event, ActivityRecorded) for event in entry.events):
        return activity_ref(entry.stream_id, entry.version)
    if isinstance(entry.input, PayPrize):
        return prize_cause(entry.input)
    if isinstance(entry.input, PayReferral | ReverseReferral):
        return referral_cause(entry.input)
    if isinstance(entry.input, ApplyCorrection):
        return correction_cause(entry.input)
    if isinstance(entry.input, ActivatePending | CancelPending):
        return pending_cause(entry.input)
    if isinstance(entry.input, ReinstateLots):
        return REINSTATED
    for event in entry.events:
        if isinstance(event, ActivityReversed):
            asked = entry.input
            if isinstance(asked, ReturnActivity) and asked.origin:
                return activity_ref(UUID(asked.origin), asked.original)
            return activity_ref(entry.stream_id, event.activity)
        if isinstance(event, CodeRedeemed):
            return slot_cause(event)
        if isinstance(event, PointsSent | PointsReceived):
            return event.transfer
        if isinstance(event, MemberMerged | MemberAbsorbed):
            return event.merge
    return None


def _learned(entry: Entry) -> str:
    """Why something comes out otherwise than it was recorded."""
    if isinstance(entry.input, ApplyCorrection):
        return f"by the correction {entry.input.correction}"
    return "after what was learned late"


def _earned(event: PointsEarned, entry: Entry) -> str:
    if isinstance(entry.input, PayPrize):
        return f"won by rank {entry.input.rank} on {prize_cause(entry.input).removeprefix('leaderboard:')}"
    if event.occasion is not None:
        return f"earned by {event.rule} on {event.occasion.kind}"
    if event.restated is not None:
        return f"more by {event.rule} on {event.restated.at:%Y-%m-%d}, {_learned(entry)}"
    return f"earned by {event.rule}"


_Told = tuple[str, datetime, str | None, int | None, str | None, str]


Say = Callable[[str, int], str]
"""(currency, points in its smallest unit) -> the points as people write them."""


def say_in(circumstances: Circumstances) -> Say:
    """How the currencies of the rulebook in force write their points."""
    book = circumstances.timeline.at(circumstances.recorded_at)
    scales = {name: currency.scale for name, currency in book.document.currencies.items()} if book else {}

    def say(currency: str, points: int) -> str:
        scale = scales.get(currency, 0)
        whole, rest = divmod(abs(points), 10**scale)
        return ("-" if points < 0 else "") + (f"{whole}.{rest:0{scale}}" if scale else str(whole))

    return say


def _all_told(event: Any, entry: Entry, say: "Say") -> Iterator[_Told]:
    """What is told of an event: a merge is told once for each currency."""
    if not isinstance(event, MemberMerged | MemberAbsorbed):
        told = _told(event, entry, say)
        if told is not None:
            yield told
        return
    kind, who = ("absorbed", "Another member came in") if isinstance(event, MemberAbsorbed) else ("merged", "Merged")
    sums = merged_points(event)
    if not sums:
        yield kind, entry.recorded_at, None, None, None, f"{who} by the merge {event.merge}"
    for currency, points in sums.items():
        text = f"{who} by the merge {event.merge}: {say(currency, points)} {currency}"
        yield kind, entry.recorded_at, currency, points, None, text


def _terms(event: HouseholdFormed | HouseholdChanged) -> str:
    """Who spends how much of a household's points, and what leaving takes along."""
    who = "its owner spends" if event.spenders == "owner" else "all its members spend"
    most = f", each at most {event.limit.points} of a currency per {event.limit.per}" if event.limit else ""
    along = "who leaves takes along what is left of their own" if event.leaving == "take" else "what was given stays"
    return f"{who}{most}; {along}"


_SENT: dict[type, str] = {
    VacateSeat: "taken along by a member,",
    SurrenderPoints: "given to a member for the return",
}
_WHY_RESCHEDULED = {"activity": "after an activity", "activation": "now that their life begins"}


def _told(event: Any, entry: Entry, say: "Say") -> _Told | None:
    """(kind, when, currency, points as they move what can be spent, rule, sentence)."""
    match event:
        case MemberEnrolled():
            return "enrolled", event.enrolled_at, None, None, None, f"{event.member} became a member"
        case MemberChanged():
            return "changed", entry.at, None, None, None, "Member details were changed"
        case MemberStatusChanged():
            return "status", entry.at, None, None, None, f"Status became {event.status}: {event.reason}"
        case MemberErased():
            return "erased", entry.at, None, None, None, "The person was erased"
        case ActivityRecorded() if event.source == OWN_SOURCE:
            return None
        case ActivityRecorded():
            text = f"{event.type} {event.id} from {event.source}"
            return "activity", event.occurred_at, None, None, None, text
        case PointsEarned():
            known_at = event.occasion.at if event.occasion else entry.recorded_at
            spendable = event.available_at is not None and event.available_at <= known_at
            limit = f" of {say(event.currency, event.wanted)}" if event.wanted != event.points else ""
            until = f", until {event.expires_at:%Y-%m-%d %H:%M} UTC" if event.expires_at else ""
            debt = f", {say(event.currency, event.repaid)} repaid debt" if event.repaid else ""
            pending = "" if spendable else ", pending"
            earned = f"{say(event.currency, event.points)}{limit} {event.currency} {_earned(event, entry)}"
            points = event.points - event.repaid if spendable else 0
            own = event.occasion or event.restated
            at = own.at if own else entry.at
            return "earned", at, event.currency, points, event.rule, f"{earned}{pending}{debt}{until}"
        case LotActivated():
            text = f"{say(event.currency, event.points)} {event.currency} became available"
            return "activated", event.at, event.currency, event.points - event.repaid, None, text
        case LotExpired():
            text = f"{say(event.currency, event.points)}{' pending' if event.pending else ''} {event.currency} expired"
            return "expired", event.at, event.currency, 0 if event.pending else -event.points, None, text
        case LotsRescheduled():
            until = f"until {event.expires_at:%Y-%m-%d %H:%M} UTC" if event.expires_at else "without end"
            count = f"{len(event.lots)} lot{'s' if len(event.lots) > 1 else ''}"
            why = _WHY_RESCHEDULED.get(event.reason, f"under rulebook {event.rulebook}")
            if isinstance(entry.input, ExtendLots) and event.reason == EXTENDED:
                why = f"by hand: {entry.input.reason}"
            return (
                "rescheduled",
                event.at,
                event.currency,
                None,
                None,
                f"{count} of {event.currency} now {until}, {why}",
            )
        case LotsReinstated():
            again, repaid = sum(lot.points for lot in event.lots), sum(draw.points for draw in event.repaid)
            text = f"{say(event.currency, again + repaid)} expired {event.currency} came back"
            text += f", {say(event.currency, repaid)} repaid debt" if repaid else ""
            text += f": {entry.input.reason}" if isinstance(entry.input, ReinstateLots) else ""
            return "reinstated", entry.at, event.currency, again, None, text
        case PointsRedeemed():
            worth = f" worth {event.value_minor} minor units" if event.value_minor is not None else ""
            owed = f", {say(event.currency, event.debt)} of them owed" if event.debt else ""
            spent_on = f"{event.source}/{event.redemption}" if event.source else event.redemption
            text = f"{say(event.currency, event.points)} {event.currency} spent on {spent_on}{worth}{owed}"
            return "redeemed", entry.recorded_at, event.currency, event.debt - event.points, None, text
        case PointsHeld() | HoldConfirmed() | HoldReleased() | RedemptionReturned():
            return told(event, entry, say)
        case RewardReserved():
            return "reward_held", entry.recorded_at, None, None, None, f"{event.quantity} of {event.reward} set aside"
        case RewardIssued():
            text = f"{event.quantity} of {event.reward} issued for {event.redemption}"
            return "reward_issued", entry.recorded_at, None, None, None, text
        case RewardReleased():
            text = f"{event.quantity} of {event.reward} given up, for {event.redemption}"
            return "reward_released", entry.recorded_at, None, None, None, text
        case IssuedCodeUsed():
            whose = "" if UUID(event.owner) == entry.stream_id else ", which another member has given"
            text = f"The code {event.code} of {event.reward} was used{whose}"
            return "issued_code_used", event.at, None, None, None, text
        case PointsAdjusted():
            sign = "+" if event.points > 0 else ""
            how = "for a code of" if isinstance(entry.input, UseIssuedCode) else "by hand:"
            text = f"{sign}{say(event.currency, event.points)} {event.currency} {how} {event.reason}"
            points = event.points - event.repaid if event.points > 0 else event.points + event.debt
            if event.points > 0 and (event.available_at is None or event.available_at > entry.recorded_at):
                points, text = 0, f"{text}, pending"
            return "adjusted", entry.recorded_at, event.currency, points, None, text
        case HouseholdFormed() | HouseholdChanged():
            what = "formed" if isinstance(event, HouseholdFormed) else "on other terms"
            return "household", entry.recorded_at, None, None, None, f"The household is {what}: {_terms(event)}"
        case HouseholdDissolved():
            return "household", entry.recorded_at, None, None, None, "The household is dissolved"
        case HouseholdJoined() | HouseholdLeft():
            what = "Joined" if isinstance(event, HouseholdJoined) else "Left"
            return "household", entry.recorded_at, None, None, None, f"{what} a household"
        case MemberSeated() | SeatVacated():
            what = "left"
            if isinstance(event, MemberSeated):
                what = f"joined as {event.role}" if event.entry else f"is {event.role} from now on"
            return "household", entry.recorded_at, None, None, None, f"A member {what}"
        case HouseholdSpent():
            how = "set aside" if event.held else "spent"
            text = f"{say(event.currency, event.points)} {event.currency} {how} by a member, for {event.redemption}"
            return "household_spent", entry.recorded_at, None, None, None, text
        case PointsSent():
            owed = f", {say(event.currency, event.debt)} of them owed" if event.debt else ""
            what = _SENT.get(type(entry.input), "sent to another member by the transfer")
            what = "given back for the transfer" if event.back else what
            text = f"{say(event.currency, event.points)} {event.currency} {what} {event.transfer}{owed}"
            return "sent", entry.recorded_at, event.currency, event.debt - event.points, None, text
        case PointsReceived():
            points = event.points - sum(part.repaid for part in event.parts)
            what = "come back from the transfer" if event.reversal else "received from another member by the transfer"
            if isinstance(entry.input, LeaveHousehold | ReturnActivity):
                what = "come back from the household, for"
            elif any(part.origin for part in event.parts):
                what = "put in by a member with the transfer"
            text = f"{say(event.currency, event.points)} {event.currency} {what} {event.transfer}"
            return "received", entry.recorded_at, event.currency, points, None, text
        case AdjustmentReversed():
            spent = sum(draw.points for draw in (*event.from_lots, *event.from_other))
            owed = f", {say(event.currency, event.debt)} of them owed" if event.debt else ""
            owed += f", {say(event.currency, event.expired)} had expired" if event.expired else ""
            text = f"{say(event.currency, event.points)} {event.currency} by hand taken back: {event.adjustment}{owed}"
            return "adjustment_reversed", entry.at, event.currency, -spent, None, text
        case PointsGivenBack():
            gone = sum(draw.points for draw in event.expired)
            more = f", {say(event.currency, event.repaid)} repaid debt" if event.repaid else ""
            more += f", {say(event.currency, gone)} had expired" if gone else ""
            gone_how = "taken by hand" if isinstance(entry.input, ReverseAdjustment) else "spent on"
            text = f"{say(event.currency, event.points)} {event.currency} {gone_how} {event.spend} came back{more}"
            return "given_back", entry.at, event.currency, sum(lot.points for lot in event.lots), None, text
        case PointsClawedBack() if isinstance(entry.input, CancelPending):
            text = f"{say(event.currency, event.points)} pending {event.currency} of {event.rule} cancelled"
            return "cancelled", entry.at, event.currency, 0, event.rule, text
        case ActivityReversed():
            more = f", {event.excess_minor} too many" if event.excess_minor else ""
            text = f"Return {event.return_id} from {event.source} of {event.amount_minor} minor units{more}"
            return "returned", entry.at, None, None, None, text
        case PointsClawedBack():
            spent = sum(draw.points for draw in (*event.from_lots, *event.from_other))
            owed = f", {say(event.currency, event.debt)} of them owed" if event.debt else ""
            off = f", {say(event.currency, event.written_off)} written off" if event.written_off else ""
            off += f", {say(event.currency, event.expired)} had expired" if event.expired else ""
            about, at = "", entry.at
            if event.restated is not None:
                at = event.restated.at
                about = f" on {at:%Y-%m-%d}, {_learned(entry)},"
            taken = f"{say(event.currency, event.points)} {event.currency} of {event.rule}{about} taken back"
            text = f"{taken}{owed}{off}"
            return "clawed_back", at, event.currency, -spent, event.rule, text
        case TierChanged():
            text = f"{event.set}: from {event.from_ or 'no level'} to {event.to or 'no level'} ({event.reason})"
            return "tier_changed", event.at, None, None, None, text
        case TierRestated():
            text = f"{event.set}: {event.to or 'no level'}, not {event.from_ or 'no level'}, by what was learned late"
            return "tier_restated", event.at, None, None, None, text
        case ActivityRestated():
            if event.activity == entry.version:
                return None
            return "restated", event.at, None, None, None, f"What happened on {event.at:%Y-%m-%d} was decided again"
        case TierRenewed():
            return "tier_renewed", event.at, None, None, None, f"{event.set}: {event.level} kept at review"
        case OfferAssigned():
            text = f"The offer {event.offer} was assigned, until {event.ends_at:%Y-%m-%d %H:%M} UTC"
            return "offer_assigned", event.assigned_at, None, None, event.rule or None, text
        case OfferViewed():
            return "offer_viewed", event.at, None, None, None, f"The offer {event.offer} was seen"
        case OfferProgressed():
            step = f"+{event.step}" if event.step > 0 else f"{event.step}"
            text = f"{step} for the offer {event.offer}, which makes {event.progress}"
            return "offer_progressed", entry.at, None, None, None, text
        case OfferCompleted():
            at = event.restated.at if event.restated is not None else entry.at
            return "offer_completed", at, None, None, None, f"The offer {event.offer} was completed"
        case OfferReopened():
            why = "after a return" if event.restated is None else "by what was learned late"
            text = f"The offer {event.offer} is not completed any more, {why}"
            return "offer_reopened", entry.at, None, None, None, text
        case OfferWithdrawn():
            text = f"The offer {event.offer} was withdrawn: what it was assigned by was returned"
            return "offer_withdrawn", entry.at, None, None, None, text
        case OfferClosed():
            return "offer_closed", event.at, None, None, None, f"The offer {event.offer} is over"
        case CodeRedeemed():
            text = f"The code {event.code} of {event.campaign} was used, for the offer {event.offer}"
            return "code_redeemed", event.at, None, None, None, text
        case StreakMoved():
            text = f"{event.streak}: {event.current} in a row ({event.reason}), {event.longest} at most"
            return "streak", entry.at, None, None, f"streak:{event.streak}", text
        case BadgeGranted():
            what = event.badge if event.period == "ever" else f"{event.badge} of {event.period}"
            return "badge_granted", event.at, None, None, f"badge:{event.badge}", f"Badge {what}"
        case BadgeRevoked():
            what = event.badge if event.period == "ever" else f"{event.badge} of {event.period}"
            return "badge_revoked", entry.at, None, None, f"badge:{event.badge}", f"Badge {what} was taken away"
        case ReferralCodeIssued():
            return "referral_code", entry.at, None, None, None, "A code to bring friends with was issued"
        case MemberReferred():
            return "referred", event.at, None, None, None, f"Came with a code, for {' and '.join(event.referrals)}"
        case ReferralConverted():
            text = f"Counted for {' and '.join(event.referrals)}"
            return "referral_converted", event.at, None, None, None, text
        case ReferralReversed():
            text = f"Counts for {' and '.join(event.referrals)} no more"
            return "referral_reversed", entry.at, None, None, None, text
        case ReferralRewarded():
            passed = ", passed over" if event.passed_over else ""
            text = f"A friend counted for {' and '.join(event.referrals)}{passed}"
            return "referral_rewarded", entry.at, None, None, None, text
        case ReferralTakenBack():
            text = f"What a friend had brought for {' and '.join(event.referrals)} was returned"
            return "referral_taken_back", entry.at, None, None, None, text
        case OccasionPlanned():
            return None
        case OccasionReached():
            return "occasion", event.at, None, None, None, f"{event.occasion} of {event.year}"
        case ExperimentAssigned():
            text = f"Drawn into the arm {event.arm} of the experiment {event.experiment}"
            return "assigned", entry.at, None, None, None, text
        case TierGraceBegan():
            text = f"{event.set}: {event.level} not kept at review, in grace until {event.until:%Y-%m-%d %H:%M} UTC"
            return "tier_grace", event.at, None, None, None, text
        case TierUpgradePlanned():
            return None
        case TierFloorSet(level=None):
            return "tier_floor", event.at, None, None, None, f"{event.set}: the floor was lifted: {event.reason}"
        case TierFloorSet():
            until = f" until {event.until:%Y-%m-%d %H:%M} UTC" if event.until is not None else ""
            text = f"{event.set}: never below {event.level}{until}: {event.reason}"
            return "tier_floor", event.at, None, None, None, text
        case TierHeld():
            text = f"{event.set}: {event.own.level or 'no level'} of its own"
            if event.level != event.own.level:
                text += f", held at {event.level} by the floor"
            return "tier_held", event.at, None, None, None, text
        case SegmentChanged():
            text = f"now {'in' if event.inside else 'out of'} the segment {event.segment}"
            return "segment_changed", event.at, None, None, None, text
        case RuleFailed():
            text = f"{event.rule} could not be evaluated: {event.error}"
            return "rule_failed", entry.at, None, None, event.rule, text
    return None


# --- lots, statement, expiring -----------------------------------------------------------------


async def lots(handler: Handler, program: str, member: str, *, limit: int = 100, cursor: int = 0) -> Json:
    """Every lot the member ever had, oldest first, with what became of it."""
    loaded, known = await handler.find(program, member)
    found = await past(handler, known, loaded.stream, handler.now(loaded))
    items = list(lots_of(found).values())
    page = items[cursor : cursor + limit]
    return {"items": page, "next_cursor": str(cursor + limit) if len(items) > cursor + limit else None}


def lots_of(found: Past) -> dict[str, Json]:
    lots: dict[str, Json] = {}

    def leaves(lot: str, points: int, state: str) -> None:
        lots[lot]["remaining"] -= points
        if lots[lot]["remaining"] == 0:
            lots[lot]["state"] = state

    for entry in every(found):
        activity = None
        for event in entry.events:
            match event:
                case ActivityRecorded():
                    activity = {"source": event.source, "id": event.id}
                case PointsEarned() | PointsAdjusted() if event.lot is not None and event.points > 0:
                    occasion = event.occasion if isinstance(event, PointsEarned) else None
                    own = occasion or getattr(event, "restated", None)
                    known_at = occasion.at if occasion else entry.recorded_at
                    spendable = event.available_at is not None and event.available_at <= known_at
                    lots[event.lot] = {
                        "id": event.lot,
                        "currency": event.currency,
                        "points": event.points,
                        "remaining": event.points - event.repaid,
                        "state": "spent" if event.points == event.repaid else "open" if spendable else "pending",
                        "available_at": event.available_at,
                        "expires_at": event.expires_at,
                        "activity": activity if occasion is None else None,
                        "rule": event.rule if isinstance(event, PointsEarned) else "adjustment",
                        "rulebook": (own.rulebook if own else entry.pins.rulebook) or None,
                    }
                case LotActivated():
                    lots[event.lot]["state"] = "open"
                    if event.repaid:
                        leaves(event.lot, event.repaid, "spent")
                case LotsRescheduled():
                    for lot in event.lots:
                        lots[lot]["expires_at"] = event.expires_at
                case LotExpired():
                    leaves(event.lot, event.points, "expired")
                case PointsRedeemed() | PointsAdjusted():
                    for draw in event.draws:
                        leaves(draw.lot, draw.points, "spent")
                case PointsSent():
                    for part in event.parts:
                        leaves(part.lot, part.points, "spent")
                case PointsReceived():
                    for part in event.parts:
                        lots[part.lot] = {
                            "id": part.lot,
                            "currency": event.currency,
                            "points": part.points,
                            "remaining": part.points - part.repaid,
                            "state": "spent" if part.points == part.repaid else "open",
                            "available_at": entry.recorded_at,
                            "expires_at": part.expires_at,
                            "activity": None,
                            "rule": TRANSFERRED,
                            "rulebook": entry.pins.rulebook or None,
                        }
                case MemberMerged():
                    for gone in event.lots:
                        leaves(gone.lot, gone.points, "spent")
                case MemberAbsorbed():
                    for closed in event.closing.lots:
                        lots[closed.id] = {
                            "id": closed.id,
                            "currency": closed.currency,
                            "points": closed.points,
                            "remaining": closed.remaining,
                            "state": "open" if closed.active else "pending",
                            "available_at": closed.available_at,
                            "expires_at": closed.expires_at,
                            "activity": None,
                            "rule": closed.rule,
                            "rulebook": closed.rulebook or None,
                        }
                case PointsGivenBack():
                    for one in event.lots:
                        _reopen(lots, event, one)
                    for draw in event.expired:
                        if lots[draw.lot]["remaining"] == 0:
                            lots[draw.lot]["state"] = "expired"
                case LotsReinstated():
                    for one in event.lots:
                        _reopen(lots, event, one)
                    for draw in event.repaid:
                        if draw.lot in lots and lots[draw.lot]["remaining"] == 0:
                            lots[draw.lot]["state"] = "spent"
                case PointsHeld() | HoldConfirmed() | HoldReleased() | RedemptionReturned():
                    changes_lots(lots, event)
                case PointsClawedBack() | AdjustmentReversed():
                    for draw in (*event.from_pending, *event.from_lots, *event.from_other):
                        leaves(draw.lot, draw.points, "returned")
                case _:
                    pass
    return lots


def _reopen(lots: dict[str, Json], event: PointsGivenBack | LotsReinstated, opened: OpenLot) -> None:
    """Points come back into a lot, or into a new one."""
    lot = lots.setdefault(
        opened.lot,
        {
            "id": opened.lot,
            "currency": event.currency,
            "points": opened.granted,
            "remaining": 0,
            "state": "open",
            "available_at": opened.available_at,
            "expires_at": opened.expires_at,
            "activity": None,
            "rule": opened.rule,
            "rulebook": opened.rulebook,
        },
    )
    lot |= {"remaining": lot["remaining"] + opened.points, "state": "open", "expires_at": opened.expires_at}


async def statement(
    handler: Handler,
    program: str,
    member: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Json:
    """What could be spent at the start, every movement of it in between by effective time, and at the end."""
    loaded, known = await handler.find(program, member)
    now = handler.now(loaded)
    found = await past(handler, known, loaded.stream, now)
    end = min(end or now, now)
    lines = [line for entry in every(found) for line in movements(entry) if line.account in ("member", "debt")]
    lines.sort(key=lambda line: (line.effective_at, line.recorded_at))
    opening: dict[str, int] = {}
    closing: dict[str, int] = {}
    items = []
    for line in lines:
        if line.effective_at > end:
            continue
        if start is not None and line.effective_at < start:
            opening[line.currency] = opening.get(line.currency, 0) + line.points
        else:
            items.append(_line(line))
        closing[line.currency] = closing.get(line.currency, 0) + line.points
    return {
        "member": member,
        "from": start,
        "to": end,
        "opening": {name: opening.get(name, 0) for name in closing},
        "closing": closing,
        "items": items,
    }


def _line(line: Movement) -> Json:
    shape: Json = msgspec.to_builtins(line, builtin_types=(datetime,))
    return shape


async def expiring(handler: Handler, program: str, member: str, *, until: datetime | None = None) -> Json:
    """What will expire and when, soonest first; with what never does it sums to available and pending."""
    loaded, known = await handler.find(program, member)
    now = handler.now(loaded)
    current, _ = await current_member(handler, known, loaded, now)
    items = [
        {
            "lot": lot.id,
            "currency": lot.currency,
            "points": lot.remaining,
            "state": "open" if lot.spendable(now) else "pending",
            "expires_at": lot.expires_at,
        }
        for lot in sorted(current.lots, key=lambda one: (one.expires_at is None, one.expires_at or now, one.id))
        if until is None or (lot.expires_at is not None and lot.expires_at < until)
    ]
    return {"items": items, "next_cursor": None}
