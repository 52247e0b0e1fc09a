"""Worked case A26, and what points are worth: minimum, step, share of an order."""

from typing import Any

import msgspec
import pytest

from domain.member.commands import RedeemPoints
from tests.build import Json, points, redeem, rulebook
from tests.spec import Step, bought, do, enrolled, given, redeemed, spent

EVERY_CENT = points("activity.amount_minor")


def worth(per_point: str, **more: Any) -> Json:
    return rulebook(EVERY_CENT, currency={"value": {"per_point": per_point, "round": "down", **more}})


def paid(value_minor: int, at: str, id: str = "spend", order: int | None = None) -> Step:  # noqa: A002
    on: Any = {} if order is None else {"order_source": "shop", "order_id": "o1", "order_minor": order}
    return do(RedeemPoints(id=id, currency="points", value_minor=value_minor, **on), at)


def test_a26_points_pay_at_most_what_they_are_worth() -> None:
    book = worth("5")
    outcome = given(book, enrolled(), bought(77)).when(paid(386, "2026-01-03")).refused("not-enough-points")
    outcome.when(paid(385, "2026-01-03")).then(spent(77, value_minor=385)).when(bought(82, "p2", "2026-01-04")).balance(
        82
    )


@pytest.mark.parametrize(
    ("asked", "code"), [(99, "below-minimum"), (100, None), (120, "below-minimum"), (150, None), (50, "below-minimum")]
)
def test_a_spend_has_a_minimum_and_a_step(asked: int, code: str | None) -> None:
    outcome = given(worth("1", minimum=100, step=50), enrolled(), bought(500)).when(redeemed(asked, "2026-01-03"))
    outcome.balance(500 - asked) if code is None else outcome.refused(code)


def test_money_rounds_up_to_the_step_and_is_worth_what_its_points_are() -> None:
    given(worth("0.5", step=100), enrolled(), bought(500)).when(paid(60, "2026-01-03")).then(
        spent(200, value_minor=100)
    )


def test_points_pay_a_share_of_an_order_however_many_redemptions_they_come_in() -> None:
    outcome = given(worth("1", max_share="0.3"), enrolled(), bought(1000)).when(
        paid(2_00, "2026-01-03", "a", order=9_99)
    )
    outcome.then(spent(200, value_minor=200))
    outcome.when(paid(1_00, "2026-01-03", "b", order=9_99)).refused("limit-reached")
    outcome.when(paid(99, "2026-01-03", "c", order=9_99)).then(spent(99))
    outcome.when(paid(1, "2026-01-03", "d", order=9_99)).refused("limit-reached")
    assert outcome.stream.world.taken == {("share", "shop\x1fo1"): 299}


def test_a_share_needs_an_order_to_be_a_share_of() -> None:
    outcome = given(worth("1", max_share="0.3"), enrolled(), bought(1000)).when(redeemed(10, "2026-01-03"))
    order: Json = {"order_source": "shop", "order_id": "o1", "order_minor": 100}
    outcome.when(do(msgspec.structs.replace(redeem(10), **order), "2026-01-03")).balance(990)
    for missing in order:
        named = msgspec.structs.replace(redeem(10), **order | {missing: None})
        found = outcome.when(do(named, "2026-01-03")).refused("not-eligible")
        assert found.refusal is not None
        assert found.refusal.reasons == ("order-needed",)
