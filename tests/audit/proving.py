"""A log with its trees grown, and checkpoints of it that somebody keeps elsewhere."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.bundle import bundle, encoded
from application.proofs import hashes
from application.trees import Gardener
from domain.notes import Checkpoint, Verifier, written
from infrastructure.database import open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import PostgresPositions
from infrastructure.signing import SigningKeys
from infrastructure.trees import PostgresTrees
from infrastructure.vault import Vault

MASTER_KEY = bytes(range(32))


class Kept(msgspec.Struct, frozen=True):
    """What an auditor has: the public keys of a program's log, checkpoints of some sizes, and a bundle."""

    keys: list[Verifier]
    checkpoints: dict[int, str]
    bundle: bytes


def grow(dsn: str, *, afresh: bool = False) -> None:
    """Bring the trees up to the log."""

    async def work() -> None:
        async with open_pool(dsn, 1, 2) as pool:
            gardener = Gardener(PostgresTrees(pool), PostgresPositions(dsn, pool))
            if afresh:
                await gardener.afresh()
            await gardener.catch_up()

    asyncio.run(work())


def keep(dsn: str, program: str, sizes: Iterable[int], member: UUID) -> Kept:
    """Grow the trees, and keep checkpoints of these sizes and a bundle."""
    grow(dsn)

    async def work() -> Kept:
        async with open_pool(dsn, 1, 4) as pool:
            trees, signing = PostgresTrees(pool), SigningKeys(pool, Vault(MASTER_KEY))
            origin = await signing.origin(program)
            notes = {}
            for size in sizes:
                (root,) = await hashes(trees, program, [(0, size)])
                notes[size] = await signing.sign(program, Checkpoint(origin, size, root).text)
            keys = [key.verifier(program) for key in await signing.published()]
            store = PostgresEventStore(dsn, pool)
            return Kept(keys, notes, encoded(await bundle(store, trees, signing, keys, program, member)))

    return asyncio.run(work())


def forged(key: Verifier, text: str) -> str:
    """A note under the name of a key by somebody who does not have it."""
    own = Ed25519PrivateKey.from_private_bytes(bytes(32))
    impostor = Verifier(key.name, own.public_key().public_bytes_raw())
    return written(text, impostor, own.sign(text.encode()))
