"""What counts on a leaderboard, and what a return takes back."""

from typing import Any

import pytest

from domain.member.commands import PayPrize, RecordActivity
from domain.member.events import RuleFailed, ScoreCounted
from domain.member.state import Member
from tests.build import Json, Stream, World, instant, per, points, rulebook
from tests.domain.test_scenarios_lines import CART, gave_back, line
from tests.spec import (
    Outcome,
    Step,
    Told,
    bought,
    clawed_back,
    do,
    earned,
    enrolled,
    failed,
    given,
    rescheduled,
    returned,
)

POSTED: Json = {
    "score.posted": {
        "data": {
            "type": "object",
            "properties": {
                "board": {"type": "string"},
                "points": {"type": "integer"},
                "kind": {"type": "string"},
                "finish": {"type": ["integer", "null"]},
                "amount_minor": {"type": "integer"},
            },
        }
    }
}


def league(*rules: Json, **board: Any) -> Json:
    """A rulebook with one leaderboard `season`, and posted scores besides purchases."""
    return rulebook(*rules, activities=POSTED, leaderboards={"season": board})


def counted(score: int, **fields: Any) -> Told:
    return Told(ScoreCounted, {"score": score, **fields})


def posted(id: str = "s1", at: str = "2026-01-02", learned: str | None = None, **data: Any) -> Step:  # noqa: A002
    command = RecordActivity(source="races", id=id, type="score.posted", occurred_at=instant(at), data=data)
    return do(command, learned or at)


def scores(outcome: Outcome) -> list[tuple[int, tuple[int, ...]]]:
    return [(event.score, event.places) for event in outcome.events if isinstance(event, ScoreCounted)]


def total(stream: Stream) -> tuple[int, int]:
    """The sum of all that counted, and how many places are left."""
    found = [event for entry in stream.entries for event in entry.events if isinstance(event, ScoreCounted)]
    places = sum(len(event.places) * (1 if event.activity is None else -1) for event in found)
    return sum(event.score for event in found), places


# --- counting ------------------------------------------------------------------------------------


def test_points_earned_count_in_the_period_of_their_day() -> None:
    given(league(per(100, 1), period="month"), enrolled()).when(bought(105_00)).then(
        earned(105), counted(105, leaderboard="season", board="", period="2026-01", activity=None)
    )


def test_what_earns_nothing_takes_no_part() -> None:
    given(league(per(100, 1)), enrolled()).when(bought(50)).then()


def test_points_of_enrolling_count_too() -> None:
    given(league(points(10, on="member.enrolled", rule="welcome"))).when(enrolled()).then(
        earned(10, "welcome"), counted(10)
    )


def test_points_of_one_currency_among_several() -> None:
    document = league(per(100, 1), per(100, 3, rule="miles", currency="miles"), score="points_earned:miles")
    document["currencies"]["miles"] = {}
    given(document, enrolled()).when(bought(10_00)).then(earned(10), earned(30, "miles"), counted(30))


def test_a_measure_counts_only_for_types_that_declare_it() -> None:
    start = given(league(score="spend"), enrolled())
    start.when(bought(12_34)).then(counted(1234)).when(posted(points=7)).then()


def test_an_expression_counts_where_it_can_be_read_and_zero_takes_part() -> None:
    start = given(league(score="activity.points", by="activity.board"), enrolled())
    start.when(posted(board="north", points=0)).then(counted(0, board="north"))
    start.when(bought(10_00)).then()


def test_only_the_types_that_are_named_count() -> None:
    given(league(per(100, 1), on=["score.posted"]), enrolled()).when(bought(10_00)).then(earned(10))


def test_a_condition_that_does_not_hold_or_cannot_be_evaluated_counts_nothing() -> None:
    start = given(league(score="activity.points", when="activity.kind == 'race'"), enrolled())
    start.when(posted("s1", points=3, kind="sprint")).then()
    start.when(posted("s2", points=3)).then(failed("leaderboard:season"))
    start.when(posted("s3", points=3, kind="race")).then(counted(3))


def test_a_score_that_cannot_be_evaluated_is_told_and_counts_nothing() -> None:
    outcome = given(league(score="10 / activity.points"), enrolled()).when(posted(points=0))
    outcome.then(failed("leaderboard:season"))
    assert [event.error for event in outcome.events if isinstance(event, RuleFailed)] != [""]


@pytest.mark.parametrize("board", ["", "a\nb", "x" * 256])
def test_a_board_needs_a_name_that_can_be_asked_for(board: str) -> None:
    start = given(league(score="activity.points", by="activity.board"), enrolled())
    start.when(posted(points=1, board=board)).then(failed("leaderboard:season"))


def test_a_score_beyond_all_sums_is_refused_its_place() -> None:
    start = given(league(score="activity.points * 1000000"), enrolled())
    start.when(posted(points=1_000_001)).then(failed("leaderboard:season"))


def test_a_season_begins_and_ends_at_an_instant() -> None:
    season = league(
        score="activity.points", starts="2026-01-02T12:00:00+00:00", ends="2026-01-03T12:00:00+00:00", period="ever"
    )
    start = given(season, enrolled())
    start.when(posted("s1", "2026-01-02T11:59:59", points=1)).then()
    start.when(posted("s2", "2026-01-02T12:00", points=2)).then(counted(2))
    start.when(posted("s3", "2026-01-03T12:00", points=4)).then()


def test_places_count_from_1_to_1000_and_null_is_none() -> None:
    back = ["activity.kind == 'race' ? activity.finish : 0"]
    start = given(league(score="activity.points", ties="count_back", count_back=back), enrolled())
    assert scores(start.when(posted("s1", points=25, kind="race", finish=1))) == [(25, (1,))]
    assert scores(start.when(posted("s2", points=0, kind="race", finish=None))) == [(0, ())]
    assert scores(start.when(posted("s3", points=8, kind="sprint", finish=1))) == [(8, ())]
    assert scores(start.when(posted("s4", points=0, kind="race", finish=0))) == [(0, ())]
    assert scores(start.when(posted("s5", points=0, kind="race", finish=1001))) == [(0, ())]
    assert scores(start.when(posted("s6", points=0, kind="race", finish=-1))) == [(0, ())]


def test_the_program_s_calendar_makes_the_periods_whatever_zone_members_live_by() -> None:
    """Midnight has come in Tokyo, and the month is over there; in Berlin it is not."""
    document = league(per(100, 1), period="month") | {"zone_policy": "member"}
    start = given(World(document, zone="Europe/Berlin"), enrolled(time_zone="Asia/Tokyo"))
    outcome = start.when(bought(10_00, at="2026-01-31T16:00"))
    outcome.then(earned(10, day=instant("2026-02-01").toordinal()), counted(10, period="2026-01"))


def test_a_late_activity_counts_in_its_own_period() -> None:
    given(league(per(100, 1), period="month"), enrolled()).when(
        bought(10_00, at="2026-01-15", learned="2026-03-01")
    ).then(earned(10), counted(10, period="2026-01"))


def test_expressions_see_the_member_as_rules_do_before_the_activity_counts() -> None:
    start = given(league(score="history.count('purchase', 'ever') + 1", on=["purchase"]), enrolled())
    start.when(bought(1_00, "p1")).then(counted(1))
    start.when(bought(1_00, "p2")).then(counted(2))


# --- returns -------------------------------------------------------------------------------------


def test_a_complete_return_takes_back_score_and_place_where_they_counted() -> None:
    document = league(
        score="activity.amount_minor", by="activity.board", period="month", on=["score.posted"],
        ties="count_back", count_back=["activity.finish"],
    )  # fmt: skip
    start = given(document, enrolled(), posted("p1", board="north", amount_minor=500, finish=2))
    outcome = start.when(returned(None, at="2026-03-10"))
    outcome.then(counted(-500, board="north", period="2026-01", places=(2,), activity=2))
    assert total(start.stream) == (0, 0)


def test_a_partial_return_takes_what_the_kept_part_would_not_have_scored() -> None:
    start = given(league(score="spend"), enrolled(), bought(100_00))
    start.when(returned(30_00, id="r1")).then(counted(-3000, activity=2))
    start.when(returned(30_00, id="r2")).then(counted(-3000, activity=2))
    start.when(returned(None, id="r3")).then(counted(-4000, activity=2))
    start.when(returned(None, id="r4")).then()
    assert total(start.stream) == (0, 0)


def test_a_condition_that_the_kept_part_misses_takes_the_whole_score() -> None:
    document = league(score="activity.amount_minor", when="activity.amount_minor >= 5000", on=["purchase"])
    start = given(document, enrolled(), bought(60_00))
    start.when(returned(20_00, id="r1")).then(counted(-6000))
    start.when(returned(None, id="r2")).then()


def test_points_that_are_clawed_back_leave_the_board_with_them() -> None:
    start = given(league(per(1000, 1)), enrolled(), bought(95_00))
    outcome = start.when(returned(40_00, id="r1"))
    assert scores(outcome) == [(-4, ())]
    assert scores(start.when(returned(None, id="r2"))) == [(-5, ())]
    assert total(start.stream) == (0, 0)


def test_points_that_were_spent_leave_the_board_all_the_same() -> None:
    document = league(per(100, 1))
    document["currencies"]["points"] = {"returns": {"recovery": "only_pending"}}
    start = given(document, enrolled(), bought(10_00))
    assert scores(start.when(returned(None))) == [(-10, ())]


def test_never_more_is_taken_than_was_counted() -> None:
    """The less is kept, the more this expression gives: the score must not become negative, nor grow."""
    document = league(score="20000 - activity.amount_minor", on=["purchase"])
    start = given(document, enrolled(), bought(100_00))
    for number in range(5):
        start.when(returned(20_00, id=f"r{number}"))
        assert 0 <= total(start.stream)[0] <= 100_00
    assert total(start.stream) == (0, 0)


def test_a_negative_score_is_given_back_up_to_nothing() -> None:
    document = league(score="-activity.amount_minor", on=["purchase"])
    start = given(document, enrolled(), bought(100_00))
    start.when(returned(25_00, id="r1")).then(counted(2500))
    start.when(returned(None, id="r2")).then(counted(7500))


def test_a_return_keeps_to_the_rules_the_activity_counted_by() -> None:
    start = given(league(score="spend", period="month"), enrolled(), bought(10_00))
    start.stream.world.publish(rulebook(activities=POSTED), instant("2026-01-05"))
    start.when(returned(None)).then(counted(-1000, period="2026-01"))


def test_the_note_of_what_was_taken_survives_the_state_row() -> None:
    stream = Stream(World(league(score="spend")), hot=True)
    for step in (enrolled(), bought(100_00), returned(30_00, id="r1"), returned(30_00, id="r2")):
        step.act(stream)
    assert isinstance(stream.member, Member)
    returned(None, id="r3").act(stream)
    assert total(stream) == (0, 0)


# --- beside lines, groups and budgets ----------------------------------------------------------------


def test_a_line_that_comes_back_takes_its_points_and_its_money_off_the_boards() -> None:
    rule = per(100, 4, lines={"where": "line.labels.colour != 'red'"})
    document = rulebook(rule, leaderboards={"earners": {}, "spenders": {"score": "spend"}})
    start = given(document, enrolled())
    start.when(bought(152_00, lines=CART)).then(
        earned(560), counted(560, leaderboard="earners"), counted(152_00, leaderboard="spenders")
    )
    start.when(gave_back(line("2", 100_00))).then(
        clawed_back(400), counted(-400, leaderboard="earners"), counted(-100_00, leaderboard="spenders")
    )
    start.when(gave_back(line("2", 100_00), id="r2")).then()
    start.when(returned(None, id="r3")).then(
        clawed_back(160), counted(-160, leaderboard="earners"), counted(-52_00, leaderboard="spenders")
    )
    assert total(start.stream) == (0, 0)


def test_only_the_rule_that_its_group_let_through_counts() -> None:
    document = league(per(100, 1, group="one"), points(30, rule="flat", group="one")) | {"groups": {"one": "best"}}
    start = given(document, enrolled())
    start.when(bought(50_00)).then(earned(50), earned(0, "flat", wanted=30), counted(50))
    start.when(returned(None)).then(clawed_back(50), counted(-50))


def test_what_a_budget_did_not_grant_counts_nowhere() -> None:
    budget = {"currency": "points", "points": 50, "partial": True}
    start = given(league(per(100, 1, budget="summer")) | {"budgets": {"summer": budget}}, enrolled())
    start.when(bought(105_00, "p1")).then(earned(50, wanted=105), counted(50))
    start.when(bought(105_00, "p2")).then(earned(0, wanted=105))
    start.when(returned(60_00)).then(clawed_back(5), counted(-5))
    start.when(returned(None, id="r2")).then(clawed_back(45), counted(-45))
    assert total(start.stream) == (0, 0)


# --- prizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires", "end"),
    [
        ("never", None),
        ({"after": "P30D"}, "2026-03-04T00:00"),
        ({"after": "P30D", "from": "recorded"}, "2026-03-05T00:00"),
        ({"inactive_for": "P30D"}, "2026-03-04T00:00"),
    ],
)
def test_a_prize_ends_as_other_points_of_its_currency_do(expires: Any, end: str | None) -> None:
    document = league(per(100, 1), period="month")
    document["currencies"]["points"] = {"expires": expires}
    start = given(document, enrolled(), bought(10_00, at="2026-01-20"))
    start.when(prize("2026-02-01", paid="2026-02-02")).then(
        earned(100, "leaderboard:season", expires_at=instant(end) if end else None)
    )


def test_an_activity_moves_the_end_of_a_prize_that_ends_by_inactivity() -> None:
    document = league(per(100, 1), period="month")
    document["currencies"]["points"] = {"expires": {"inactive_for": "P30D"}}
    start = given(document, enrolled(), prize("2026-02-01", paid="2026-02-02"))
    start.when(bought(50, at="2026-02-20")).then(rescheduled("2026-03-23T00:00", lots=("2.1",)))


def prize(closed: str, paid: str) -> Step:
    command = PayPrize(
        leaderboard="season", board="", period="2026-01", closed_at=instant(closed), rulebook=1, rank=1,
        currency="points", points=100,
    )  # fmt: skip
    return do(command, paid)
