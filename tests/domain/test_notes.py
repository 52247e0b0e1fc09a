"""Checkpoints are notes as C2SP describes them, and no letter of one can be another."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.proofs import Forged, kept
from domain.merkle import EMPTY
from domain.notes import (
    BadNote,
    Checkpoint,
    Head,
    Statement,
    Verifier,
    read_checkpoint,
    read_notes,
    read_verifier,
    written,
)
from infrastructure.signing import signed_by

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "guerdon-1a2b3c4d/cafe"
VERIFIER = Verifier(ORIGIN, KEY.public_key().public_bytes_raw())


def signed(text: str, key: Ed25519PrivateKey = KEY) -> str:
    verifier = Verifier(ORIGIN, key.public_key().public_bytes_raw())
    return written(text, verifier, key.sign(text.encode()))


def test_a_checkpoint_reads_as_c2sp_writes_it() -> None:
    note = signed(Checkpoint(ORIGIN, 7, EMPTY).text)
    lines = note.split("\n")
    assert lines[:4] == [ORIGIN, "7", b64encode(EMPTY).decode(), ""]
    assert lines[4].startswith(f"\N{EM DASH} {ORIGIN} ")
    assert lines[5:] == [""]
    (read,) = read_notes(note)
    assert read_checkpoint(read.text) == Checkpoint(ORIGIN, 7, EMPTY)
    assert signed_by(read, VERIFIER)


def test_a_note_that_somebody_else_signed_is_read() -> None:
    """The example of Go's package for signed notes."""
    key = read_verifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    (note,) = read_notes(
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "\N{EM DASH} PeterNeumann"
        " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert signed_by(note, key)
    assert str(key).startswith("PeterNeumann+c74f20a3+ARpc")


def test_a_public_key_comes_back_from_its_text() -> None:
    assert read_verifier(str(VERIFIER)) == VERIFIER
    name, short, key = str(VERIFIER).split("+", 2)
    for wrong in (
        "",
        "x",
        f"{name}+{short}",
        f"{name}x+{short}+{key}",
        f"{name}+00000000+{key}",
        f"{name}+{short}+AAAA",
    ):
        with pytest.raises(BadNote):
            read_verifier(wrong)


def test_every_changed_letter_of_a_note_is_noticed() -> None:
    note = signed(Checkpoint(ORIGIN, 7, EMPTY).text)
    unnoticed = []
    for at, letter in enumerate(note):
        for other in {chr(ord(letter) ^ 1), chr(ord(letter) ^ 32), "\n", "A"} - {letter}:
            changed = note[:at] + other + note[at + 1 :]
            try:
                if kept(changed, [VERIFIER], signed_by):
                    unnoticed.append((at, letter, other))
            except Forged:
                pass
    assert unnoticed == []


def test_several_checkpoints_stand_in_one_file() -> None:
    notes = "".join(signed(Checkpoint(ORIGIN, size, EMPTY).text) for size in (3, 5, 9))
    assert [one.size for one in kept(notes, [VERIFIER], signed_by)] == [3, 5, 9]
    assert [one.size for one in kept(notes.replace("\n\n\N{EM DASH}", "\n\n\N{EM DASH}"), [VERIFIER], signed_by)] == [
        3,
        5,
        9,
    ]


def test_a_checkpoint_signed_by_another_key_is_forged() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(Forged, match="not signed by a key of"):
        kept(signed(Checkpoint(ORIGIN, 7, EMPTY).text, other), [VERIFIER], signed_by)
    with pytest.raises(Forged, match="no log of these keys"):
        kept(signed(Checkpoint("another", 7, EMPTY).text), [VERIFIER], signed_by)


def test_an_older_key_still_vouches_for_what_it_signed() -> None:
    newer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    keys = [VERIFIER, Verifier(ORIGIN, newer.public_key().public_bytes_raw())]
    for key in (KEY, newer):
        assert kept(signed(Checkpoint(ORIGIN, 7, EMPTY).text, key), keys, signed_by)


@pytest.mark.parametrize("text", ["", "x", "a\n1\nAA==\n", "a\n\n\N{EM DASH} b", "\n\N{EM DASH} a AAAAAAAA\n"])
def test_what_is_no_note_is_told(text: str) -> None:
    with pytest.raises(BadNote):
        read_notes(text)


@pytest.mark.parametrize("text", ["a\n01\n", "a\n-1\n", "a\nx\n", "a\n1\nAA==\n", "\n1\n", "a\n1"])
def test_what_is_no_checkpoint_is_told(text: str) -> None:
    with pytest.raises(BadNote):
        read_checkpoint(f"{text}\n\n\n")


def test_a_statement_is_no_checkpoint() -> None:
    statement = Statement(ORIGIN, 7, (Head("cafe/member/1", 3, EMPTY),))
    assert statement.text == f"{ORIGIN}\nstreams at 7\ncafe/member/1 3 {b64encode(EMPTY).decode()}\n"
    with pytest.raises(BadNote):
        read_checkpoint(statement.text)
