"""The state row: small, because the busiest members have the most in it."""

from datetime import UTC, datetime, timedelta

from domain.member.shape import pack, unpack
from domain.member.state import Lot, Member

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
    kept, hot, cold = pack(member, horizon=60, today=NOW.toordinal())
    assert unpack(hot) == kept
    assert kept.lots == member.lots
    assert cold == {}


def test_a_lot_takes_no_room_for_the_names_of_what_it_says() -> None:
    few, many = (len(pack(_member(lots), 60, NOW.toordinal())[1]) for lots in (100, 200))
    assert (many - few) / 100 < 75
