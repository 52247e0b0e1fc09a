"""Points between members, by scenario id (K): both streams alone, and the sum of the two."""

from collections import Counter

import pytest

from domain.errors import NotEnoughPoints, Refused
from domain.log import Entry
from domain.member.commands import GiveBackPoints, ReceivePoints, SendPoints, SetMemberStatus
from domain.member.events import LotExpired, Part, PointsReceived, PointsSent
from domain.member.movements import movements
from domain.member.wallet import balance
from domain.numbers import MAX_AMOUNT
from tests.build import Json, Stream, World, adjust, enrol, instant, per, points, purchase, redeem, refund, rulebook
from tests.spec import lawful


def move(
    giver: Stream, taker: Stream, amount: int, at: str, name: str = "t1", currency: str = "points"
) -> tuple[PointsSent, Entry]:
    """A transfer as the application carries it out."""
    entry = len(taker.entries) + 1
    command = SendPoints(id=name, to=taker.id.hex, entry=entry, currency=currency, points=amount)
    return arrive(giver, taker, giver.do(command, at), at)


def arrive(giver: Stream, taker: Stream, sent: Entry, at: str) -> tuple[PointsSent, Entry]:
    event = next(event for event in sent.events if isinstance(event, PointsSent))
    command = ReceivePoints(
        id=event.transfer, sender=giver.id.hex, entry=sent.version, currency=event.currency, parts=event.arrives,
        reversal=bool(event.back),
    )  # fmt: skip
    return event, taker.do(command, at)


class Two:
    """Ann and Bob of one program, and what moves between them as the application moves it."""

    def __init__(self, document: Json | None = None) -> None:
        world = World(document or rulebook(per(100, 1)))
        self.ann, self.bob = Stream(world, number=1), Stream(world, number=2)
        for stream, name in ((self.ann, "ann"), (self.bob, "bob")):
            stream.do(enrol("2026-01-01", name), "2026-01-01")

    def send(self, amount: int, at: str, name: str = "t1", currency: str = "points") -> tuple[PointsSent, Entry]:
        done = move(self.ann, self.bob, amount, at, name, currency)
        self.lawful()
        return done

    def reverse(self, received: Entry, at: str, *, force: bool = False) -> tuple[PointsSent, Entry]:
        event = next(event for event in received.events if isinstance(event, PointsReceived))
        command = GiveBackPoints(
            id=event.transfer, to=self.ann.id.hex, entry=len(self.ann.entries) + 1, currency=event.currency,
            parts=event.parts, force=force,
        )  # fmt: skip
        done = arrive(self.bob, self.ann, self.bob.do(command, at), at)
        self.lawful()
        return done

    def lawful(self) -> None:
        lawful(self.ann)
        lawful(self.bob)
        self.adds_up()

    def adds_up(self) -> None:
        """Nothing is between the two, and all accounts of both together hold nothing that was not put in."""
        totals = Counter[str]()
        for stream in (self.ann, self.bob):
            for entry in stream.entries:
                for line in movements(entry):
                    totals[line.account] += line.points
        assert totals["transfer"] == 0
        assert sum(totals.values()) == 0

    def has(self, stream: Stream, at: str) -> tuple[int, int]:
        held = balance(stream.member, "points", instant(at))
        return held.available, held.debt


def lots(stream: Stream) -> list[tuple[int, str | None]]:
    return [(lot.remaining, f"{lot.expires_at:%Y-%m-%d}" if lot.expires_at else None) for lot in stream.member.lots]


def refused(two: Two, amount: int, at: str, **more: str) -> str:
    with pytest.raises(Refused) as refusal:
        two.send(amount, at, **more)
    return refusal.value.code


def test_c1_a_transfer_keeps_the_end_of_each_lot_and_splits_the_last() -> None:
    two = Two()
    two.ann.do(adjust(20, "a", expires_at=instant("2026-06-01")), "2026-01-02")
    two.ann.do(adjust(200, "b", expires_at=instant("2026-09-01")), "2026-01-02")
    two.send(100, "2026-02-01")
    assert lots(two.ann) == [(120, "2026-09-01")]
    assert lots(two.bob) == [(20, "2026-06-01"), (80, "2026-09-01")]


def test_what_was_given_ends_at_the_receivers_when_it_would_have_ended() -> None:
    two = Two()
    two.ann.do(adjust(20, "a", expires_at=instant("2026-06-01")), "2026-01-02")
    two.send(20, "2026-02-01")
    entry = two.bob.settle("2026-06-02")
    assert [event.points for event in entry.events if isinstance(event, LotExpired)] == [20]


@pytest.mark.parametrize(
    ("order", "left"),
    [("expiry_first", [(40, "2026-09-01")]), ("fifo", [(40, "2026-06-01")]), ("lifo", [(40, "2026-09-01")])],
)
def test_the_lots_that_would_pay_are_those_that_go(order: str, left: list[tuple[int, str]]) -> None:
    two = Two(rulebook(per(100, 1), currency={"spend_order": order}))
    two.ann.do(adjust(50, "a", expires_at=instant("2026-09-01")), "2026-01-02")
    two.ann.do(adjust(50, "b", expires_at=instant("2026-06-01")), "2026-01-03")
    two.send(60, "2026-02-01")
    assert lots(two.ann) == left


def test_k4_more_than_available_is_refused() -> None:
    two = Two()
    two.ann.do(purchase(100_00), "2026-01-02")
    with pytest.raises(NotEnoughPoints) as refusal:
        two.send(101, "2026-01-03")
    assert (refusal.value.asked, refusal.value.available) == (101, 100)
    two.send(100, "2026-01-03")
    assert two.has(two.ann, "2026-01-03") == (0, 0)
    assert two.has(two.bob, "2026-01-03") == (100, 0)


def test_k4_a_currency_that_is_not_there_or_cannot_be_spent_is_refused() -> None:
    two = Two(rulebook(points(10, currency="status"), currencies={"status": {"spendable": False}}))
    two.ann.do(purchase(100), "2026-01-02")
    assert refused(two, 5, "2026-01-03", currency="gold") == "unknown-currency"
    with pytest.raises(Refused) as refusal:
        two.send(5, "2026-01-03", currency="status")
    assert (refusal.value.code, refusal.value.reasons) == ("not-eligible", ("not-spendable",))


def test_points_that_wait_are_not_given() -> None:
    two = Two(rulebook(per(100, 1, available={"after": "P14D"})))
    two.ann.do(purchase(100_00), "2026-01-02")
    assert refused(two, 1, "2026-01-03") == "not-enough-points"


def test_points_that_come_repay_debt_first() -> None:
    two = Two()
    two.ann.do(purchase(100_00), "2026-01-02")
    two.bob.do(adjust(-30, "owed", allow_negative=True), "2026-01-02")
    two.send(100, "2026-01-03")
    assert two.has(two.bob, "2026-01-03") == (70, 0)


def test_parts_repay_debt_one_after_the_other() -> None:
    two = Two()
    for amount, ends in ((40, "2026-06-01"), (50, "2026-07-01"), (30, "2026-08-01")):
        two.ann.do(adjust(amount, ends, expires_at=instant(ends)), "2026-01-02")
    two.bob.do(adjust(-70, "owed", allow_negative=True), "2026-01-02")
    _, received = two.send(120, "2026-01-03")
    (event,) = [event for event in received.events if isinstance(event, PointsReceived)]
    assert [(part.points, part.repaid) for part in event.parts] == [(40, 40), (50, 30), (30, 0)]
    assert lots(two.bob) == [(20, "2026-07-01"), (30, "2026-08-01")]
    assert two.has(two.bob, "2026-01-03") == (50, 0)


def test_nobody_receives_beyond_what_a_balance_may_be() -> None:
    two = Two()
    two.ann.do(adjust(8, "a"), "2026-01-02")
    two.bob.do(adjust(MAX_AMOUNT - 4, "b"), "2026-01-02")
    sent = two.ann.do(SendPoints(id="t", to=two.bob.id.hex, entry=3, currency="points", points=5), "2026-01-03")
    with pytest.raises(Refused) as refusal:
        arrive(two.ann, two.bob, sent, "2026-01-03")
    assert refusal.value.code == "amount-out-of-range"


def test_a_balance_may_be_as_much_as_it_may_be() -> None:
    two = Two()
    two.ann.do(adjust(8, "a"), "2026-01-02")
    two.bob.do(adjust(MAX_AMOUNT - 4, "b"), "2026-01-02")
    two.send(4, "2026-01-03")
    assert two.has(two.bob, "2026-01-03") == (MAX_AMOUNT, 0)


def test_somebody_who_is_suspended_receives_nothing_but_what_comes_back() -> None:
    two = Two()
    two.ann.do(adjust(50, "a"), "2026-01-02")
    _, received = two.send(20, "2026-01-03")
    two.ann.do(SetMemberStatus(status="suspended", reason="r"), "2026-01-04")
    two.reverse(received, "2026-01-05")
    assert two.has(two.ann, "2026-01-05") == (50, 0)
    two.bob.do(adjust(5, "b"), "2026-01-06")
    with pytest.raises(Refused) as refusal:
        move(two.bob, two.ann, 5, "2026-01-06", "t2")
    assert refusal.value.code == "member-suspended"


def test_what_was_given_is_not_earned() -> None:
    two = Two(rulebook(per(100, 1), tiers={"levels": [{"id": "silver", "at": 50}]}))
    two.ann.do(purchase(100_00), "2026-01-02")
    two.send(100, "2026-01-03")
    assert balance(two.bob.member, "points", instant("2026-01-03")).lifetime == 0
    assert balance(two.ann.member, "points", instant("2026-01-03")).lifetime == 100
    assert "status" not in two.bob.member.tiers
    assert two.ann.member.tiers["status"].level == "silver"


def test_an_order_that_is_returned_after_its_points_were_given_is_owed() -> None:
    two = Two()
    two.ann.do(purchase(100_00), "2026-01-02")
    two.send(80, "2026-01-03")
    two.ann.do(refund(two.ann, "p1", None, "2026-01-10", "r1"), "2026-01-10")
    assert two.has(two.ann, "2026-01-10") == (0, 80)
    lawful(two.ann)


def test_a_balance_of_what_was_given_and_spent_is_still_told() -> None:
    two = Two()
    two.ann.do(purchase(100_00), "2026-01-02")
    two.send(40, "2026-01-03")
    spent = two.bob.do(redeem(40), "2026-01-04")
    assert spent.after is not None
    assert spent.after.balances["points"].available == 0


# --- reversals (D18) -----------------------------------------------------------------------------


def test_a_reversal_gives_back_the_same_points_with_their_first_end() -> None:
    two = Two()
    two.ann.do(adjust(20, "a", expires_at=instant("2026-06-01")), "2026-01-02")
    two.ann.do(adjust(200, "b", expires_at=instant("2026-09-01")), "2026-01-02")
    _, received = two.send(100, "2026-02-01")
    two.reverse(received, "2026-02-02")
    assert two.bob.member.lots == []
    assert sorted(lots(two.ann), key=str) == [(120, "2026-09-01"), (20, "2026-06-01"), (80, "2026-09-01")]


def test_d18_a_reversal_of_points_that_moved_on_is_refused_unless_forced() -> None:
    two = Two()
    two.ann.do(purchase(100_00), "2026-01-02")
    _, received = two.send(100, "2026-01-03")
    two.bob.do(redeem(70), "2026-01-04")
    two.bob.do(adjust(20, "other"), "2026-01-04")
    with pytest.raises(NotEnoughPoints) as refusal:
        two.reverse(received, "2026-01-05")
    assert (refusal.value.asked, refusal.value.available) == (100, 30)
    sent, _ = two.reverse(received, "2026-01-05", force=True)
    assert [(part.points) for part in sent.parts] == [30, 20]
    assert two.has(two.bob, "2026-01-05") == (0, 50)
    assert two.has(two.ann, "2026-01-05") == (100, 0)


def test_what_has_expired_at_the_receivers_stays_expired() -> None:
    two = Two()
    two.ann.do(adjust(20, "a", expires_at=instant("2026-06-01")), "2026-01-02")
    two.ann.do(adjust(80, "b", expires_at=instant("2026-09-01")), "2026-01-02")
    _, received = two.send(100, "2026-02-01")
    sent, _ = two.reverse(received, "2026-07-01")
    assert sent.points == 80
    assert lots(two.ann) == [(80, "2026-09-01")]
    assert two.has(two.bob, "2026-07-01") == (0, 0)


def test_a_reversal_brings_back_what_ended_before_it_arrives_as_expired_and_it_repays_nothing() -> None:
    two = Two()
    two.ann.do(adjust(20, "a", expires_at=instant("2026-06-01")), "2026-01-02")
    two.send(20, "2026-02-01")
    two.ann.do(adjust(-15, "owed", allow_negative=True), "2026-02-02")
    back = ReceivePoints(
        id="t1", sender=two.bob.id.hex, entry=4, currency="points", reversal=True,
        parts=(Part("2.1", 20, instant("2026-06-01")),),
    )  # fmt: skip
    entry = two.ann.do(back, "2026-06-03")
    lawful(two.ann)
    (arrived,) = [event for event in entry.events if isinstance(event, PointsReceived)]
    assert [(part.lot, part.expires_at, part.repaid) for part in arrived.parts] == [
        (f"{entry.version}.1", instant("2026-06-03"), 0)
    ]
    assert arrived.reversal
    assert [event.points for event in entry.events if isinstance(event, LotExpired)] == [20]
    assert two.has(two.ann, "2026-06-03") == (0, 15)


@pytest.mark.parametrize(("order", "paid"), [("expiry_first", "sooner"), ("fifo", "first"), ("lifo", "last")])
def test_other_lots_pay_for_a_reversal_in_the_order_of_their_currency(order: str, paid: str) -> None:
    two = Two(rulebook(per(100, 1), currency={"spend_order": order}))
    two.ann.do(adjust(30, "a"), "2026-01-02")
    _, received = two.send(30, "2026-01-03")
    two.bob.do(redeem(30), "2026-01-04")
    ends = {"first": "2026-08-01", "sooner": "2026-07-01", "last": "2026-09-01"}
    for number, (name, end) in enumerate(ends.items()):
        two.bob.do(adjust(40, name, expires_at=instant(end)), f"2026-01-1{number}")
    sent, _ = two.reverse(received, "2026-01-20", force=True)
    assert [part.expires_at for part in sent.parts] == [instant(ends[paid])]
    assert [(part.points, part.expires_at, part.repaid) for part in sent.back] == [(30, None, 0)]


def test_what_repaid_debt_comes_back_whole() -> None:
    two = Two()
    two.ann.do(adjust(50, "a"), "2026-01-02")
    two.bob.do(adjust(-20, "owed", allow_negative=True), "2026-01-02")
    _, received = two.send(50, "2026-01-03")
    sent, _ = two.reverse(received, "2026-01-04", force=True)
    assert [(part.points, part.repaid) for part in sent.back] == [(50, 0)]
    assert (two.has(two.ann, "2026-01-04"), two.has(two.bob, "2026-01-04")) == ((50, 0), (0, 20))


def test_a_reversal_of_nothing_but_expired_points_is_refused() -> None:
    two = Two()
    two.ann.do(adjust(20, "a", expires_at=instant("2026-06-01")), "2026-01-02")
    _, received = two.send(20, "2026-02-01")
    with pytest.raises(Refused) as refusal:
        two.reverse(received, "2026-07-01")
    assert refusal.value.reasons == ("expired",)


def test_points_that_end_with_idleness_go_on_to_do_so() -> None:
    two = Two(rulebook(per(100, 1), currency={"expires": {"inactive_for": "P12M"}}))
    two.ann.do(purchase(100_00), "2026-01-02")
    sent, _ = two.send(100, "2026-02-01")
    assert [part.idle is not None for part in sent.parts] == [True]
    two.bob.do(purchase(1, "p2", "2026-05-01"), "2026-05-01")
    assert lots(two.bob) == [(100, "2027-05-02")]


def test_a_part_says_what_it_left_and_what_it_became() -> None:
    two = Two()
    two.ann.do(purchase(100_00), "2026-01-02")
    sent, received = two.send(60, "2026-01-03")
    assert sent.parts == (Part("2.1", 60),)
    assert next(event for event in received.events if isinstance(event, PointsReceived)).parts == (Part("2.1", 60),)
    assert sent.entry == received.version
