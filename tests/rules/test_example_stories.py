"""What each example rulebook does, told with one member: the numbers an operator would expect."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.member.commands import RecordActivity
from domain.member.events import PointsEarned
from domain.rules.experiments import drawn
from domain.rules.limits import LimitedBy
from tests.build import Json, Stream, World, instant, redeem, refund
from tests.spec import Given, Outcome, Step, bought, do, earned, enrolled, given, moved_to, renewed, swept

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def example(name: str) -> Json:
    document: Json = json.loads((EXAMPLES / name / "rulebook.json").read_text("utf-8"))
    return document


def did(kind: str, name: str, at: str, zone: str | None = None, **data: Any) -> Step:
    command = RecordActivity(source="shop", id=name, type=kind, occurred_at=instant(at), data=data, time_zone=zone)
    return do(command, at)


def given_back(name: str, amount_minor: int | None, at: str) -> Step:
    return do(lambda stream: refund(stream, name, amount_minor, at, f"back-{name}"), at)


def spent(currency: str, amount: int, at: str) -> Step:
    return do(redeem(amount, f"spent-{at}", currency), at)


def granted(outcome: Outcome) -> dict[str, int]:
    return {event.rule: event.points for event in outcome.events if isinstance(event, PointsEarned)}


def coffees(count: int, name: str, at: str) -> Step:
    line = {"id": "1", "quantity": count, "amount_minor": 350 * count, "labels": {"category": "coffee"}}
    cake = {"id": "2", "amount_minor": 400, "labels": {"category": "cake"}}
    return bought(350 * count + 400, name, at, lines=[line, cake])


def test_coffee_stamps_a_stamp_per_coffee_twice_in_quiet_hours_and_ten_for_a_drink() -> None:
    start = given(example("coffee-stamps"), enrolled("2026-01-01", attributes={"born": "03-15"}))
    start.when(coffees(3, "a", "2026-01-05T08:00")).balance(5, currency="stamps")
    start.when(coffees(1, "b", "2026-01-05T13:30")).balance(7, currency="stamps")
    start.when(coffees(9, "c", "2026-01-05T18:00")).then(
        earned(6, "coffee", wanted=9, limited_by=LimitedBy(left=6, cap="coffee.0"))
    ).balance(13, currency="stamps")
    spend = start.when(spent("stamps", 10, "2026-01-06")).balance(3, currency="stamps")
    spend.balance(13, currency="stamps", at="2026-03-15").balance(0, currency="stamps", at="2026-12-01")
    start.when(spent("stamps", 5, "2026-03-16")).refused("below-minimum")


def flight(name: str, at: str, km: int, cabin: str = "economy") -> Step:
    return did("flight", name, at, distance_km=km, cabin=cabin)


def test_frequent_flyer_status_is_earned_apart_from_miles_and_renewed_or_lost_in_grace() -> None:
    start = given(example("frequent-flyer"), enrolled("2026-01-01"))
    start.when(flight("a", "2026-02-01", 10_000, "business")).balance(15_000, currency="miles")
    start.when(flight("b", "2026-03-01", 40_000)).balance(55_000, currency="miles").tier("gold")
    start.when(flight("c", "2026-04-01", 1_000)).balance(56_250, currency="miles").balance(56_000, currency="status")
    start.when(flight("d", "2027-04-01", 50_000))
    start.when(swept("2028-01-02")).then(renewed("gold"), earned(2_500, "loyal"))
    start.when(flight("e", "2030-01-02", 1_000)).tier("gold")
    start.when(swept("2030-03-03")).tier("silver")


def test_community_points_are_limited_a_day_and_never_spent() -> None:
    start = given(example("community"), enrolled("2026-01-01"))
    first = start.when(did("post", "p0", "2026-01-02T08:00", topic="intro"))
    assert granted(first) == {"post": 5, "first-post": 25}
    for number in range(1, 7):
        last = granted(start.when(did("post", f"p{number}", "2026-01-02T09:00", topic="more")))
        assert last == {"post": 5 if number < 5 else 0}
    answers = [
        granted(start.when(did("answer.accepted", f"a{n}", "2026-01-02T10:00", author_level="new"))) for n in range(3)
    ]
    assert answers == [{"answer": 40}, {"answer": 35}, {"answer": 0}]
    outcome = start.when(did("like.received", "l1", "2026-01-03"))
    outcome.balance(126, currency="karma")
    assert outcome.stream.member.tiers["rank"].level == "regular"
    outcome.balance(176, currency="karma", at="2027-01-01").balance(276, currency="karma", at="2028-01-01")
    start.when(spent("karma", 10, "2026-02-01")).refused("not-eligible")


def order(name: str, at: str, *lines: Json, region: str = "fr", **more: Any) -> Step:
    return did("order", name, at, amount_minor=sum(line["amount_minor"] for line in lines), region=region,
               lines=list(lines), **more)  # fmt: skip


ACME: Json = {"id": "1", "sku": "LAMP", "amount_minor": 100_00, "labels": {"seller": "acme"}}
CLEARED: Json = {"id": "2", "sku": "VASE", "amount_minor": 50_00, "labels": {"shelf": "clearance"}}
CARD: Json = {"id": "3", "sku": "GIFT-CARD", "amount_minor": 50_00, "labels": {}}


def test_marketplace_promotions_stack_by_category_and_points_wait_for_the_return_window() -> None:
    member = next(name for name in map(str, range(99)) if _arm(name) == "control")
    start = given(example("marketplace"), enrolled("2026-01-01", member=member))
    outcome = start.when(order("a", "2026-01-02", ACME, CLEARED, CARD, region="de"))
    assert granted(outcome) == {"base": 150, "clearance": 500, "dach": 0, "seller-week": 0}
    reasons = {event.rule: event.limited_by for event in outcome.events if isinstance(event, PointsEarned)}
    assert reasons["dach"] == reasons["seller-week"] == LimitedBy(left=0, stacking="clearance")
    outcome.balance(0, pending=650).balance(650, at="2026-01-16T12:00")
    second = start.when(order("b", "2026-01-03", ACME, region="de"))
    assert granted(second) == {"base": 100, "dach": 50, "seller-week": 200}
    assert second.stream.world.taken[("budget", "platform")] == 50
    back = start.when(given_back("b", None, "2026-01-05")).balance(0, pending=650)
    assert back.stream.world.taken[("budget", "platform")] == 0


def _arm(member: str) -> str:
    return drawn("main", "app-push", member, {"boost": 50, "control": 50})


@pytest.mark.parametrize(("arm", "expect"), [("boost", {"base": 100, "app": 100}), ("control", {"base": 100})])
def test_marketplace_half_of_the_members_earn_twice_in_the_app(arm: str, expect: dict[str, int]) -> None:
    member = next(name for name in map(str, range(99)) if _arm(name) == arm)
    plain = {**ACME, "labels": {}}
    start = given(example("marketplace"), enrolled("2026-01-01", member=member))
    assert granted(start.when(order("a", "2026-01-02", plain, channel="app"))) == expect


def test_subscription_months_add_up_and_every_twelfth_is_rewarded() -> None:
    start = given(example("subscription"), enrolled("2026-01-01"))
    months = [f"2026-{month:02}-01" for month in range(1, 13)]
    paid = [granted(start.when(did("invoice.paid", at, at, amount_minor=10_00, plan="basic"))) for at in months]
    assert paid[0] == {"paid": 10, "first": 20}
    assert paid[1:11] == [{"paid": 10}] * 10
    assert paid[11] == {"paid": 10, "every-twelfth": 100}
    pro = start.when(did("invoice.paid", "pro", "2026-12-20", amount_minor=10_00, plan="pro"))
    assert granted(pro) == {"paid": 10, "pro": 10}
    # The anniversary's 30 are there at once, the newest invoice waits two weeks.
    pro.balance(290, at="2027-01-04", currency="credits")
    refunded = start.when(given_back("pro", None, "2026-12-21"))
    refunded.balance(270, at="2027-01-04", currency="credits")
    assert refunded.stream.member.tiers["standing"].level == "steady"


def stay(name: str, at: str, nights: int, amount_minor: int) -> Step:
    return did("stay", name, at, nights=nights, amount_minor=amount_minor)


def test_hotel_nights_make_the_level_and_the_level_multiplies() -> None:
    start = given(example("hotel"), enrolled("2026-01-01"))
    first = start.when(stay("a", "2026-02-01", 10, 1_000_00))
    assert granted(first) == {"spend": 10_000, "long-stay": 500}
    assert granted(start.when(stay("b", "2026-03-01", 2, 100_00))) == {"spend": 1_000, "silver": 250}
    start.when(stay("c", "2026-04-01", 13, 100_00)).then(
        earned(1_000, "spend"), earned(250, "silver"), earned(500, "long-stay"), moved_to("gold", evidence=25)
    )
    assert granted(start.when(stay("d", "2027-04-01", 1, 100_00))) == {"spend": 1_000, "gold": 500}
    start.when(swept("2028-01-02")).then(moved_to("silver", evidence=1, at=instant("2027-12-31T23:00")))


def line(amount_minor: int, category: str, name: str = "1") -> Json:
    return {"id": name, "amount_minor": amount_minor, "labels": {"category": category}}


def test_cashback_is_the_better_category_capped_a_month_and_paid_after_thirty_days() -> None:
    start = given(example("cashback"), enrolled("2026-01-01"))
    basket = [line(100_00, "groceries"), line(60_00, "fuel", "2")]
    first = start.when(bought(160_00, "a", "2026-01-02", lines=basket))
    assert granted(first) == {"everything": 160, "fuel": 240, "groceries": 0}
    first.balance(0, pending=400, currency="cash").balance(400, currency="cash", at="2026-02-01T12:00")
    capped = start.when(bought(500_00, "b", "2026-01-03", lines=[line(500_00, "fuel")]))
    assert granted(capped) == {"everything": 500, "fuel": 1_260}
    assert granted(start.when(bought(100_00, "c", "2026-02-01", lines=[line(100_00, "fuel")])))["fuel"] == 400
    start.when(given_back("b", 250_00, "2026-02-01T13:00")).balance(400, pending=250 + 630 + 500, currency="cash")
    start.when(spent("cash", 400, "2026-02-01T14:00")).refused("below-minimum")


def test_flash_campaign_runs_on_seven_evenings_and_stops_when_its_budget_does() -> None:
    world = World(example("flash-campaign"), zone="Europe/Berlin")
    crowd = [Given(_member(world, number)) for number in range(1, 14)]

    def buy(number: int, at: str, name: str = "a", amount: int = 25_00) -> dict[str, int]:
        return granted(crowd[number].when(bought(amount, name, at)))

    assert buy(0, "2027-06-01T19:59:59+02:00") == {"base": 25}
    assert buy(0, "2027-06-01T20:00:00+02:00", "b") == {"base": 25, "flash": 90}
    assert buy(0, "2027-06-01T20:10:00+02:00", "c") == {"base": 25, "flash": 0}
    assert buy(1, "2027-06-01T21:00:00+02:00", "a", 24_99) == {"base": 24}
    evening = [buy(number, "2027-06-01T22:00:00+02:00", "e")["flash"] for number in range(1, 6)]
    # 500 a day: five of 90, and what is left of the sixth.
    assert evening == [90, 90, 90, 90, 50]
    assert buy(6, "2027-06-02T00:29:59+02:00")["flash"] == 90
    assert buy(7, "2027-06-02T00:30:00+02:00") == {"base": 25}
    later = [buy(number, "2027-06-03T22:00:00+02:00")["flash"] for number in (7, 8, 9, 10, 11)]
    # 410 of 1,000 are left, and what does not fit whole is not given.
    assert later == [90, 90, 90, 90, 0]
    assert world.taken[("budget", "flash")] == 950
    assert buy(12, "2027-06-08T00:10:00+02:00") == {"base": 25}


def _member(world: World, number: int) -> Stream:
    stream = Stream(world, number=number)
    enrolled("2027-01-01", member=f"m{number}").act(stream)
    return stream
