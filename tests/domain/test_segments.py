"""Segments: conditions over a member, judged with every entry, readable in rules, and written down when they change."""

from datetime import datetime
from typing import Any

import pytest

from domain.log import After
from domain.member.commands import EraseMember
from domain.member.events import MemberErased, PointsEarned, SegmentChanged
from domain.member.settle import settled
from domain.rules.check import check
from tests.build import Json, Stream, World, enrol, instant, multiply, per, purchase, refund, rulebook
from tests.spec import Told, bought, do, earned, enrolled, given, moved_to, published, returned, swept

VIP: Json = {"vip": "member.counters.spend.last_365d > 10000"}


def book(*rules: Json, segments: Json | None = None, **more: Any) -> Json:
    return rulebook(*(rules or (per(100, 1),)), segments=VIP if segments is None else segments, **more)


def into(segment: str = "vip", **fields: Any) -> Told:
    return Told(SegmentChanged, {"segment": segment, "inside": True, **fields})


def out_of(segment: str = "vip", **fields: Any) -> Told:
    return Told(SegmentChanged, {"segment": segment, "inside": False, **fields})


def test_a_member_comes_in_with_the_purchase_that_makes_it_so() -> None:
    start = given(book(), enrolled(), bought(100_00, "a", "2026-01-02"))
    start.when(bought(1, "b", "2026-01-03")).then(into(rulebook=1, at=instant("2026-01-03")))


def test_it_is_written_down_once() -> None:
    start = given(book(), enrolled(), bought(200_00, "a", "2026-01-02"))
    start.when(bought(1_00, "b", "2026-01-03")).then(earned(1))


def test_a_return_takes_it_out_again() -> None:
    start = given(book(), enrolled(), bought(200_00, "p1", "2026-01-02"))
    outcome = start.when(returned(None, "p1", "2026-01-10"))
    assert [change.inside for change in _changes(outcome.stream)] == [True, False]


def _changes(stream: Stream) -> list[SegmentChanged]:
    return [event for entry in stream.entries for event in entry.events if isinstance(event, SegmentChanged)]


def test_a_rule_reads_the_membership_of_before_the_activity() -> None:
    double = multiply("2", when="member.segments.vip")
    start = given(book(per(100, 1), double), enrolled())
    start.when(bought(200_00, "a", "2026-01-02")).then(earned(200), into())
    start.when(bought(10_00, "b", "2026-01-03")).then(earned(10), earned(10, "promo"))


def test_a_window_that_slid_on_is_seen_before_the_rules_look() -> None:
    """Nobody looked for a year: by the next purchase the member is out, whether or not a sweeper came by."""
    double = multiply("2", when="member.segments.vip")
    for sweeps in ([], [swept("2027-01-10")]):
        start = given(book(per(100, 1), double), enrolled(), bought(200_00, "a", "2026-01-02"), *sweeps)
        outcome = start.when(bought(10_00, "b", "2027-02-01"))
        points = [event.points for event in outcome.stream.entries[-1].events if isinstance(event, PointsEarned)]
        assert points == [10]
        assert [change.inside for change in _changes(outcome.stream)] == [True, False]


def test_the_sweeper_writes_it_down_when_it_comes_by() -> None:
    start = given(book(), enrolled(), bought(200_00, "a", "2026-01-02"))
    start.when(swept("2027-01-10")).then(out_of())


def test_several_segments_change_in_the_order_of_their_names() -> None:
    segments = {"b": "member.counters.spend.ever > 0", "a": "history.count('purchase', 'ever') > 0"}
    start = given(book(segments=segments), enrolled())
    start.when(bought(1_00, "a", "2026-01-02")).then(earned(1), into("a"), into("b"))


def test_what_has_no_value_does_not_hold() -> None:
    segments = {"odd": "1 / (member.counters.spend.ever - 100) > 0", "late": "history.last('purchase') > local.at"}
    start = given(book(segments=segments), enrolled())
    start.when(bought(1_00, "a", "2026-01-02")).then(earned(1))


def test_levels_balances_and_attributes_can_be_read() -> None:
    segments = {
        "s": "member.tiers.status.level == 'silver' && member.balances.points.available >= 100 && local.year > 1"
    }
    tiers = {"levels": [{"id": "silver", "at": 100}]}
    start = given(book(segments=segments, tiers=tiers), enrolled())
    start.when(bought(100_00, "a", "2026-01-02")).then(earned(100), moved_to("silver"), into("s"))


def test_a_new_version_changes_who_is_in() -> None:
    start = given(book(), enrolled(), bought(50_00, "a", "2026-01-02"))
    lower = book(segments={"vip": "member.counters.spend.last_365d > 1000"})
    started = given(book(), enrolled(), bought(50_00, "a", "2026-01-02"), published(lower, "2026-02-01"))
    started.when(swept("2026-02-02")).then(into(rulebook=2))
    assert _changes(start.stream) == []


def test_a_segment_that_is_no_longer_declared_is_left() -> None:
    none = book(segments={})
    start = given(book(), enrolled(), bought(200_00, "a", "2026-01-02"), published(none, "2026-02-01"))
    start.when(swept("2026-02-02")).then(out_of(rulebook=0))


def test_who_is_erased_is_in_none() -> None:
    start = given(book(), enrolled(), bought(200_00, "a", "2026-01-02"))
    outcome = start.when(do(EraseMember(reason="asked"), "2026-01-03"))
    assert [type(event) for event in outcome.stream.entries[-1].events] == [MemberErased, SegmentChanged]
    assert outcome.stream.entries[-1].after.segments == ()  # type: ignore[union-attr]


def test_the_entry_says_what_the_member_is_in() -> None:
    start = given(book(), enrolled(), bought(200_00, "a", "2026-01-02"))
    assert start.stream.entries[-1].after == After(
        balances=start.stream.entries[-1].after.balances,  # type: ignore[union-attr]
        segments=("vip",),
    )


def test_a_read_judges_without_writing() -> None:
    stream = given(book(), enrolled(), bought(200_00, "a", "2026-01-02")).stream
    assert stream.member.segments == ("vip",)
    later = stream.world.circumstances(instant("2027-02-01"))
    assert settled(stream.member, later)[0].segments == ()
    assert stream.member.segments == ("vip",)


def test_hot_and_cold_months_come_to_the_same() -> None:
    def story(*, hot: bool) -> list[tuple[bool, datetime]]:
        stream = Stream(World(book()), hot=hot)
        stream.do(enrol("2024-01-01"), "2024-01-01")
        for number, at in enumerate(("2024-02-01", "2024-08-01", "2025-03-01", "2026-04-01", "2026-05-01")):
            stream.do(purchase(60_00, f"p{number}", at), at)
        stream.do(refund(stream, "p4", None, "2026-05-02"), "2026-05-02")
        return [(change.inside, change.at) for change in _changes(stream)]

    assert story(hot=True) == story(hot=False)
    # In March 2025 what was bought 13 months before counts no more, and the purchase itself makes up for it.
    assert [inside for inside, _ in story(hot=True)] == [True, False, True, False, True, False]


def test_rules_without_segments_pin_no_version_for_them() -> None:
    stream = Stream(World(rulebook(per(100, 1))))
    stream.do(enrol("2026-01-01"), "2026-01-01")
    entry = stream.settle("2026-02-01")
    assert entry.pins.rulebooks == {}
    assert entry.events == ()


@pytest.mark.parametrize(
    ("segments", "when", "place"),
    [
        ({"vip": "activity.amount_minor > 5"}, None, "/segments/vip"),
        ({"vip": "member.counters.spend.ever"}, None, "/segments/vip"),
        ({"vip": "true", "top": "member.segments.vip"}, None, "/segments/top"),
        ({"v ip": "true"}, None, "/segments/v ip"),
        ({"vip": "true"}, "member.segments.vop", "/rules/0/when"),
        ({"vip": "true"}, "member.segments.vip == 'yes'", "/rules/0/when"),
        ({"vip": "true"}, "has(member.segments.vip)", "/rules/0/when"),
    ],
)
def test_what_a_segment_may_not_say(segments: Json, when: str | None, place: str) -> None:
    rule = per(100, 1) | ({"when": when} if when else {})
    errors = [found.at for found in check(book(rule, segments=segments)).findings if found.severity == "error"]
    assert errors == [place]


def test_a_segment_with_an_odd_name_is_read_in_brackets() -> None:
    rule = per(100, 1, when="member.segments['gold-club']")
    checked = check(book(rule, segments={"gold-club": "member.counters.spend.ever > 0"}))
    assert checked.ok
    assert checked.trees["/rules/0/when"] == ["segment", 1, 1, "gold-club"]
