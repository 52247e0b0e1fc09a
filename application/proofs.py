"""Proofs that the log is what it was: signed checkpoints, and what leads to them.

An auditor who keeps a checkpoint somewhere else holds the log to it: nothing before it can be changed, dropped, added
or moved without another root, and nobody but the installation signs another one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

import msgspec

from application.ports import EventStore, Unavailable
from application.trees import Trees
from domain.errors import InvalidPayload, UnknownPosition
from domain.merkle import Span, consistency, folded, inclusion, leaf_hash, perfect
from domain.notes import BadNote, Checkpoint, Note, Verifier, read_checkpoint, read_notes
from domain.tiles import nodes_in, tiles_of

Json = dict[str, Any]

SignedBy = Callable[[Note, Verifier], bool]
"""Whether a note has a signature of this key."""


class Signer(Protocol):
    """The key of this installation that is in use."""

    async def origin(self, program: str) -> str: ...

    async def sign(self, program: str, text: str) -> str: ...


class Signed(msgspec.Struct, frozen=True):
    """A checkpoint and its note."""

    checkpoint: Checkpoint
    note: str


async def checkpoint(trees: Trees, signer: Signer, program: str) -> Signed:
    """What the log of a program commits itself to, as far as its tree has grown."""
    tree = await trees.tree(program)
    (root,) = await hashes(trees, program, [(0, tree.size)])
    made = Checkpoint(await signer.origin(program), tree.size, root)
    return Signed(made, await signer.sign(program, made.text))


async def included(trees: Trees, signer: Signer, program: str, position: int, seal: bytes) -> Json:
    """That the entry at a position is in the log of a checkpoint. Raises UnknownPosition."""
    signed = await checkpoint(trees, signer, program)
    index = (await trees.indexes(program, [position])).get(position)
    if index is None or index >= signed.checkpoint.size:
        raise UnknownPosition(f"position {position} is not in the tree of this program")
    size = signed.checkpoint.size
    proof = await hashes(trees, program, inclusion(index, (0, size)))
    return {
        "position": position,
        "index": index,
        "size": size,
        "seal": seal.hex(),
        "leaf": leaf_hash(seal).hex(),
        "proof": [step.hex() for step in proof],
        "root": signed.checkpoint.root.hex(),
        "checkpoint": signed.note,
    }


async def consistent(trees: Trees, signer: Signer, program: str, old: int, new: int | None) -> Json:
    """That the log of `old` entries is the beginning of that of `new` ones, or of all. Raises InvalidPayload."""
    signed = await checkpoint(trees, signer, program)
    size = signed.checkpoint.size
    new = size if new is None else new
    if not 1 <= old <= new <= size:
        raise InvalidPayload(
            f"From and to are sizes of this log, which has {size} entries in its tree.",
            errors=[("/from" if not 1 <= old <= size else "/to", f"1 to {size}, and from not after to")],
        )
    *proof, old_root, new_root = await hashes(trees, program, [*consistency((0, old), new), (0, old), (0, new)])
    return {
        "from": old,
        "to": new,
        "proof": [step.hex() for step in proof],
        "from_root": old_root.hex(),
        "to_root": new_root.hex(),
        "checkpoint": signed.note,
    }


async def position_of(store: EventStore, stream: UUID, version: int) -> int:
    """Where an entry of a stream stands in the log."""
    (found,) = await store.rows(stream, after=version - 1, upto=version)
    return found.position


async def hashes(trees: Trees, program: str, spans: Sequence[Span]) -> list[bytes]:
    """The hashes of spans of leaves, from as few tiles as have them. Raises Unavailable."""
    nodes = [perfect(span) for span in spans]
    wanted = tiles_of(node for some in nodes for node in some)
    node = nodes_in(await trees.tiles(program, wanted) if wanted else {})
    try:
        return [folded([node(one) for one in some]) for some in nodes]
    except LookupError:
        raise Unavailable("the tree of this log is being made again") from None


# --- checkpoints that somebody kept ----------------------------------------------------------------


class Forged(Exception):
    """A checkpoint that this log has not signed, or that is of another log. The message says which."""


def kept(text: str, keys: Iterable[Verifier], signed_by: SignedBy) -> list[Checkpoint]:
    """The checkpoints in a text, each signed by one of the keys. Raises Forged."""
    known = list(keys)
    try:
        notes = read_notes(text)
        found = [read_checkpoint(note.text) for note in notes]
    except BadNote as error:
        raise Forged(str(error)) from None
    origins = {key.name for key in known}
    for note, one in zip(notes, found, strict=True):
        if one.origin not in origins:
            raise Forged(f"the checkpoint is of {one.origin!r}, which is no log of these keys")
        if not any(signed_by(note, key) for key in known if key.name == one.origin):
            raise Forged(f"the checkpoint of {one.size} entries is not signed by a key of {one.origin}")
    return found
