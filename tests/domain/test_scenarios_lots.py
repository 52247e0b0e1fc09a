"""Worked cases C: lots, pending points, expiry. Ids are those of the collection of cases."""

import pytest

from domain.member.events import Draw
from tests.build import per, points, rulebook
from tests.spec import activated, adjusted, bought, earned, enrolled, expired, given, redeemed, returned, spent, swept

MONTHS_12 = {"expires": {"after": "P12M", "round_up": "month"}}
EVERY_CENT = points("activity.amount_minor")


def test_c4_a_life_rounded_up_to_the_month_ends_with_the_month() -> None:
    given(rulebook(EVERY_CENT, currency=MONTHS_12), enrolled("2020-01-01")).when(bought(10, at="2020-07-06")).balance(
        10, at="2021-07-31T23:59:59.999999"
    ).balance(0, at="2021-08-01T00:00")


@pytest.mark.parametrize(
    ("life", "earned_on", "ends"),
    [
        ({"after": "P0D", "round_up": "month"}, "2026-01-22", "2026-02-01T00:00"),  # C5
        ({"after": "P0D", "round_up": "year"}, "2018-03-03", "2019-01-01T00:00"),  # C5
        ({"after": "P1M"}, "2026-01-25", "2026-02-26T00:00"),  # C6
        ({"after": "P0M"}, "2026-01-01", "2026-01-02T00:00"),  # C6
        ({"after": "P1M"}, "2026-01-31", "2026-03-01T00:00"),  # C6
        ({"after": "P1M"}, "2024-01-31", "2024-03-01T00:00"),  # C6, leap year
        ({"after": "PT48H"}, "2026-01-01T10:30", "2026-01-03T10:30"),
        ({"after": "P12M", "round_up": "03-31"}, "2026-04-01", "2028-04-01T00:00"),
    ],
)
def test_c5_c6_when_a_lot_ends(life: dict[str, str], earned_on: str, ends: str) -> None:
    given(rulebook(EVERY_CENT, currency={"expires": life}), enrolled("2018-01-01")).when(
        bought(10, at=earned_on)
    ).balance(10).balance(0, at=ends).when(swept(ends)).then(expired(10, ends))


def test_an_end_of_day_is_the_program_zones_on_both_sides_of_a_clock_change() -> None:
    given(
        rulebook(EVERY_CENT, currency={"expires": {"after": "P1D"}}), enrolled("2026-01-01"), zone="Europe/Berlin"
    ).when(bought(10, at="2026-03-28T12:00+01:00")).balance(10, at="2026-03-29T23:59:59+02:00").balance(
        0, at="2026-03-30T00:00+02:00"
    )


def test_c9_what_is_left_of_a_partly_used_lot_expires() -> None:
    book = rulebook(EVERY_CENT, currency={"expires": {"at": "2026-03-01T00:00:00Z"}})
    given(book, enrolled("2025-01-01"), bought(300, at="2025-02-01"), redeemed(200, "2025-05-01")).when(
        swept("2026-03-01T00:00")
    ).then(expired(100, "2026-03-01T00:00")).balance(0)


def test_c10_a_balance_does_not_collapse_when_a_used_lot_ends() -> None:
    book = rulebook(EVERY_CENT, currency={"expires": {"after": "P1M"}})
    given(
        book,
        enrolled(),
        bought(100, "p1", "2026-01-01"),
        redeemed(60, "2026-01-10"),
        bought(50, "p2", "2026-01-20"),
    ).when(swept("2026-02-02T00:00")).then(expired(40)).balance(50)


def test_c11_a_lot_with_a_reason_of_its_own_expires_like_any_other() -> None:
    book = rulebook(currency={"expires": {"after": "P1M"}})
    given(book, enrolled(), adjusted(80, "2026-01-05")).when(swept("2026-02-06T00:00")).then(expired(80)).balance(0)


def test_c14_pending_points_become_available_when_the_return_window_closes() -> None:
    book = rulebook(points(20), currency={"available": {"after": "P7D"}})
    given(book, enrolled()).when(bought(1_00, at="2026-01-02")).then(earned(20)).balance(0, pending=20).when(
        swept("2026-01-09T12:00")
    ).then(activated(20)).balance(20)
    given(book, enrolled(), bought(1_00)).when(returned(None, at="2026-01-05")).balance(0)


@pytest.mark.parametrize(
    ("order", "pays"),
    [
        ("expiry_first", (Draw("3.1", 50), Draw("2.1", 10))),
        ("fifo", (Draw("2.1", 50), Draw("3.1", 10))),
        ("lifo", (Draw("3.1", 50), Draw("2.1", 10))),
        ("proportional", (Draw("2.1", 30), Draw("3.1", 30))),
    ],
)
def test_c2_c3_who_pays_first_is_a_policy(order: str, pays: tuple[Draw, ...]) -> None:
    book = rulebook(
        points(50, when="activity.amount_minor == 1"),
        points(50, rule="short", when="activity.amount_minor == 2", expires={"after": "P1M"}),
        currency={"spend_order": order},
    )
    given(book, enrolled(), bought(1, "a", "2026-01-01T13:00"), bought(2, "b", "2026-02-01")).when(
        redeemed(60, "2026-02-10")
    ).then(spent(60, draws=pays))


def test_a_lot_that_is_over_on_arrival_is_granted_and_expired_visibly() -> None:
    book = rulebook(per(100, 1), currency={"expires": {"after": "P1M"}})
    given(book, enrolled("2025-01-01")).when(bought(10_00, at="2025-01-05", learned="2026-01-05")).then(
        earned(10), expired(10)
    ).balance(0)
