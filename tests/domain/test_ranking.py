"""Who is first, who shares a rank, and that a standing is a sum in any order."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.ranking import Result, Standing, Ties, digest, ranked, standings

START = datetime(2026, 1, 2, tzinfo=UTC)


def result(
    member: int, score: int, *places: int, at: int = 0, position: int | None = None, taken_back: bool = False
) -> Result:
    """A result of a member, `at` hours after the start."""
    when = START + timedelta(hours=at)
    return Result(UUID(int=member), score, places, taken_back, when, at if position is None else position)


def ranks(ties: Ties, *results: Result) -> list[tuple[int, int]]:
    """(rank, member) in the order of the board."""
    return [(one.rank, one.standing.member.int) for one in ranked(ties, standings(results))]


# Four members with 9, 7, 7 and 5 points; the second 7 came later, and has the better places.
FOUR = (
    result(1, 9, 1, at=1),
    result(2, 7, 3, at=2),
    result(3, 7, 2, at=3),
    result(4, 5, at=4),
)


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("competition", [(1, 1), (2, 3), (2, 2), (4, 4)]),
        ("dense", [(1, 1), (2, 3), (2, 2), (3, 4)]),
        ("count_back", [(1, 1), (2, 3), (3, 2), (4, 4)]),
    ],
)
def test_equal_scores_share_a_rank_or_not(ties: Ties, expected: list[tuple[int, int]]) -> None:
    assert ranks(ties, *FOUR) == expected


def test_ordinal_ranks_are_all_different_and_the_first_to_reach_a_score_is_before() -> None:
    assert ranks("ordinal", result(1, 7, at=3), result(2, 7, at=2), result(3, 9, at=4)) == [(1, 3), (2, 2), (3, 1)]


def test_j1_competition_leaves_out_the_ranks_that_are_shared() -> None:
    """Scores 1st; three equal 2nd; next is 5th."""
    board = [result(1, 50), *(result(member, 40, at=member) for member in (2, 3, 4)), result(5, 30)]
    assert [rank for rank, _ in ranks("competition", *board)] == [1, 2, 2, 2, 5]


def test_j2_the_first_to_reach_wins() -> None:
    """Both 20: Alice on Friday 16:00, Bob on Friday 16:30."""
    alice, bob = UUID(int=2), UUID(int=1)
    friday = datetime(2026, 1, 9, 16, tzinfo=UTC)
    results = [
        Result(bob, 20, (), False, friday + timedelta(minutes=30), 1),
        Result(alice, 12, (), False, friday - timedelta(days=1), 2),
        Result(alice, 8, (), False, friday, 3),
    ]
    rows = list(ranked("ordinal", standings(results)))
    assert [(row.rank, row.standing.member) for row in rows] == [(1, alice), (2, bob)]
    assert rows[0].standing.reached_at == friday


def test_at_one_instant_the_log_says_who_was_first() -> None:
    assert ranks("ordinal", result(1, 20, position=9), result(2, 20, position=8)) == [(1, 2), (2, 1)]


def test_a_result_of_nothing_takes_part_and_moves_no_time() -> None:
    (row,) = standings([result(1, 0, at=1), result(1, 5, at=2), result(1, 0, at=3)])
    assert (row.score, row.reached_at) == (5, START + timedelta(hours=2))
    (idle,) = standings([result(1, 0, at=2), result(1, 0, at=1)])
    assert (idle.score, idle.reached_at) == (0, START + timedelta(hours=1))


def test_wholly_tied_members_share_a_rank_and_have_an_order() -> None:
    board = [result(2, 5, 1, at=2), result(1, 5, 1, at=1), result(3, 5, 2, at=3)]
    assert ranks("count_back", *board) == [(1, 1), (1, 2), (3, 3)]


def test_a_place_that_is_taken_back_is_gone() -> None:
    won, lost = result(1, 25, 1, at=1), result(1, -25, 1, at=2, taken_back=True)
    (row,) = standings([won, lost])
    assert (row.score, row.tiebreak) == (0, ())


def test_a_part_of_a_board_has_the_ranks_of_the_whole() -> None:
    rows = standings(FOUR)
    for ties in ("competition", "dense", "ordinal", "count_back"):
        whole = list(ranked(ties, rows))
        for start in range(len(rows)):
            part = list(ranked(ties, rows[start:], whole[start].rank, start))
            if start == 0 or whole[start].rank != whole[start - 1].rank:
                assert part == whole[start:]


def test_the_digest_of_a_board_is_what_it_always_was() -> None:
    rows = ranked("count_back", standings([result(1, 25, 1, 3, at=1), result(2, 18, 2, at=1, position=2)]))
    assert digest(rows) == "sha256:63dc94e7e80609c7274fbef22ea307222700ae108f4b5a85cc27b2e4fb18882c"


# --- laws ----------------------------------------------------------------------------------------

RESULTS = st.lists(
    st.builds(
        result,
        st.integers(1, 4),
        st.integers(-3, 3),
        st.integers(1, 5),
        at=st.integers(0, 5),
        position=st.integers(1, 50),
    ),
    max_size=30,
)


@given(RESULTS, st.randoms(use_true_random=False))
def test_the_order_in_which_results_are_learned_of_makes_no_difference(
    results: list[Result],
    chance: Random,
) -> None:
    shuffled = list(results)
    chance.shuffle(shuffled)
    assert standings(shuffled) == standings(results)


@given(RESULTS)
def test_count_back_is_what_counting_by_hand_says(results: list[Result]) -> None:
    """Points, then more 1sts, then more 2nds, ...: written once more, from the words alone."""
    members = {one.member for one in results}
    scores = {name: sum(one.score for one in results if one.member == name) for name in members}
    places = {
        name: [sum(one.places.count(place) for one in results if one.member == name) for place in range(1, 6)]
        for name in members
    }

    def before(one: UUID, other: UUID) -> bool:
        if scores[one] != scores[other]:
            return scores[one] > scores[other]
        for mine, theirs in zip(places[one], places[other], strict=True):
            if mine != theirs:
                return mine > theirs
        return False

    board = [(row.rank, row.standing.member) for row in ranked("count_back", standings(results))]
    for rank, name in board:
        assert rank == 1 + sum(before(other, name) for other in members)
    assert {name for _, name in board} == members


@given(RESULTS)
def test_ranks_follow_from_how_many_are_better(results: list[Result]) -> None:
    rows: list[Standing] = standings(results)
    scores = [row.score for row in rows]
    for one in ranked("competition", rows):
        assert one.rank == 1 + sum(score > one.standing.score for score in scores)
    for one in ranked("dense", rows):
        assert one.rank == 1 + len({score for score in scores if score > one.standing.score})
    assert [one.rank for one in ranked("ordinal", rows)] == list(range(1, len(rows) + 1))
