"""The keys outside the log: one per member, one per program, unwrapped by the vault."""

from collections import OrderedDict
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from domain.errors import UnknownProgram
from infrastructure.positions import database_errors
from infrastructure.vault import Vault

PROGRAMS_REMEMBERED = 1_024


class TableOfKeys:
    """The `Keys` port. A program's key never changes and is remembered; a member's may be destroyed and is not."""

    def __init__(self, pool: AsyncConnectionPool[Any], vault: Vault) -> None:
        self._pool = pool
        self._vault = vault
        self._programs: OrderedDict[str, bytes] = OrderedDict()

    async def member_key(self, stream: UUID) -> bytes | None:
        """The member's own key; None once it was destroyed, from that very commit on."""
        with database_errors():
            async with self._pool.connection() as connection:
                look = await connection.execute("SELECT key FROM member_keys WHERE stream = %s", (stream,))
                found = await look.fetchone()
        return self._vault.unwrap(found[0]) if found else None

    async def program_key(self, program: str) -> bytes:
        """The key of a program's fingerprints. Raises UnknownProgram."""
        known = self._programs.get(program)
        if known is not None:
            self._programs.move_to_end(program)
            return known
        with database_errors():
            async with self._pool.connection() as connection:
                look = await connection.execute("SELECT key FROM programs WHERE id = %s", (program,))
                found = await look.fetchone()
        if found is None:
            raise UnknownProgram(f"there is no program {program!r}")
        key = self._programs[program] = self._vault.unwrap(found[0])
        if len(self._programs) > PROGRAMS_REMEMBERED:
            self._programs.popitem(last=False)
        return key
