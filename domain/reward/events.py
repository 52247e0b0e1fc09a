"""What can have happened to a reward: facts, and a storage format."""

import msgspec

from domain.rules.rewards import RewardTerms


class RewardCreated(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="RewardCreated", forbid_unknown_fields=True
):
    terms: RewardTerms


class RewardChanged(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="RewardChanged", forbid_unknown_fields=True
):
    """The whole of the new terms."""

    terms: RewardTerms


RewardEventUnion = RewardCreated | RewardChanged
