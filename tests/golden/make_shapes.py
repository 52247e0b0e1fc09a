"""One file per stored shape: `python -m tests.golden.make_shapes` writes those that are missing.

A file that exists is never written again: these bytes stand in somebody's log. A new event or command needs an
example here; a changed one needs a new tag.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from domain.correction import commands as correction_commands
from domain.correction import events as correction_events
from domain.log import After, Claim, Entry, Event, Input, Pins, encoded
from domain.member import closing, commands, events
from domain.member.pool import SpendingLimit
from domain.member.wallet import Balance
from domain.program import commands as program_commands
from domain.program import events as program_events
from domain.reward import commands as reward_commands
from domain.reward import events as reward_events
from domain.rules.limits import LimitedBy
from domain.rules.referrals import Reward
from domain.rules.rewards import Gives, RewardTerms, Validity
from domain.takes import Take

HERE = Path(__file__).parent
AT = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)
LATER = datetime(2026, 9, 1, tzinfo=UTC)
DRAWS = (events.Draw("2.1", 30), events.Draw("7.2", 5))
DIGEST = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

RESTATED = events.Restated(activity=2, at=AT, rulebook=3)
CORRECTED = commands.CorrectedActivity(
    activity=2, at=AT, rulebook=3, day=739676,
    awards=(
        commands.CorrectedAward(
            rule="base", currency="points", points=10, wanted=20, counts={"cap:base": 10}, available_at=AT,
            expires_at=LATER, idle=events.Idle(for_="P6M"),
        ),
        commands.CorrectedAward(rule="promo", currency="points", points=-5),
    ),
    cascaded=True,
)  # fmt: skip
INTRODUCTION = commands.Introduction(owner="6e1f2a087d4b4c7e9c530d8f3b1f2a10", code="7KQ2M9XTB4HZ0", issued_at=AT)

CLOSING = closing.Closing(
    lots=(
        closing.ClosedLot(
            id="-999999998.1",
            currency="points",
            points=40,
            remaining=30,
            occurred_at=AT,
            available_at=AT,
            expires_at=LATER,
            entry=-999999998,
            rule="base",
            rulebook=1,
            active=True,
            day=739676,
            idle=closing.ClosedIdle(for_="P12M", round_up="month", activities=("purchase",)),
        ),
    ),
    debt={"miles": 5},
    counts={"granted:points": {739676: 40}, "type:purchase": {739676: 1}},
    first={"purchase": AT},
    last={"purchase": AT},
    returned={
        24314: {
            -999999997: closing.ClosedReturn(
                returned_minor=500,
                taken={"-999999997.1": 5},
                counts={"measure:spend": -500},
                complete=True,
                lines={"1": (1, 500)},
                scores={"season": -5},
            )
        }
    },
    slots=(closing.ClosedSlot(id="-999999996.1", offer="bogo", rulebook=1, assigned_at=AT, ends_at=LATER, progress=2),),
    ended=(
        closing.ClosedSlot(
            id="-999999995.1",
            offer="bogo",
            rulebook=1,
            assigned_at=AT,
            ends_at=AT,
            viewed_at=AT,
            progress=3,
            periods={739676: 1},
            completed=-999999994,
            completed_at=AT,
            lot="-999999994.1",
            uses={"SPRING": 1},
        ),
    ),
    closed_until=AT,
    code="7KQ2M9XTB4HZ0",
    code_at=AT,
    referred=closing.ClosedReferred(
        owner="0f8fad5bd9cb469fa16570867728950e",
        referrals=("friends",),
        rulebook=3,
        at=AT,
        conversions={"friends": 1},
    ),
    referrals={"friends": 2},
    arms={"gift": "a"},
    absorbed=("0f8fad5bd9cb469fa16570867728950e",),
)

MUG = RewardTerms(
    id="mug",
    kind="product",
    currency="points",
    points=100,
    name="A mug",
    stock=500,
    per_member=1,
    starts=AT,
    ends=LATER,
    generates_codes=True,
    withdrawn=True,
)
CARD = RewardTerms(
    id="card", kind="gift", currency="points", points=100, listed_codes=True, valid=Validity("P5D", "P10D"),
    gives=Gives("credit", 2500), when="member.segments.regulars", tree=["segment", 1, 1, "regulars"],
)  # fmt: skip

EVENTS: list[Any] = [
    events.MemberEnrolled(
        member="ann", enrolled_at=AT, attributes={"city": "Köln"}, time_zone="Europe/Berlin",
        consents={"mail": True}, sealed=b"cipher text",
    ),
    events.MemberChanged(attributes={"city": "Bonn"}, time_zone="UTC", consents={"mail": False}, sealed=b"other"),
    events.MemberStatusChanged(status="suspended", reason="fraud check"),
    events.MemberErased(reason="asked for it"),
    events.ActivityRecorded(
        source="shop", id="p1", type="purchase", occurred_at=AT, day=739676,
        counts={"type:purchase": 1, "measure:spend": 10500},
    ),
    events.PointsEarned(
        lot="2.1", currency="points", rule="base", wanted=100, points=60, available_at=AT, day=739676,
        expires_at=LATER, repaid=10, limited_by=LimitedBy(left=60, cap="base.0"), counts={"cap:base": 60},
    ),
    events.ScoreCounted(
        leaderboard="season", board="north", period="2026-03", day=739676, score=-40, places=(1, 12), activity=2
    ),
    events.StreakMoved(
        streak="daily", day=739676, current=8, longest=12, previous=3, first=739668, last=739676, at=AT,
        zone="Europe/Berlin", reason="ticked", counts={"skip:daily": 1},
    ),
    events.BadgeGranted(badge="regular", period="2026-03", day=739676, at=AT, counts={"badge:regular": 1}),
    events.BadgeRevoked(badge="regular", period="2026-03", day=739676, counts={"badge:regular": -1}),
    events.ReferralCodeIssued(code="7KQ2M9XTB4HZ0"),
    events.MemberReferred(
        owner="6e1f2a087d4b4c7e9c530d8f3b1f2a10", code="7KQ2M9XTB4HZ0", referrals=("friends", "spring"), rulebook=3,
        at=AT,
    ),
    events.ReferralConverted(
        owner="6e1f2a087d4b4c7e9c530d8f3b1f2a10", referrals=("friends",), rulebook=3, at=AT,
        rewards=(Reward("friends", "points", 200, "P30D"), Reward("friends", "miles", 5)),
    ),
    events.ReferralReversed(conversion=7, owner="6e1f2a087d4b4c7e9c530d8f3b1f2a10", referrals=("friends",)),
    events.ReferralRewarded(
        friend="0f8fad5bd9cb469fa16570867728950e", conversion=7, referrals=("friends",), passed_over=True
    ),
    events.ReferralTakenBack(friend="0f8fad5bd9cb469fa16570867728950e", conversion=7, referrals=("friends",)),
    events.RuleFailed(rule="odd", error="division by zero"),
    events.LotActivated(lot="2.1", currency="points", points=60, at=AT, repaid=10),
    events.LotExpired(lot="2.1", currency="points", points=25, at=LATER),
    events.LotsRescheduled(
        currency="points", lots=("2.1", "7.2"), at=AT, expires_at=LATER, reason="policy", rulebook=3,
        idle=events.Idle(for_="P12M", round_up="month", activities=("purchase",)),
    ),
    events.PointsRedeemed(redemption="s1", currency="points", points=40, draws=DRAWS, value_minor=320, debt=5),
    events.PointsAdjusted(
        adjustment="a1", currency="points", points=50, reason="goodwill", lot="9.1", available_at=AT,
        expires_at=LATER, repaid=5, draws=DRAWS, debt=1,
    ),
    events.AdjustmentReversed(
        adjustment="a1", currency="points", lot="9.1", points=50, from_pending=(events.Draw("9.1", 10),),
        from_lots=(events.Draw("9.1", 5),), from_other=DRAWS, expired=2, debt=3,
    ),
    events.LotsReinstated(
        currency="points", repaid=(events.Draw("2.1", 15),),
        lots=(
            events.OpenLot(
                lot="2.1", points=25, granted=100, occurred_at=AT, available_at=AT, entry=2, rule="base", rulebook=1,
                expires_at=LATER, day=739676,
            ),
        ),
    ),
    events.PointsGivenBack(
        spend="s1", entry=4, currency="points", points=60, repaid=10, expired=(events.Draw("2.1", 15),),
        lots=(
            events.OpenLot(
                lot="3.1", points=30, granted=100, occurred_at=AT, available_at=AT, entry=3, rule="base", rulebook=1,
                expires_at=LATER, idle=events.Idle(for_="P12M"),
            ),
            events.OpenLot(
                lot="9.1", points=5, granted=5, occurred_at=AT, available_at=AT, entry=9, rule="given_back", rulebook=3
            ),
        ),
    ),
    events.ActivityReversed(
        return_id="r1", source="shop", activity=2, amount_minor=5000, returned_minor=10000, day=739676,
        excess_minor=500, counts={"measure:spend": -5000}, complete=True,
    ),
    events.PointsClawedBack(
        activity=2, lot="2.1", rule="base", currency="points", points=50, day=739676,
        from_pending=(events.Draw("2.1", 10),), from_lots=(events.Draw("2.2", 10),), from_other=DRAWS, debt=3,
        written_off=2, counts={"cap:base": -50},
    ),
    events.TierChanged(
        set="status", from_="silver", to="gold", reason="reached", evidence=900, at=AT, rulebook=3, valid_until=LATER
    ),
    events.TierRenewed(set="status", level="gold", evidence=950, at=AT, rulebook=3, valid_until=LATER),
    events.OfferAssigned(
        slot="2.1", offer="bogo", assigned_at=AT, ends_at=LATER, day=739676, rule="welcome",
        counts={"times:welcome": 1},
    ),
    events.OfferViewed(slot="2.1", offer="bogo", at=AT),
    events.OfferProgressed(slot="2.1", offer="bogo", step=-1, progress=2, period=739676, activity=2),
    events.OfferCompleted(slot="2.1", offer="bogo", lot="3.1"),
    events.OfferReopened(slot="2.1", offer="bogo", activity=2),
    events.OfferWithdrawn(slot="2.1", offer="bogo", day=739676, counts={"times:welcome": -1}),
    events.OfferClosed(slot="2.1", offer="bogo", at=LATER),
    events.CodeRedeemed(code="SPRING", campaign="spring", slot="2.1", offer="bogo", at=AT, lot="3.1"),
    events.SegmentChanged(segment="vip", inside=True, at=AT, rulebook=3),
    program_events.ProgramCreated(program="main", sandbox=True, money="EUR", time_zone="Europe/Berlin"),
    program_events.RulebookPublished(
        number=1, digest=DIGEST, effective_from=AT, document={"currencies": {"points": {}}},
        trees={"/rules/0/when": ["const", 1, 1, True]}, note="the first",
    ),
    program_events.LeaderboardClosed(
        leaderboard="season", board="north", period="2026-03", closed_at=LATER, rulebook=3, position=4711,
        ties="count_back", members=2, digest=DIGEST,
        top=(
            program_events.Row(1, "6e1f2a08-7d4b-4c7e-9c53-0d8f3b1f2a10", 25, (1, 0, 2), AT),
            program_events.Row(2, "0f8fad5b-d9cb-469f-a165-70867728950e", 25, (1,), AT),
        ),
    ),
    program_events.BreakageEstimated(
        number=2, currency="points", redeemed_share="0.97", deferred_per_point="0.8676", effective_on=AT.date(),
        reason="the second year",
    ),
    program_events.PrizesPaid(leaderboard="season", board="north", period="2026-03", paid=1, passed_over=1),
    correction_events.CorrectionProposed(
        begins=AT, ends=LATER, document={"currencies": {"points": {}}}, trees={"/rules/0/when": ["const", 1, 1, True]},
        cascade="to_now", rules=("base",), members=("6e1f2a087d4b4c7e9c530d8f3b1f2a10",), reason="the wrong step",
        reverses="cor_0f8fad5bd9cb469fa16570867728950e",
    ),
    correction_events.CorrectionTried(
        part=1, of=2,
        members=(correction_events.MemberToCorrect("6e1f2a087d4b4c7e9c530d8f3b1f2a10", 9, (CORRECTED,)),),
    ),
    correction_events.CorrectionApproved(members=3),
    correction_events.CorrectionApplied(applied=2, moved=("6e1f2a087d4b4c7e9c530d8f3b1f2a10",)),
    events.ExperimentAssigned(experiment="gift", arm="holdout"),
    events.TierGraceBegan(set="status", level="gold", evidence=950, at=AT, rulebook=3, until=LATER),
    events.TierUpgradePlanned(set="status", at=LATER),
    events.PointsSent(
        transfer="t1", to="0f8fad5bd9cb469fa16570867728950e", entry=9, currency="points", points=35,
        parts=(events.Part("2.1", 30, LATER), events.Part("7.2", 5)),
    ),
    events.PointsReceived(
        transfer="t1", sender="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=12, currency="points", points=35,
        parts=(events.Part("9.1", 30, LATER, repaid=10), events.Part("9.2", 5, LATER, events.Idle(for_="P12M"))),
        reversal=True,
    ),
    events.MemberMerged(
        merge="m1", into="0f8fad5bd9cb469fa16570867728950e", entry=9,
        lots=(events.Gone("2.1", "points", 30), events.Gone("7.2", "points", 5, pending=True)), slots=("3.1",),
        debt={"miles": 5},
    ),
    events.MemberAbsorbed(
        merge="m1", member="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=12, closing=CLOSING
    ),
    events.HouseholdFormed(household="smiths", spenders="owner", leaving="stay", limit=SpendingLimit(500, "month")),
    events.HouseholdChanged(limit=SpendingLimit(50, "ever")),
    events.HouseholdDissolved(reason="moved away"),
    events.HouseholdJoined(household="0f8fad5bd9cb469fa16570867728950e", entry=2),
    events.HouseholdLeft(household="0f8fad5bd9cb469fa16570867728950e", entry=9),
    events.HouseholdSpent(
        redemption="h1", member="6e1f2a087d4b4c7e9c530d8f3b1f2a10", currency="points", points=40, day=739676, held=True
    ),
    events.MemberSeated(member="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=7, role="owner"),
    events.SeatVacated(members=("6e1f2a087d4b4c7e9c530d8f3b1f2a10",), entry=11),
    events.OccasionPlanned(occasion="member.birthday", at=LATER),
    events.ActivityRestated(activity=2, at=AT, rulebook=3, day=739676, counts={"times:first": -1}),
    events.TierRestated(
        set="status", from_="gold", to=None, at=AT, rulebook=3,
        path=(events.TierStep(AT, "silver"), events.TierStep(LATER, None)), since=LATER, valid_until=LATER,
        grace=AT, upgrade_at=LATER,
    ),
    events.OccasionReached(occasion="member.anniversary", at=AT, rulebook=3, year=2026, next_at=LATER),
    events.TierFloorSet(set="status", level="gold", reason="status match", at=AT, until=LATER),
    events.TierHeld(
        set="status", level="gold", own=events.OwnLevel("silver", AT, LATER, AT), evidence=150, at=AT, rulebook=3,
        valid_until=LATER,
    ),
    events.PointsHeld(
        redemption="h1", currency="points", points=40, draws=(events.Draw("2.1", 40),), ends_at=LATER, value_minor=320,
        takes=(Take("share", "shop\x1fp1", 320, 5250),),
    ),
    events.HoldConfirmed(
        redemption="h1", original=5, currency="points", points=25, draws=(events.Draw("2.1", 25),), value_minor=200,
        released=(events.Draw("2.1", 10),), repaid=(events.Draw("2.1", 3),), expired=(events.Draw("2.2", 2),),
    ),
    events.HoldReleased(
        redemption="h1", original=5, currency="points", points=40, at=LATER, reason="expired",
        released=(events.Draw("2.1", 30),), repaid=(events.Draw("2.1", 5),), expired=(events.Draw("2.2", 5),),
    ),
    events.RedemptionReturned(
        redemption="h1", original=5, currency="points", points=25, mode="reverse",
        draws=(events.Draw("2.1", 23), events.Draw("2.2", 2)), complete=True,
        lots=(
            events.OpenLot(
                lot="2.1", points=20, granted=60, occurred_at=AT, entry=2, rule="base", rulebook=1, available_at=AT,
                expires_at=LATER, day=739676, pending=True, idle=events.Idle(for_="P12M"),
            ),
        ),
        repaid=3, expired=(events.Draw("2.2", 2),), value_minor=200,
    ),
    events.RewardReserved(redemption="h1", reward="mug", quantity=2, day=739676, counts={"reward:mug": 2}),
    events.RewardIssued(
        redemption="h1", reward="mug", quantity=2, codes=("7KQ2M9XTB4HZ0", "8KQ2M9XTB4HZ1"), day=739676,
        counts={"reward:mug": 2},
    ),
    events.RewardReleased(redemption="h1", reward="mug", quantity=2, day=739676, counts={"reward:mug": -2}),
    events.IssuedCodeUsed(
        code="7KQ2M9XTB4HZ0", reward="card", redemption="h1", owner="6e1f2a087d4b4c7e9c530d8f3b1f2a10", at=AT
    ),
    reward_events.RewardCreated(terms=MUG),
    reward_events.RewardChanged(terms=MUG),
]  # fmt: skip

INPUTS: list[Any] = [
    commands.EnrolMember(
        member="ann", enrolled_at=AT, attributes={"city": "Köln"}, time_zone="Europe/Berlin",
        consents={"mail": True}, data={"channel": "web"}, sealed=b"cipher text",
    ),
    commands.ChangeMember(attributes={"city": "Bonn"}, time_zone="UTC", consents={"mail": False}, sealed=b"other"),
    commands.SetMemberStatus(status="suspended", reason="fraud check"),
    commands.EraseMember(reason="asked for it"),
    commands.RecordActivity(
        source="shop", id="p1", type="purchase", occurred_at=AT, data={"amount_minor": 10500},
        metadata={"till": "7"}, time_zone="Asia/Tokyo", sealed=b"cipher text",
    ),
    commands.ReturnActivity(
        source="shop", id="r1", activity_source="shop", activity_id="p1", original=2, occurred_at=AT,
        amount_minor=5000, lines=[{"line": "1", "amount_minor": 5000}], type="purchase.refunded",
        data={"order": "p1"},
    ),
    commands.RedeemPoints(
        id="s1", currency="points", points=40, value_minor=320, order_source="shop", order_id="p1"
    ),
    commands.AdjustPoints(
        id="a1", currency="points", points=-50, reason="mistake", allow_negative=True, expires_at=LATER,
        available_at=AT,
    ),
    commands.ReverseAdjustment(adjustment="a1", original=9, force=True),
    commands.ExtendLots(lots=("2.1", "7.2"), expires_at=LATER, reason="the shop was closed"),
    commands.ReinstateLots(lots=("2.1",), expires_at=LATER, reason="long in hospital"),
    commands.ActivatePending(lots=("2.1", "7.2"), activity_source="shop", activity_id="p1", original=2),
    commands.CancelPending(lots=("2.1", "7.2"), activity_source="shop", activity_id="p1", original=2),
    commands.PayPrize(
        leaderboard="season", board="north", period="2026-03", closed_at=LATER, rulebook=3, rank=1, currency="points",
        points=500,
    ),
    commands.SendPoints(id="t1", to="0f8fad5bd9cb469fa16570867728950e", entry=9, currency="points", points=35),
    commands.ReceivePoints(
        id="t1", sender="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=12, currency="points",
        parts=(events.Part("2.1", 30, LATER), events.Part("7.2", 5)), reversal=True,
    ),
    commands.GiveBackPoints(
        id="t1", to="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=13, currency="points",
        parts=(events.Part("9.1", 30, LATER, repaid=10),), force=True,
    ),
    commands.MergeMember(id="m1", into="0f8fad5bd9cb469fa16570867728950e", entry=9),
    commands.AbsorbMember(
        id="m1", member="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=12,
        past=(
            commands.Past(
                version=1, recorded_at=AT, at=AT, pins=commands.PastPins(timeline=2, rulebook=1),
                input=commands.RecordActivity(source="shop", id="p1", type="purchase", occurred_at=AT),
                facts={"taken": {}}, events=(EVENTS[17],), settled=1,
            ),
            commands.Past(
                version=2, recorded_at=AT, at=AT, input=commands.RedeemPoints(id="s1", currency="points", points=5),
                takes=(Take("share", "shop\x1fp1", 40, 5250),),
            ),
        ),
    ),
    commands.FormHousehold(household="smiths", spenders="owner", leaving="stay", limit=SpendingLimit(500, "month")),
    commands.ChangeHousehold(limit=SpendingLimit(50, "ever")),
    commands.DissolveHousehold(reason="moved away"),
    commands.JoinHousehold(household="0f8fad5bd9cb469fa16570867728950e", entry=2),
    commands.SeatMember(member="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=7, role="owner"),
    commands.VacateSeat(
        id="leave-9", members=("6e1f2a087d4b4c7e9c530d8f3b1f2a10",), to="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=11
    ),
    commands.LeaveHousehold(
        id="leave-9", household="0f8fad5bd9cb469fa16570867728950e", entry=9,
        brought=(commands.Brought("points", (events.Part("4.1", 30, LATER),)),),
    ),
    commands.SurrenderPoints(
        id="r1", to="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=12,
        brought=(commands.Brought("points", (events.Part("4.1", 30, LATER),)),),
    ),
    commands.PlaceInTier(set="status", level="gold", valid_until=LATER),
    commands.IssueReferralCode(code="7KQ2M9XTB4HZ0"),
    commands.ReferMember(introduction=INTRODUCTION),
    commands.PayReferral(
        friend="0f8fad5bd9cb469fa16570867728950e", conversion=7, referrals=("friends",), rulebook=3, occurred_at=AT,
        rewards=(Reward("friends", "points", 200, "P30D"),),
    ),
    commands.ReverseReferral(
        friend="0f8fad5bd9cb469fa16570867728950e", conversion=7, referrals=("friends",), rulebook=3, occurred_at=AT,
        paid=4,
    ),
    commands.AssignOffer(offer="bogo", at=AT),
    commands.RedeemCode(code="SPRING", campaign="spring", at=AT),
    commands.ApplyCorrection(
        correction="cor_6e1f2a087d4b4c7e9c530d8f3b1f2a10", seen=9, rows=(CORRECTED,),
        reverses="cor_0f8fad5bd9cb469fa16570867728950e",
    ),
    commands.SetTierFloor(set="status", level="gold", reason="status match", until=LATER),
    commands.Settle(),
    program_commands.CreateProgram(program="main", sandbox=True, money="EUR", time_zone="Europe/Berlin"),
    program_commands.PublishRulebook(digest=DIGEST, effective_from=AT, expects=0, note="the first"),
    program_commands.CloseLeaderboard(leaderboard="season", board="north", period="2026-03"),
    correction_commands.ProposeCorrection(
        digest=DIGEST, begins=AT, ends=LATER, cascade="to_now", rules=("base",),
        members=("6e1f2a087d4b4c7e9c530d8f3b1f2a10",), reverses="cor_0f8fad5bd9cb469fa16570867728950e",
        reason="the wrong step",
    ),
    correction_commands.NoteDryRun(part=1, of=2),
    correction_commands.ApproveCorrection(),
    correction_commands.NoteCorrected(),
    program_commands.EstimateBreakage(
        currency="points", redeemed_share="0.97", deferred_per_point="0.8676", effective_on=AT.date(),
        reason="the second year",
    ),
    program_commands.NotePrizes(leaderboard="season", board="north", period="2026-03", paid=1, passed_over=1),
    commands.ConfirmRedemption(redemption="h1", original=5, points=25),
    commands.CancelRedemption(redemption="h1", original=5),
    commands.ReturnRedemption(redemption="h1", original=5, points=25, mode="reissue"),
    commands.RedeemReward(
        id="h1", terms=MUG, version=3, quantity=2, codes=("7KQ2M9XTB4HZ0",), order_source="shop", order_id="p1",
        hold_seconds=900,
    ),
    commands.UseIssuedCode(
        code="7KQ2M9XTB4HZ0", redemption="h1", owner="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=5, issued_at=AT,
        terms=CARD, at=LATER,
    ),
    reward_commands.CreateReward(terms=MUG),
    reward_commands.ChangeReward(terms=MUG),
]  # fmt: skip

# Fields that a shape gained later, each in an example of its own: `TAG+WHAT.json`.
GAINED: dict[str, Any] = {
    "introduction": commands.EnrolMember(member="fred", enrolled_at=AT, introduction=INTRODUCTION),
    "back": events.PointsSent(
        transfer="t1", to="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=13, currency="points", points=30,
        parts=(events.Part("9.1", 20, LATER),), debt=10, back=(events.Part("9.1", 30, LATER),),
    ),
    "pooled": commands.ReturnActivity(
        source="shop", id="r4", activity_source="shop", activity_id="p1", original=2, occurred_at=AT,
        household="0f8fad5bd9cb469fa16570867728950e", household_entry=10,
        pooled=(commands.Brought("points", (events.Part("4.1", 30, LATER),)),),
    ),
    "by": commands.RedeemPoints(id="h2", currency="points", points=40, by="6e1f2a087d4b4c7e9c530d8f3b1f2a10"),
    "reward-by": commands.RedeemReward(id="h3", terms=MUG, version=1, by="6e1f2a087d4b4c7e9c530d8f3b1f2a10"),
    "owner": commands.ChangeHousehold(owner="6e1f2a087d4b4c7e9c530d8f3b1f2a10"),
    "role": events.MemberSeated(member="6e1f2a087d4b4c7e9c530d8f3b1f2a10", role="member"),
    "pool": events.PointsReceived(
        transfer="t2", sender="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=12, currency="points", points=35,
        parts=(events.Part("9.1", 35, LATER, origin="2.1"),),
    ),
    "household": events.MemberAbsorbed(
        merge="m2", member="6e1f2a087d4b4c7e9c530d8f3b1f2a10", entry=12,
        closing=closing.Closing(
            pool=closing.ClosedPool(
                seats={"0f8fad5bd9cb469fa16570867728950e": closing.ClosedSeat(role="owner", since=AT)},
                origins={"-999999996.1": ("0f8fad5bd9cb469fa16570867728950e", "2.1")},
            )
        ),
    ),
    "origin": commands.ReturnActivity(
        source="shop", id="r2", activity_source="shop", activity_id="p1", original=2, occurred_at=AT,
        origin="6e1f2a087d4b4c7e9c530d8f3b1f2a10",
    ),
    "lines": events.ActivityReversed(
        return_id="r2", source="shop", activity=2, amount_minor=500, returned_minor=1500, day=739676,
        lines={"1": events.LineReturned(1, 1000), "b": events.LineReturned(amount_minor=500)},
    ),
    "order": commands.RedeemPoints(
        id="s2", currency="points", points=40, order_source="shop", order_id="p1", order_minor=10500
    ),
    "on-action": commands.AdjustPoints(id="a3", currency="points", points=50, reason="goodwill", on_action=True),
    "gives-back": commands.ReturnActivity(
        source="shop", id="r3", activity_source="shop", activity_id="p1", original=2, occurred_at=AT, gives_back=True
    ),
    "kept-codes": events.RewardReserved(redemption="h1", reward="card", quantity=1, day=739676, codes=("A1",)),
    "card": reward_events.RewardCreated(terms=CARD),
    "codes": commands.ConfirmRedemption(redemption="h1", original=5, codes=("7KQ2M9XTB4HZ0",)),
    "held": commands.RedeemPoints(id="h1", currency="points", points=40, hold_seconds=900),
    "by-hand-idle": events.PointsAdjusted(
        adjustment="a2", currency="points", points=50, reason="goodwill", lot="9.1", available_at=AT,
        expires_at=LATER, idle=events.Idle(for_="P6M"),
    ),
    "occasion": events.PointsEarned(
        lot="3.1", currency="points", rule="cake", wanted=50, points=50, available_at=AT, day=739676,
        occasion=events.Occasion(kind="member.birthday", at=AT, rulebook=3),
    ),
    "restated": events.PointsEarned(
        lot="7.1", currency="points", rule="base", wanted=60, points=60, available_at=AT, day=739676,
        restated=RESTATED,
    ),
    "restated-claw-back": events.PointsClawedBack(
        activity=2, lot="2.1", rule="base", currency="points", points=50, day=739676,
        from_lots=(events.Draw("2.1", 50),), restated=RESTATED,
    ),
    "restated-slot": events.OfferAssigned(
        slot="7.1", offer="bogo", assigned_at=AT, ends_at=LATER, day=739676, restated=RESTATED
    ),
    "restated-step": events.OfferProgressed(slot="2.1", offer="bogo", step=1, progress=2, restated=RESTATED),
    "restated-completion": events.OfferCompleted(slot="2.1", offer="bogo", lot="7.1", restated=RESTATED),
    "restated-reopening": events.OfferReopened(slot="2.1", offer="bogo", activity=2, restated=RESTATED),
    "restated-badge": events.BadgeGranted(badge="regular", period="2026-03", day=739676, at=AT, restated=RESTATED),
    "idle": events.PointsEarned(
        lot="2.1", currency="points", rule="base", wanted=60, points=60, available_at=AT, day=739676,
        expires_at=LATER, idle=events.Idle(for_="P12M"),
    ),
}  # fmt: skip

ENTRY = Entry(
    stream="main/member/6e1f2a08-7d4b-4c7e-9c53-0d8f3b1f2a10",
    version=2,
    save="0f8fad5bd9cb469fa16570867728950e",
    recorded_at=LATER,
    at=AT,
    actor="key:till-7",
    cause="main/correction/1",
    correlation="req-1",
    input=INPUTS[4],
    facts={"coin": 7},
    pins=Pins(
        engine=1, timeline=2, rulebook=1, rulebooks={1: DIGEST, 2: DIGEST}, zone="Europe/Berlin",
        offsets={"Europe/Berlin": {1772357415: 3600, -1: 3600}},
    ),
    events=(EVENTS[18], EVENTS[4], EVENTS[5]),
    settled=1,
    after=After(balances={"points": Balance(60, 10, 0, 5, 160)}, tiers={"status": "gold", "other": None}),
    claims=(Claim("activity", "shop\x1fp1", "hash"), Claim("key", "k1")),
    takes=(Take("stock", "mug", 1, 500),),
    releases=(Claim("member", "ann"),),
)  # fmt: skip


def tags(union: Any) -> set[str]:
    """The stored names of a union's structs."""
    return {one.__struct_config__.tag for one in get_args(union)}


def shapes_in(folder: Path) -> set[str]:
    """The tags that have a file."""
    return {path.stem.partition("+")[0] for path in folder.iterdir()}


def main() -> None:
    for folder, examples in (("events", EVENTS), ("inputs", INPUTS)):
        for example in examples:
            _write(HERE / folder / f"{example.__struct_config__.tag}.json", example)
    for what, example in GAINED.items():
        folder = "events" if example.__struct_config__.tag_field == "event" else "inputs"
        _write(HERE / folder / f"{example.__struct_config__.tag}+{what}.json", example)
    _write(HERE / "entry.json", ENTRY)
    for folder, union in (("events", Event), ("inputs", Input)):
        assert shapes_in(HERE / folder) == tags(union)


def _write(path: Path, example: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(encoded(example))


if __name__ == "__main__":
    main()
