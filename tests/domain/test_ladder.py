"""What is shown of a proof, step by step, ends where the proof ends."""

from hypothesis import given
from hypothesis import strategies as st

from domain.ladder import climbed, grown
from domain.merkle import (
    Node,
    consistency,
    hash_of,
    inclusion,
    leaf_hash,
    node_hash,
    proves_consistency,
    proves_inclusion,
)


def node(one: Node) -> bytes:
    level, number = one
    if level == 0:
        return leaf_hash(b"%d" % number)
    return node_hash(node((level - 1, 2 * number)), node((level - 1, 2 * number + 1)))


@given(st.data())
def test_a_climb_ends_in_the_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    proof = [hash_of(span, node) for span in inclusion(index, (0, size))]
    root, leaf = hash_of((0, size), node), node((0, index))
    assert proves_inclusion(leaf, index, (0, size), proof, root)
    rungs = climbed(leaf, index, size, proof)
    assert [rung.beside for rung in rungs] == proof
    assert (rungs[-1].new if rungs else leaf) == root


@given(st.data())
def test_growth_ends_in_both_roots(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, size))
    proof = [hash_of(span, node) for span in consistency((0, old), size)]
    old_root, root = hash_of((0, old), node), hash_of((0, size), node)
    assert proves_consistency(old, size, proof, old_root, root)
    begun, rungs = grown(old, size, proof, old_root)
    assert (rungs[-1].new if rungs else begun) == root
    assert ([begun] + [rung.old for rung in rungs if rung.old is not None])[-1] == old_root
    for number, step in enumerate(proof):
        changed = [*proof[:number], node_hash(step, step), *proof[number + 1 :]]
        begun, rungs = grown(old, size, changed, old_root)
        assert (rungs[-1].new if rungs else begun) != root
