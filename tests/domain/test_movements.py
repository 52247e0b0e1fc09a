"""What each kind of entry moves: double entry, two times, and sums that agree with the member's balances."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Refused
from domain.log import Entry
from domain.member.events import PointsClawedBack
from domain.member.movements import Movement, movements
from tests.build import (
    Stream,
    World,
    adjust,
    enrol,
    instant,
    per,
    points,
    purchase,
    redeem,
    refund,
    rulebook,
)


def _stream(**currency: object) -> Stream:
    """Ann, who gets one point per whole currency unit."""
    stream = Stream(World(rulebook(per(100, 1), currency=currency)))
    stream.do(enrol(), "2026-01-01")
    return stream


def _lines(entry: Entry) -> list[str]:
    """Kind account points day, one line each."""
    return [f"{one.kind} {one.account} {one.points:+} {one.effective_at:%m-%d}" for one in movements(entry)]


def _accounts(entries: list[Entry]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for entry in entries:
        for one in movements(entry):
            totals[one.account] += one.points
    return {account: total for account, total in totals.items() if total}


def _balance(entries: list[Entry], as_of: str, known_at: str) -> int:
    return sum(
        one.points
        for entry in entries
        for one in movements(entry)
        if one.account == "member" and one.effective_at <= instant(as_of) and one.recorded_at <= instant(known_at)
    )


def test_an_award_takes_effect_when_the_purchase_happened() -> None:
    stream = _stream()
    entry = stream.do(purchase(50_00, at="2026-01-02"), "2026-01-05")
    assert _lines(entry) == ["award program -50 01-02", "award member +50 01-02"]
    assert movements(entry)[1] == Movement(
        currency="points",
        account="member",
        points=50,
        effective_at=instant("2026-01-02"),
        recorded_at=instant("2026-01-05"),
        kind="award",
        cause="shop/p1",
        lot="2.1",
        rule="base",
        rulebook=1,
    )


def test_pending_points_come_to_the_member_when_time_says_so() -> None:
    stream = _stream(available={"after": "P7D"}, expires={"after": "P1Y"})
    assert _lines(stream.do(purchase(50_00, at="2026-01-02"), "2026-01-02")) == [
        "award program -50 01-02",
        "award pending +50 01-02",
    ]
    activated = stream.settle("2026-02-01")
    assert [line.split()[:3] for line in _lines(activated)] == [
        ["activation", "pending", "-50"],
        ["activation", "member", "+50"],
    ]
    assert {(one.cause, one.rulebook) for one in movements(activated)} == {(None, None)}


def test_what_is_learned_of_after_the_wait_takes_both_steps_at_their_own_times() -> None:
    stream = _stream(available={"after": "PT168H"})
    assert _lines(stream.do(purchase(50_00, at="2026-01-02"), "2026-01-20")) == [
        "award program -50 01-02",
        "award pending +50 01-02",
        "activation pending -50 01-09",
        "activation member +50 01-09",
    ]


def test_what_expires_is_breakage_at_the_instant_it_expired() -> None:
    stream = _stream(expires={"after": "PT240H"})
    stream.do(purchase(50_00, at="2026-01-02"), "2026-01-02")
    stream.do(redeem(20), "2026-01-03")
    assert _lines(stream.settle("2026-03-01")) == ["expiry member -30 01-12", "expiry breakage +30 01-12"]


def test_what_expires_before_it_could_be_spent_leaves_pending() -> None:
    stream = _stream(available={"after": "P7D"}, expires={"after": "P3D"})
    entries = [stream.do(purchase(50_00, at="2026-01-02"), "2026-01-02"), stream.settle("2026-01-20")]
    assert _lines(entries[1]) == ["expiry pending -50 01-06", "expiry breakage +50 01-06"]
    assert _accounts(entries) == {"program": -50, "breakage": 50}


def test_spending_names_the_lots_that_paid() -> None:
    stream = _stream()
    stream.do(purchase(50_00, "p1"), "2026-01-02")
    stream.do(purchase(30_00, "p2"), "2026-01-03")
    spent = stream.do(redeem(60, id="voucher"), "2026-01-04")
    assert [(one.account, one.points, one.lot, one.cause) for one in movements(spent)] == [
        ("member", -50, "2.1", "voucher"),
        ("program", 50, "2.1", "voucher"),
        ("member", -10, "3.1", "voucher"),
        ("program", 10, "3.1", "voucher"),
    ]


def test_what_no_lot_can_pay_is_debt_and_the_next_award_repays_it() -> None:
    stream = _stream()
    stream.do(purchase(50_00), "2026-01-02")
    assert _lines(stream.do(adjust(-80, allow_negative=True), "2026-01-03")) == [
        "adjustment member -50 01-03",
        "adjustment program +50 01-03",
        "adjustment debt -30 01-03",
        "adjustment program +30 01-03",
    ]
    assert _lines(stream.do(purchase(100_00, "p2", at="2026-01-04"), "2026-01-04")) == [
        "award program -100 01-04",
        "award member +100 01-04",
        "repayment member -30 01-04",
        "repayment debt +30 01-04",
    ]
    assert _accounts(stream.entries) == {"member": 70, "program": -70}


def test_an_adjustment_takes_effect_when_it_is_recorded() -> None:
    stream = _stream()
    given = stream.do(adjust(10, id="sorry"), "2026-01-05")
    assert _lines(given) == ["adjustment program -10 01-05", "adjustment member +10 01-05"]
    assert movements(given)[0].cause == "sorry"


def test_a_claw_back_takes_effect_when_the_return_happened() -> None:
    stream = _stream()
    stream.do(purchase(50_00), "2026-01-02")
    stream.do(purchase(10_00, "p2"), "2026-01-02")
    stream.do(redeem(55), "2026-01-03")
    returned = stream.do(refund(stream, "p1", None, at="2026-01-04"), "2026-01-09")
    assert _lines(returned) == [
        "claw_back member -5 01-04",
        "claw_back program +5 01-04",
        "claw_back debt -45 01-04",
        "claw_back program +45 01-04",
    ]
    assert {one.cause for one in movements(returned)} == {"shop/r1"}


def test_pending_points_are_clawed_back_from_pending() -> None:
    stream = _stream(available={"after": "P7D"})
    stream.do(purchase(50_00), "2026-01-02")
    returned = stream.do(refund(stream, "p1", None, at="2026-01-03"), "2026-01-03")
    assert _lines(returned) == ["claw_back pending -50 01-03", "claw_back program +50 01-03"]


def test_what_is_forgiven_arises_and_is_written_off() -> None:
    stream = _stream(returns={"recovery": "within_balance"})
    stream.do(purchase(50_00), "2026-01-02")
    stream.do(redeem(50), "2026-01-03")
    returned = stream.do(refund(stream, "p1", None, at="2026-01-04"), "2026-01-04")
    assert any(isinstance(event, PointsClawedBack) and event.written_off == 50 for event in returned.events)
    assert _lines(returned) == [
        "claw_back debt -50 01-04",
        "claw_back program +50 01-04",
        "write_off program -50 01-04",
        "write_off debt +50 01-04",
    ]


def test_the_balance_of_a_day_depends_on_when_it_is_asked() -> None:
    stream = _stream()
    stream.do(purchase(50_00, at="2026-01-02"), "2026-01-10")
    stream.do(redeem(20), "2026-01-12")
    stream.do(refund(stream, "p1", 10_00, at="2026-01-11"), "2026-01-20")
    table = """
    as of      | known at   | balance
    2026-01-05 | 2026-01-05 | 0
    2026-01-05 | 2026-01-10 | 50
    2026-01-11 | 2026-01-12 | 50
    2026-01-12 | 2026-01-12 | 30
    2026-01-11 | 2026-01-20 | 40
    2026-01-20 | 2026-01-20 | 20
    """
    for row in table.split("\n")[2:-1]:
        as_of, known_at, balance = (cell.strip() for cell in row.split("|"))
        assert _balance(stream.entries, as_of, known_at) == int(balance), row


def test_an_enrolment_is_not_named_by_the_members_id() -> None:
    stream = Stream(World(rulebook(points(100, on="member.enrolled"))))
    entry = stream.do(enrol(member="ann@example.org"), "2026-01-01")
    assert {one.cause for one in movements(entry)} == {"guerdon/member.enrolled"}


_steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "late", "spend", "refund", "adjust", "debit", "settle"]),
        st.integers(1, 90),
        st.integers(0, 6),
    ),
    max_size=14,
)
_policies = st.fixed_dictionaries(
    {
        "available": st.sampled_from(["at_once", {"after": "P3D"}]),
        "expires": st.sampled_from(["never", {"after": "P9D"}]),
        "returns": st.sampled_from([{}, {"recovery": "within_balance"}, {"recovery": "only_pending"}]),
    }
)


@settings(max_examples=60, deadline=None)
@given(_steps, _policies)
def test_movements_sum_to_zero_and_to_the_balances(
    steps: list[tuple[str, int, int]], policy: dict[str, object]
) -> None:
    """Whatever happens: the accounts sum to zero, and to what the fold of the member says is there."""
    stream = _stream(**policy)
    day = 2
    for number, (what, amount, days) in enumerate(steps):
        day += days
        now = instant(f"2026-01-{1 + day % 28:02}").replace(month=1 + day // 28)
        bought = [one for one in stream.entries if one.input is not None and hasattr(one.input, "occurred_at")]
        try:
            match what:
                case "buy":
                    stream.do(purchase(amount * 100, f"p{number}", at=now), now)
                case "late":
                    stream.do(purchase(amount * 100, f"p{number}", at="2026-01-02"), now)
                case "spend":
                    stream.do(redeem(amount, id=f"s{number}"), now)
                case "refund" if bought:
                    original = getattr(bought[amount % len(bought)].input, "id", "")
                    stream.do(refund(stream, original, None, at=now, id=f"r{number}"), now)
                case "adjust":
                    stream.do(adjust(amount, id=f"a{number}"), now)
                case "debit":
                    stream.do(adjust(-amount, id=f"a{number}", allow_negative=True), now)
                case _:
                    stream.settle(now)
        except (Refused, LookupError):
            continue
    last = stream.settle("2026-12-31")
    assert last.after is not None
    balance = last.after.balances.get("points")
    found = _accounts(stream.entries)
    assert sum(found.values()) == 0
    for entry in stream.entries:
        lines = movements(entry)
        assert all(one.points + other.points == 0 for one, other in zip(lines[::2], lines[1::2], strict=True))
    assert found.get("member", 0) == (balance.available if balance else 0)
    assert found.get("pending", 0) == (balance.pending if balance else 0)
    assert -found.get("debt", 0) == (balance.debt if balance else 0)
