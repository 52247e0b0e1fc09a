"""The keys that sign checkpoints: Ed25519, wrapped by the master key as all keys are.

One key is in use. Rotating makes another one and destroys the old private key; old public keys stay, for what they
have signed stays signed. The name of the installation comes from its first key and outlives it.
"""

import hashlib
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg_pool import AsyncConnectionPool

from domain.notes import Note, Verifier, written
from infrastructure.clock import utc_now
from infrastructure.positions import database_errors
from infrastructure.vault import Vault

_SHORT = 8


class PublicKey(msgspec.Struct, frozen=True):
    """A key as it is published."""

    name: str
    public: bytes
    created_at: datetime
    retired_at: datetime | None

    def verifier(self, program: str) -> Verifier:
        """As it signs checkpoints of a program."""
        return Verifier(origin(self.name, program), self.public)


def origin(name: str, program: str) -> str:
    """The name of a program's log."""
    return f"{name}/{program}"


class SigningKeys:
    """The keys of this installation. The first one is made when it is asked for."""

    def __init__(self, pool: AsyncConnectionPool[Any], vault: Vault) -> None:
        self._pool = pool
        self._vault = vault

    async def origin(self, program: str) -> str:
        """The name that the log of a program has in its checkpoints."""
        name, _ = await self._in_use()
        return origin(name, program)

    async def sign(self, program: str, text: str) -> str:
        """The text as a note, signed with the key in use."""
        name, private = await self._in_use()
        key = Ed25519PrivateKey.from_private_bytes(private)
        verifier = Verifier(origin(name, program), key.public_key().public_bytes_raw())
        return written(text, verifier, key.sign(text.encode()))

    async def published(self) -> list[PublicKey]:
        """All public keys there ever were, the oldest first."""
        await self._in_use()
        with database_errors():
            async with self._pool.connection() as connection:
                found = await connection.execute(
                    "SELECT name, public, created_at, retired_at FROM signing_keys ORDER BY id"
                )
                return [PublicKey(*row) for row in await found.fetchall()]

    async def rotate(self) -> None:
        """Sign with another key from now on, and destroy the private part of the old one."""
        name, _ = await self._in_use()
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute("LOCK TABLE signing_keys IN EXCLUSIVE MODE")
                await connection.execute(
                    "UPDATE signing_keys SET retired_at = %s, private = NULL WHERE retired_at IS NULL", (utc_now(),)
                )
                await self._make(connection, name)

    async def _in_use(self) -> tuple[str, bytes]:
        with database_errors():
            async with self._pool.connection() as connection:
                found = await self._look(connection)
                if found is None:
                    await self._make(connection, None)
                    found = await self._look(connection)
        assert found is not None
        return found[0], self._vault.unwrap(found[1])

    async def _look(self, connection: psycopg.AsyncConnection[Any]) -> tuple[str, bytes] | None:
        found = await connection.execute("SELECT name, private FROM signing_keys WHERE retired_at IS NULL")
        return await found.fetchone()

    async def _make(self, connection: psycopg.AsyncConnection[Any], name: str | None) -> None:
        """Of processes that make the first key at once, one does."""
        private = self._vault.new_key()
        key = Ed25519PrivateKey.from_private_bytes(self._vault.unwrap(private))
        public = key.public_key().public_bytes_raw()
        await connection.execute(
            "INSERT INTO signing_keys (name, public, private, created_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (name or f"guerdon-{hashlib.sha256(public).hexdigest()[:_SHORT]}", public, private, utc_now()),
        )


def signed_by(note: Note, verifier: Verifier) -> bool:
    """Whether one of the note's signatures is of this key."""
    key = Ed25519PublicKey.from_public_bytes(verifier.public)
    for one in note.signatures:
        if (one.name, one.id) == (verifier.name, verifier.id):
            try:
                key.verify(one.signature, note.text.encode())
            except InvalidSignature:
                continue
            return True
    return False
