"""Law of the whole: whatever members buy, return, spend, give and become, no point arises and none is lost."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Refused
from domain.member.movements import movements
from domain.member.wallet import balance
from tests.build import Json, Stream, instant, per, purchase, redeem, rulebook
from tests.domain.test_scenarios_merges import People
from tests.domain.test_scenarios_transfers import move

DOCUMENT = rulebook(
    per(100, 1),
    per(1000, 3, rule="later", phase="add", available={"after": "P3D"}),
    currency={"expires": {"after": "P20D"}},
    tiers={"levels": [{"id": "silver", "at": 50}]},
)
RESTATES = DOCUMENT | {"late": {"mode": "restate"}}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("buy", "late", "give", "spend", "return", "merge", "wait")),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(1, 90),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from((DOCUMENT, RESTATES)))
def test_all_accounts_of_all_members_sum_to_zero_at_every_position(
    steps: list[tuple[str, int, int, int]], document: Json
) -> None:
    people = People(document, count=4)
    gone: dict[Stream, Stream] = {}
    bought: list[tuple[Stream, str]] = []
    for number, (kind, one, other, amount) in enumerate(steps, 2):
        at = f"2026-{1 + number // 28:02}-{1 + number % 28:02}"
        mine, theirs = (_survivor(gone, people.all[place]) for place in (one, other))
        try:
            if kind in ("buy", "late"):
                happened = f"2026-01-{1 + amount % number:02}" if kind == "late" and number < 28 else at
                mine.do(purchase(amount * 100, f"p{number}", happened), at)
                bought.append((mine, f"p{number}"))
            elif kind == "spend":
                mine.do(redeem(amount, f"s{number}"), at)
            elif kind == "wait":
                mine.settle(at)
            elif kind == "return" and bought:
                whose, name = bought[amount % len(bought)]
                people.give_back(_survivor(gone, whose), whose, name, at, amount * 50, f"r{number}")
            elif mine is not theirs and kind == "give":
                move(mine, theirs, amount, at, f"t{number}")
            elif mine is not theirs and kind == "merge":
                people.merge(mine, theirs, at)
                gone[mine] = theirs
        except Refused:
            continue
        finally:
            _adds_up(people, at)
    people.lawful()


def _survivor(gone: dict[Stream, Stream], stream: Stream) -> Stream:
    while stream in gone:
        stream = gone[stream]
    return stream


def _adds_up(people: People, at: str) -> None:
    whole = Counter[str]()
    for stream in people.all:
        own = Counter[str]()
        for entry in stream.entries:
            for line in movements(entry):
                own[line.account] += line.points
        assert sum(own.values()) == 0
        whole.update(own)
        last = stream.member.recorded_at
        held = balance(stream.member, "points", last or instant(at))
        assert (own["member"], own["pending"], own["debt"]) == (held.available, held.pending, -held.debt)
        assert min(held.available, held.pending, held.debt) >= 0
    assert whole["transfer"] == 0
