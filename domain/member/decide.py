"""Every command a member understands: the contents page of the room.

`decide` is pure: the member and the circumstances come in, events come out, or a refusal. Every decision
begins with what time has made true (`settle`), so no policy ever sees a stale member.
"""

from datetime import datetime
from typing import assert_never

import msgspec

from domain.calendar import MICROSECOND
from domain.errors import MemberErasedAlready, MemberExists, MergedAway, UnknownMember
from domain.member.activities import Evaluated, record_activity
from domain.member.codes import use_issued_code
from domain.member.commands import (
    AbsorbMember,
    ActivatePending,
    AdjustPoints,
    ApplyCorrection,
    AssignOffer,
    CancelPending,
    CancelRedemption,
    ChangeHousehold,
    ChangeMember,
    ConfirmRedemption,
    DissolveHousehold,
    EnrolMember,
    EraseMember,
    ExtendLots,
    FormHousehold,
    GiveBackPoints,
    IssueReferralCode,
    JoinHousehold,
    LeaveHousehold,
    MemberCommand,
    MergeMember,
    PayPrize,
    PayReferral,
    PlaceInTier,
    ReceivePoints,
    RecordActivity,
    RedeemCode,
    RedeemPoints,
    RedeemReward,
    ReferMember,
    ReinstateLots,
    ReturnActivity,
    ReturnRedemption,
    ReverseAdjustment,
    ReverseReferral,
    SeatMember,
    SendPoints,
    SetMemberStatus,
    SetTierFloor,
    Settle,
    SurrenderPoints,
    UseIssuedCode,
    VacateSeat,
)
from domain.member.correcting import apply_correction
from domain.member.coupons import redeem_code
from domain.member.draft import Circumstances, Draft
from domain.member.events import (
    MemberChanged,
    MemberEnrolled,
    MemberErased,
    MemberEventUnion,
    MemberStatusChanged,
)
from domain.member.extending import extend_lots, reinstate_lots
from domain.member.floors import set_floor
from domain.member.holds import cancel_redemption, confirm_redemption, return_redemption
from domain.member.households import (
    change_household,
    dissolve_household,
    form_household,
    join_household,
    leave_household,
    recall,
    seat_member,
    surrender_points,
    understood,
    vacate_seat,
)
from domain.member.merging import absorb_member, merge_member
from domain.member.occasions import plan
from domain.member.offers import assign_offer
from domain.member.pending import activate_pending, cancel_pending
from domain.member.placing import place_in_tier
from domain.member.prizes import pay_prize
from domain.member.referral_payments import pay_referral, reverse_referral
from domain.member.referrals import introduce, issue_code
from domain.member.returns import return_activity
from domain.member.reversals import reverse_adjustment
from domain.member.rewards import redeem_reward
from domain.member.settle import settle
from domain.member.spending import adjust_points, redeem_points
from domain.member.standing import follow
from domain.member.state import Member
from domain.member.transfers import give_back_points, receive_points, send_points
from domain.rules.compiled import ENROLLED
from domain.takes import Take, together

_FOR_ANYBODY = (Settle, AdjustPoints, ApplyCorrection, PayReferral, ReverseReferral)
"""Commands that an erased member's stream takes as well."""


class Decision(msgspec.Struct, frozen=True):
    """What a command led to.

    `at` is the decision instant, `rulebook` the version it was decided under (0: none), `settled` how many of the
    events time alone made. `member` is the member after all of them, `takes` what the save takes of shared quantities.
    `promises` are kinds of promises to other streams, which the entry makes by claims of its own. `freed` are codes of
    units that are held no more, which the entry releases.
    """

    events: tuple[MemberEventUnion, ...]
    at: datetime
    rulebook: int
    settled: int
    member: Member
    evaluated: Evaluated | None = None
    takes: tuple[Take, ...] = ()
    promises: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()


def decide(command: MemberCommand, member: Member, circumstances: Circumstances) -> Decision:
    """Decide one command. Raises `Refused`.

    Raises `ColdHistoryNeeded`, `HistoryNeeded` or `TakenNeeded` when it has to know more: decide again with that.
    """
    draft = Draft(member, circumstances, decision_instant(command, circumstances.recorded_at))
    _known(command, member)
    settle(draft)
    by_time = len(draft.events)
    evaluated = None
    match command:
        case RecordActivity():
            evaluated = record_activity(draft, command)
        case RedeemPoints():
            redeem_points(draft, command)
        case RedeemReward():
            redeem_reward(draft, command)
        case ConfirmRedemption():
            confirm_redemption(draft, command)
        case CancelRedemption():
            cancel_redemption(draft, command)
        case ReturnRedemption():
            return_redemption(draft, command)
        case ReturnActivity():
            owed = draft.member.debt.copy() if command.pooled else {}
            return_activity(draft, command)
            if command.pooled:
                recall(draft, command, owed)
        case AdjustPoints():
            adjust_points(draft, command)
        case SendPoints():
            send_points(draft, command)
        case ReceivePoints():
            receive_points(draft, command)
        case GiveBackPoints():
            give_back_points(draft, command)
        case MergeMember():
            merge_member(draft, command)
        case AbsorbMember():
            absorb_member(draft, command)
        case PlaceInTier():
            place_in_tier(draft, command)
        case ReverseAdjustment():
            reverse_adjustment(draft, command)
        case ActivatePending():
            activate_pending(draft, command)
        case CancelPending():
            cancel_pending(draft, command)
        case ExtendLots():
            extend_lots(draft, command)
        case ReinstateLots():
            reinstate_lots(draft, command)
        case PayPrize():
            pay_prize(draft, command)
        case IssueReferralCode():
            issue_code(draft, command.code)
        case ReferMember():
            introduce(draft, command.introduction, draft.now)
        case PayReferral():
            pay_referral(draft, command)
        case ReverseReferral():
            reverse_referral(draft, command)
        case AssignOffer():
            assign_offer(draft, command)
        case RedeemCode():
            redeem_code(draft, command)
        case UseIssuedCode():
            use_issued_code(draft, command)
        case ApplyCorrection():
            apply_correction(draft, command)
        case EnrolMember():
            evaluated = _enrol(draft, command)
        case ChangeMember():
            draft.record(
                MemberChanged(
                    attributes=command.attributes,
                    time_zone=command.time_zone,
                    consents=command.consents,
                    sealed=command.sealed,
                )
            )
        case SetMemberStatus():
            if command.status != draft.member.status:
                draft.record(MemberStatusChanged(status=command.status, reason=command.reason))
        case SetTierFloor():
            set_floor(draft, command)
        case EraseMember():
            draft.record(MemberErased(reason=command.reason))
        case FormHousehold():
            form_household(draft, command)
        case ChangeHousehold():
            change_household(draft, command)
        case DissolveHousehold():
            dissolve_household(draft, command)
        case JoinHousehold():
            join_household(draft, command)
        case SeatMember():
            seat_member(draft, command)
        case VacateSeat():
            vacate_seat(draft, command)
        case LeaveHousehold():
            leave_household(draft, command)
        case SurrenderPoints():
            surrender_points(draft, command)
        case Settle():
            pass
        case _:
            assert_never(command)
    _follow_up(draft, command)
    # What arrived too late is over on arrival, and visibly so: granted and expired in one entry.
    settle(draft)
    draft.member.version = draft.version
    draft.member.recorded_at = draft.now
    draft.member.timeline = circumstances.timeline.number
    return Decision(
        tuple(draft.events),
        draft.at,
        draft.rulebook,
        by_time,
        draft.member,
        evaluated,
        together(draft.takes),
        tuple(draft.promises),
        tuple(draft.freed),
    )


def _follow_up(draft: Draft, command: MemberCommand) -> None:
    """What follows from any change of a member: levels that follow what it has, and the days it looks forward to."""
    timeline = draft.circumstances.timeline
    rules = timeline.look(draft.now)
    if rules is None or isinstance(command, Settle) or draft.member.pool is not None:
        return
    if rules.following:
        follow(draft, rules.following, draft.now)
    if isinstance(command, EnrolMember | ChangeMember) and (draft.member.occasions or rules.celebrates is not None):
        plan(draft, timeline.at(draft.now), draft.now)


def decision_instant(command: MemberCommand, recorded_at: datetime) -> datetime:
    """The `at` of a decision (law 4): earning and returning happen in the world, the rest when recorded."""
    match command:
        case RecordActivity() | ReturnActivity():
            return command.occurred_at
        case EnrolMember():
            return command.enrolled_at
        case PayPrize():
            return command.closed_at
        case PayReferral() | ReverseReferral():
            return command.occurred_at
        case AssignOffer():
            return command.at
        case RedeemCode() | UseIssuedCode():
            return command.at or recorded_at
        case _:
            return recorded_at


def next_instant(member: Member, clock: datetime) -> datetime:
    """The program's clock for the next entry of a stream: it strictly increases (law 4)."""
    if member.recorded_at is None or clock > member.recorded_at:
        return clock
    return member.recorded_at + MICROSECOND


def _known(command: MemberCommand, member: Member) -> None:
    if isinstance(command, EnrolMember | FormHousehold):
        if member.exists:
            raise MemberExists(f"{member.id!r} is a member already")
    elif not member.exists:
        raise UnknownMember("no such member")
    elif member.status == "erased" and not isinstance(command, _FOR_ANYBODY):
        raise MemberErasedAlready("the member was erased")
    elif member.status == "merged" and not isinstance(command, Settle | EraseMember):
        raise MergedAway("the member was merged into another")
    elif member.pool is not None:
        understood(member, command)


def _enrol(draft: Draft, command: EnrolMember) -> Evaluated | None:
    """Enrolling is an activity of its own type, so rules can welcome."""
    draft.record(
        MemberEnrolled(
            member=command.member,
            enrolled_at=command.enrolled_at,
            attributes=command.attributes,
            time_zone=command.time_zone,
            consents=command.consents,
            sealed=command.sealed,
        )
    )
    if command.introduction is not None:
        introduce(draft, command.introduction, command.enrolled_at)
    activity = RecordActivity(
        source="guerdon",
        id=command.member,
        type=ENROLLED,
        occurred_at=command.enrolled_at,
        data=command.data,
        time_zone=command.time_zone,
    )
    told = draft.circumstances.told
    if told.rulebook == 0 if told is not None else draft.circumstances.timeline.at(command.enrolled_at) is None:
        return None
    return record_activity(draft, activity)
