"""Check a Guerdon bundle with nothing but Python 3.11: no database, no network, no other package.

    python check_bundle.py ann.bundle --key 'guerdon-1a2b3c4d/cafe+5e6f7a8b+AQ...'

A bundle is one member's part of a program's log, and what proves that it is. This script shows that

1. the log's key has signed the checkpoint (how many entries the log has, and the root of their Merkle tree) and the
   statement (where the two streams in the bundle end);
2. every row's digest is the SHA-256 over the digest of the row before, its stored bytes and what stands beside them,
   and that nothing is missing between the first row and the last;
3. every row's seal (SHA-256 over digest and position) is a leaf of the tree with that root (RFC 6962).

So the points printed at the end are those the log had. Whether the rules gave them rightly is what
`guerdon audit check-bundle` adds: it decides every entry again. Get the key from where its owner publishes it, not
from the bundle; without --key the one in the bundle is believed and nothing is proven about who made it.
"""

import argparse
import hashlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

FORMAT = "guerdon.bundle.1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Wrong = list[tuple[int | None, str]]
Key = tuple[str, bytes, bytes]
Point = tuple[int, int, int, int]


def check(raw: bytes, keys: Sequence[str]) -> tuple[Wrong, tuple[str, int] | None, Any]:
    """(what is wrong, as (position or None, text); the checkpoint's (origin, size); the member's last row)."""
    wrong: Wrong = []
    last = None
    try:
        bundle = json.loads(raw)
        # One way to write it, so that no letter can be another one.
        if json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode() != raw or bundle["format"] != FORMAT:
            raise ValueError("it is not written as bundles are")
        named = [key_of(key) for key in bundle["keys"]]
        trusted = [key_of(key) for key in keys] or named
        if not set(named) & set(trusted):
            raise ValueError("the checkpoint is not signed by a key of this log")
        origin, size, root = read_checkpoint(signed_text(bundle["checkpoint"], bundle["program"], trusted))
        statement = signed_text(bundle["statement"], bundle["program"], trusted)
        ends = ""
        for kind, stream in zip(("program", "member"), bundle["streams"], strict=True):
            if stream["kind"] != kind:
                raise ValueError(f"the stream of the {kind} is not where it belongs")
            digest, last = check_stream(bundle["program"], stream, size, root, wrong)
            name = f"{bundle['program']}/{kind}/{stream['id']}"
            ends += f"{name} {len(stream['rows'])} {b64encode(digest).decode()}\n"
        if statement != f"{origin}\nstreams at {size}\n{ends}":
            wrong.append((None, "its streams do not end where the signed statement says"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, IndexError, RecursionError) as error:
        return [*wrong, (None, str(error)[:300] or type(error).__name__)], None, None
    return wrong, (origin, size), last


def check_stream(program: str, stream: Any, size: int, root: bytes, wrong: Wrong) -> tuple[bytes, Any]:
    """The digest of the stream's last row, and that row; what is wrong with any is noted."""
    digest, row = bytes(32), None
    for number, row in enumerate(stream["rows"]):
        if {type(row[name]) for name in ("version", "position", "index")} != {int}:
            raise ValueError("a number is none")
        recorded_at = datetime.fromisoformat(row["recorded_at"])
        instant = (recorded_at - EPOCH) // timedelta(microseconds=1)
        digest = sha256(
            *(
                len(part).to_bytes(8, "big") + part
                for part in (
                    digest,
                    program.encode(),
                    stream["kind"].encode(),
                    UUID(stream["id"]).bytes,
                    row["version"].to_bytes(8, "big"),
                    instant.to_bytes(8, "big", signed=True),
                    row["topic"].encode(),
                    row["state"].encode(),
                )
            )
        )
        seal = sha256(digest, row["position"].to_bytes(8, "big", signed=True))
        if row["version"] != number + 1:
            wrong.append((row["position"], f"version {row['version']} stands where {number + 1} belongs"))
        proof = [bytes.fromhex(step) for step in row["proof"]]
        in_one_way = recorded_at.isoformat().replace("+00:00", "Z"), [step.hex() for step in proof]
        if (
            in_one_way != (row["recorded_at"], row["proof"])
            or root_from(sha256(b"\x00", seal), row["index"], size, proof) != root
        ):
            wrong.append((row["position"], "its entry is not in the log of the checkpoint"))
    return digest, row


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# --- the Merkle tree, RFC 9162, 2.1.3.2 -----------------------------------------------------------------


def root_from(found: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to from a leaf's hash; None if it has too few or too many steps."""
    if not 0 <= index < size:
        return None
    last = size - 1
    for step in proof:
        if last == 0 or len(step) != 32:
            return None
        if index % 2 or index == last:
            found = sha256(b"\x01", step, found)
            while index and not index % 2:
                index, last = index >> 1, last >> 1
        else:
            found = sha256(b"\x01", found, step)
        index, last = index >> 1, last >> 1
    return found if last == 0 else None


# --- signed notes, c2sp.org/signed-note and c2sp.org/tlog-checkpoint ------------------------------------


def exactly(encoded: str) -> bytes:
    """What base64 says, if it is written in the one way that its writer writes it."""
    raw = b64decode(encoded, validate=True)
    if b64encode(raw).decode() != encoded:
        raise ValueError("base64 that could have been written otherwise")
    return raw


def key_of(text: str) -> Key:
    """(name, short form, public key) of NAME+SHORT+KEY."""
    name, short, encoded = text.strip().split("+", 2)
    public = exactly(encoded)
    if public[:1] != b"\x01" or len(public) != 33 or sha256(name.encode(), b"\n", public)[:4].hex() != short:
        raise ValueError(f"{text!r} is no public key of a log")
    return name, bytes.fromhex(short), public[1:]


def signed_text(note: str, program: str, keys: Sequence[Key]) -> str:
    """The text of a note that one of the keys has signed."""
    text, _, line = note.rpartition("\n\n\u2014 ")
    name, _, encoded = line.removesuffix("\n").partition(" ")
    raw, text = exactly(encoded), text + "\n"
    origin = text.partition("\n")[0]
    if not line.endswith("\n") or origin != name or name.rpartition("/")[2] != program:
        raise ValueError("a note is not of this program's log")
    for key_name, short, public in keys:
        if (key_name, short) == (name, raw[:4]) and ed25519(public, text.encode(), raw[4:]):
            return text
    raise ValueError("the checkpoint or the statement is not signed by a key of this log")


def read_checkpoint(text: str) -> tuple[str, int, bytes]:
    origin, size, root, rest = text.split("\n", 3)
    if rest or not size.isascii() or not size.isdigit():
        raise ValueError("the checkpoint has not three lines")
    return origin, int(size), exactly(root)


# --- Ed25519, RFC 8032, 5.1.7; points as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z --------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature of the message is of this key."""
    point, commitment = decoded(public), decoded(signature[:32])
    factor = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or point is None or commitment is None or factor >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    x1, y1, z1, _ = times(factor, BASE)
    x2, y2, z2, _ = added(commitment, times(challenge, point))
    return (x1 * z2 - x2 * z1) % P == 0 and (y1 * z2 - y2 * z1) % P == 0


def decoded(raw: bytes) -> Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x % 2 != sign else x
    return x, y, 1, x * y % P


def added(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor: int, point: Point) -> Point:
    found = (0, 1, 1, 0)
    while factor:
        if factor % 2:
            found = added(found, point)
        point, factor = added(point, point), factor // 2
    return found


_BASE = decoded((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
assert _BASE is not None
BASE = _BASE


def main() -> int:
    told = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    told.add_argument("bundle", type=Path)
    told.add_argument("--key", action="append", default=[], help="a public key of the log, or a file of them")
    given = told.parse_args()
    keys = [line for one in given.key for line in ([one] if "+" in one else Path(one).read_text().split("\n")) if line]
    wrong, log, last = check(given.bundle.read_bytes().removesuffix(b"\n"), keys)
    for position, text in wrong:
        print(text if position is None else f"position {position}: {text}")
    if wrong or log is None:
        return 1
    entry = json.loads(last["state"])
    print(f"signed by {log[0]}, which then had {log[1]} entries")
    print(f"{last['version']} entries of the member, all in it, the last of {last['recorded_at']}")
    for currency, held in entry.get("after", {}).get("balances", {}).items():
        print(f"{currency} after the last: " + ", ".join(f"{points} {name}" for name, points in held.items()))
    if not keys:
        print("no --key was given: the bundle's own keys were believed", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
