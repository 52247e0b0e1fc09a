"""M3: a window of history under a candidate rulebook: what everybody would have, and nothing written."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from domain.calendar import BEGINNING, FOREVER, NotPinned
from domain.log import NotInStream, encode
from domain.redecide import redecide
from domain.rules.compiled import NoSuchCurrency
from domain.what_if import MemberOutcome, Trial, WhatIf
from infrastructure.zones import SystemZones
from tests.build import (
    Json,
    Stream,
    World,
    adjust,
    compiled,
    enrol,
    instant,
    multiply,
    per,
    points,
    purchase,
    redeem,
    refund,
    rulebook,
)

SILVER: Json = {"window": "calendar_year", "levels": [{"id": "silver", "at": 100}, {"id": "gold", "at": 300}]}


BORN: Json = {"attributes": {"type": "object", "properties": {"born": {"type": "string"}}}, "birthday": "born"}
CAKE: Json = points(50, rule="cake", on="member.birthday")


def tried(
    stream: Stream,
    document: Json,
    begins: str | datetime = BEGINNING,
    ends: str | datetime = FOREVER,
    now: str | datetime = "2026-12-01",
) -> MemberOutcome:
    world = stream.world
    book = compiled(document, len(world.books) + 1)
    trial = Trial(book, instant(begins), instant(ends))
    asked = WhatIf(world.timeline(), trial, world.zone, instant(now), SystemZones().offset)
    return asked.of([encode(entry) for entry in stream.entries])


def available(found: MemberOutcome) -> tuple[int, int]:
    return tuple(side.after.balances["points"].available for side in (found.recorded, found.tried))  # type: ignore[return-value]


def bought(world: World, *amounts: int, month: int = 1) -> Stream:
    """A purchase a day."""
    stream = Stream(world)
    stream.do(enrol("2026-01-01"), "2026-01-01")
    for day, amount in enumerate(amounts, start=2):
        at = f"2026-{month:02}-{day:02}"
        stream.do(purchase(amount, f"p{day}", at), at)
    return stream


def test_ten_points_would_have_been_twenty() -> None:
    stream = bought(World(rulebook(points(10))), 5_00, 5_00, 5_00)
    found = tried(stream, rulebook(points(20)))
    assert available(found) == (30, 60)
    assert (found.decided, found.different) == (4, 3)
    before, after = (side.rules["base", "points"] for side in (found.recorded, found.tried))
    assert (before.times, before.wanted, before.granted) == (3, 30, 30)
    assert (after.times, after.wanted, after.granted) == (3, 60, 60)


def test_only_the_window_is_under_the_trial() -> None:
    stream = bought(World(rulebook(points(10))), 5_00, 5_00, 5_00, 5_00)
    found = tried(stream, rulebook(points(20)), "2026-01-03", "2026-01-05")
    assert available(found) == (40, 60)
    # The first purchase and the enrolment are not decided again; the last one is, under its own pins.
    assert (found.entries, found.decided, found.different) == (5, 3, 2)


def test_the_state_carries_on_after_the_window() -> None:
    """A level reached in the window multiplies what is bought after it."""
    book = rulebook(per(100, 1), multiply("2", when="member.tiers.status.level == 'silver'"), tiers=SILVER)
    richer = rulebook(per(100, 3), multiply("2", when="member.tiers.status.level == 'silver'"), tiers=SILVER)
    stream = bought(World(book), 40_00, 10_00)
    found = tried(stream, richer, "2026-01-02", "2026-01-03")
    assert available(found) == (50, 120 + 20)
    assert (found.recorded.after.tiers, found.tried.after.tiers) == ({}, {"status": "silver"})


@pytest.mark.parametrize(
    ("real", "trial", "window", "gifts"),
    [
        ((), (CAKE,), ("2026-01-01", "2026-12-31"), (0, 50)),
        ((), (CAKE,), ("2026-01-01", "2026-03-01"), (0, 0)),
        ((CAKE,), (), ("2026-01-01", "2026-03-01"), (50, 50)),
        ((CAKE,), (), ("2026-03-01", "2026-12-31"), (50, 0)),
        ((CAKE,), (CAKE,), ("2026-01-01", "2026-12-31"), (50, 50)),
    ],
)
def test_a_birthday_is_given_by_the_rules_of_its_day(
    real: tuple[Json, ...], trial: tuple[Json, ...], window: tuple[str, str], gifts: tuple[int, int]
) -> None:
    stream = Stream(World(rulebook(points(1), *real, members=BORN)))
    stream.do(enrol("2025-06-01", attributes={"born": "03-15"}), "2025-06-01")
    stream.do(purchase(1_00, "p1", "2026-02-01"), "2026-02-01")
    stream.do(purchase(1_00, "p2", "2026-06-01"), "2026-06-01")
    found = tried(stream, rulebook(points(1), *trial, members=BORN), *window)
    assert available(found) == tuple(2 + gift for gift in gifts)
    assert not found.refused


def test_what_would_have_been_refused_is_told() -> None:
    stream = bought(World(rulebook(per(100, 1))), 50_00)
    stream.do(redeem(40), "2026-01-10")
    stream.do(purchase(10_00, "later", "2026-01-11"), "2026-01-11")
    found = tried(stream, rulebook(per(500, 1)))
    assert found.refused == Counter({"not-enough-points": 1})
    assert available(found) == (20, 12)


def test_returns_follow_what_the_trial_granted() -> None:
    stream = bought(World(rulebook(per(100, 1))), 50_00, 30_00)
    stream.do(refund(stream, "p2", 20_00, "2026-01-10", "r1"), "2026-01-10")
    stream.do(refund(stream, "p2", None, "2026-01-11", "r2"), "2026-01-11")
    found = tried(stream, rulebook(per(100, 3)))
    assert available(found) == (30, 90)
    assert [side.rules["base", "points"].taken_back for side in (found.recorded, found.tried)] == [50, 150]


def test_a_return_of_what_was_bought_before_the_window_takes_what_was_granted_then() -> None:
    stream = bought(World(rulebook(per(100, 1))), 50_00)
    stream.do(refund(stream, "p2", None, "2026-02-10", "r1"), "2026-02-10")
    found = tried(stream, rulebook(per(100, 3)), "2026-02-01")
    assert available(found) == (0, 0)


def test_the_return_of_an_activity_that_the_trial_refuses_falls_away_with_it() -> None:
    stream = bought(World(rulebook(per(100, 1))), 50_00, 10_00)
    stream.do(refund(stream, "p2", None, "2026-01-10", "r1"), "2026-01-10")
    recent = rulebook(per(100, 1), late={"max_age": "P1D"}, activities={"purchase": {}})
    del recent["activities"]["purchase"]
    recent["rules"] = []
    found = tried(stream, recent)
    assert found.refused == Counter({"unknown-activity-type": 2, "unknown-activity": 1})


def test_a_policy_for_existing_lots_is_applied_when_the_window_begins() -> None:
    stream = bought(World(rulebook(per(100, 1))), 50_00)
    stream.do(purchase(10_00, "later", "2026-05-01"), "2026-05-01")
    short = {"expires": {"after": "P2M"}, "expires_applies_to": "existing"}
    found = tried(stream, rulebook(per(100, 1), currency=short), "2026-04-01", now="2026-06-01")
    assert available(found) == (60, 10)


def test_members_who_did_nothing_since_are_reached_too() -> None:
    stream = bought(World(rulebook(per(100, 1), tiers=SILVER)), 90_00)
    lower = rulebook(per(100, 1), tiers={**SILVER, "on_edit": "now", "levels": [{"id": "silver", "at": 50}]})
    found = tried(stream, lower, "2026-06-01", now="2026-07-01")
    assert (found.recorded.after.tiers, found.tried.after.tiers) == ({}, {"status": "silver"})
    assert found.decided == 0


def test_what_is_taken_of_a_budget_is_told() -> None:
    world = World(rulebook(points(10, budget="b"), budgets={"b": {"currency": "points", "points": 25, "uses": 9}}))
    stream = bought(world, 5_00, 5_00, 5_00)
    found = tried(stream, rulebook(points(20, budget="b"), budgets={"b": {"currency": "points", "points": 500}}))
    assert available(found) == (25, 60)
    assert found.recorded.takes == {("budget", "b"): 25, ("budget.uses", "b"): 3}
    assert found.tried.takes == {("budget", "b"): 60}


def story(world: World) -> Stream:
    """Earning, spending, returns, debt, expiry, a review, two versions."""
    stream = Stream(world)
    stream.do(enrol("2026-01-01"), "2026-01-01")
    stream.do(purchase(123_45, "a", "2026-01-02"), "2026-01-02")
    stream.do(redeem(10, "s"), "2026-01-05")
    stream.do(purchase(50_00, "b", "2026-02-03"), "2026-02-20")
    stream.do(refund(stream, "a", 60_00, "2026-02-25"), "2026-02-25")
    stream.do(adjust(-900, allow_negative=True), "2026-03-01")
    stream.settle("2027-03-01")
    stream.do(purchase(80_00, "c", "2027-03-05"), "2027-03-05")
    stream.do(refund(stream, "c", None, "2027-03-06", "r9"), "2027-03-06")
    return stream


STORIED: Json = rulebook(
    per(100, 2),
    points("history.count('purchase', 'P90D') * 5", rule="loyal", phase="add", cap=[{"points": 8, "period": "month"}]),
    multiply("1.5", when="member.tiers.status.level == 'silver'"),
    currency={"expires": {"after": "P6M", "round_up": "month"}},
    tiers=SILVER,
)


@pytest.mark.parametrize("begins", [BEGINNING, "2026-02-10", "2027-02-10"])
@pytest.mark.parametrize("ends", ["2027-03-05", FOREVER])
def test_the_rules_that_were_in_force_change_nothing(begins: Any, ends: Any) -> None:
    world = World(STORIED, zone="Europe/Berlin")
    found = tried(story(world), STORIED, begins, ends, "2027-04-01")
    assert found.different == 0
    assert found.refused == {}
    assert found.recorded == found.tried


def test_an_empty_window_changes_nothing() -> None:
    world = World(STORIED, zone="Europe/Berlin")
    stream = story(world)
    found = tried(stream, rulebook(points(1000), tiers=SILVER), "2027-04-01", now="2027-05-01")
    assert (found.decided, found.recorded) == (0, found.tried)


def test_a_fault_of_the_engine_is_not_taken_for_something_that_cannot_be_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = bought(World(rulebook(points(10))), 5_00)
    for error in (NotInStream("no entry"), NoSuchCurrency("no miles")):
        monkeypatch.setattr("domain.what_if.decide", _failing(error))
        assert tried(stream, rulebook(points(20))).refused == {"not-decidable": 2}
    monkeypatch.setattr("domain.what_if.decide", _failing(KeyError("a fault")))
    with pytest.raises(KeyError, match="a fault"):
        tried(stream, rulebook(points(20)))
    monkeypatch.setattr("domain.redecide.decide", _failing(NotPinned("no offset")))
    assert {found.verdict for found in redecide(stream.entries, stream.world.timeline())} == {"different"}
    monkeypatch.setattr("domain.redecide.decide", _failing(IndexError("a fault")))
    with pytest.raises(IndexError, match="a fault"):
        list(redecide(stream.entries, stream.world.timeline()))


def test_rules_name_the_currency_that_they_do_not_have() -> None:
    with pytest.raises(NoSuchCurrency, match="rulebook 1 has no currency 'miles'"):
        compiled(rulebook(points(10))).currency("miles")


def _failing(error: Exception) -> Any:
    def decide(*_: object) -> None:
        raise error

    return decide
