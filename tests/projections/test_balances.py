"""The table of balances says what the log says, also of a currency that no rule ever granted."""

from application.follow import Rows, placed
from domain.member.commands import AdjustPoints
from projections.balances import BALANCES
from tests.build import Stream, World, adjust, chained, enrol, points, rulebook
from tests.domain.test_scenarios_merges import People


def available(stream: Stream) -> dict[str, int]:
    rows = Rows({})
    for row in chained(stream.entries):
        BALANCES.apply(rows, placed(row))
    return {row.currency: row.available for row in rows.values()}


def test_what_came_by_hand_and_is_spent_is_nothing() -> None:
    stream = Stream(World(rulebook(points(20))))
    stream.do(enrol("2026-01-01"), "2026-01-01")
    stream.do(adjust(50, "gift"), "2026-01-02")
    assert available(stream) == {"points": 50}
    stream.do(adjust(-50, "back"), "2026-01-03")
    assert available(stream) == {"points": 0}


def test_what_came_by_hand_goes_to_the_survivor_of_a_merge() -> None:
    people = People(rulebook(points(20)), count=2)
    loser, survivor = people.all
    loser.do(AdjustPoints(id="gift", currency="points", points=50, reason="hello"), "2026-02-02")
    people.merge(loser, survivor, "2026-02-03")
    assert (available(loser), available(survivor)) == ({"points": 0}, {"points": 50})
