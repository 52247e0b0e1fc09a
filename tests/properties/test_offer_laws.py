"""Whatever is bought, assigned, seen and returned in whatever order: what is wholly returned leaves nothing."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Refused
from domain.log import encoded
from domain.member.commands import AssignOffer
from domain.redecide import redecide
from tests.build import Stream, World, enrol, folded, instant, per, purchase, refund, rulebook

BEGIN = instant("2026-01-01")
REWARD = {"currency": "points", "points": 10}
NAMES = ("one", "sum", "count", "days", "run")


def book() -> Any:
    def offer(goal: Any, window: str = "P5D", **more: Any) -> Any:
        return {"goal": goal, "of": "purchase.spend", "window": window, "reward": REWARD, **more}

    return rulebook(
        per(100, 1),
        {"id": "next", "on": "purchase", "phase": "add", "when": "activity.amount_minor > 900", "assign": "count"},
        currency={"available": {"after": "P2D"}, "expires": {"after": "P20D"}},
        offers={
            "one": offer({"one_above": 500}),
            "sum": offer({"sum": 1_500}, "PT60H"),
            "count": offer({"count": 2}),
            "days": offer({"distinct": ["day", 2]}),
            "run": offer({"periods": ["day", 2]}, "P3D"),
        },
    )


hours = st.integers(0, 300)
deeds = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from([0, 100, 501, 1_000, 1_500]), hours),
    st.tuples(st.just("assign"), st.sampled_from(NAMES), hours),
    st.tuples(st.just("return"), st.integers(0, 20), st.sampled_from([None, 1, 400])),
    st.tuples(st.just("settle"), st.just(0), st.just(0)),
)


@settings(deadline=None, max_examples=120)
@given(st.lists(deeds, max_size=30), st.booleans())
def test_what_is_wholly_returned_leaves_no_progress_no_completion_and_no_point(deeds: list[Any], hot: bool) -> None:
    stream = Stream(World(book()), hot=hot)
    stream.do(enrol(BEGIN), BEGIN)
    bought: list[str] = []
    now = BEGIN + timedelta(days=13)
    for number, (deed, what, when) in enumerate(deeds):
        now += timedelta(hours=7)
        with suppress(Refused):
            match deed:
                case "buy":
                    stream.do(purchase(what, f"p{number}", BEGIN + timedelta(hours=when)), now)
                    bought.append(f"p{number}")
                case "assign":
                    stream.do(AssignOffer(offer=what, at=BEGIN + timedelta(hours=when)), now)
                case "return" if bought:
                    stream.do(refund(stream, bought[what % len(bought)], when, now, f"r{number}"), now)
                case _:
                    stream.settle(now)
    for name in bought:
        stream.do(refund(stream, name, None, now, f"whole-{name}"), now)
    member = folded(stream.entries)
    total = member.totals.get("granted:points")
    assert total is None or total.ever == 0
    slots = [*member.slots, *(slot for rows in member.months.values() for slot in rows.slots.values())]
    assert [slot for slot in slots if slot.progress or slot.periods or slot.completed] == []
    assert [found for found in redecide(stream.entries, stream.world.timeline()) if found.verdict != "equal"] == []
    assert encoded(stream.member.slots) == encoded(member.slots)
