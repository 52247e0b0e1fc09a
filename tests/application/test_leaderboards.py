"""Boards as they are read: ranks, places, pages, other moments, and who is not named."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application import members, points
from application.members import ChangeBody
from application.points import ActivityName, ReturnBody
from application.replay import replay
from domain.errors import BadTime, InvalidPayload, MemberErasedAlready, UnknownLeaderboard, UnknownMember
from domain.rules.ranking import Ties
from projections import ANALYTICS
from tests.application.engine import PROGRAM, START, days, run
from tests.application.league import League, league, playing
from tests.conftest import fresh_database

HOUR = timedelta(hours=1)

Rows = list[tuple[int, str | None, int]]


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("competition", [(1, "ann", 9), (2, "eve", 7), (2, "bob", 7), (4, "dan", 5)]),
        ("dense", [(1, "ann", 9), (2, "eve", 7), (2, "bob", 7), (3, "dan", 5)]),
        ("ordinal", [(1, "ann", 9), (2, "eve", 7), (3, "bob", 7), (4, "dan", 5)]),
        ("count_back", [(1, "ann", 9), (2, "bob", 7), (3, "eve", 7), (4, "dan", 5)]),
    ],
)
def test_ties_are_treated_as_the_rulebook_says(database_url: str, ties: Ties, expected: Rows) -> None:
    async def story() -> None:
        async with playing(database_url, league(ties=ties), "ann", "bob", "dan", "eve") as game:
            await game.engine.at(START + days(1))
            await game.post("ann", 9, START, finish=1)
            await game.post("dan", 5, START + HOUR, finish=4)
            await game.post("eve", 7, START + 2 * HOUR, finish=3)
            await game.post("bob", 7, START + 3 * HOUR, finish=2)
            assert await game.rows() == expected
            found = await game.read()
            assert (found["leaderboard"], found["board"], found["period"]) == ("season", "", "ever")
            assert (found["ties"], found["closed"]) == (ties, False)
            assert [row["tiebreak"] for row in found["items"]] == (
                [[1], [0, 1], [0, 0, 1], [0, 0, 0, 1]] if ties == "count_back" else [[], [], [], []]
            )
            assert found["items"][0]["reached_at"] == START

    run(story)


def test_j1_three_equal_seconds_are_followed_by_the_fifth(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(), "a", "b", "c", "d", "e") as game:
            for member, score in (("a", 9), ("b", 7), ("c", 7), ("d", 7), ("e", 5)):
                await game.post(member, score)
            assert [rank for rank, _, _ in await game.rows()] == [1, 2, 2, 2, 5]
            assert [rank for rank, _, _ in await game.rows()] == [1, 2, 2, 2, 5]
            assert await game.rows() == await game.rows()

    run(story)


def test_j2_the_first_to_reach_is_before(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(ties="ordinal"), "alice", "bob") as game:
            friday = datetime(2026, 1, 9, 16, tzinfo=UTC)
            await game.engine.at(friday + days(1))
            await game.post("bob", 20, friday + timedelta(minutes=30))
            await game.post("alice", 20, friday)
            assert await game.rows() == [(1, "alice", 20), (2, "bob", 20)]

    run(story)


def test_a_board_by_a_field_has_a_board_for_each_of_its_values(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(by="activity.board"), "ann", "bob") as game:
            await game.post("ann", 3, board="north")
            await game.post("bob", 5, board="south")
            assert await game.rows("season", by="north") == [(1, "ann", 3)]
            assert await game.rows("south") == [(1, "bob", 5)]
            for board, by in (("east", None), ("season", "east"), ("season", "a\0b"), ("north", "north")):
                with pytest.raises(UnknownLeaderboard):
                    await game.read(board, by=by)
            with pytest.raises(InvalidPayload):
                await game.read("season")

    run(story)


def test_a_name_that_two_leaderboards_use_must_be_asked_for_with_its_leaderboard(database_url: str) -> None:
    async def story() -> None:
        document = league(by="activity.board")
        document["leaderboards"]["cup"] = document["leaderboards"]["season"] | {"score": "activity.points * 2"}
        async with playing(database_url, document, "ann") as game:
            await game.post("ann", 3, board="north")
            assert await game.rows("cup", by="north") == [(1, "ann", 6)]
            with pytest.raises(InvalidPayload):
                await game.read("north")

    run(story)


def test_each_period_has_a_board_of_its_own_in_the_program_s_calendar(database_url: str) -> None:
    async def story() -> None:
        document = league(period="month") | {"time_zone": "Europe/Berlin"}
        async with playing(database_url, document, "ann") as game:
            await game.engine.at(datetime(2026, 2, 10, tzinfo=UTC))
            await game.post("ann", 1, datetime(2026, 1, 31, 22, 59, tzinfo=UTC))
            await game.post("ann", 2, datetime(2026, 1, 31, 23, tzinfo=UTC))
            assert await game.rows() == [(1, "ann", 2)]
            for period in ("2026-01", "2026-01-31", "2026-W02"):
                assert await game.rows(period=period) == [(1, "ann", 1)]
            assert await game.rows(as_of=datetime(2026, 1, 31, 22, 59, tzinfo=UTC)) == [(1, "ann", 1)]
            assert await game.rows(period="2025-12") == []
            for nonsense in ("2026-W05", "yesterday", "ever", "2026"):
                with pytest.raises(BadTime):
                    await game.read(period=nonsense)

    run(story)


@pytest.mark.parametrize("ties", ["competition", "dense", "ordinal", "count_back"])
@pytest.mark.parametrize(
    "scores",
    [
        (10, 8, 8, 8, 5, 5, 3, 3, 1),
        (1 << 39, 65_536, 65_535, 256, 255, 255, 2, -1, -300),
    ],
)
def test_pages_have_the_ranks_of_the_whole_board(database_url: str, scores: tuple[int, ...], ties: Ties) -> None:
    async def story() -> None:
        names = [f"m{number}" for number in range(9)]
        async with playing(database_url, league(ties=ties), *names) as game:
            for number, name in enumerate(names):
                await game.post(name, scores[number], finish=1 + number % 3)
            whole = (await game.read())["items"]
            for limit in range(1, 10):
                found, passed = [], 0
                while page := (await game.read(limit=limit, cursor=passed))["items"]:
                    found += page
                    passed += limit
                assert found == whole
            for number, name in enumerate(names):
                at = next(place for place, row in enumerate(whole) if row["member"] == name)
                mine = await game.own(name, 2)
                assert (mine["rank"], mine["score"]) == (whole[at]["rank"], whole[at]["score"])
                assert mine["above"] == whole[max(0, at - 2) : at]
                assert mine["below"] == whole[at + 1 : at + 3]
                assert mine["items"] == whole[max(0, at - 2) : at + 3], number

    run(story)


def test_who_is_not_on_the_board_has_no_rank_and_a_stranger_is_unknown(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(), "ann", "bob") as game:
            await game.post("ann", 1)
            mine = await game.own("bob")
            assert (mine["rank"], mine["member"], mine["items"]) == (None, "bob", [])
            with pytest.raises(UnknownMember):
                await game.own("nobody")
            with pytest.raises(InvalidPayload):
                await game.own("ann", 101)

    run(story)


# --- names ---------------------------------------------------------------------------------------


def test_names_come_from_profiles_and_disappear_without_moving_anybody(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league()) as game:
            profiles: dict[str, Any] = {
                "ann": {"display_name": "Ann A.", "nickname": "annie"},
                "bob": {"nickname": "bobby", "name": "Robert"},
                "eve": {"name": "Eve"},
                "dan": {"name": 7},
            }
            for number, (member, profile) in enumerate(profiles.items()):
                await game.engine.enrol(member, profile=profile)
                await game.post(member, 10 - number)

            async def named() -> list[tuple[Any, ...]]:
                return [(row["rank"], row["member"], row["name"], row["score"]) for row in (await game.read())["items"]]

            assert await named() == [
                (1, "ann", "Ann A.", 10), (2, "bob", "bobby", 9), (3, "eve", "Eve", 8), (4, "dan", None, 7)
            ]  # fmt: skip
            await members.change(
                game.handler, PROGRAM, "bob", ChangeBody(consents={"leaderboard": False}), actor="test"
            )
            await members.erase(game.handler, PROGRAM, "ann", actor="test")
            assert await named() == [(1, None, None, 10), (2, None, None, 9), (3, "eve", "Eve", 8), (4, "dan", None, 7)]
            # One's own place is one's own to see; others still do not see who is around.
            mine = await game.own("bob")
            assert (mine["rank"], mine["member"], mine["name"]) == (2, "bob", "bobby")
            assert [row["member"] for row in mine["items"]] == [None, "bob", "eve", "dan"]
            assert [row["member"] for row in (await game.own("eve"))["above"]] == [None, None]
            with pytest.raises(MemberErasedAlready):
                await game.own("ann")

    run(story)


# --- other moments -------------------------------------------------------------------------------


def test_a_board_as_of_a_moment_knows_what_had_happened_and_as_known_then_what_was_known(database_url: str) -> None:
    async def story() -> None:
        async with playing(database_url, league(), "ann", "bob") as game:
            await game.post("ann", 5)
            await game.engine.at(START + days(10))
            await game.post("bob", 7, START + days(2), name="late")
            assert await game.rows() == [(1, "bob", 7), (2, "ann", 5)]
            assert await game.rows(as_of=START + days(1)) == [(1, "ann", 5)]
            assert await game.rows(as_of=START + days(2)) == [(1, "bob", 7), (2, "ann", 5)]
            assert await game.rows(known_at=START + days(5)) == [(1, "ann", 5)]
            assert await game.rows(as_of=START + days(5), known_at=START + days(5)) == [(1, "ann", 5)]
            mine = await game.own("ann", as_of=START + days(1))
            assert (mine["rank"], mine["below"]) == (1, [])
            with pytest.raises(BadTime):
                await game.read(as_of=START + days(11))
            with pytest.raises(BadTime):
                await game.read(as_of=START + days(5), known_at=START + days(4))

    run(story)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["post", "post", "post", "return"]),
        st.integers(0, 3),
        st.integers(-2, 9),
        st.integers(0, 48),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=14,
)


def test_what_was_recorded_while_the_clock_stood_still_is_known(database_url: str) -> None:
    """A second entry of a member is recorded a microsecond after the clock, which has not moved."""

    async def story() -> None:
        async with playing(database_url, league(), "ann") as game:
            await game.post("ann", 5, START - days(1))
            assert await game.rows(as_of=START - days(1)) == [(1, "ann", 5)]

    run(story)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cut=st.integers(0, 72), known=st.integers(0, 14))
def test_a_board_at_any_cut_is_the_fold_of_what_counted_by_then_and_a_rebuild_gives_the_same(
    database_server: str, steps: list[tuple[str, int, int, int, int]], cut: int, known: int
) -> None:
    """What was counted is kept here by hand, and added up without any of the engine's code."""

    async def story(url: str) -> None:
        names = ["a", "b", "c", "d"]
        async with playing(url, league(ties="count_back"), *names) as game:
            lines = await _played(game, names, steps)
            end = START + days(4)
            await game.engine.at(end)
            as_of, known_at = START + cut * HOUR, START + days(2) + known * HOUR
            for wanted_as_of, wanted_known in ((end, end), (as_of, end), (min(as_of, known_at), known_at)):
                asked: dict[str, Any] = {"as_of": wanted_as_of, "known_at": wanted_known}
                cut_lines = [line for line in lines if line[3] <= wanted_as_of and line[4] <= wanted_known]
                got = [(r["member"], r["score"], r["tiebreak"]) for r in (await game.read(**asked))["items"]]
                assert sorted(got) == sorted(_added(cut_lines))
                ranks = [r["rank"] for r in (await game.read(**asked))["items"]]
                keys = [(-score, *(-count for count in (back + [0] * 9)[:9])) for _, score, back in got]
                assert keys == sorted(keys)
                assert ranks == [1 + sum(other < key for other in keys) for key in keys]
            live, past = await game.read(), await game.read(as_of=end)
            assert live == past
            before = await game.tables.digests()
            await replay(ANALYTICS, store=game.handler.store, positions=game.positions, tables=game.tables, afresh=True)
            assert await game.tables.digests() == before

    with fresh_database(database_server) as url:
        asyncio.run(story(url))


Line = tuple[str, int, list[int], datetime, datetime]


async def _played(game: League, names: list[str], steps: list[tuple[str, int, int, int, int]]) -> list[Line]:
    """Post and return at hours given; (member, score, places signed, effective, recorded) of each that counted."""
    lines: list[Line] = []
    done: list[tuple[str, str, int, int, datetime]] = []
    for number, (kind, who, score, hour, finish) in enumerate(steps):
        now = START + days(2) + number * HOUR
        await game.engine.at(now)
        when = START + hour * HOUR
        if kind == "post":
            await game.post(names[who], score, when, name=f"n{number}", finish=finish or None)
            lines.append((names[who], score, [finish] if finish else [], when, now))
            done.append((f"n{number}", names[who], score, finish, when))
        elif done:
            name, member, gone, place, posted = done.pop(who % len(done))
            back = max(when, posted)
            body = ReturnBody(
                id=f"r{number}", source="shop", activity=ActivityName(source="shop", id=name), occurred_at=back
            )
            await points.return_activity(game.handler, PROGRAM, body, actor="test")
            lines.append((member, -gone, [-place] if place else [], back, now))
    return lines


def _added(lines: list[Line]) -> list[tuple[str, int, list[int]]]:
    found = []
    for name in {line[0] for line in lines}:
        mine = [line for line in lines if line[0] == name]
        counts = [0] * 9
        for line in mine:
            for place in line[2]:
                counts[abs(place) - 1] += 1 if place > 0 else -1
        while counts and counts[-1] == 0:
            counts.pop()
        found.append((name, sum(line[1] for line in mine), counts))
    return found
