"""What can be asked of the catalogue: inputs that entries keep for ever."""

import msgspec

from domain.rules.rewards import RewardTerms


class CreateReward(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag="CreateReward", forbid_unknown_fields=True
):
    """Put a reward into the catalogue."""

    terms: RewardTerms


class ChangeReward(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag="ChangeReward", forbid_unknown_fields=True
):
    """Offer it on these terms from now on. What was redeemed or is held keeps the terms it was redeemed on."""

    terms: RewardTerms


RewardCommand = CreateReward | ChangeReward
