"""Which rulebook was in force: published versions in order, and when each begins to rule."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from domain.rules.compiled import CompiledRulebook


class Published(msgspec.Struct, frozen=True):
    """A published version: immutable, number 1 upwards without gaps."""

    number: int
    digest: str
    effective_from: datetime
    published_at: datetime


class Timeline:
    """The versions a decision may use, as known when it is made.

    `load` gives a version ready to run; the same number always gives the same rules. `used` gathers the
    versions that were asked for, for the entry's pins.
    """

    def __init__(self, published: tuple[Published, ...], load: Callable[[int], CompiledRulebook]) -> None:
        self.published = published
        self._load = load
        self.used: dict[int, str] = {}

    @property
    def number(self) -> int:
        """How many versions there are: the save is refused if another came meanwhile."""
        return len(self.published)

    def at(self, rule_time: datetime) -> CompiledRulebook | None:
        """The latest published version whose `effective_from` is not after `rule_time`."""
        for version in reversed(self.published):
            if version.effective_from <= rule_time:
                return self.version(version.number)
        return None

    def segmented(self, now: datetime) -> CompiledRulebook | None:
        """The version in force, where it has segments. To find that it has none is no use of it."""
        for version in reversed(self.published):
            if version.effective_from <= now:
                return self.version(version.number) if self._load(version.number).segments else None
        return None

    def version(self, number: int) -> CompiledRulebook:
        found = self._load(number)
        self.used[number] = found.digest
        return found

    def cut(self, number: int) -> "Timeline":
        """The same timeline when it had `number` versions, with an empty memory of what was used."""
        return Timeline(self.published[:number], self._load)

    def edits(self, number: int) -> bool:
        """Whether a version asks for something of what members have already, or has other segments than the one before.

        To look is no use of it.
        """
        book = self._load(number)
        before = self._load(number - 1) if number > 1 else None
        if book.edits or book.celebrates != (before.celebrates if before else None):
            return True
        return book.document.segments != (before.document.segments if before else {})

    def look(self, rule_time: datetime) -> CompiledRulebook | None:
        """The same as `at` gives, to see whether it asks for anything. To look is no use of it."""
        for version in reversed(self.published):
            if version.effective_from <= rule_time:
                return self._load(version.number)
        return None
