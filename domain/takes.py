"""Quantities that all members share: what a save takes of them, and how a decision knows what is left.

A take is checked in the transaction that writes the entry (blueprint, law 6), so a budget is never overspent,
however many decide at once. What had been taken when a decision looked stands in the entry's facts: decided again,
it sees the same (law 2).
"""

from collections.abc import Iterable

import msgspec

Key = tuple[str, str]
"""(kind, key), such as ("budget", "summer")."""


class Take(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A quantity that must not pass its ceiling: stock, a budget, a use limit. A negative amount gives back."""

    kind: str
    key: str
    amount: int
    ceiling: int


class TakenNeeded(Exception):
    """A decision looks at shared quantities: read how much of each is taken, and decide again."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = frozenset(keys)
        super().__init__(f"{sorted(self.keys)}")


class Taken:
    """How much is taken, with a memory of what was asked: that is a fact of the decision."""

    def __init__(self, known: dict[Key, int] | None = None, *, otherwise: int | None = None) -> None:
        self._known = known or {}
        self._otherwise = otherwise
        self.used: dict[str, dict[str, int]] = {}

    def of(self, kind: str, key: str, beside: Iterable[Key] = ()) -> int:
        """Raises TakenNeeded where it is not known; `beside` are others that may be asked for next, to read at once."""
        amount = self._known.get((kind, key), self._otherwise)
        if amount is None:
            raise TakenNeeded({(kind, key), *(one for one in beside if one not in self._known)})
        self.used.setdefault(kind, {})[key] = amount
        return amount

    def lacks(self, kind: str, key: str) -> bool:
        """Whether asking for it would raise."""
        return self._otherwise is None and (kind, key) not in self._known

    def looking_back(self) -> "Taken":
        """The same for a decision that is weighed again: of what it did not ask for then, nothing counts as taken."""
        return Taken(self._known, otherwise=0)


def recorded_taken(facts: dict[str, dict[str, int]]) -> Taken:
    """What an entry's facts say was taken when it was decided."""
    return Taken({(kind, key): amount for kind, keys in facts.items() for key, amount in keys.items()})


def together(takes: Iterable[Take]) -> tuple[Take, ...]:
    """One take per key, in the order of their first: a save checks each quantity once."""
    found: dict[Key, Take] = {}
    for take in takes:
        name = (take.kind, take.key)
        amount = found[name].amount + take.amount if name in found else take.amount
        found[name] = Take(take.kind, take.key, amount, take.ceiling)
    return tuple(take for take in found.values() if take.amount)
