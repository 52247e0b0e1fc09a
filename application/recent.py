"""Members as this process last saved them: what the next decision stands on, if nobody else was faster.

Nothing here is the truth. Another process may have moved a member since: the store's check of the head says so, and
then the member is dropped here and loaded. What is not committed never comes in, and nothing here is shown to readers.
"""

import time
from datetime import datetime
from uuid import UUID

import msgspec

from domain.member.closing import moved_key
from domain.member.state import Member

IDLE = 60.0
"""Seconds after which, with the next save, a member that is not asked for begins to be forgotten."""


class Loaded(msgspec.Struct, frozen=True):
    """A member as the store has it: the book, the end of its digest chain, its own key, the program's clock.

    `key` is None once the member was erased. `clock` None follows the wall clock. `remembered` says that it was not
    read from the store just now.
    """

    stream: UUID
    member: Member
    digest: bytes
    key: bytes | None = None
    clock: datetime | None = None
    remembered: bool = False

    def number_of(self, stream: UUID, version: int) -> int:
        """What an entry is to this member: one of its own stream, or of a member's that was merged into it."""
        if stream == self.stream:
            return version
        return moved_key(version, self.member.absorbed.index(stream.hex))


class Recent:
    """A bounded memory in two halves: what is asked for moves to the young one, the old one is forgotten as a whole.

    `size` is the most members that are remembered: some seven kilobytes each with five open lots, more with more.
    """

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._young: dict[tuple[str, str], Loaded] = {}
        self._old: dict[tuple[str, str], Loaded] = {}
        self._turned = time.monotonic()

    def get(self, program: str, member: str) -> Loaded | None:
        """Whom a client's id points to."""
        name = (program, member)
        found = self._young.get(name)
        if found is None:
            found = self._old.pop(name, None)
            if found is not None:
                self._put(name, found)
        return found

    def keep(self, program: str, loaded: Loaded) -> None:
        """Remember a member as it stands after a save that was committed."""
        self._put((program, loaded.member.id), loaded)

    def drop(self, program: str, member: str) -> None:
        self._young.pop((program, member), None)
        self._old.pop((program, member), None)

    def _put(self, name: tuple[str, str], loaded: Loaded) -> None:
        now = time.monotonic()
        if len(self._young) >= self._half or now - self._turned > IDLE:
            self._old, self._young, self._turned = self._young, {}, now
        self._young[name] = loaded
