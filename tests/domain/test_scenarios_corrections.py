"""A correction applied to one member: what it moves, what follows from that, and what comes later."""

from typing import Any

from domain.log import Entry
from domain.member.commands import ApplyCorrection, CancelPending, CorrectedActivity, CorrectedAward
from domain.member.events import ActivityRecorded, PointsClawedBack, PointsEarned, TierChanged
from tests.build import Json, Stream, instant, per, points, rulebook
from tests.domain.test_scenarios_merges import People, has
from tests.spec import Step, bought, clawed_back, do, enrolled, given, redeemed, returned

TIERS: Json = {"measure": "points_earned", "window": "lifetime", "levels": [{"id": "silver", "at": 100}]}


def corrected(of: str, amount: int, rule: str = "base", at: str = "2026-03-01", **more: Any) -> Step:
    """What an approved correction changes of one purchase by one rule."""

    def act(stream: Stream) -> Any:
        version = stream.version_of(of)
        entry = next(one for one in stream.entries if one.version == version)
        activity = next(event for event in entry.events if isinstance(event, ActivityRecorded))
        award = CorrectedAward(
            rule=rule,
            currency="points",
            points=amount,
            wanted=max(0, amount),
            available_at=entry.at if amount > 0 and not _waits(entry) else None,
            **more,
        )
        row = CorrectedActivity(
            activity=version, at=entry.at, rulebook=entry.pins.rulebook, day=activity.day, awards=(award,)
        )
        return stream.do(ApplyCorrection(correction="cor_1", seen=stream.entries[-1].version, rows=(row,)), at)

    return Step(act)


def _waits(entry: Entry) -> bool:
    return all(event.available_at is None for event in entry.events if isinstance(event, PointsEarned))


def test_more_is_earned_as_of_the_purchase_and_reaches_a_level_as_of_it() -> None:
    found = given(rulebook(per(100, 1), tiers=TIERS), enrolled(), bought(60_00)).when(corrected("p1", 50))
    found.balance(110).tier("silver")
    (lot,) = [event for event in found.events if isinstance(event, PointsEarned)]
    assert lot.restated is not None
    assert (lot.restated.activity, lot.restated.at) == (2, instant("2026-01-02"))
    (moved,) = [event for event in found.events if isinstance(event, TierChanged)]
    assert (moved.to, moved.at, moved.reason) == ("silver", instant("2026-01-02"), "corrected")


def test_less_takes_the_level_away_that_it_had_reached() -> None:
    found = given(rulebook(per(100, 1), tiers=TIERS), enrolled(), bought(120_00)).when(corrected("p1", -40))
    found.balance(80).tier(None)


def test_less_than_was_spent_is_owed() -> None:
    found = given(rulebook(per(100, 1)), enrolled(), bought(60_00), redeemed(55, "2026-02-01")).when(
        corrected("p1", -20)
    )
    found.balance(0, debt=15)
    (taken,) = [event for event in found.events if isinstance(event, PointsClawedBack)]
    assert taken == clawed_back(20, debt=15)


def test_what_has_expired_of_it_is_gone_and_not_owed() -> None:
    document = rulebook(per(100, 1), currency={"expires": {"after": "P1M"}})
    given(document, enrolled(), bought(60_00), redeemed(10, "2026-01-10")).when(corrected("p1", -55)).balance(0, debt=5)


def test_a_member_that_has_moved_since_the_dry_run_is_left() -> None:
    step = Step(lambda stream: stream.do(ApplyCorrection(correction="cor_1", seen=1, rows=()), "2026-03-01"))
    given(rulebook(per(100, 1)), enrolled(), bought(60_00)).when(step).refused("version-conflict")


def test_a_purchase_returned_after_it_was_corrected_leaves_nothing() -> None:
    more = given(rulebook(per(100, 1)), enrolled(), bought(60_00), corrected("p1", 30))
    more.when(returned(60_00, at="2026-03-02")).balance(0)
    less = given(rulebook(per(100, 1)), enrolled(), bought(60_00), corrected("p1", -30))
    less.when(returned(60_00, at="2026-03-02")).balance(0)


def test_a_budget_gets_back_what_was_taken_of_it_and_nothing_of_what_a_correction_granted() -> None:
    document = rulebook(per(100, 1, budget="all"), budgets={"all": {"currency": "points", "points": 100}})
    paid = given(document, enrolled(), bought(60_00), corrected("p1", 30))
    half = paid.when(returned(30_00, at="2026-03-02")).balance(30)
    assert half.stream.world.taken["budget", "all"] == 30
    whole = half.when(returned(30_00, at="2026-03-03", id="r2")).balance(0)
    assert whole.stream.world.taken["budget", "all"] == 0


def test_halves_returned_after_it_was_corrected_take_a_half_each() -> None:
    given(rulebook(points(60)), enrolled(), bought(60_00), corrected("p1", 40)).when(
        returned(30_00, at="2026-03-02")
    ).balance(50).when(returned(30_00, at="2026-03-03", id="r2")).balance(0)


def test_what_a_rule_granted_that_the_purchase_never_had_goes_back_with_it() -> None:
    given(rulebook(points(60)), enrolled(), bought(60_00), corrected("p1", 40, rule="new")).when(
        returned(30_00, at="2026-03-02")
    ).balance(50).when(returned(30_00, at="2026-03-03", id="r2")).balance(0)


def test_a_late_purchase_leaves_corrections_of_others_where_they_are() -> None:
    first = points(100, rule="first", when="history.count('purchase', 'ever') == 0")
    document = rulebook(per(100, 1), first, late={"mode": "restate"})
    found = given(document, enrolled(), bought(60_00, "b", at="2026-01-20"), corrected("b", 7)).when(
        bought(10_00, "a", at="2026-01-10", learned="2026-03-05")
    )
    # 60 and 7 for b, 10 and the first for a.
    found.balance(60 + 7 + 10 + 100)


def test_a_budget_gets_nothing_back_of_what_a_correction_granted_that_is_cancelled_before_it_is_available() -> None:
    budgets = {"all": {"currency": "points", "points": 100}}
    document = rulebook(per(100, 1, budget="all"), currency={"available": "on_action"}, budgets=budgets)
    paid = given(document, enrolled(), bought(60_00), corrected("p1", 30))
    outcome = paid.when(do(CancelPending(lots=("3.1",)), "2026-03-02"))
    assert outcome.stream.world.taken["budget", "all"] == 60
    outcome = outcome.when(do(CancelPending(lots=("2.1",)), "2026-03-03")).balance(0)
    assert outcome.stream.world.taken["budget", "all"] == 0


def test_after_a_merge_a_budget_still_gets_nothing_back_of_what_a_correction_granted() -> None:
    document = rulebook(per(100, 1, budget="all"), budgets={"all": {"currency": "points", "points": 100}})
    people = People(document)
    survivor, loser = people.all
    for step in (bought(60_00), corrected("p1", 30)):
        step.act(loser)
    people.merge(loser, survivor, "2026-03-02")
    people.give_back(survivor, loser, "p1", "2026-03-03")
    assert has(survivor, "2026-03-03") == (0, 0, 0)
    assert survivor.world.taken["budget", "all"] == 0
