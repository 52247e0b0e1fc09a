"""Members are remembered up to a bound, and those that are asked for stay longest."""

from uuid import UUID

from application.recent import Loaded, Recent
from domain.log import NO_DIGEST
from domain.member.state import Member


def saved(number: int) -> Loaded:
    return Loaded(UUID(int=number), Member(id=f"m{number}"), NO_DIGEST, remembered=True)


def remembered(recent: Recent, upto: int) -> set[int]:
    return {number for number in range(upto) if recent.get("p", f"m{number}") is not None}


def test_no_more_are_remembered_than_the_bound() -> None:
    """Given room for ten, when a hundred were saved, then at most ten are remembered, the newest among them."""
    recent = Recent(10)
    for number in range(100):
        recent.keep("p", saved(number))
    found = remembered(recent, 100)
    assert 5 <= len(found) <= 10
    assert {95, 96, 97, 98, 99} <= found


def test_whoever_is_asked_for_stays() -> None:
    """Given a member that is asked for after each save, when many others were saved, then it is remembered still."""
    recent = Recent(10)
    for number in range(100):
        recent.keep("p", saved(number))
        assert recent.get("p", "m0") is not None


def test_a_dropped_member_is_forgotten_wherever_it_was_kept() -> None:
    recent = Recent(4)
    for number in range(4):
        recent.keep("p", saved(number))
    for number in range(4):
        recent.drop("p", f"m{number}")
    assert remembered(recent, 4) == set()


def test_the_same_id_in_another_program_is_another_member() -> None:
    recent = Recent(4)
    recent.keep("p", saved(1))
    assert recent.get("q", "m1") is None
