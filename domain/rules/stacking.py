"""Which promotions of one activity go together.

A rule is a promotion if it names a category. Of promotions that do not go together the earlier one applies, in the
order of evaluation: phases, then priority, then id.

    common + common  stack        never + never    stack
    common + never   do not       never + always   stack
    common + always  stack        always + always  stack
"""

from domain.rules.limits import LimitedBy
from domain.rules.rulebook import Stacking

LIMIT = "limit"
"""What stands in a category's place where so many promotions have applied already."""
_NOT_TOGETHER = {"common": "never", "never": "common"}


class Stack:
    """The promotions of one activity that have applied so far."""

    def __init__(self, policy: Stacking) -> None:
        self._policy = policy
        self._applied: list[str] = []

    def in_the_way(self, category: str) -> LimitedBy | None:
        """Why a promotion of this category does not apply as well: the limit, or the first it does not go with."""
        limit = self._policy.limit
        if limit is not None and len(self._applied) >= limit:
            return LimitedBy(left=0, stacking=LIMIT)
        kinds = self._policy.categories
        other = _NOT_TOGETHER.get(kinds[category])
        for applied in self._applied:
            if kinds[applied] == other:
                return LimitedBy(left=0, stacking=applied)
        return None

    def add(self, category: str) -> None:
        self._applied.append(category)
