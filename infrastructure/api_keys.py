"""Who may call the API: keys with scopes, each of one program.

A key is 256 bits of chance behind `gdn_`; the table holds only its HMAC under a secret of this installation,
which is also what a key is looked up by. A key that was found is believed for a moment, its lease; revoking ends
only when every lease that it may have anywhere is over, so a key that was revoked is refused by every process.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from application.access import CLI, By, act
from application.ports import Unavailable
from infrastructure.access import note
from infrastructure.clock import utc_now
from infrastructure.vault import Vault

PREFIX = "gdn_"
LEASE = 0.5
"""Seconds that a key is believed without another look, from before the look."""
_LEASES_OVER = 2 * LEASE
"""Seconds that revoking waits. Event loops count time in coarse steps, so it is well more than a lease."""
_MOST_HELD = 10_000
_KEY_LENGTH = len(PREFIX) + 43
_GET = "SELECT id, program, scopes, name, created_at, revoked_at FROM api_keys WHERE id = %s"
_LIST = """
SELECT id, program, scopes, name, created_at, revoked_at FROM api_keys
WHERE program = %s AND id > %s ORDER BY id LIMIT %s
"""
_FIND = """
SELECT hash, id, program, scopes, name, created_at, revoked_at FROM api_keys
WHERE hash = ANY(%s) AND revoked_at IS NULL
"""


_KEEP = "INSERT INTO secrets (name, secret) VALUES ('api-keys', %s) ON CONFLICT DO NOTHING"
_KEPT = "SELECT secret FROM secrets WHERE name = 'api-keys'"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is known: everything but the key itself."""

    id: str
    program: str
    scopes: list[str]
    name: str
    created_at: datetime
    revoked_at: datetime | None


class ApiKeys:
    """The keys of this installation. The secret under which they are stored comes from the first master key there was.

    It is kept, wrapped by the master key in use, so that API keys outlive a rotation.
    """

    def __init__(self, pool: AsyncConnectionPool[Any], master_key: bytes, previous: bytes | None = None) -> None:
        self._pool = pool
        self._vault = Vault(master_key, previous)
        self._first = hmac.digest(master_key, b"guerdon/api-keys", "sha256")
        self._secret: bytes | None = None
        self._held: dict[bytes, tuple[ApiKey, float]] = {}
        self._asked: dict[bytes, asyncio.Future[ApiKey | None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def create(
        self, program: str, scopes: Sequence[str], name: str, *, once: str | None = None, by: By = CLI
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which is shown this one time.

        With `once` the key follows from that word: asking again gives the same key and makes no second one.
        """
        secret = await self._secret_of()
        text = PREFIX + _text(_derived(secret, "key", program, once) if once else secrets.token_bytes(32))
        id_ = _id_of(secret, program, once) if once else f"key_{secrets.token_hex(16)}"
        async with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=class_row(ApiKey)) as cursor,
        ):
            made_now = await cursor.execute(
                "INSERT INTO api_keys (id, program, hash, scopes, name, created_at) VALUES (%s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (id) DO NOTHING",
                (id_, program, _hash(secret, text), list(scopes), name, utc_now()),
            )
            if made_now.rowcount:
                await note(connection, [act(program, by, "keys.create", id_)])
            await cursor.execute(_GET, (id_,))
            (made,) = await cursor.fetchall()
        return made, text

    async def made_once(self, program: str, once: str) -> ApiKey | None:
        """The key that `create` has made for this word before."""
        return await self.get(_id_of(await self._secret_of(), program, once))

    async def find(self, text: str) -> ApiKey | None:
        """The valid key that reads `text`; requests that wait at the same moment share one look.

        Raises Unavailable.
        """
        if len(text) != _KEY_LENGTH or not text.startswith(PREFIX) or not text.isascii():
            return None
        try:
            digest = _hash(self._secret or await self._secret_of(), text)
        except psycopg.Error:
            raise Unavailable("the keys cannot be looked up") from None
        held = self._held.get(digest)
        if held is not None and time.monotonic() < held[1]:
            return held[0]
        waiting = self._asked.get(digest)
        if waiting is None:
            waiting = self._asked[digest] = asyncio.get_running_loop().create_future()
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(waiting)

    async def get(self, id_: str) -> ApiKey | None:
        found = await self._all(_GET, (id_,))
        return found[0] if found else None

    async def listed(self, program: str, *, after: str = "", limit: int = 100) -> list[ApiKey]:
        """Keys of a program in order of their ids, revoked ones too."""
        return await self._all(_LIST, (program, after, limit))

    async def revoke(self, id_: str, by: By = CLI) -> None:
        """Once this returns, the key opens nothing in any process. Revoking again changes nothing."""
        async with self._pool.connection() as connection, connection.transaction():
            revoked = await connection.execute(
                "UPDATE api_keys SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL RETURNING program",
                (utc_now(), id_),
            )
            for (program,) in await revoked.fetchall():
                await note(connection, [act(program, by, "keys.revoke", id_)])
        await asyncio.sleep(_LEASES_OVER)

    async def _look(self) -> None:
        """Answer everybody who waits, until nobody does. Who comes during a look waits for the next one."""
        while self._asked:
            asked, self._asked = self._asked, {}
            until = time.monotonic() + LEASE
            try:
                async with self._pool.connection() as connection:
                    rows = await (await connection.execute(_FIND, (list(asked),))).fetchall()
            except psycopg.Error:
                for waiting in asked.values():
                    waiting.set_exception(Unavailable("the keys cannot be looked up"))
                    # Whoever asked may have gone: nobody need fetch it.
                    waiting.exception()
                continue
            found = {bytes(row[0]): _key(row[1:]) for row in rows}
            if len(self._held) + len(found) > _MOST_HELD:
                self._held.clear()
            self._held |= {digest: (key, until) for digest, key in found.items()}
            for digest, waiting in asked.items():
                waiting.set_result(found.get(digest))

    async def _secret_of(self) -> bytes:
        """The secret. Whoever comes first keeps it."""
        if self._secret is None:
            try:
                async with self._pool.connection() as connection:
                    await connection.execute(_KEEP, (self._vault.wrap(self._first),))
                    found = await (await connection.execute(_KEPT)).fetchone()
            except psycopg.errors.UndefinedTable:
                return self._first  # the migration that brings the table was taken back for a while
            assert found is not None
            self._secret = self._vault.unwrap(found[0])
        return self._secret

    async def _all(self, query: str, params: Sequence[Any]) -> list[ApiKey]:
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(ApiKey)) as cursor:
            await cursor.execute(query, params)
            found: list[ApiKey] = await cursor.fetchall()
            return found


def _hash(secret: bytes, text: str) -> bytes:
    return hmac.digest(secret, text.encode(), hashlib.sha256)


def _id_of(secret: bytes, program: str, once: str) -> str:
    return f"key_{_derived(secret, 'id', program, once)[:16].hex()}"


def _derived(secret: bytes, purpose: str, program: str, word: str) -> bytes:
    return hmac.digest(secret, f"{purpose}\0{program}\0{word}".encode(), hashlib.sha256)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _key(row: Sequence[Any]) -> ApiKey:
    id_, program, scopes, name, created_at, revoked_at = row
    return ApiKey(id=id_, program=program, scopes=scopes, name=name, created_at=created_at, revoked_at=revoked_at)
