"""What is kept beside lots is what walking them finds, whatever comes, changes and goes, and whenever one asks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.calendar import FOREVER
from domain.member.events import Idle
from domain.member.lots import Lots
from domain.member.state import Lot, Member
from domain.member.wallet import balance

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 8).map(lambda days: FIRST + timedelta(days=days))
LOTS = st.builds(
    Lot,
    id=st.just("1.1"),
    currency=st.sampled_from(["points", "miles"]),
    points=st.just(9),
    remaining=st.integers(1, 9),
    occurred_at=st.just(FIRST),
    available_at=st.none() | INSTANTS,
    expires_at=st.none() | INSTANTS,
    entry=st.just(1),
    rule=st.just("base"),
    rulebook=st.just(1),
    active=st.booleans(),
    idle=st.none() | st.just(Idle(for_="P1D")),
)
STEPS = st.lists(
    st.tuples(st.just("comes"), LOTS)
    | st.tuples(st.just("changes"), LOTS, st.integers(0, 99))
    | st.tuples(st.just("goes"), st.integers(0, 99))
    | st.tuples(st.just("asks"), INSTANTS)
    | st.tuples(st.just("copies")),
    max_size=30,
)


def _walked(lots: list[Lot], currency: str, now: datetime) -> tuple[int, int]:
    open_now = [lot for lot in lots if lot.currency == currency and (lot.expires_at is None or now < lot.expires_at)]
    begun = [lot for lot in open_now if lot.available_at is not None and lot.available_at <= now]
    available = sum(lot.remaining for lot in begun)
    return available, sum(lot.remaining for lot in open_now) - available


def _next(lots: list[Lot]) -> datetime:
    ends = [lot.expires_at for lot in lots if lot.expires_at is not None]
    waiting = [lot for lot in lots if not lot.active and lot.available_at is not None]
    begins = [lot.available_at for lot in waiting if lot.available_at < (lot.expires_at or FOREVER)]  # type: ignore[operator]
    return min([*ends, *(one for one in begins if one is not None)], default=FOREVER)


@given(st.lists(LOTS, max_size=6), STEPS)
def test_what_is_kept_beside_lots_is_what_a_walk_finds(begin: list[Lot], steps: list[tuple[object, ...]]) -> None:
    lots, now = Lots(begin), FIRST
    for step in steps:
        match step:
            case ("comes", Lot() as lot):
                lots.append(lot)
            case ("changes", Lot() as lot, int(place)) if lots:
                lots[place % len(lots)] = lot
            case ("goes", int(place)) if lots:
                del lots[place % len(lots)]
            case ("asks", datetime() as instant):
                now = instant
            case ("copies",):
                before, lots = lots, lots.copy()
                before.append(replace(before[0], remaining=5)) if before else None
            case _:
                continue
        for currency in ("points", "miles"):
            assert lots.sums(currency, now) == _walked(lots, currency, now)
        assert lots.due() == _next(lots)
        assert lots.idle is any(lot.idle is not None for lot in lots)
        assert set(lots.currencies) == {lot.currency for lot in lots}


def test_a_balance_of_a_member_with_a_thousand_lots_walks_them_once() -> None:
    looked = 0

    class Counted(Lots):
        def __iter__(self) -> Iterator[Lot]:
            nonlocal looked
            looked += 1
            return super().__iter__()

    lot = Lot("1.1", "points", 9, 9, FIRST, FIRST, None, 1, "base", 1, active=True)
    member = Member(id="m", status="active", lots=Counted([lot] * 1_000))
    assert balance(member, "points", FIRST).available == 9_000
    member.lots.append(replace(lot, remaining=1))
    assert balance(member, "points", FIRST + timedelta(days=1)).available == 9_001
    assert looked == 1
