"""The state row: small, because the busiest members have the most in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import month_of
from domain.member.counters import ColdHistoryNeeded, distinct_days, in_days
from domain.member.shape import Horizon, bring_in, pack, unpack
from domain.member.state import Lot, Member, Month, Total

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _member(lots: int) -> Member:
    return Member(id="anna", status="active", version=lots, recorded_at=NOW, lots=[_lot(n) for n in range(lots)])


def _lot(number: int) -> Lot:
    return Lot(
        id=f"{number}.1",
        currency="points",
        points=120,
        remaining=100,
        occurred_at=NOW,
        available_at=NOW,
        expires_at=NOW + timedelta(days=365),
        entry=number,
        rule="base",
        rulebook=1,
        active=True,
        day=NOW.toordinal(),
    )


def test_a_hot_row_reads_back_as_it_was_written() -> None:
    member = _member(100)
    kept, hot, cold = pack(member, Horizon(60), today=NOW.toordinal())
    assert unpack(hot) == kept
    assert kept.lots == member.lots
    assert cold == {}


def test_a_lot_takes_no_room_for_the_names_of_what_it_says() -> None:
    few, many = (len(pack(_member(lots), Horizon(60), NOW.toordinal())[1]) for lots in (100, 200))
    assert (many - few) / 100 < 75


# --- what the rules look far back at ---------------------------------------------------------------

TODAY = NOW.toordinal()
NAMES = ("earned:points", "type:purchase", "measure:spend")
YEAR = Horizon(60, {"earned:points": 366})


def _daily(days: int) -> Member:
    """Three counters that move on each of the last days."""
    member = Member(id="anna", status="active", version=days, recorded_at=NOW)
    return _counted(member, {(name, TODAY - back): 10 for name in NAMES for back in range(days)})


def _counted(member: Member, steps: dict[tuple[str, int], int]) -> Member:
    months: dict[int, Month] = {}
    totals: dict[str, Total] = {}
    for (name, day), step in steps.items():
        months.setdefault(month_of(day), Month({}, {})).counts.setdefault(name, {})[day] = step
        total = totals.get(name, Total())
        totals[name] = Total(total.ever + step, total.days + 1)
    member.months, member.totals = months, totals
    return member


def test_a_counter_that_a_rule_looks_far_back_at_is_in_the_row_and_the_days_around_it_are_not() -> None:
    kept, hot, cold = pack(_daily(1_000), YEAR, TODAY)
    member = unpack(hot)
    assert member == kept
    assert min(member.months) == member.since == month_of(TODAY - 60)
    assert min(cold) == month_of(TODAY - 999)
    assert in_days(member, "earned:points", TODAY - 365, TODAY) == 3_660
    assert in_days(member, "earned:points", TODAY - 365, TODAY - 300) == 660
    assert distinct_days(member, "earned:points", "P1Y", TODAY) == 365
    assert in_days(member, "type:purchase", TODAY - 50, TODAY) == 510


@pytest.mark.parametrize(("name", "back"), [("type:purchase", 365), ("earned:points", 500)])
def test_what_is_not_kept_is_asked_for(name: str, back: int) -> None:
    _, hot, cold = pack(_daily(1_000), YEAR, TODAY)
    with pytest.raises(ColdHistoryNeeded):
        in_days(unpack(hot), name, TODAY - back, TODAY)
    assert in_days(bring_in(unpack(hot), cold), name, TODAY - back, TODAY) == 10 * (back + 1)


def test_other_rules_ask_for_what_they_look_at_once_and_then_it_is_kept() -> None:
    spend = Horizon(60, {"measure:spend": 366})
    _, hot, cold = pack(_daily(1_000), YEAR, TODAY)
    _, hot, more = pack(unpack(hot), spend, TODAY + 1)
    with pytest.raises(ColdHistoryNeeded):
        in_days(unpack(hot), "measure:spend", TODAY - 300, TODAY)
    _, hot, _ = pack(bring_in(unpack(hot), cold | more), spend, TODAY + 2)
    assert in_days(unpack(hot), "measure:spend", TODAY - 300, TODAY) == 3_010
    assert "earned:points" not in unpack(hot).far


def test_a_member_with_nothing_older_is_asked_for_nothing_by_other_rules() -> None:
    kept, hot, cold = pack(_daily(30), Horizon(60), TODAY)
    assert (kept.since, kept.far, cold) == (0, {}, {})
    assert in_days(unpack(hot), "measure:spend", TODAY - 700, TODAY) == 300
    later = TODAY + 200
    kept, _, cold = pack(unpack(hot), YEAR, later)
    assert (kept.since, min(cold)) == (month_of(later - 60), month_of(TODAY - 29))
    assert in_days(kept, "earned:points", later - 365, later) == 300


def test_three_years_take_little_more_room_than_sixty_days() -> None:
    short, long = (len(pack(_daily(days), YEAR, TODAY)[1]) for days in (60, 1_095))
    assert long - short < 5_000


@given(
    steps=st.dictionaries(
        st.tuples(st.sampled_from(NAMES), st.integers(TODAY - 900, TODAY)), st.integers(1, 9), max_size=60
    ),
    saves=st.lists(
        st.tuples(
            st.integers(0, 90),
            st.dictionaries(st.sampled_from(NAMES), st.integers(100, 800), max_size=3),
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    ),
    looks=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 900), st.integers(0, 900)), max_size=8),
)
def test_whatever_was_kept_sums_up_to_what_happened_or_asks_for_it(
    steps: dict[tuple[str, int], int],
    saves: list[tuple[int, dict[str, int], bool]],
    looks: list[tuple[str, int, int]],
) -> None:
    whole = _counted(Member(id="anna", status="active", version=1, recorded_at=NOW), steps)
    member, cold, today, horizon = whole, dict[int, bytes](), TODAY, Horizon()
    for passed, counters, asks in saves:
        today, horizon = today + passed, Horizon(60, counters)
        if asks:
            member = bring_in(member, cold)
        _, hot, more = pack(member, horizon, today)
        member, cold = unpack(hot), cold | more
    assert bring_in(member, cold).months == whole.months
    for name, first, length in looks:
        day = today - first
        wanted = sum(step for (one, at), step in steps.items() if one == name and day <= at <= day + length)
        try:
            assert in_days(member, name, day, day + length) == wanted
        except ColdHistoryNeeded:
            # Never for what the rules look at, once they have looked: the last save brought in what there was.
            asked = saves[-1][2] or len(saves) == 1
            assert not asked or first > max(horizon.days, horizon.counters.get(name, 0))
