"""Proofs of a Merkle tree step by step, for whoever wants to watch: what each step takes in, and what comes of it.

`merkle.py` says whether a proof holds; this says how it comes to that.
"""

from collections.abc import Sequence

import msgspec

from domain.merkle import consistency, inclusion, node_hash


class Rung(msgspec.Struct, frozen=True):
    """A step up: `beside` is the hash taken in, on the left or on the right; `new` is that of the tree so far.

    `old` is that of the older tree so far, None where the step is outside of it, and of a proof that has none.
    """

    beside: bytes
    left: bool
    new: bytes
    old: bytes | None = None


def climbed(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> list[Rung]:
    """From a leaf's hash to the root of the tree of `size` leaves. Raises ValueError for a proof of another length."""
    rungs = []
    for (first, _), step in zip(inclusion(index, (0, size)), proof, strict=True):
        left = first <= index
        leaf = node_hash(step, leaf) if left else node_hash(leaf, step)
        rungs.append(Rung(step, left, leaf))
    return rungs


def grown(old: int, size: int, proof: Sequence[bytes], root: bytes) -> tuple[bytes, list[Rung]]:
    """The hash that a proof of consistency begins from, and the steps to the roots of both trees.

    `root` is that of the older tree. Raises ValueError for a proof of another length.
    """
    steps = list(zip(consistency((0, old), size), proof, strict=True))
    at, was = 0, root
    if steps and steps[0][0][1] == old:
        ((at, _), was), *steps = steps
    begun = found = was
    rungs = []
    for (first, _), step in steps:
        left = first < at
        if left:
            found, was, at = node_hash(step, found), node_hash(step, was), first
        else:
            found = node_hash(found, step)
        rungs.append(Rung(step, left, found, was if left else None))
    return begun, rungs
