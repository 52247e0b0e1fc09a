"""Lives that an operator lengthens: open lots end later, expired ones come back, and returns still leave nothing."""

import pytest

from domain.member.commands import ExtendLots, ReinstateLots
from domain.member.events import Draw, LotsReinstated
from domain.member.movements import movements
from domain.redecide import StreamHistory
from tests.build import Json, instant, points, purchase, rulebook
from tests.domain.test_scenarios_merges import People, has
from tests.spec import (
    Step,
    Told,
    adjusted,
    bought,
    clawed_back,
    do,
    earned,
    enrolled,
    expired,
    given,
    redeemed,
    rescheduled,
    returned,
    swept,
)

MONTH: Json = {"expires": {"after": "P1M"}}
BOOK = rulebook(points("activity.amount_minor"), currency=MONTH)
IDLE = rulebook(points("activity.amount_minor"), currency={"expires": {"inactive_for": "P1M"}})


def extend(*lots: str, until: str, at: str) -> Step:
    return do(ExtendLots(lots=lots, expires_at=instant(until), reason="closed for works"), at)


def reinstate(*lots: str, until: str, at: str) -> Step:
    return do(ReinstateLots(lots=lots, expires_at=instant(until), reason="long in hospital"), at)


def came_back(repaid: tuple[Draw, ...] = ()) -> Told:
    return Told(LotsReinstated, {"repaid": repaid})


# --- extension -------------------------------------------------------------------------------------


def test_an_extended_lot_ends_when_the_operator_says() -> None:
    given(BOOK, enrolled(), bought(30, at="2026-01-02")).when(
        extend("2.1", until="2026-06-01T00:00", at="2026-01-20")
    ).then(rescheduled("2026-06-01T00:00", reason="extension", lots=("2.1",))).balance(
        30, at="2026-05-31T23:59:59"
    ).balance(0, at="2026-06-01T00:00")


@pytest.mark.parametrize(
    ("lot", "until", "code"),
    [
        ("2.1", "2026-02-03T00:00", "not-eligible"),  # as it is
        ("2.1", "2026-01-25T00:00", "not-eligible"),  # sooner
        ("2.1", "2026-01-19T00:00", "not-eligible"),  # over
        ("9.9", "2026-06-01T00:00", "unknown-lot"),
    ],
)
def test_a_lot_is_only_made_to_end_later(lot: str, until: str, code: str) -> None:
    given(BOOK, enrolled(), bought(30, at="2026-01-02")).when(extend(lot, until=until, at="2026-01-20")).refused(code)


def test_what_never_ends_or_has_ended_is_not_extended() -> None:
    given(rulebook(points(5)), enrolled(), bought(30)).when(extend("2.1", until="2026-06-01", at="2026-01-20")).refused(
        "not-eligible"
    )
    given(BOOK, enrolled(), bought(30)).when(extend("2.1", until="2026-06-01", at="2026-05-01")).refused("unknown-lot")


def test_an_extended_lot_that_ends_by_inactivity_is_still_kept_alive_and_never_ends_sooner() -> None:
    given(IDLE, enrolled(), bought(30, at="2026-01-02")).when(
        extend("2.1", until="2026-04-01T00:00", at="2026-01-20")
    ).then(rescheduled("2026-04-01T00:00", reason="extension")).when(bought(10, "p2", "2026-01-25")).then(
        earned(10)
    ).balance(40).balance(30, at="2026-03-15").when(bought(1, "p3", "2026-03-20")).then(
        expired(10), rescheduled("2026-04-21T00:00", lots=("2.1",), reason="activity"), earned(1)
    ).balance(31)


def test_lots_of_several_currencies_are_extended_at_once() -> None:
    book = rulebook(
        points(20),
        points(7, rule="cash", currency="cash"),
        currency=MONTH,
        currencies={"cash": {"expires": {"after": "P2M"}}},
    )
    given(book, enrolled(), bought(1, at="2026-01-02")).when(
        extend("2.1", "2.2", "2.1", until="2026-06-01T00:00", at="2026-01-20")
    ).then(
        rescheduled("2026-06-01T00:00", currency="points", lots=("2.1",)),
        rescheduled("2026-06-01T00:00", currency="cash", lots=("2.2",)),
    )


# --- reinstatement ---------------------------------------------------------------------------------


@pytest.mark.parametrize("swept_first", [True, False])
def test_what_expired_comes_back_until_the_new_end_swept_or_not(swept_first: bool) -> None:
    story = given(BOOK, enrolled(), bought(30, at="2026-01-02"), redeemed(10, "2026-01-03"))
    if swept_first:
        story.when(swept("2026-02-10"))
    told = [came_back()] if swept_first else [expired(20), came_back()]
    story.when(reinstate("2.1", until="2026-04-01T00:00", at="2026-02-20")).then(*told).balance(20).balance(
        20, at="2026-03-31T23:59:59"
    ).balance(0, at="2026-04-01T00:00")


@pytest.mark.parametrize("swept_first", [True, False])
def test_points_that_were_pending_at_first_come_back_spendable_swept_or_not(swept_first: bool) -> None:
    lives: Json = {"available": {"after": "P5D"}, "expires": {"after": "P1M"}}
    story = given(rulebook(points(20), currency=lives), enrolled(), bought(1, at="2026-01-02"))
    if swept_first:
        story.when(swept("2026-02-10"))
    story.when(reinstate("2.1", until="2026-04-01T00:00", at="2026-02-20")).balance(20)


def test_points_expire_and_come_back_as_often_as_it_takes() -> None:
    story = given(BOOK, enrolled(), bought(30, at="2026-01-02"))
    story.when(reinstate("2.1", until="2026-04-01T00:00", at="2026-02-20")).balance(30)
    story.when(redeemed(10, "2026-03-01")).when(reinstate("2.1", until="2026-08-01T00:00", at="2026-05-01")).balance(
        20
    ).when(reinstate("2.1", until="2026-09-01T00:00", at="2026-05-02")).refused("not-eligible")


@pytest.mark.parametrize(
    ("lot", "code"), [("2.1", "not-eligible"), ("3.1", "not-eligible"), ("9.9", "unknown-lot"), ("x", "unknown-lot")]
)
def test_only_what_expired_comes_back(lot: str, code: str) -> None:
    """2.1 was spent whole, 3.1 is open."""
    given(BOOK, enrolled(), bought(30), bought(5, "p2", at="2026-01-20"), redeemed(30, "2026-01-21")).when(
        reinstate(lot, until="2026-06-01", at="2026-01-25")
    ).refused(code)


def test_what_comes_back_repays_debt_first() -> None:
    story = given(BOOK, enrolled(), bought(30, at="2026-01-02"), adjusted(-12, "2026-02-10", allow_negative=True))
    story.when(reinstate("2.1", until="2026-06-01", at="2026-02-20")).then(came_back((Draw("2.1", 12),))).balance(18)


# --- returns ---------------------------------------------------------------------------------------


def test_a_return_takes_back_what_came_back() -> None:
    """Earned, expired, reinstated, returned: zero. Without the reinstatement nobody owes what expired."""
    bought_and_gone = (enrolled(), bought(30, at="2026-01-02"))
    given(BOOK, *bought_and_gone).when(returned(None, at="2026-02-20")).then(
        expired(30), clawed_back(30, expired=30)
    ).balance(0)
    given(BOOK, *bought_and_gone).when(reinstate("2.1", until="2026-06-01", at="2026-02-20")).when(
        returned(None, at="2026-03-01")
    ).then(clawed_back(30, from_lots=(Draw("2.1", 30),), expired=0, debt=0)).balance(0)


def test_a_return_is_owed_where_what_came_back_was_spent() -> None:
    given(BOOK, enrolled(), bought(30, at="2026-01-02")).when(
        reinstate("2.1", until="2026-06-01", at="2026-02-20")
    ).when(redeemed(30, "2026-02-21")).when(returned(None, at="2026-03-01")).then(
        clawed_back(30, expired=0, debt=30)
    ).balance(0, debt=30)


def test_what_came_back_and_expired_again_is_owed_by_nobody() -> None:
    given(BOOK, enrolled(), bought(30, at="2026-01-02")).when(
        reinstate("2.1", until="2026-03-01T00:00", at="2026-02-20")
    ).when(returned(None, at="2026-03-05")).then(expired(30), clawed_back(30, expired=30, debt=0)).balance(0)


def test_what_was_returned_after_it_expired_does_not_come_back() -> None:
    story = given(BOOK, enrolled(), bought(30, at="2026-01-02"), returned(10, at="2026-02-20"))
    story.when(reinstate("2.1", until="2026-06-01", at="2026-02-21")).balance(20).when(
        returned(None, at="2026-02-22", id="r2")
    ).balance(0).when(reinstate("2.1", until="2026-06-01", at="2026-02-23")).refused("not-eligible")


def test_breakage_is_given_back_what_it_got() -> None:
    """Everything that breakage gained with the expiry it loses with the reinstatement."""
    story = given(BOOK, enrolled(), bought(30, at="2026-01-02"), adjusted(-12, "2026-02-10", allow_negative=True))
    stream = story.when(reinstate("2.1", until="2026-06-01", at="2026-02-20")).stream
    sums: dict[str, int] = {}
    for entry in stream.entries:
        lines = movements(entry)
        assert sum(line.points for line in lines) == 0
        for line in lines:
            sums[line.account] = sums.get(line.account, 0) + line.points
    assert (sums["breakage"], sums["member"], sums["debt"]) == (0, 18, 0)


# --- merges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("swept_first", [True, False])
def test_what_a_loser_had_expired_comes_back_at_its_survivor_and_goes_with_its_order(swept_first: bool) -> None:
    people = People(BOOK)
    ann, old = people.all
    old.do(purchase(30, "p2"), "2026-01-02")
    if swept_first:
        old.settle("2026-02-10")
    people.merge(old, ann, "2026-02-11")
    (name,) = StreamHistory(ann.entries).lots()
    ann.do(ReinstateLots(lots=(name,), expires_at=instant("2026-06-01"), reason="long in hospital"), "2026-02-20")
    assert has(ann, "2026-02-20") == (30, 0, 0)
    people.give_back(ann, old, "p2", "2026-03-01")
    assert has(ann, "2026-03-01") == (0, 0, 0)
