"""Rewards as this process last read them.

Their memory is never trusted: what a claim is decided from is named in its save, which is refused when the reward has
changed, and a refusal is only told once the reward was looked at again.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.rules.rewards import RewardTerms

KEPT = 1_000


class Reward(msgspec.Struct, frozen=True):
    """A reward folded from its stream."""

    terms: RewardTerms
    version: int
    digest: bytes
    recorded_at: datetime
    position: int


class Catalogue:
    """The rewards that were claimed last, by stream."""

    def __init__(self) -> None:
        self._rewards: dict[UUID, Reward] = {}

    def get(self, stream: UUID) -> Reward | None:
        return self._rewards.get(stream)

    def keep(self, stream: UUID, reward: Reward) -> None:
        self._rewards.pop(stream, None)
        self._rewards[stream] = reward
        if len(self._rewards) > KEPT:
            del self._rewards[next(iter(self._rewards))]

    def drop(self, stream: UUID) -> None:
        self._rewards.pop(stream, None)
