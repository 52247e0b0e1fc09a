"""The boards answer what they ask, explain themselves, and have digests that anybody can make."""

import asyncio
import hashlib
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from application.follow import Projection, Tally
from domain.member.commands import RedeemPoints, SetMemberStatus
from domain.member.settle import settled
from domain.member.state import Member
from domain.member.wallet import balance
from infrastructure.database import connect, open_pool
from infrastructure.migrate import migrate
from infrastructure.overview import Overview
from infrastructure.tables import ANALYST, columns
from projections import ANALYTICS
from tests.build import Stream, World, adjust, enrol, folded, instant, per, points, purchase, redeem, refund, rulebook
from tests.projections.boards import House, house, interleaved, lives, world, write

Rows = list[tuple[Any, ...]]


def _ask(url: str, streams: list[Stream], query: str) -> Rows:
    """What a query answers once the boards have followed the streams."""

    async def run() -> Rows:
        async with house(url) as found:
            write(url, interleaved(streams))
            await found.runner().catch_up()
            assert await found.positions.parked("analytics") == []
            return await found.rows(query)

    return asyncio.run(run())


def test_a_member_has_no_id_once_erased(database_url: str) -> None:
    rows = _ask(
        database_url, lives(3), "SELECT member, status, erased_at IS NOT NULL FROM analytics.members ORDER BY stream"
    )
    assert rows == [("m1", "active", False), ("m2", "active", False), (None, "erased", True)]


def test_no_board_keeps_the_id_of_an_erased_member(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            write(database_url, interleaved(lives(3)))
            await found.runner().catch_up()
            for table in ANALYTICS.tables:
                assert await found.rows(f"SELECT t FROM analytics.{table.name} t WHERE t::text ~ '\\mm3\\M'") == []

    asyncio.run(run())


def test_a_lot_says_what_is_left_and_what_took_the_last_of_it(database_url: str) -> None:
    rows = _ask(
        database_url,
        lives(1),
        "SELECT lot, points, remaining, state, rule, cause FROM analytics.lots ORDER BY version, lot",
    )
    assert rows == [
        ("2.1", 50, 0, "spent", "base", "shop/p1"),
        ("2.2", 5, 0, "spent", "bonus", "shop/p1"),
        ("3.1", 10, 0, "spent", "base", "shop/p2"),
        ("3.2", 3, 0, "spent", "bonus", "shop/p2"),
        ("7.1", 30, 0, "spent", "base", "shop/p3"),
        ("7.2", 5, 0, "spent", "bonus", "shop/p3"),
        ("9.1", 600, rows[-1][2], "open", None, "sorry"),
    ]


def test_an_award_says_what_was_wanted_and_what_cut_it(database_url: str) -> None:
    rows = _ask(
        database_url,
        lives(1),
        "SELECT rule, wanted, granted, limited_by, day::text FROM analytics.awards ORDER BY version, number LIMIT 4",
    )
    assert rows == [
        ("base", 50, 50, None, "2026-01-02"),
        ("bonus", 5, 5, None, "2026-01-02"),
        ("base", 10, 10, None, "2026-01-02"),
        ("bonus", 5, 3, "cap bonus.0", "2026-01-02"),
    ]


def test_tiers_go_up_and_down_with_reasons(database_url: str) -> None:
    rows = _ask(
        database_url,
        lives(2)[1:],
        "SELECT from_level, to_level, reason, evidence FROM analytics.tier_history ORDER BY version, number",
    )
    assert rows[0] == (None, "silver", "reached", 100_00)


def test_movements_sum_to_zero_and_to_the_balances(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            write(database_url, interleaved(lives(6)))
            await found.runner().catch_up()
            assert (
                await found.rows(
                    "SELECT stream, version FROM analytics.movements GROUP BY 1, 2, currency HAVING sum(points) <> 0"
                )
                == []
            )
            # Of the entries that settled everything: no lot has expired unseen.
            differing = await found.rows(
                "SELECT b.stream FROM analytics.balances b JOIN ("
                "  SELECT stream, currency,"
                "    coalesce(sum(points) FILTER (WHERE account = 'member'), 0) AS available,"
                "    coalesce(sum(points) FILTER (WHERE account = 'pending'), 0) AS pending,"
                "    coalesce(-sum(points) FILTER (WHERE account = 'debt'), 0) AS debt"
                "  FROM analytics.movements GROUP BY 1, 2) m USING (stream, currency)"
                " WHERE (b.available, b.pending, b.debt) <> (m.available, m.pending, m.debt)"
            )
            assert differing == []

    asyncio.run(run())


def test_points_by_hand_that_are_gone_leave_a_balance_of_nothing(database_url: str) -> None:
    """No rule had granted any: once they are spent, the entry tells of no balance in them."""
    spends, owes = Stream(world(), number=1), Stream(world(), number=2)
    for one in (spends, owes):
        one.do(enrol(member=f"m{one.id.int}"), "2026-01-01")
    spends.do(adjust(30, id="gift"), "2026-01-02")
    spends.do(redeem(30, id="voucher"), "2026-01-03")
    owes.do(adjust(-30, id="fraud", allow_negative=True), "2026-01-02")
    owes.do(adjust(30, id="paid"), "2026-01-03")
    rows = _ask(
        database_url,
        [spends, owes],
        "SELECT currency, available, debt, version FROM analytics.balances ORDER BY stream",
    )
    assert rows == [("points", 0, 0, 3), ("points", 0, 0, 3)]


@pytest.mark.parametrize("day", range(2, 14))
def test_balances_now_are_what_settle_says_swept_or_not(database_url: str, day: int) -> None:
    """Owing, waiting lots, lots that end: at any moment, though nothing was written since the ninth."""
    one = Stream(world(), number=1)
    one.do(enrol(), "2026-01-01")
    one.do(adjust(-70, id="owed", allow_negative=True), "2026-01-02")
    one.do(purchase(40_00, "p1", at="2026-01-03"), "2026-01-03")
    one.do(purchase(50_00, "p2", at="2026-01-04"), "2026-01-04")
    one.do(adjust(25, id="short", expires_at=instant("2026-01-10")), "2026-01-04T18:00")
    one.do(purchase(20_00, "p3", at="2026-01-09"), "2026-01-09")
    now = instant(f"2026-01-{day:02}T18:00")
    entries = [entry for entry in one.entries if entry.recorded_at <= now]
    member, _ = settled(folded(entries), one.world.circumstances(now))
    one.entries = entries

    async def run() -> None:
        async with house(database_url) as found:
            await _set_clock(found, now)
            write(database_url, interleaved([one]))
            await found.runner().catch_up()
            rows = await found.rows("SELECT available, pending, held, debt, lifetime FROM analytics.balances_now")
            assert rows == [_balance(member, now)]

    asyncio.run(run())


def _balance(member: Member, now: datetime) -> tuple[int, ...]:
    found = balance(member, "points", now)
    return found.available, found.pending, found.held, found.debt, found.lifetime


async def _set_clock(found: House, now: datetime) -> None:
    await found.rows(
        "INSERT INTO programs (id, stream, sandbox, clock, key) VALUES ('main', %s, true, %s, '') RETURNING 1",
        UUID(int=99),
        now,
    )


def test_redemptions_say_what_was_spent_for_which_order(database_url: str) -> None:
    stream = Stream(world())
    stream.do(enrol(member="ann"), "2026-01-01")
    stream.do(purchase(100_00, "p1", at="2026-01-02"), "2026-01-02")
    spend = RedeemPoints(id="voucher", currency="points", points=40, order_source="till", order_id="o7")
    stream.do(spend, "2026-01-06")
    found = _ask(
        database_url,
        [stream],
        "SELECT redemption, source, order_source, order_id, currency, points, debt, state, redeemed_at"
        " FROM analytics.redemptions",
    )
    at = instant("2026-01-06")
    assert found == [("voucher", None, "till", "o7", "points", 40, 0, "confirmed", at)]


def test_rules_have_their_sums_by_day_over_all_members(database_url: str) -> None:
    """Two members buy on one day; one of them sends a part back later, which counts on that day."""
    streams = []
    for number in (1, 2):
        one = Stream(world(), number=number)
        one.do(enrol(member=f"m{number}"), "2026-01-01")
        one.do(purchase(100_00, "p1", at="2026-01-02"), "2026-01-02")
        one.do(purchase(50_00, "p2", at="2026-01-02T13:00"), "2026-01-02T13:00")
        streams.append(one)
    streams[0].do(refund(streams[0], "p1", 100_00, at="2026-01-09"), "2026-01-09")
    found = _ask(
        database_url,
        streams,
        "SELECT day::text, rule, rulebook, currency, awards, limited, wanted, granted, clawed_back, failures"
        " FROM analytics.rule_performance_daily ORDER BY rule",
    )
    assert found == [
        ("2026-01-02", "base", 1, "points", 4, 0, 300, 300, 100, 0),
        # Three of the second five were left under the cap of eight a day.
        ("2026-01-02", "bonus", 1, "points", 4, 2, 20, 16, 5, 0),
    ]


def test_an_award_that_its_group_or_its_budget_cut_is_limited(database_url: str) -> None:
    document = rulebook(
        per(100, 1, group="one"),
        points(30, rule="flat", group="one"),
        points(20, rule="gift", phase="add", budget="summer"),
        groups={"one": "best"},
        budgets={"summer": {"currency": "points", "points": 25, "partial": True}},
    )
    stream = Stream(World(document))
    stream.do(enrol(member="ann"), "2026-01-01")
    for number in (1, 2):
        stream.do(purchase(50_00, f"p{number}", at="2026-01-02"), f"2026-01-0{1 + number}")
    stream.do(refund(stream, "p1", None, at="2026-01-09"), "2026-01-09")
    found = _ask(
        database_url,
        [stream],
        "SELECT rule, awards, limited, wanted, granted, clawed_back FROM analytics.rule_performance_daily"
        " ORDER BY rule",
    )
    assert found == [("base", 2, 0, 100, 100, 50), ("flat", 2, 2, 60, 0, 0), ("gift", 2, 1, 40, 25, 20)]


def test_what_cannot_be_evaluated_is_a_failure_of_its_day(database_url: str) -> None:
    odd = rulebook(points("1 / (activity.amount_minor - 100)", rule="odd"))
    stream = Stream(World(odd))
    stream.do(enrol(member="ann"), "2026-01-01")
    stream.do(purchase(100, "p1", at="2026-01-02"), "2026-01-05")
    found = _ask(
        database_url,
        [stream],
        "SELECT day::text, rule, currency, awards, failures FROM analytics.rule_performance_daily",
    )
    assert found == [("2026-01-02", "odd", "", 0, 1)]


def test_boards_have_standings_results_and_totals(database_url: str) -> None:
    streams = lives(2)
    entries = _ask(
        database_url,
        streams,
        "SELECT e.leaderboard, e.board, e.period, e.score, sum(s.score)::bigint, count(*)"
        " FROM analytics.leaderboard_entries e"
        " JOIN analytics.leaderboard_scores s USING (stream, leaderboard, board, period) GROUP BY 1, 2, 3, 4, e.stream"
        " ORDER BY 4",
    )
    assert [(row[0], row[1], row[2], row[3] == row[4]) for row in entries] == [("earners", "", "2026-01", True)] * 2
    with connect(database_url) as connection:
        (total,) = connection.execute("SELECT results, score FROM analytics.leaderboard_totals").fetchall()
    assert total == (sum(row[5] for row in entries), sum(row[3] for row in entries))


def test_counts_are_of_the_scores_that_stand_and_a_score_that_nobody_has_any_more_has_no_row(database_url: str) -> None:
    counts = _ask(
        database_url,
        lives(3),
        "SELECT depth, bucket, members FROM analytics.leaderboard_counts ORDER BY 1, 2",
    )
    with connect(database_url) as connection:
        expected = connection.execute(
            "SELECT depth, score >> (8 * depth), count(*)"
            " FROM analytics.leaderboard_entries, generate_series(0, 7) depth"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
    assert counts == expected
    assert sum(members for depth, _, members in counts if depth == 0) == 3


@pytest.mark.parametrize("batch", [5_000, 3])
def test_counts_of_members_and_levels_are_what_the_rows_and_the_folds_say(database_url: str, batch: int) -> None:
    """Of members who rise, fall, are suspended and erased: in one batch, and in many."""
    program = world()
    streams = lives(6)
    for number, status in ((7, "suspended"), (8, "closed")):
        one = Stream(program, number=number)
        one.do(enrol(member=f"m{number}"), "2026-01-01")
        one.do(purchase(400_00, "p1", at="2026-01-02"), "2026-01-02T12:01")
        one.do(refund(one, "p1", 350_00 if number == 8 else 200_00, at="2026-01-07"), "2026-01-08")
        one.do(SetMemberStatus(status=status, reason="asked"), "2026-01-09")
        streams.append(one)
    held = [folded(one.entries).tiers.get("status") for one in streams]
    expected_levels = Counter(tier.level for tier in held if tier is not None and tier.level)

    async def run() -> None:
        async with house(database_url) as found, open_pool(database_url, 1, 2) as pool:
            await found.runner(batch).catch_up()
            statuses = await found.rows("SELECT status, members FROM analytics.member_counts ORDER BY 1")
            assert statuses == await found.rows("SELECT status, count(*) FROM analytics.members GROUP BY 1 ORDER BY 1")
            assert sum(members for _, members in statuses) == 8
            overview = Overview(pool, "analytics")
            assert await overview.members("main") == dict(statuses)
            assert await overview.members("other") == {}
            levels = (await overview.tiers("main"))["status"]
            assert {level: members for level, members in levels.items() if members} == dict(expected_levels)

    write(database_url, interleaved(streams))
    asyncio.run(run())


_OWED = "FROM analytics.balances WHERE program = 'main' AND debt > 0"
_PLACE = (
    "FROM analytics.leaderboard_entries WHERE program = 'main' AND leaderboard = 'l' AND board = '' AND period = 'ever'"
)


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * {_PLACE} ORDER BY score DESC, reached_at, reached_position LIMIT 100",
        f"SELECT * {_PLACE} ORDER BY score DESC, tiebreak DESC, reached_at, reached_position LIMIT 100",
        f"SELECT count(*) {_PLACE} AND score > 4900",
    ],
)
def test_the_first_of_a_board_and_the_ranks_before_one_are_read_from_its_index(database_url: str, query: str) -> None:
    async def run() -> None:
        async with house(database_url):
            with connect(database_url) as connection:
                connection.execute(
                    "INSERT INTO analytics.leaderboard_entries SELECT 'main', md5(n::text)::uuid, 'l', '', 'ever',"
                    " n % 5000, '{}', 1, '2026-01-01', n, n, '2026-01-01' FROM generate_series(1, 20000) n"
                )
                connection.execute("ANALYZE analytics.leaderboard_entries")
                plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}").fetchall())
            assert "Index" in plan, plan
            assert "Seq Scan" not in plan, plan

    asyncio.run(run())


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * {_OWED} ORDER BY debt DESC, stream LIMIT 100",
        f"SELECT currency, sum(debt)::bigint, count(*) {_OWED} GROUP BY 1",
    ],
)
def test_the_few_that_owe_are_found_among_all_balances_by_their_index(database_url: str, query: str) -> None:
    async def run() -> None:
        async with house(database_url):
            with connect(database_url) as connection:
                connection.execute(
                    "INSERT INTO analytics.balances SELECT 'main', md5(n::text)::uuid, 'points', 0, 0, 0,"
                    " n % 1000 / 999, 0, 1, n, '2026-01-01' FROM generate_series(1, 20000) n"
                )
                connection.execute("ANALYZE analytics.balances")
                plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}").fetchall())
            assert "Index" in plan, plan
            assert "Seq Scan" not in plan, plan

    asyncio.run(run())


def test_every_table_and_every_column_is_explained(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            silent = await found.rows(
                "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
                " WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0"
                "   AND (col_description(pg_class.oid, attnum) IS NULL OR obj_description(pg_class.oid) IS NULL)"
            )
            assert silent == []

    asyncio.run(run())


def test_points_and_every_other_number_are_bigint() -> None:
    kinds = {column.type for table in ANALYTICS.tables for column in columns(table)}
    assert kinds == {"text", "text[]", "bigint", "bigint[]", "boolean", "uuid", "timestamptz", "date"}


def test_analysts_may_read_and_nothing_else(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = await found.rows(
                "SELECT DISTINCT has_schema_privilege(%s, 'analytics', 'USAGE'),"
                "  has_table_privilege(%s, c.oid, 'SELECT'), has_table_privilege(%s, c.oid, 'INSERT, UPDATE, DELETE'),"
                "  has_table_privilege(%s, 'stored_events', 'SELECT')"
                " FROM pg_class c WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'v')",
                *[ANALYST] * 4,
            )
            assert rows == [(True, True, False, False)]

    asyncio.run(run())


def test_processes_that_start_together_make_the_schema_once(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            with connect(database_url) as connection:
                connection.execute("DROP SCHEMA analytics CASCADE")
            await asyncio.gather(*(found.tables.ensure() for _ in range(4)))
            assert len(await found.tables.digests()) == len(ANALYTICS.tables)

    asyncio.run(run())


def test_positions_are_no_part_of_a_digest_and_rows_are(database_url: str, empty_database_url: str) -> None:
    """A restore gives the same entries other positions."""
    migrate(empty_database_url)

    async def digests(url: str, first: int, count: int = 3) -> dict[str, str]:
        async with house(url) as found:
            write(url, interleaved(lives(count), first))
            await found.runner().catch_up()
            return await found.tables.digests()

    async def run() -> None:
        one, other = await digests(database_url, 1), await digests(empty_database_url, 1_000)
        assert one == other
        with connect(empty_database_url) as connection:
            connection.execute("UPDATE analytics.lots SET points = points + 1 WHERE lot = '2.1'")
        async with house(empty_database_url) as found:
            touched = await found.tables.digests()
        assert {name for name in one if one[name] != touched[name]} == {"lots"}

    asyncio.run(run())


def test_a_digest_is_the_hash_of_what_psql_copies(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            write(database_url, interleaved(lives(2)))
            await found.runner().catch_up()
            with (
                connect(database_url) as connection,
                connection.cursor() as cursor,
                cursor.copy(
                    "COPY (SELECT program, stream, currency, available, pending, held, debt, lifetime, version,"
                    " recorded_at FROM analytics.balances ORDER BY stream, currency) TO STDOUT"
                ) as copy,
            ):
                hashed = hashlib.sha256(b"".join(bytes(piece) for piece in copy))
            assert (await found.tables.digests())["balances"] == hashed.hexdigest()

    asyncio.run(run())


_VERSIONS = """
members 2: program stream member status enrolled_at erased_at time_zone version position recorded_at merged_into
balances 3: program stream currency available pending held debt lifetime version position recorded_at
lots 4: program stream lot currency points remaining state occurred_at available_at expires_at cause rule
    rulebook version position recorded_at
movements 1: program stream version line currency account points effective_at recorded_at kind cause lot rule
    rulebook position
activities 1: program stream version source id type occurred_at recorded_at day rulebook position
awards 2: program stream version number rule rulebook currency wanted granted repaid restates limited_by lot type
    occurred_at recorded_at day position
tier_history 1: program stream version number tier_set from_level to_level reason evidence at valid_until
    rulebook recorded_at position
segments 2: program segment stream entered_at left_at rulebook recorded_at position
households 1: program stream household status spenders leaving limit_points limit_per formed_at position recorded_at
household_members 1: program stream household joined_at left_at position recorded_at
redemptions 4: program stream version redemption source order_source order_id currency points debt value_minor
    reward quantity returned state redeemed_at held_until recorded_at rulebook position
offer_progress 2: program stream slot offer state assigned_at ends_at viewed_at progress completed_at completions
    currency points uses rule rulebook version position recorded_at
rule_performance_daily 1: program day rule rulebook currency awards limited wanted granted clawed_back failures
liability_daily 1: program currency day known_on issued redeemed given_back expired taken_back adjusted repaid moved
    outstanding debt redeemed_minor
experiments 1: program stream experiment arm exposed_at rulebook recorded_at position
leaderboard_entries 1: program stream leaderboard board period score tiebreak moves reached_at reached_position
    position recorded_at
leaderboard_scores 1: program stream version number leaderboard board period score places taken_back effective_at
    recorded_at day position
leaderboard_totals 1: program leaderboard board period results score
leaderboard_snapshots 1: program leaderboard board period number rank stream score tiebreak reached_at members
    digest rulebook closed_at position
streaks 1: program stream streak current longest previous first_period last_period moved_at version position
    recorded_at
badges 1: program stream badge period granted_at day revoked_at version rulebook position recorded_at
referrals 2: program stream owner code referrals referred_at conversions reversals first_at rulebook version position
    recorded_at
referral_rewards 2: program stream friend conversion referrals state effective_at taken_back_at rulebook version
    position recorded_at
leaderboard_counts 1: program leaderboard board period depth bucket members
member_counts 1: program status members
tier_counts 1: program tier_set level way changes
"""


def test_a_table_that_changes_raises_its_version() -> None:
    """Rows of another shape are made again only if the version says so: change both here."""
    every: list[Projection | Tally] = [*ANALYTICS.projections, *ANALYTICS.tallies]
    declared = [
        f"{one.table.name} {one.version}: " + " ".join(column.name for column in columns(one.table)) for one in every
    ]
    assert declared == _VERSIONS.replace("\n    ", " ").strip().splitlines()
