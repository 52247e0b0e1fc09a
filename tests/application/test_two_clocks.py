"""What a member had as of any moment, as known at any moment, against folds of the log cut there."""

import asyncio
import copy
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import UnknownLot
from domain.log import Entry, after, decode
from domain.log import fold as fold_entry
from domain.member.movements import movements
from domain.member.settle import settled
from domain.member.state import Member
from tests.application.engine import SHOP, START, Engine, days, opened, run

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "late", "return", "redeem", "adjust", "activate", "cancel", "sweep"]),
        st.integers(1, 12_000),
        st.integers(0, 40),
    ),
    min_size=3,
    max_size=12,
)

WITH_FLOORS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "late", "return", "floor", "floor", "sweep"]),
        st.integers(1, 30_000),
        st.integers(0, 200),
    ),
    min_size=3,
    max_size=12,
)


async def lead_a_life(engine: Engine, steps: list[tuple[str, int, int]]) -> None:
    await engine.enrol()
    now, orders = START, []
    for number, (what, amount, wait) in enumerate(steps):
        now += timedelta(days=wait, minutes=1)
        await engine.at(now)
        held = await engine.available()
        if what in ("buy", "late"):
            at = now - days(amount % 60) if what == "late" else now
            await engine.buy(amount, at=at, name=f"o{number}")
            orders.append(f"o{number}")
        elif what == "return" and orders:
            await engine.give_back(orders[amount % len(orders)])
        elif what in ("activate", "cancel") and orders:
            with suppress(UnknownLot):
                await engine.pending(what, orders[amount % len(orders)])
        elif what == "redeem" and held:
            paid = orders[amount % len(orders)] if orders and amount % 3 else None
            await engine.redeem(1 + amount % held, order=paid)
        elif what == "adjust":
            await engine.adjust(amount % 50 + 1 if amount % 2 else -(amount % 50) - 1, allow_negative=True)
        elif what == "floor":
            level = [None, "silver", "gold"][amount % 3]
            await engine.floor(level, until=now + timedelta(days=amount % 90 + 1) if amount % 2 else None)
        elif what == "sweep":
            await engine.sweep()
    await engine.at(now + days(1))


async def _stream(engine: Engine) -> tuple[UUID, list[Entry]]:
    loaded, _ = await engine.handler.find("main", "ann")
    return loaded.stream, [decode(row.state) for row in await engine.handler.store.rows(loaded.stream)]


async def _settled_cut(engine: Engine, entries: list[Entry], known_at: datetime) -> tuple[Member, list[Entry]]:
    _, known = await engine.handler.find("main", "ann")
    member, cut = Member(), [entry for entry in entries if entry.recorded_at <= known_at]
    for entry in cut:
        fold_entry(member, entry)
    now, events = settled(member, engine.handler.circumstances(known, known_at))
    from domain.log import Pins

    if events:
        by_time = Entry(
            stream=cut[0].stream, version=99, save="", recorded_at=known_at, at=known_at, actor="",
            pins=Pins(engine=1), events=events, settled=len(events),
        )  # fmt: skip
        cut.append(by_time)
    return now, cut


def _sums(entries: list[Entry], as_of: datetime) -> dict[str, tuple[int, int, int]]:
    """Available, pending and debt by currency: the movements effective by `as_of`."""
    accounts: dict[str, dict[str, int]] = {}
    for line in (line for entry in entries for line in movements(entry) if line.effective_at <= as_of):
        held = accounts.setdefault(line.currency, {})
        held[line.account] = held.get(line.account, 0) + line.points
    return {n: (held.get("member", 0), held.get("pending", 0), -held.get("debt", 0)) for n, held in accounts.items()}


def _shape(view: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {name: (held["available"], held["pending"], held["debt"]) for name, held in view["balances"].items()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, moments=st.lists(st.integers(0, 500), min_size=3, max_size=5))
def test_both_clocks_agree_with_the_log_cut_there(
    database_server: str, steps: list[tuple[str, int, int]], moments: list[int]
) -> None:
    from tests.conftest import fresh_database

    async def story(url: str) -> None:
        async with opened(url) as engine:
            await lead_a_life(engine, steps)
            _, entries = await _stream(engine)
            now = await engine.clock.now("main")
            for moment in moments:
                known_at = min(START + (now - START) * moment / 500, now)
                if known_at < entries[0].recorded_at:
                    continue
                member, cut = await _settled_cut(engine, entries, known_at)
                seen = await engine.read(known_at=known_at)
                expected = after(member, known_at)
                held = {n: (b.available, b.pending, b.debt) for n, b in expected.balances.items()}
                assert {n: s for n, s in _shape(seen).items() if n in held} == held
                assert {n: tier["level"] for n, tier in seen["tiers"].items()} == {
                    name: expected.tiers.get(name) for name in seen["tiers"]
                }
                assert {n: b for n, b in _sums(cut, known_at).items() if any(b)} == {
                    n: b for n, b in held.items() if any(b)
                }
                as_of = START + (known_at - START) / 2
                sums = _sums(cut, as_of)
                then = await engine.read(as_of=as_of, known_at=known_at)
                assert {n: b for n, b in _shape(then).items() if n in sums} == sums

    with fresh_database(database_server) as url:
        asyncio.run(story(url))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=WITH_FLOORS, moments=st.lists(st.integers(0, 500), min_size=3, max_size=5))
def test_levels_and_floors_are_known_as_they_were_known_then(
    database_server: str, steps: list[tuple[str, int, int]], moments: list[int]
) -> None:
    from tests.conftest import fresh_database

    async def story(url: str) -> None:
        async with opened(url) as engine:
            await lead_a_life(engine, steps)
            _, entries = await _stream(engine)
            now = await engine.clock.now("main")
            assert (await engine.read(known_at=now))["tiers"] == (await engine.read())["tiers"]
            for moment in moments:
                known_at = min(START + (now - START) * moment / 500, now)
                if known_at < entries[0].recorded_at:
                    continue
                member, _ = await _settled_cut(engine, entries, known_at)
                seen = await engine.read(known_at=known_at)
                assert seen["tiers"]["status"]["level"] == after(member, known_at).tiers.get("status")
                floor = member.tiers["status"].floor if "status" in member.tiers else None
                if floor is not None and floor.until is not None and floor.until <= known_at:
                    floor = None
                shown = seen["tiers"]["status"]["floor"]
                assert (shown and (shown["level"], shown["until"])) == (floor and (floor.level, floor.until))

    with fresh_database(database_server) as url:
        asyncio.run(story(url))


def test_a_late_level_of_before_a_floor_shows_as_of_then(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.at(START + days(60))
            await engine.floor("gold")
            await engine.at(START + days(90))
            await engine.buy(15_000, at=START + days(30))
            for day, level in ((20, None), (40, "silver"), (70, "gold"), (90, "gold")):
                assert (await engine.read(as_of=START + days(day)))["tiers"]["status"]["level"] == level

    run(story)


def test_m4_a_movement_effective_before_it_was_recorded_shows_on_one_clock_only(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, start=datetime.fromisoformat("2026-03-01T00:00:00Z")) as engine:
            await engine.enrol()
            await engine.at(datetime.fromisoformat("2026-03-10T00:00:00Z"))
            await engine.buy(10_000 - 5_100, at=datetime.fromisoformat("2026-03-01T00:00:00Z"))
            fifth = datetime.fromisoformat("2026-03-05T00:00:00Z")
            assert (await engine.read(as_of=fifth))["balances"]["points"]["available"] == 49
            assert (await engine.read(known_at=fifth))["balances"]["points"]["available"] == 0

    run(story)


def test_a_sandbox_set_into_the_past_publishes_there(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, start=datetime.fromisoformat("1997-01-01T00:00:00Z")) as engine:
            await engine.enrol()
            await engine.buy(10_000 - 5_100)
            double = copy.deepcopy(SHOP)
            double["rules"][0]["award"]["per"]["points"] = 2
            published = await engine.publish(double)
            assert published.body["effective_from"].year == 1997
            await engine.at(datetime.fromisoformat("1997-01-02T00:00:00Z"))
            answer = await engine.buy(1_000)
            assert answer.body["awards"][0]["granted"] == 20
            assert await engine.available() == 49 + 20

    run(story)


def test_lifetime_as_of_now_is_lifetime_now(database_url: str) -> None:
    forgiving = copy.deepcopy(SHOP)
    forgiving["currencies"]["points"]["returns"] = {"recovery": "only_pending"}

    async def story() -> None:
        async with opened(database_url, forgiving) as engine:
            await engine.enrol()
            await engine.buy(4_000, name="o1")
            await engine.at(START + days(1))
            await engine.give_back("o1")
            await engine.at(START + days(2))
            now = (await engine.read())["balances"]["points"]
            then = (await engine.read(as_of=START + days(1.5)))["balances"]["points"]
            assert (now["lifetime"], then["lifetime"]) == (0, 0)
            assert now["available"] == then["available"] == 40

    run(story)


def test_where_nothing_was_late_as_of_a_moment_is_as_known_at_that_moment(database_url: str) -> None:
    """Levels with their since and next, counters, lifetime: also of points that had to wait, 20 for 14 days each."""

    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            for day in range(0, 40, 8):
                await engine.at(START + days(day))
                await engine.buy(6_000)
            await engine.at(START + days(60))
            for day in (1, 9, 15, 17, 25, 33, 47, 59):
                then = await engine.read(as_of=START + days(day))
                known = await engine.read(known_at=START + days(day))
                for part in ("tiers", "balances", "counters"):
                    assert then[part] == known[part], (day, part)
            assert (await engine.read())["tiers"]["status"]["level"] == "gold"

    run(story)


def test_points_of_a_late_purchase_count_towards_a_level_from_when_they_are_available(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.at(START + days(30))
            await engine.buy(6_000, at=START)
            for day, progress in ((7, 60), (20, 80)):
                then = await engine.read(as_of=START + days(day))
                assert then["tiers"]["status"]["progress"] == progress, day

    run(story)
