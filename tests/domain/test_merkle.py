"""The Merkle tree is that of RFC 6962: its vectors, the probes of other people's checkers, and laws."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.merkle import (
    EMPTY,
    aligned,
    consistency,
    folded,
    hash_of,
    inclusion,
    leaf_hash,
    node_hash,
    perfect,
    proves_consistency,
    proves_inclusion,
    proves_part,
)
from domain.tiles import HEIGHT, WIDTH, edge, grown, nodes_in, tile_of, tiles_of

VECTORS = Path(__file__).parents[2].parent / "shared" / "data" / "vectors"
beside = pytest.mark.skipif(not VECTORS.is_dir(), reason="the folder shared/data is not beside the repository")


def root_of(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, 2.1."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(root_of(leaves[:half]), root_of(leaves[half:]))


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def test_a_leaf_is_never_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize(
    ("index", "size", "spans"),
    [
        # The examples of RFC 6962, 2.1.3: a tree of seven leaves.
        (0, 7, [(1, 2), (2, 4), (4, 7)]),
        (3, 7, [(2, 3), (0, 2), (4, 7)]),
        (4, 7, [(5, 6), (6, 7), (0, 4)]),
        (6, 7, [(4, 6), (0, 4)]),
        (0, 1, []),
    ],
)
def test_what_shows_that_a_leaf_is_in_a_tree(index: int, size: int, spans: list[tuple[int, int]]) -> None:
    assert inclusion(index, (0, size)) == spans


@pytest.mark.parametrize(
    ("old", "new", "spans"),
    [
        (3, 7, [(2, 3), (3, 4), (0, 2), (4, 7)]),
        (4, 7, [(4, 7)]),
        (6, 7, [(4, 6), (6, 7), (0, 4)]),
        (7, 7, []),
        (0, 7, []),
    ],
)
def test_what_shows_that_a_tree_has_only_grown(old: int, new: int, spans: list[tuple[int, int]]) -> None:
    assert consistency((0, old), new) == spans


@given(st.integers(1, 200), st.data())
def test_every_leaf_of_every_tree_is_proven_and_nothing_else(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof = [root_of(leaves[first:end]) for first, end in inclusion(index, (0, size))]
    root = root_of(leaves)
    assert proves_inclusion(leaves[index], index, (0, size), proof, root)
    assert not proves_inclusion(leaf_hash(b"other"), index, (0, size), proof, root)
    assert not proves_inclusion(leaves[index], index, (0, size), [*proof, EMPTY], root)
    assert size == 1 or not proves_inclusion(leaves[index], index ^ 1, (0, size), proof, root)
    if proof:
        wrong = data.draw(st.integers(0, len(proof) - 1))
        assert not proves_inclusion(leaves[index], index, (0, size), [*proof[:wrong], EMPTY, *proof[wrong + 1 :]], root)


@given(st.integers(1, 200), st.data())
def test_every_older_tree_is_proven_and_no_other(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    leaves = leaves_of(new)
    proof = [root_of(leaves[first:end]) for first, end in consistency((0, old), new)]
    before, root = root_of(leaves[:old]), root_of(leaves)
    assert proves_consistency(old, new, proof, before, root)
    forked = root_of([leaf_hash(b"other"), *leaves[1:old]])
    assert not proves_consistency(old, new, proof, forked, root)
    assert not proves_consistency(old, new, [*proof, EMPTY], before, root)


@given(st.lists(st.integers(1, 3 * WIDTH), min_size=1, max_size=6), st.data())
def test_a_tree_grown_in_any_steps_is_the_same_tree_and_its_tiles_prove_everything(
    steps: list[int], data: st.DataObject
) -> None:
    leaves = leaves_of(sum(steps))
    tiles: dict[tuple[int, int], bytes] = {}
    size, node = 0, nodes_in({})
    for step in steps:
        begun = {tile: tiles[tile] for tile in edge(size)}
        tiles |= grown(size, begun, leaves[size : size + step])
        size += step
        node = nodes_in(tiles)
        assert hash_of((0, size), node) == root_of(leaves[:size])
    assert tiles == grown(0, {}, leaves)
    old = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, size - 1))
    proof = [hash_of(span, node) for span in inclusion(index, (0, size))]
    assert proves_inclusion(leaves[index], index, (0, size), proof, root_of(leaves))
    proof = [hash_of(span, node) for span in consistency((0, old), size)]
    assert proves_consistency(old, size, proof, root_of(leaves[:old]), root_of(leaves))


def test_a_proof_about_ten_million_leaves_reads_a_few_tiles() -> None:
    size = 10_000_000
    for spans in (inclusion(4_999_999, (0, size)), consistency((0, 7_654_321), size)):
        nodes = [node for span in spans for node in perfect(span)]
        assert len(tiles_of(nodes)) <= 2 * 5
        assert all(tile_of(node)[0] <= node[0] // HEIGHT for node in nodes)


def test_a_tree_does_not_grow_from_tiles_that_are_not_its_own() -> None:
    with pytest.raises(LookupError):
        grown(5, {(0, 0): b"x" * 32 * 4}, leaves_of(1))


# --- published vectors -----------------------------------------------------------------------------


@beside
def test_the_published_hashes_and_roots() -> None:
    published = json.loads((VECTORS / "rfc6962.json").read_text())
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in published["leaf_inputs_hex"]]
    node = nodes_in(grown(0, {}, leaves))
    for level, hashes in enumerate(published["published_node_hashes_by_level"]):
        assert [node((level, number)).hex() for number in range(len(hashes))] == hashes
    roots = [bytes.fromhex(root) for root in published["roots_by_size"]]
    assert [hash_of((0, size), node) for size in range(len(roots))] == roots
    for one in published["inclusion"]:
        proof = [bytes.fromhex(step) for step in one["proof"]]
        assert [hash_of(span, node) for span in inclusion(one["index"], (0, one["size"]))] == proof
        assert proves_inclusion(leaves[one["index"]], one["index"], (0, one["size"]), proof, roots[one["size"]])
    for one in published["consistency"]:
        old, new = one["first"], one["second"]
        proof = [bytes.fromhex(step) for step in one["proof"]]
        assert [hash_of(span, node) for span in consistency((0, old), new)] == proof
        assert proves_consistency(old, new, proof, roots[old], roots[new])


@beside
def test_518_probes_that_other_checkers_are_held_against() -> None:
    probes = [json.loads(line) for line in (VECTORS / "merkle_proof_probes.jsonl").read_text().splitlines()]
    wrong = [probe["name"] for probe in probes if _proven(probe) is probe["wantErr"]]
    assert len(probes) == 518
    assert wrong == []


def _proven(probe: dict[str, Any]) -> bool:
    proof = [b64decode(step or "") for step in probe["proof"] or ()]
    if "leafIdx" in probe:
        span = (probe["start"], probe["end"]) if "start" in probe else (0, probe["treeSize"])
        return proves_inclusion(
            b64decode(probe["leafHash"] or ""), probe["leafIdx"], span, proof, b64decode(probe["root"] or "")
        )
    old, root = b64decode(probe["root1"] or ""), b64decode(probe["root2"] or "")
    if "start" in probe:
        return proves_part((probe["start"], probe["end"]), probe["size"], proof, old, root)
    return proves_consistency(probe["size1"], probe["size2"], proof, old, root)


def test_only_what_one_node_covers_is_a_span_of_a_proof() -> None:
    assert [span for span in [(0, 7), (8, 13), (4, 8), (1, 2), (3, 3), (1, 3), (2, 5), (5, 4)] if aligned(span)] == [
        (0, 7), (8, 13), (4, 8), (1, 2), (3, 3)
    ]  # fmt: skip
    assert folded([]) == EMPTY
