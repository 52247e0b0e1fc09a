"""The Merkle tree of RFC 6962: which hashes prove what, and how a proof is checked.

A tree over leaves 0 to size - 1 is never held as a whole. What is known of it are its complete subtrees: `(level,
number)` names the one over the leaves from number * 2^level on, 2^level of them. A proof is made of spans of leaves;
the hash of a span is folded from the complete subtrees it consists of. Nothing here knows where they are kept.
"""

import hashlib
from collections.abc import Callable, Sequence

HASH = 32
"""Bytes of a hash: SHA-256."""

Node = tuple[int, int]
"""A complete subtree: its level, and its number among those of the level."""

Span = tuple[int, int]
"""Leaves from the first one up to, and without, the second."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY = hashlib.sha256().digest()
"""The root of a tree without leaves."""


def perfect(span: Span) -> list[Node]:
    """The complete subtrees that a span of a proof, or a whole tree, consists of; from left to right."""
    first, end = span
    found: list[Node] = []
    while first < end:
        level = (end - first).bit_length() - 1
        found.append((level, first >> level))
        first += 1 << level
    return found


def folded(peaks: Sequence[bytes]) -> bytes:
    """The hash of a span whose complete subtrees have these hashes, from left to right."""
    if not peaks:
        return EMPTY
    *rest, whole = peaks
    for peak in reversed(rest):
        whole = node_hash(peak, whole)
    return whole


def hash_of(span: Span, node: Callable[[Node], bytes]) -> bytes:
    return folded([node(one) for one in perfect(span)])


def aligned(span: Span) -> bool:
    """Whether leaves are those below one node of some tree: only of such spans is anything proven."""
    first, end = span
    return 0 <= first <= end and first % (1 << max(0, end - first - 1).bit_length()) == 0


def inclusion(index: int, span: Span) -> list[Span]:
    """The spans whose hashes lead from a leaf to the hash of a span with it, a whole tree mostly; the nearest first."""
    first, end = span
    found: list[Span] = []
    while end - first > 1:
        middle = first + _half(end - first)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first = middle
    return found[::-1]


def consistency(span: Span, size: int) -> list[Span]:
    """The spans whose hashes lead from that of a span, an older tree mostly, to the root of the tree of `size` leaves.

    They also lead to the hash of `span` itself. Where no node of the tree is the span, the first of them is its
    part on the right, to begin from.
    """
    start, stop = span
    if start == stop:
        return []
    first, end = 0, size
    found: list[Span] = []
    while (first, end) != (start, stop):
        middle = first + _half(end - first)
        if stop <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            start = max(start, middle)
            first = middle
    return [*([(start, stop)] if start != span[0] else []), *found[::-1]]


def _half(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def proves_inclusion(leaf: bytes, index: int, span: Span, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from a leaf's hash to that of the span, (0, size) for a whole tree."""
    if not aligned(span) or not span[0] <= index < span[1] or len(leaf) != HASH:
        return False
    plan = inclusion(index, span)
    if len(proof) != len(plan):
        return False
    found = leaf
    for (first, _), step in zip(plan, proof, strict=True):
        found = node_hash(step, found) if first <= index else node_hash(found, step)
    return found == root


def proves_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the proof shows that the new tree begins with the old one. Of an empty tree nothing is shown."""
    if old == 0:
        return new == 0 and not proof and old_root == new_root == EMPTY
    return proves_part((0, old), new, proof, old_root, new_root)


def proves_part(span: Span, size: int, proof: Sequence[bytes], old: bytes, root: bytes) -> bool:
    """Whether the proof shows that the span has the hash `old` in the tree of this root."""
    if not aligned(span) or span[1] > size:
        return False
    if span[0] == span[1]:
        return not proof and old == EMPTY
    plan = consistency(span, size)
    if len(proof) != len(plan):
        return False
    steps = list(zip(plan, proof, strict=True))
    was = found = old
    at = span[0]
    if steps and steps[0][0][1] == span[1]:
        ((at, _), found), *steps = steps
        was = found
    for (first, end), step in steps:
        if first >= at:
            found = node_hash(found, step)
        else:
            found = node_hash(step, found)
            was = node_hash(step, was) if first >= span[0] and end <= span[1] else was
            at = first
    return was == old and found == root
