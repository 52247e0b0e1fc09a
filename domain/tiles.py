"""How the hashes of a Merkle tree are kept: in tiles, each a row of up to 32 neighbours.

The tiles of level 0 hold the hashes of leaves, those of level n the roots of full tiles of level n - 1. What lies
between is worked out from a tile whenever it is asked for. So a tree takes little more than its leaves, one proof
reads a few tiles, and to grow touches only the last tile of each level. What stands in a tile never changes; the last
one of a level gets longer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from domain.merkle import HASH, Node, node_hash

HEIGHT = 5
WIDTH = 1 << HEIGHT
"""Hashes in a full tile."""

Tile = tuple[int, int]
"""A tile: its level, and its number among those of the level."""


def tile_of(node: Node) -> Tile:
    """The tile in which a complete subtree is found."""
    level, number = node
    return level // HEIGHT, number << level % HEIGHT >> HEIGHT


def node_in(hashes: bytes, node: Node) -> bytes:
    """The hash of a complete subtree, from the hashes of its tile. Raises LookupError where they do not reach."""
    level, number = node
    height = level % HEIGHT
    count = 1 << height
    at = (number << height) % WIDTH
    found = split(hashes[at * HASH : (at + count) * HASH])
    if len(found) != count:
        raise LookupError(f"the tile of {node} is too short")
    return _root(found)


def split(hashes: bytes) -> list[bytes]:
    """The whole hashes of a tile."""
    return [hashes[at : at + HASH] for at in range(0, len(hashes) - HASH + 1, HASH)]


def nodes_in(tiles: Mapping[Tile, bytes]) -> Callable[[Node], bytes]:
    """Looks subtrees up in tiles. Raises LookupError."""
    return lambda node: node_in(tiles.get(tile_of(node), b""), node)


def tiles_of(nodes: Iterable[Node]) -> set[Tile]:
    return {tile_of(node) for node in nodes}


def edge(size: int) -> list[Tile]:
    """The tiles that a tree of this size has begun and not filled: what it takes to grow."""
    found: list[Tile] = []
    level = 0
    while size:
        if size % WIDTH:
            found.append((level, size // WIDTH))
        level, size = level + 1, size // WIDTH
    return found


def grown(size: int, begun: Mapping[Tile, bytes], leaves: Sequence[bytes]) -> dict[Tile, bytes]:
    """The tiles that change, as they are then, when leaves with these hashes are added to a tree of `size`.

    `begun` are the tiles of its edge. Raises LookupError where one of them is not as long as `size` says.
    """
    changed: dict[Tile, bytes] = {}
    level, start, hashes = 0, size, leaves
    while hashes:
        full: list[bytes] = []
        number, offset = divmod(start, WIDTH)
        held = begun.get((level, number), b"") if offset else b""
        if len(held) != offset * HASH:
            raise LookupError(f"tile {number} of level {level} does not have {offset} hashes")
        at = 0
        while at < len(hashes):
            upto = at + WIDTH - len(held) // HASH
            tile = held + b"".join(hashes[at:upto])
            changed[level, number] = tile
            if len(tile) == WIDTH * HASH:
                full.append(_root(split(tile)))
            at, number, held = upto, number + 1, b""
        level, start, hashes = level + 1, start // WIDTH, full
    return changed


def _root(hashes: list[bytes]) -> bytes:
    """Of a power of two of neighbours."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]
