"""Every command a reward understands."""

from typing import assert_never

from domain.errors import RewardExists, UnknownReward
from domain.reward.commands import ChangeReward, CreateReward, RewardCommand
from domain.reward.events import RewardChanged, RewardCreated, RewardEventUnion
from domain.rules.rewards import RewardTerms


def decide(command: RewardCommand, before: RewardTerms | None) -> RewardEventUnion:
    """What came of a command on a reward that is offered on these terms. Raises RewardExists, UnknownReward."""
    match command:
        case CreateReward():
            if before is not None:
                raise RewardExists(f"the reward {before.id!r} exists")
            return RewardCreated(terms=command.terms)
        case ChangeReward():
            if before is None or before.id != command.terms.id:
                raise UnknownReward(f"there is no reward {command.terms.id!r} in this program")
            return RewardChanged(terms=command.terms)
        case _:
            assert_never(command)


def redecided(command: object, events: tuple[object, ...], before: RewardTerms | None) -> RewardTerms:
    """The terms after an entry, if its command leads to its events. Raises Refused, ValueError."""
    if not isinstance(command, CreateReward | ChangeReward):
        raise ValueError("no command of a reward")  # noqa: TRY004 - it is what the entry says that is wrong
    event = decide(command, before)
    if events != (event,):
        raise ValueError("events differ")
    return event.terms
