"""Answers to writes, made from entries alone.

A first answer and a repeated one come from the same stored entry through the same function, so they are the
same. Shapes are those of the HTTP contract; more fields may be added, none renamed.
"""

import re
from typing import Any
from uuid import UUID

import msgspec

from application.handle import Stored
from domain.log import After, Entry
from domain.member.commands import AdjustPoints, EnrolMember, RecordActivity, ReturnActivity, ReverseAdjustment
from domain.member.events import (
    ActivityRestated,
    ActivityReversed,
    AdjustmentReversed,
    BadgeGranted,
    BadgeRevoked,
    CodeRedeemed,
    ExperimentAssigned,
    IssuedCodeUsed,
    LotActivated,
    LotsRescheduled,
    MemberReferred,
    OfferAssigned,
    OfferCompleted,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    PointsHeld,
    PointsReceived,
    PointsRedeemed,
    ReferralConverted,
    ReferralReversed,
    RewardIssued,
    ScoreCounted,
    SegmentChanged,
    StreakMoved,
    TierChanged,
    TierRestated,
)
from domain.member.wallet import Balance
from domain.rules.compiled import CompiledRulebook

Json = dict[str, Any]


class Answered(msgspec.Struct, frozen=True):
    """What a write answers. `replayed` says that the first answer is given again."""

    status: int
    body: Json
    position: int
    replayed: bool = False


def answered(stored: Stored, body: Json) -> Answered:
    return Answered(200 if stored.replayed else 201, body, stored.position, stored.replayed)


_REF = re.compile(r"act_([0-9a-f]{32})_([1-9][0-9]{0,17})")


def activity_ref(stream: UUID, version: int) -> str:
    """The public name of an activity: where its entry stands."""
    return f"act_{stream.hex}_{version}"


def parse_ref(ref: str) -> tuple[UUID, int] | None:
    found = _REF.fullmatch(ref)
    return (UUID(found.group(1)), int(found.group(2))) if found else None


def activity(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to an activity: what it earned, what else it did, and what the member has now."""
    entry = stored.entry
    assert isinstance(entry.input, RecordActivity)
    return {
        "ref": activity_ref(entry.stream_id, entry.version),
        "source": entry.input.source,
        "id": entry.input.id,
        "type": entry.input.type,
        "position": stored.position,
        "occurred_at": entry.input.occurred_at,
        "recorded_at": entry.recorded_at,
        "rulebook": rulebook(entry),
        "awards": awards(entry),
        "effects": effects(entry),
        "member": member_after(entry, member, book),
    }


def enrolment(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    entry = stored.entry
    assert isinstance(entry.input, EnrolMember)
    return {
        "member": member_after(entry, member, book) | {"status": "active", "enrolled_at": entry.input.enrolled_at},
        "awards": awards(entry),
        "effects": effects(entry),
        "position": stored.position,
    }


def returned(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to a return; `written_off` points were neither found nor owed."""
    entry = stored.entry
    assert isinstance(entry.input, ReturnActivity)
    noted = next(event for event in entry.events if isinstance(event, ActivityReversed))
    as_activity: Json = {}
    if entry.input.type is not None:
        # It came as an activity, and is answered as one, too.
        as_activity = {
            "ref": activity_ref(entry.stream_id, entry.version),
            "source": entry.input.source,
            "id": entry.input.id,
            "type": entry.input.type,
            "occurred_at": entry.input.occurred_at,
            "recorded_at": entry.recorded_at,
            "rulebook": rulebook(entry),
            "awards": [],
        }
    return as_activity | {
        "return": {
            "source": entry.input.source,
            "id": entry.input.id,
            "activity": {"source": entry.input.activity_source, "id": entry.input.activity_id},
            "amount_minor": noted.amount_minor,
            "returned_minor": noted.returned_minor,
            "occurred_at": entry.input.occurred_at,
            "recorded_at": entry.recorded_at,
        },
        "clawed_back": [
            {
                "rule": event.rule,
                "currency": event.currency,
                "wanted": event.points,
                "from_pending": sum(draw.points for draw in event.from_pending),
                "from_lots": sum(draw.points for draw in event.from_lots),
                "from_other": sum(draw.points for draw in event.from_other),
                "expired": event.expired,
                "debt": event.debt,
                "written_off": event.written_off,
            }
            for event in entry.events
            if isinstance(event, PointsClawedBack)
        ],
        "given_back": given_back(entry),
        "from_household": {event.currency: event.points for event in entry.events if isinstance(event, PointsReceived)},
        "excess_minor": noted.excess_minor,
        "effects": effects(entry),
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def given_back(entry: Entry) -> list[Json]:
    """Which lots got points back, which of them had ended, and what repaid debt, which is in no lot."""
    found: list[Json] = []
    for event in entry.events:
        if isinstance(event, PointsGivenBack):
            name = "adjustment" if isinstance(entry.input, ReverseAdjustment) else "redemption"
            about = {name: event.spend, "currency": event.currency}
            found += [
                {"lot": lot.lot, "points": lot.points, "state": "open", "expires_at": lot.expires_at, **about}
                for lot in event.lots
            ]
            found += [{"lot": draw.lot, "points": draw.points, "state": "expired", **about} for draw in event.expired]
            if event.repaid:
                found.append({"lot": None, "points": event.repaid, "state": "repaid", **about})
    return found


def redemption(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to a redemption: what was spent, or set aside until it expires."""
    entry = stored.entry
    spent = next(event for event in entry.events if isinstance(event, PointsRedeemed | PointsHeld))
    return {
        "redemption": {
            "id": spent.redemption,
            "state": "held" if isinstance(spent, PointsHeld) else "confirmed",
            "currency": spent.currency,
            "points": spent.points,
            "value_minor": spent.value_minor,
            "draws": draws(spent.draws),
            "codes": codes(entry),
            "expires_at": spent.ends_at if isinstance(spent, PointsHeld) else None,
        },
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def codes(entry: Entry) -> list[str]:
    """Those of the units that the entry issued."""
    return [code for event in entry.events if isinstance(event, RewardIssued) for code in event.codes]


def adjustment(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    entry = stored.entry
    assert isinstance(entry.input, AdjustPoints)
    done = next(event for event in entry.events if isinstance(event, PointsAdjusted))
    return {
        "adjustment": {
            "id": done.adjustment,
            "currency": done.currency,
            "points": done.points,
            "reason": done.reason,
            "lots": [done.lot] if done.lot else [],
            "available_at": done.available_at,
            "expires_at": done.expires_at,
            "repaid": done.repaid,
            "draws": draws(done.draws),
            "debt": done.debt,
        },
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def reversal(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to an adjustment's reversal: where the points came from, or where they came back to."""
    entry = stored.entry
    assert isinstance(entry.input, ReverseAdjustment)
    taken = next((event for event in entry.events if isinstance(event, AdjustmentReversed)), None)
    return {
        "reversal": {
            "adjustment": entry.input.adjustment,
            "taken": {
                "currency": taken.currency,
                "points": taken.points,
                "draws": draws((*taken.from_pending, *taken.from_lots, *taken.from_other)),
                "expired": taken.expired,
                "debt": taken.debt,
            }
            if taken is not None
            else None,
            "given_back": given_back(entry),
            "force": entry.input.force,
        },
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def pending(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to an activation or a cancellation: which lots, and where they stand now."""
    entry = stored.entry
    own = entry.events[entry.settled :]
    ends = {lot: event.expires_at for event in own if isinstance(event, LotsRescheduled) for lot in event.lots}
    return {
        "activated": [
            {
                "lot": event.lot,
                "currency": event.currency,
                "points": event.points,
                "repaid": event.repaid,
                **({"expires_at": ends[event.lot]} if event.lot in ends else {}),
            }
            for event in own
            if isinstance(event, LotActivated)
        ],
        "cancelled": [
            {"lot": event.lot, "currency": event.currency, "points": event.points}
            for event in own
            if isinstance(event, PointsClawedBack | AdjustmentReversed)
        ],
        "effects": effects(entry),
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def assignment(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to an assignment: the slot that it opened."""
    entry = stored.entry
    opened = next(event for event in entry.events if isinstance(event, OfferAssigned))
    return {
        "assignment": {
            "offer": opened.offer,
            "slot": opened.slot,
            "assigned_at": opened.assigned_at,
            "ends_at": opened.ends_at,
        },
        "rulebook": rulebook(entry),
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def code(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to the use of a code: for which slot of which offer, and what that gave."""
    entry = stored.entry
    used = next(event for event in entry.events if isinstance(event, CodeRedeemed))
    return {
        "code": {
            "code": used.code,
            "campaign": used.campaign,
            "offer": used.offer,
            "slot": used.slot,
            "at": used.at,
        },
        "rulebook": rulebook(entry),
        "awards": awards(entry),
        "effects": effects(entry),
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def issued_code(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    """The answer to the use of an issued unit's code: of which reward it was, and what it brought."""
    entry = stored.entry
    used = next(event for event in entry.events if isinstance(event, IssuedCodeUsed))
    brought = next((event for event in entry.events if isinstance(event, PointsAdjusted)), None)
    return {
        "code": {
            "code": used.code,
            "reward": used.reward,
            "redemption": used.redemption,
            "at": used.at,
            "gives": None
            if brought is None
            else {
                "currency": brought.currency,
                "points": brought.points,
                "lot": brought.lot,
                "expires_at": brought.expires_at,
                "repaid": brought.repaid,
            },
        },
        "rulebook": rulebook(entry),
        "awards": [],
        "effects": effects(entry),
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def rulebook(entry: Entry) -> Json | None:
    """The version that ruled the input; None before any was published."""
    number = entry.pins.rulebook
    return {"version": number, "digest": entry.pins.rulebooks[number]} if number else None


def awards(entry: Entry) -> list[Json]:
    return [
        {
            "rule": event.rule,
            "currency": event.currency,
            "wanted": event.wanted,
            "granted": event.points,
            "limited_by": msgspec.to_builtins(event.limited_by) if event.limited_by else None,
            "available_at": event.available_at,
            "expires_at": event.expires_at,
            "repaid": event.repaid,
            "lots": [event.lot] if event.points > event.repaid else [],
        }
        for event in entry.events
        if isinstance(event, PointsEarned) and event.occasion is None and event.restated is None
    ]


def effects(entry: Entry) -> list[Json]:
    """What else happened: tiers, points spent by a feed, results, arms drawn, offers, streaks, badges, referrals."""
    found: list[Json] = []
    for event in entry.events[entry.settled :]:
        if isinstance(event, _RESTATING):
            found += restated(entry, event)
        elif isinstance(event, TierChanged):
            found.append({"kind": "tier_changed", "set": event.set, "from": event.from_, "to": event.to})
        elif isinstance(event, ExperimentAssigned):
            found.append({"kind": "assigned", "experiment": event.experiment, "arm": event.arm})
        elif isinstance(event, SegmentChanged):
            found.append({"kind": "segment_changed", "segment": event.segment, "inside": event.inside})
        elif isinstance(event, ScoreCounted):
            where = {"leaderboard": event.leaderboard, "board": event.board, "period": event.period}
            found.append({"kind": "scored", **where, "score": event.score})
        elif isinstance(event, _OFFERS):
            found.append({"kind": _KINDS[type(event)], "offer": event.offer, "slot": event.slot} | _of(entry, event))
        elif isinstance(event, StreakMoved):
            run = {"current": event.current, "longest": event.longest, "previous": event.previous}
            found.append({"kind": "streak_moved", "streak": event.streak, **run, "reason": event.reason})
        elif isinstance(event, BadgeGranted):
            granted = {"kind": "badge_granted", "badge": event.badge, "period": event.period}
            found.append(granted | _of(entry, event))
        elif isinstance(event, BadgeRevoked):
            found.append({"kind": "badge_revoked", "badge": event.badge, "period": event.period})
        elif isinstance(event, MemberReferred):
            found.append({"kind": "referred", "referrals": list(event.referrals)})
        elif isinstance(event, ReferralConverted):
            found.append({"kind": "referral_converted", "referrals": list(event.referrals)})
        elif isinstance(event, ReferralReversed):
            found.append({"kind": "referral_reversed", "referrals": list(event.referrals)})
        elif isinstance(event, PointsRedeemed) and isinstance(entry.input, RecordActivity):
            found.append(
                {
                    "kind": "redeemed",
                    "currency": event.currency,
                    "points": event.points,
                    "value_minor": event.value_minor,
                    "draws": draws(event.draws),
                    "debt": event.debt,
                }
            )
    return found


def restated(entry: Entry, event: PointsEarned | PointsClawedBack | ActivityRestated | TierRestated) -> list[Json]:
    """What a late activity changes of earlier entries: which activity comes out differently, and by how much."""
    match event:
        case PointsEarned() | PointsClawedBack():
            if event.restated is None:
                return []
            points = event.points if isinstance(event, PointsEarned) else -event.points
            what = {"rule": event.rule, "currency": event.currency, "points": points}
            return [{"kind": "award_restated", **what} | _of(entry, event)]
        case TierRestated():
            moved = {"set": event.set, "from": event.from_, "to": event.to}
            return [{"kind": "tier_restated", **moved, "at": event.at}]
        case ActivityRestated() if event.activity != entry.version:
            return [{"kind": "restated", "activity": activity_ref(entry.stream_id, event.activity)}]
        case _:
            return []


def _of(entry: Entry, event: object) -> Json:
    """The activity that a fact is about, where it is another one than the entry's own."""
    about = getattr(event, "restated", None)
    return {"activity": activity_ref(entry.stream_id, about.activity)} if about is not None else {}


# The commonest events of all, so the union of them is not made anew for each.
_RESTATING = (PointsEarned, PointsClawedBack, ActivityRestated, TierRestated)
_OFFERS = (OfferAssigned, OfferViewed, OfferCompleted, OfferReopened, OfferWithdrawn, CodeRedeemed)
_KINDS = dict(
    zip(
        _OFFERS,
        ("offer_assigned", "offer_viewed", "offer_completed", "offer_reopened", "offer_withdrawn", "code_redeemed"),
        strict=True,
    )
)


def draws(found: Any) -> list[Json]:
    return [{"lot": draw.lot, "points": draw.points} for draw in found]


def member_after(entry: Entry, member: str, book: CompiledRulebook | None) -> Json:
    """The member as the entry left it, with every currency and tier set of the newest rulebook of that moment."""
    after = entry.after or After()
    balances = {name: Balance() for name in (book.document.currencies if book else ())} | after.balances
    tiers: dict[str, str | None] = dict.fromkeys(book.document.tiers if book else ()) | after.tiers
    return {
        "id": member,
        "balances": {name: msgspec.to_builtins(balances[name]) for name in sorted(balances)},
        "tiers": {name: {"level": tiers[name]} for name in sorted(tiers)},
    }
