"""Laws that hold for any member, whatever it did, under any rulebook of a small family."""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from application.follow import Key, Rows, placed
from domain.errors import Refused
from domain.log import Entry, encode, encoded, fold
from domain.member.commands import (
    ActivatePending,
    AdjustPoints,
    CancelPending,
    CancelRedemption,
    ChangeMember,
    ConfirmRedemption,
    ExtendLots,
    MemberCommand,
    RecordActivity,
    RedeemPoints,
    ReinstateLots,
    ReturnRedemption,
    ReverseAdjustment,
    SetTierFloor,
)
from domain.member.events import (
    AdjustmentReversed,
    HoldConfirmed,
    HoldReleased,
    LotExpired,
    LotsReinstated,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    PointsHeld,
    PointsRedeemed,
    RedemptionReturned,
    ScoreCounted,
)
from domain.member.settle import next_due, settled
from domain.member.state import Lot, Member
from domain.member.wallet import balance, currencies
from domain.redecide import StreamHistory
from projections.leaderboard_entries import LEADERBOARD_ENTRIES
from tests.build import (
    Json,
    Stream,
    World,
    adjust,
    chained,
    enrol,
    folded,
    instant,
    multiply,
    per,
    points,
    purchase,
    rate,
    redeem,
    refund,
    rulebook,
)
from tests.spec import lawful

BEGIN = instant("2026-01-01T10:00")
SECOND = timedelta(seconds=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York")

# --- a small family of rulebooks ------------------------------------------------------------------

FEED = {
    "miles.spent": {
        "data": {"type": "object", "properties": {"miles": {"type": "integer"}}},
        "role": "spends",
        "currency": "miles",
        "points": "activity.miles",
    }
}
LEVELS = [{"id": "silver", "at": 150}, {"id": "gold", "at": 500}]
EXPIRIES: list[Any] = [
    "never",
    {"after": "P1M"},
    {"after": "P30D", "round_up": "month"},
    {"after": "PT100H"},
    {"after": "P2M", "from": "recorded"},
    {"after": "P1M", "from": "available", "round_up": "week"},
    {"at": "2026-06-01T00:00:00+02:00"},
    {"inactive_for": "P30D"},
    {"inactive_for": "P1M", "activities": ["purchase"], "round_up": "month"},
]
AVAILABILITIES: list[Any] = [
    "at_once",
    {"after": "P7D"},
    {"after": "P45D"},
    {"at": "2026-03-01T00:00:00Z"},
    "on_action",
]
AWARDS = [
    per(1000, 10),
    rate("0.07", round="half_up"),
    points(20, when="activity.amount_minor >= 2500"),
    rate("0.05", cap=[{"points": 120, "period": "month"}]),
    points("member.tiers.status.level == 'gold' ? 30 : 10", cap=[{"times": 2, "period": "P30D", "partial": False}]),
    per(100, 1, lines={"where": "line.labels.colour != 'red'"}, budget="all"),
    points("line.quantity * 7", lines={}, group="one"),
]
RED = {"where": "line.labels.colour == 'red'"}
MORE = [
    multiply("3", rule="red", lines=RED),
    multiply("2.5", rule="best", group="one"),
    points(15, rule="gift", phase="add", lines=RED, budget="all"),
    points("activity.amount_minor / 200", rule="rival", group="one", stop=True),
    multiply("1.5"),
    multiply("2", when="member.tiers.status.level == 'silver'"),
    points("history.count('purchase', 'P90D') + history.days('purchase', 'month')", rule="loyal", phase="add"),
    points("member.balances.points.available > 100 ? 5 : 0", rule="rich", phase="add"),
]
BOARDS = {
    "earners": {"score": "points_earned:points", "period": "month"},
    "spenders": {"score": "spend", "ties": "count_back", "count_back": ["1 + activity.amount_minor % 3"]},
    "sizes": {
        "score": "activity.amount_minor / 10",
        "when": "activity.amount_minor >= 500",
        "by": "activity.amount_minor >= 2500 ? 'large' : 'small'",
        "period": "week",
    },
}
SEGMENTS = {
    "big": "member.counters.spend.last_30d > 4000",
    "rich": "member.balances.points.available > 60 || member.tiers.status.level == 'gold'",
    "quiet": "history.count('purchase', 'P20D') == 0 && local.hour < 20",
}


@st.composite
def rulebooks(draw: st.DrawFn) -> Json:
    currency = {
        "expires": draw(st.sampled_from(EXPIRIES)),
        "available": draw(st.sampled_from(AVAILABILITIES)),
        "spend_order": draw(st.sampled_from(["expiry_first", "fifo", "lifo", "proportional"])),
        "returns": {
            "recompute": draw(st.sampled_from(["auto", "proportional", "re_evaluate"])),
            "points_paid": draw(st.sampled_from(["reverse", "reissue"])),
            "recovery": draw(st.sampled_from(["unlimited", "within_balance", "only_pending"])),
        },
    }
    tiers = {
        "window": draw(st.sampled_from(["lifetime", "calendar_year", "month", "rolling P2M", "last_30d"])),
        "downgrade": draw(st.sampled_from(["none", "one_step", "recompute", "to_base"])),
        "measure": draw(st.sampled_from(["points_earned:points", "spend"])),
        "on_edit": draw(st.sampled_from(["next_review", "now"])),
        "levels": draw(st.sampled_from([LEVELS, [{"id": "silver", "at": 90}]])),
    }
    currency["expires_applies_to"] = (
        "new" if "from" in currency["expires"] else draw(st.sampled_from(["new", "existing"]))
    )
    more = draw(st.lists(st.sampled_from(MORE), max_size=3, unique_by=lambda rule: rule["id"]))
    segments = draw(st.sampled_from([{}, SEGMENTS]))
    reading = [points(7, rule="seg", phase="add", when="member.segments.big || member.segments.quiet")]
    rules = [draw(st.sampled_from(AWARDS)), *more, *(reading if segments else [])]
    return rulebook(
        *rules,
        rate("0.02", rule="miles", currency="miles"),
        currency=currency,
        currencies={"miles": {**currency, "overdraft": "debt", "available": draw(st.sampled_from(AVAILABILITIES))}},
        activities=FEED,
        tiers=tiers,
        day_starts=draw(st.sampled_from(["00:00", "04:30"])),
        zone_policy=draw(st.sampled_from(["program", "member", "utc"])),
        groups={"one": draw(st.sampled_from(["all", "best", "first", "newest", "exclusive"]))},
        budgets={"all": {"currency": "points", "points": 10**9, "uses": 10**6}},
        leaderboards=BOARDS,
        segments=segments,
    )


# --- a small life ----------------------------------------------------------------------------------

Deed = tuple[str, int, int, int]
"""What, how many hours after the one before, how much, how late or on which activity."""

DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "buy",
                "buy",
                "buy",
                "late",
                "spend",
                "feed",
                "take",
                "give",
                "return",
                "line",
                "activate",
                "cancel",
                "reverse",
                "extend",
                "reinstate",
                "move",
                "floor",
                "hold",
                "confirm",
                "unhold",
                "undo",
                "nothing",
            ]
        ),
        st.integers(1, 24 * 45),
        st.integers(1, 9_999),
        st.integers(0, 24 * 200),
    ),
    min_size=1,
    max_size=12,
)


def command_of(stream: Stream, number: int, deed: Deed, now: datetime) -> MemberCommand | None:
    what, _, amount, extra = deed
    bought = [
        entry.input.id
        for entry in stream.entries
        if isinstance(entry.input, RecordActivity) and entry.input.type == "purchase"
    ]
    redeemed = [(one.input.id, one.version) for one in stream.entries if isinstance(one.input, RedeemPoints)]
    match what:
        case "buy":
            return purchase(amount, f"p{number}", now, **lines_of(amount, extra))
        case "late":
            return purchase(amount, f"p{number}", now - timedelta(hours=extra), **lines_of(amount, extra))
        case "feed":
            data = {"miles": amount % 90}
            return RecordActivity(source="feed", id=f"f{number}", type="miles.spent", occurred_at=now, data=data)
        case "move":
            return ChangeMember(time_zone=["Asia/Tokyo", "America/New_York", "UTC"][extra % 3])
        case "floor":
            until = now + timedelta(hours=extra) if extra % 3 else None
            level = [None, "silver", "gold"][amount % 3]
            return SetTierFloor(set="status", level=level, reason="match", until=until if level else None)
        case "spend":
            paid = bought[extra % len(bought)] if bought and extra % 3 else f"p{number + 1}" if extra % 2 else None
            return redeem(1 + amount % 60, f"s{number}", order=paid)
        case "take":
            return adjust(-(1 + amount % 80), f"t{number}", allow_negative=extra % 2 == 0)
        case "give":
            return adjust(1 + amount % 40, f"g{number}", on_action=extra % 3 == 0)
        case "hold":
            asked = redeem(1 + amount % 60, f"h{number}")
            return msgspec.structs.replace(asked, hold_seconds=3600 * (1 + extra % 1500))
        case "confirm" if redeemed:
            name, version = redeemed[extra % len(redeemed)]
            some = None if amount % 3 else 1 + amount % 40
            return ConfirmRedemption(redemption=name, original=version, points=some)
        case "unhold" if redeemed:
            name, version = redeemed[-1]
            return CancelRedemption(redemption=name, original=version)
        case "undo" if redeemed:
            name, version = redeemed[extra % len(redeemed)]
            some, mode = None if amount % 3 else 1 + amount % 40, [None, "reissue"][amount % 2]
            return ReturnRedemption(redemption=name, original=version, points=some, mode=mode)
        case "return" if bought:
            return refund(stream, bought[extra % len(bought)], None if amount % 3 else amount, now, f"r{number}")
        case "activate" | "cancel" if bought:
            name = bought[extra % len(bought)]
            kind = ActivatePending if what == "activate" else CancelPending
            return kind(activity_source="shop", activity_id=name, original=stream.version_of(name))
        case "reverse":
            by_hand = [entry for entry in stream.entries if isinstance(entry.input, AdjustPoints)]
            if not by_hand:
                return None
            made = by_hand[extra % len(by_hand)]
            assert isinstance(made.input, AdjustPoints)
            return ReverseAdjustment(adjustment=made.input.id, original=made.version, force=amount % 2 == 0)
        case "extend" | "reinstate":
            # Told alike whether or not a sweep came by: neither may know of what another stream has not written yet.
            today, _ = settled(stream.member, stream.world.circumstances(now))
            ever = StreamHistory(stream.entries).lots() if what == "reinstate" else {lot.id: lot for lot in today.lots}
            if not ever:
                return None
            longer = ExtendLots if what == "extend" else ReinstateLots
            lots = tuple(dict.fromkeys(list(ever)[place % len(ever)] for place in (extra, amount)))
            return longer(lots=lots, expires_at=now + timedelta(hours=1 + extra * 10), reason="by hand")
        case "line" if bought:
            named = refund(stream, bought[extra % len(bought)], amount, now, f"l{number}")
            back = {"line": str(1 + extra % 4), "quantity": 1, "amount_minor": amount}
            return msgspec.structs.replace(named, lines=[back])
        case _:
            return None


def lines_of(amount: int, extra: int) -> Json:
    """Every other order has lines: two or three, that add up to its amount."""
    if extra % 2:
        return {}
    parts = [amount // 3, amount - amount // 3 - amount // 5, amount // 5]
    colours = ["red", "blue", None, "red"]
    return {
        "lines": [
            {
                "id": str(number + 1),
                "quantity": 1 + extra % 3,
                "amount_minor": part,
                **({"labels": {"colour": colour}} if (colour := colours[(extra + number) % 4]) else {}),
                **({"flags": ["paid_with_points"]} if extra % 7 == number + 1 else {}),
            }
            for number, part in enumerate(parts)
            if part
        ]
    }


def live(stream: Stream, deeds: list[Deed], sweeps: list[float] = []) -> list[Any]:  # noqa: B006 - never changed
    """Do it all, with sweeps somewhere between (fractions of the gap); what each deed came to."""
    now = BEGIN
    came: list[Any] = []
    stream.do(enrol(BEGIN), BEGIN)
    for number, deed in enumerate(deeds):
        gap = timedelta(hours=deed[1])
        for part in sorted(sweeps):
            # Never at the second of a deed, so that no clock has to be moved on.
            stream.settle((now + gap * part).replace(microsecond=500_000))
        now += gap
        command = command_of(stream, number, deed, now)
        if command is None:
            continue
        try:
            entry = stream.do(command, now)
            came.append(encoded(entry.after))
        except Refused as refusal:
            came.append(refusal.code)
    stream.settle(now + timedelta(days=400))
    return came


def _unnumbered(lot: Lot) -> Json:
    return {name: value for name, value in msgspec.structs.asdict(lot).items() if name not in ("id", "entry")}


def essence(member: Member) -> Json:
    """A member less the numbers of entries, which tell how often it was written down."""
    whole: Json = msgspec.to_builtins(member)
    for gone in ("version", "recorded_at"):
        del whole[gone]
    whole["lots"] = [_unnumbered(lot) for lot in member.lots]
    for name, hold in whole["holds"].items():
        del hold["entry"]
        hold["parts"] = [_unnumbered(part) for part in member.holds[name].parts]
    for month in whole["months"].values():
        month["reversed"] = sorted(
            (
                note["returned_minor"],
                sorted(note["taken"].values()),
                sorted(note["counts"].items()),
                sorted(note["scores"].items()),
            )
            for note in month["reversed"].values()
        )
        month["counts"] = {name: days for name, days in month["counts"].items() if days}
    whole["months"] = {n: month for n, month in whole["months"].items() if month["counts"] or month["reversed"]}
    whole["totals"] = {name: total for name, total in whole["totals"].items() if total[0] or total[1]}
    return whole


PLENTY = settings(max_examples=150, deadline=None)


@PLENTY
@given(rulebooks(), DEEDS, st.lists(st.floats(0.01, 0.99), max_size=3), st.sampled_from(ZONES))
def test_a_member_swept_at_any_moments_is_one_that_never_was(
    document: Json, deeds: list[Deed], sweeps: list[float], zone: str
) -> None:
    world = World(document, zone=zone)
    unswept, swept = Stream(world), Stream(world, number=2)
    assert live(unswept, deeds) == live(swept, deeds, sweeps)
    assert essence(unswept.member) == essence(swept.member)
    lawful(unswept)
    lawful(swept)


@PLENTY
@given(rulebooks(), rulebooks(), DEEDS, st.lists(st.floats(0.01, 0.99), max_size=2), st.integers(1, 200))
def test_reviews_long_overdue_follow_the_rulebook_of_their_time(
    first: Json, second: Json, deeds: list[Deed], sweeps: list[float], published: int
) -> None:
    world = World(first)
    world.publish(second, BEGIN + timedelta(days=published))
    unswept, swept = Stream(world), Stream(world, number=2)
    assert live(unswept, deeds) == live(swept, deeds, sweeps)
    assert essence(unswept.member) == essence(swept.member)
    lawful(swept)


@PLENTY
@given(rulebooks(), DEEDS, st.sampled_from(ZONES))
def test_a_state_row_with_cold_months_decides_like_the_log(document: Json, deeds: list[Deed], zone: str) -> None:
    whole, hot = Stream(World(document, zone=zone)), Stream(World(document, zone=zone), hot=True)
    assert live(whole, deeds) == live(hot, deeds)
    assert [encode(entry) for entry in whole.entries] == [encode(entry) for entry in hot.entries]


@PLENTY
@given(rulebooks(), DEEDS, st.integers(0, 400 * 24))
def test_what_was_known_at_a_moment_is_the_settled_fold_of_the_log_cut_there(
    document: Json, deeds: list[Deed], hours: int
) -> None:
    world = World(document)
    stream = Stream(world)
    live(stream, deeds)
    known_at = BEGIN + timedelta(hours=hours, microseconds=500_000)
    known = [entry for entry in stream.entries if entry.recorded_at <= known_at]
    then, _ = settled(folded(known), world.circumstances(known_at))
    alive = Stream(world)
    alive.entries, alive.member = list(known), folded(known)
    alive.settle(known_at)
    assert essence(alive.member) == essence(then)
    due = next_due(then)
    assert due is None or due > known_at


@PLENTY
@given(rulebooks(), DEEDS, st.integers(0, 15))
def test_a_fold_in_two_halves_is_a_fold_in_one(document: Json, deeds: list[Deed], cut: int) -> None:
    stream = Stream(World(document))
    live(stream, deeds)
    member = folded(stream.entries[:cut])
    member = msgspec.msgpack.decode(msgspec.msgpack.encode(member), type=Member)
    for entry in stream.entries[cut:]:
        fold(member, entry)
    assert msgspec.to_builtins(member) == msgspec.to_builtins(stream.member)


@PLENTY
@given(rulebooks(), DEEDS)
def test_lots_and_debt_add_up_to_what_the_events_say_and_nothing_is_negative(document: Json, deeds: list[Deed]) -> None:
    stream = Stream(World(document))
    live(stream, deeds)
    member, said = Member(), 0
    for entry in stream.entries:
        said += sum(moved(event) for event in entry.events)
        fold(member, entry)
        assert sum(lot.remaining for lot in member.lots) - sum(member.debt.values()) == said
        assert all(0 < lot.remaining <= lot.points for lot in member.lots)
        assert all(owed > 0 for owed in member.debt.values())
        for currency in currencies(member):
            held = balance(member, currency, entry.recorded_at)
            assert min(msgspec.structs.astuple(held)) >= 0
            assert held.available + held.pending == sum(
                lot.remaining for lot in member.lots if lot.currency == currency
            )
        for name, total in member.totals.items():
            days = [day for month in member.months.values() for day in month.counts.get(name, {}).items()]
            assert total.ever == sum(step for _, step in days)
            assert total.days == len(days)


@PLENTY
@given(rulebooks(), DEEDS)
def test_standings_add_up_to_what_counted_and_returns_never_take_more(document: Json, deeds: list[Deed]) -> None:
    stream = Stream(World(document))
    live(stream, deeds)
    rows, said, of_activity = Rows({}), Counter[Key](), Counter[tuple[str, int]]()
    for row, entry in zip(chained(stream.entries), stream.entries, strict=True):
        for event in entry.events:
            if isinstance(event, ScoreCounted):
                said[stream.id, event.leaderboard, event.board, event.period] += event.score
                of_activity[event.leaderboard, event.activity or entry.version] += event.score
        LEADERBOARD_ENTRIES.apply(rows, placed(row))
        # Nothing here scores less than nothing, so no return, in whatever parts, leaves less than that.
        assert {key: standing.score for key, standing in rows.items()} == said
        assert min((0, *said.values(), *of_activity.values())) == 0
        assert all(count >= 0 for standing in rows.values() for count in standing.tiebreak)


def moved(event: object) -> int:
    match event:
        case PointsEarned() | PointsAdjusted():
            return event.points
        case PointsRedeemed() | LotExpired():
            return -event.points
        case PointsClawedBack():
            return event.written_off + event.expired - event.points
        case AdjustmentReversed():
            return event.expired - event.points
        case PointsHeld():
            return -event.points
        case HoldConfirmed() | HoldReleased():
            return sum(draw.points for draw in (*event.released, *event.repaid))
        case PointsGivenBack() | RedemptionReturned():
            return event.points - sum(draw.points for draw in event.expired)
        case LotsReinstated():
            return sum(lot.points for lot in event.lots) + sum(draw.points for draw in event.repaid)
        case _:
            return 0


@PLENTY
@given(rulebooks(), DEEDS)
def test_what_will_expire_sums_to_the_balance_and_goes_as_scheduled(document: Json, deeds: list[Deed]) -> None:
    """At every step; and while nobody owes anything or has anything set aside, only the ends of lots take anything."""
    stream, now = Stream(World(document)), BEGIN
    stream.do(enrol(BEGIN), BEGIN)
    for number, deed in enumerate(deeds):
        now += timedelta(hours=deed[1])
        command = command_of(stream, number, deed, now)
        if command is not None:
            with suppress(Refused):
                stream.do(command, now)
        today, _ = settled(stream.member, stream.world.circumstances(now))
        for name in {lot.currency for lot in today.lots}:
            coming = [lot for lot in today.lots if lot.currency == name]
            held = balance(today, name, now)
            assert sum(lot.remaining for lot in coming) == held.available + held.pending
            if held.debt or held.held:
                continue
            for ends in {lot.expires_at for lot in coming if lot.expires_at is not None}:
                then, _ = settled(today, stream.world.circumstances(ends))
                left = balance(then, name, ends)
                stays = (lot.remaining for lot in coming if lot.expires_at is None or lot.expires_at > ends)
                assert sum(stays) == left.available + left.pending


@PLENTY
@given(rulebooks(), st.lists(st.integers(1, 20_000), min_size=1, max_size=6), st.booleans())
def test_earning_and_returning_all_of_it_leaves_nothing(document: Json, amounts: list[int], in_parts: bool) -> None:
    for currency in document["currencies"].values():
        currency |= {"returns": {"recompute": "auto"}, "expires": "never", "expires_applies_to": "new"}
    stream = Stream(World(document))
    stream.do(enrol(BEGIN), BEGIN)
    now = BEGIN
    for number, amount in enumerate(amounts):
        stream.do(purchase(amount, f"p{number}", now := now + SECOND, **lines_of(amount, amount)), now)
        if in_parts and amount > 1:
            stream.do(refund(stream, f"p{number}", amount // 2, now := now + SECOND, f"h{number}"), now)
        entry = stream.do(refund(stream, f"p{number}", None, now := now + SECOND, f"r{number}"), now)
        assert entry.after is not None
        for held in entry.after.balances.values():
            assert set(msgspec.structs.astuple(held)) == {0}
        assert all(total.ever == 0 for name, total in stream.member.totals.items() if not name.startswith("type:"))
    assert not any(stream.world.taken.values())
    rows = Rows({})
    for row in chained(stream.entries):
        LEADERBOARD_ENTRIES.apply(rows, placed(row))
    assert [standing for standing in rows.values() if standing.score or standing.tiebreak] == []
    lawful(stream)


@PLENTY
@given(rulebooks(), DEEDS)
def test_deciding_never_changes_the_member_it_is_shown(document: Json, deeds: list[Deed]) -> None:
    class Watched(Stream):
        def do(self, command: MemberCommand, at: str | datetime, **more: Any) -> Entry:
            before = msgspec.msgpack.encode(self.member)
            with suppress(Refused):
                self.decided(command, at)
            assert msgspec.msgpack.encode(self.member) == before
            return super().do(command, at, **more)

    live(Watched(World(document)), deeds)


@PLENTY
@given(rulebooks(), DEEDS)
def test_a_book_and_its_copies_go_ways_of_their_own(document: Json, deeds: list[Deed]) -> None:
    stream = Stream(World(document))
    live(stream, deeds)
    member, copies = Member(), []
    for entry in stream.entries:
        copies.append((member.copy(), msgspec.msgpack.encode(member)))
        fold(member, entry)
    for number, (copy, was) in enumerate(copies):
        assert msgspec.msgpack.encode(copy) == was
        fold(copy, stream.entries[number])
    for (copy, _), (_, was) in pairwise(copies):
        assert msgspec.msgpack.encode(copy) == was
    assert msgspec.msgpack.encode(member) == msgspec.msgpack.encode(folded(stream.entries))
