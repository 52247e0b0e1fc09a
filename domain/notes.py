"""Signed notes and checkpoints, as C2SP writes them down: text that people can read, mail and print.

A note is lines of text, an empty line, and a line for each signature. A checkpoint is a note of the name of a log (its
origin), how many leaves its tree has, and the root of that. Signing and checking signatures is done elsewhere.
See c2sp.org/signed-note and c2sp.org/tlog-checkpoint.
"""

import binascii
import hashlib
import re
from base64 import b64decode, b64encode

import msgspec

from domain.merkle import HASH

_ED25519 = b"\x01"
_DASH = "\N{EM DASH} "
_ID = 4
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


class BadNote(Exception):
    """Text that is no signed note, or no checkpoint. The message says why."""


class Verifier(msgspec.Struct, frozen=True, order=True):
    """A public key under the name that it signs with. `str` is how it is handed on."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.public)}"


class Signature(msgspec.Struct, frozen=True):
    """Who signed, by name and by the beginning of a hash of the key; and the signature."""

    name: str
    id: bytes
    signature: bytes


class Note(msgspec.Struct, frozen=True):
    """A note as it was read. The signatures are of `text`, byte for byte."""

    text: str
    signatures: tuple[Signature, ...]


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log commits itself to: these leaves, in this order."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


class Head(msgspec.Struct, frozen=True):
    """Where a stream ends: so many entries, and the digest of the last of them."""

    stream: str
    entries: int
    digest: bytes


class Statement(msgspec.Struct, frozen=True):
    """What a log says of some of its streams at a checkpoint of this size.

    Inclusion is proven by the tree, the end of a stream is not: without this nobody could tell that the last
    entries of a stream were left out.
    """

    origin: str
    size: int
    heads: tuple[Head, ...]

    @property
    def text(self) -> str:
        heads = "".join(f"{head.stream} {head.entries} {_base64(head.digest)}\n" for head in self.heads)
        return f"{self.origin}\nstreams at {self.size}\n{heads}"


def written(text: str, verifier: Verifier, signature: bytes) -> str:
    """A note with one signature."""
    return f"{text}\n{_DASH}{verifier.name} {_base64(verifier.id + signature)}\n"


def read_verifier(text: str) -> Verifier:
    """The key in `str(verifier)`. Raises BadNote."""
    name, _, rest = text.strip().partition("+")
    id_, _, key = rest.partition("+")
    decoded = _bytes(key)
    if not _is_name(name) or decoded[:1] != _ED25519 or len(decoded) != 1 + 32:
        raise BadNote("this is no public key of a log")
    found = Verifier(name, decoded[1:])
    if found.id.hex() != id_:
        raise BadNote("the public key is not the one that its short form names")
    return found


def read_notes(text: str) -> list[Note]:
    """All notes in a text, one after another. Raises BadNote."""
    found: list[Note] = []
    body: list[str] = []
    signatures: list[Signature] = []
    for line in [*text.splitlines(keepends=True), ""]:
        if line.startswith(_DASH) and body:
            signatures.append(_signature(line))
            continue
        if signatures:
            if body[-1] != "\n" or len(body) < 2:
                raise BadNote("an empty line stands before the signatures of a note")
            found.append(Note("".join(body[:-1]), tuple(signatures)))
            body, signatures = [], []
        if line != "\n" or body:
            body.append(line)
    if "".join(body).strip() or not found:
        raise BadNote("this is no signed note")
    return found


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).removesuffix("\n").partition(" ")
    decoded = _bytes(encoded)
    if not _is_name(name) or len(decoded) <= _ID or not line.endswith("\n"):
        raise BadNote("a signature is a name and base64")
    return Signature(name, decoded[:_ID], decoded[_ID:])


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text; lines after the third are passed over. Raises BadNote."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise BadNote("a checkpoint has an origin, a size and a root")
    origin, size, encoded = lines[:3]
    root = _bytes(encoded)
    if not _SIZE.fullmatch(size) or len(root) != HASH:
        raise BadNote("a checkpoint has a size and a root on its second and third line")
    return Checkpoint(origin, int(size), root)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    """There is one way to write bytes down, so that no letter of a note can be another one."""
    try:
        found = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or _base64(found) != text:
        raise BadNote(f"{text[:80]!r} is not base64")
    return found
