"""200 of 200 changes behind our back are found, and where they are is named.

Half of them are made to the database: a byte, a row less, a row more, two in each other's place, a row dated back, the
end cut off, an older state put back, a history written again, a forged checkpoint. Some intruders know how chains,
seals, heads and trees are made, and make them again. The other half are made to a bundle. An auditor has only what was
kept elsewhere: the public key, and a checkpoint of every tenth entry.
"""

import json
import random
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from application.audit import verify
from application.bundle import check
from application.proofs import Forged, kept
from domain.log import row_digest, row_seal
from domain.notes import Checkpoint, read_checkpoint, read_notes
from infrastructure.row_reader import readers
from infrastructure.signing import signed_by
from tests.audit.proving import Kept, forged, grow, keep
from tests.audit.test_bundles import script

MEMBER = UUID(int=2**100 * 3 + 7)
EVERY = 10
TABLES = ("stored_events", "state_rows", "claims", "takes", "trees", "tree_tiles", "positions")
COLUMNS = (
    "originator_id", "originator_version", "topic", "state", "notification_id", "program", "kind", "recorded_at",
    "digest", "seal",
)  # fmt: skip

Stored = dict[str, Any]


class Scene:
    """The database, the rows as they were, and what the auditor has."""

    def __init__(self, dsn: str, intruder: psycopg.Connection, has: Kept) -> None:
        self.dsn = dsn
        self.intruder = intruder
        self.has = has
        names = SQL(", ").join(Identifier(name) for name in COLUMNS)
        rows = intruder.execute(SQL("SELECT {} FROM stored_events ORDER BY notification_id").format(names)).fetchall()
        self.rows: list[Stored] = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        self.main = [row for row in self.rows if row["program"] == "main"]
        intruder.execute("CREATE SCHEMA kept")
        for table in TABLES:
            intruder.execute(f"CREATE TABLE kept.{table} AS TABLE {table}")

    def restore(self) -> None:
        with self.intruder.transaction():
            self.intruder.execute(f"TRUNCATE {', '.join(TABLES)}")
            for table in TABLES:
                self.intruder.execute(f"INSERT INTO {table} SELECT * FROM kept.{table}")

    def put(self, rows: list[Stored]) -> None:
        """These rows in place of all that are there."""
        with self.intruder.transaction():
            self.intruder.execute("TRUNCATE stored_events")
            with self.intruder.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO stored_events ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})",
                    [[row[name] for name in COLUMNS] for row in rows],
                )

    def put_with_heads(self, rows: list[Stored]) -> None:
        """The same, with all that is kept beside the log and the trees made to fit."""
        self.put(rows)
        streams = {row["originator_id"]: row for row in sorted(rows, key=itemgetter("originator_version"))}
        with self.intruder.transaction():
            self.intruder.execute("DELETE FROM claims WHERE position > %s", [rows[-1]["notification_id"]])
            self.intruder.execute("DELETE FROM state_rows WHERE stream <> ALL(%s)", [list(streams)])
            for stream, row in streams.items():
                # Of another shape: it will be folded from the log.
                self.intruder.execute(
                    "UPDATE state_rows SET version = %s, position = %s, recorded_at = %s, digest = %s, shape = 0"
                    " WHERE stream = %s",
                    [row["originator_version"], row["notification_id"], row["recorded_at"], row["digest"], stream],
                )
        grow(self.dsn, afresh=True)

    def judged(self, checkpoints: list[str]) -> list[tuple[int, str]]:
        """What the auditor finds, as (position, detail)."""
        try:
            against = [one for text in checkpoints for one in kept(text, self.has.keys, signed_by)]
        except Forged as error:
            return [(0, str(error))]
        with ThreadPoolExecutor(1) as here:
            by_size = sorted(against, key=lambda one: one.size)
            found = verify(readers(self.dsn), executor=here, against={"main": by_size})
        return [(one["position"], one["detail"]) for one in found["findings"]]


def chained(rows: list[Stored]) -> list[Stored]:
    """The rows with digests and seals that fit them."""
    made = []
    in_streams = sorted(rows, key=lambda row: (row["originator_id"].int, row["originator_version"]))
    for _, stream in groupby(in_streams, key=itemgetter("originator_id")):
        digest = bytes(32)
        for row in stream:
            digest = row_digest(
                digest, program=row["program"], kind=row["kind"], stream=row["originator_id"],
                version=row["originator_version"], recorded_at=row["recorded_at"], topic=row["topic"],
                state=row["state"],
            )  # fmt: skip
            made.append(row | {"digest": digest, "seal": row_seal(digest, row["notification_id"])})
    return sorted(made, key=itemgetter("notification_id"))


def later_instant(row: Stored, step: timedelta) -> Stored:
    """The row recorded at another time, inside and outside."""
    then = row["recorded_at"] + step
    entry = json.loads(row["state"]) | {"recorded_at": msgspec.to_builtins(then)}
    return row | {"recorded_at": then, "state": json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode()}


# --- what intruders do to the database: each gives the positions of which one has to be named ---------

Found = Callable[[list[tuple[int, str]]], bool]


def names(*positions: int) -> Found:
    return lambda found: bool({position for position, _ in found} & set(positions))


def a_byte(scene: Scene, chance: random.Random) -> Found:
    row = chance.choice(scene.rows)
    column = chance.choice(["state", "digest", "seal", "state"])
    value = bytearray(row[column])
    value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
    scene.put([one | {column: bytes(value)} if one is row else one for one in scene.rows])
    return names(row["notification_id"])


def a_number(scene: Scene, chance: random.Random) -> Found:
    """A digit of an entry, with the chain and the seals made again."""
    row = chance.choice(scene.rows)
    at = chance.choice([at for at, byte in enumerate(row["state"]) if 0x30 <= byte <= 0x39])
    other = chance.choice([digit for digit in b"0123456789" if digit != row["state"][at]])
    state = row["state"][:at] + bytes([other]) + row["state"][at + 1 :]
    scene.put(chained([one | {"state": state} if one is row else one for one in scene.rows]))
    return names(row["notification_id"])


def a_row_less(scene: Scene, chance: random.Random) -> Found:
    """An entry is gone, and those after it have moved up: the chain was made again."""
    row = chance.choice(scene.rows)
    up = [
        one | {"originator_version": one["originator_version"] - 1}
        if one["originator_id"] == row["originator_id"] and one["originator_version"] > row["originator_version"]
        else one
        for one in scene.rows
        if one is not row
    ]
    scene.put(chained(up))
    return names(row["notification_id"])


def a_row_more(scene: Scene, chance: random.Random) -> Found:
    """A copy of a member's last entry as another one, with all that belongs to it, between two that are there."""
    row = chance.choice([one for one in scene.main if one["originator_version"] == 8])
    places = [one["notification_id"] for one in scene.rows if one["notification_id"] > row["notification_id"]]
    position = chance.choice(places or [scene.rows[-1]["notification_id"] + 1])
    moved = [
        one | {"notification_id": one["notification_id"] + (1 if one["notification_id"] >= position else 0)}
        for one in scene.rows
    ]
    entry = json.loads(row["state"]) | {"version": 9}
    more = later_instant(
        row | {"originator_version": 9, "notification_id": position, "state": json.dumps(entry).encode()},
        timedelta(seconds=1),
    )
    scene.put(chained([*moved, more]))
    return names(position)


def two_swapped(scene: Scene, chance: random.Random) -> Found:
    """Two entries in each other's place in the log; each stream's own order stays as it was."""
    first = chance.randrange(len(scene.rows) - 1)
    one, other = scene.rows[first], scene.rows[first + 1]
    if one["originator_id"] == other["originator_id"]:
        return two_swapped(scene, chance)
    places = {id(one): other["notification_id"], id(other): one["notification_id"]}
    scene.put(chained([row | {"notification_id": places.get(id(row), row["notification_id"])} for row in scene.rows]))
    return names(one["notification_id"], other["notification_id"])


def dated_back(scene: Scene, chance: random.Random) -> Found:
    row = chance.choice(scene.rows)
    step = -timedelta(microseconds=chance.randrange(1, 1000))
    scene.put(chained([later_instant(one, step) if one is row else one for one in scene.rows]))
    return names(row["notification_id"])


def the_end_cut_off(scene: Scene, chance: random.Random) -> Found:
    """An older state of everything: the log, what stands beside it, and its trees."""
    left = chance.randrange(20, len(scene.rows) - 12)
    scene.put_with_heads(scene.rows[:left])
    last = [row for row in scene.main if row["notification_id"] <= scene.rows[left - 1]["notification_id"]][-1]
    return names(last["notification_id"])


def written_again(scene: Scene, chance: random.Random) -> Found:
    """Another history from some entry on, and everything made to fit: only what was kept elsewhere can tell."""
    index = chance.randrange(3, len(scene.main) - 12)
    row = scene.main[index]
    changed = [
        later_instant(one, timedelta(microseconds=1)) if one["notification_id"] >= row["notification_id"] else one
        for one in scene.rows
    ]
    scene.put_with_heads(chained(changed))
    # The first entry after the last checkpoint that is still true.
    return names(scene.main[index // EVERY * EVERY]["notification_id"])


DATABASE = {
    a_byte: 18, a_number: 14, a_row_less: 14, a_row_more: 12, two_swapped: 14, dated_back: 12, the_end_cut_off: 8,
    written_again: 8,
}  # fmt: skip


@pytest.fixture
def scene(log: str, intruder: psycopg.Connection) -> Scene:
    size = 12 * 8 + 3
    return Scene(log, intruder, keep(log, "main", [*range(EVERY, size, EVERY), size], MEMBER))


def test_100_of_100_changes_of_the_database_are_found_where_they_are(scene: Scene) -> None:
    chance = random.Random(11)
    checkpoints = list(scene.has.checkpoints.values())
    assert scene.judged(checkpoints) == []
    missed = []
    for change, times in DATABASE.items():
        for number in range(times):
            right = change(scene, chance)
            found = scene.judged(checkpoints)
            if not right(found):
                missed.append((change.__name__, number, found))
            scene.restore()
    assert missed == []
    assert sum(DATABASE.values()) == 100
    assert scene.judged(checkpoints) == []


def test_every_forged_checkpoint_is_found(scene: Scene) -> None:
    chance = random.Random(12)
    for size, note in scene.has.checkpoints.items():
        at = chance.randrange(len(note))
        changed = note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1 :]
        (read,) = read_notes(note)
        true = read_checkpoint(read.text)
        for text in (
            changed,
            forged(scene.has.keys[0], read.text),
            note.replace(f"\n{size}\n", f"\n{size + 1}\n", 1),
            forged(scene.has.keys[0], Checkpoint(true.origin, size, bytes(32)).text),
        ):
            ((position, detail),) = scene.judged([text])
            assert position == 0
            assert "checkpoint" in detail or "base64" in detail or "note" in detail or "signature" in detail


# --- what is done to a bundle ------------------------------------------------------------------------


def some_row(chance: random.Random, document: Any) -> tuple[list[Any], int]:
    rows = chance.choice(document["streams"])["rows"]
    return rows, chance.randrange(len(rows))


def a_letter(chance: random.Random, raw: bytes) -> tuple[bytes, set[int]]:
    at = chance.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :], set()


def told_otherwise(chance: random.Random, raw: bytes) -> tuple[bytes, set[int]]:
    document = json.loads(raw)
    rows, at = some_row(chance, document)
    name = chance.choice(["state", "position", "version", "recorded_at", "topic", "index", "proof"])
    row, value = rows[at], rows[at][name]
    if name == "state":
        row[name] = value.replace(chance.choice([one for one in "0123456789" if one in value]), "07", 1)
    elif name == "recorded_at":
        row[name] = value[:3] + str((int(value[3]) + 1) % 10) + value[4:]
    elif name == "proof":
        step = chance.randrange(len(value))
        row[name] = [*value[:step], bytes(32).hex(), *value[step + 1 :]]
    else:
        row[name] = value + "x" if name == "topic" else value + 1
    return written(document), {row["position"]}


def one_less(chance: random.Random, raw: bytes) -> tuple[bytes, set[int]]:
    document = json.loads(raw)
    rows, at = some_row(chance, document)
    del rows[at]
    # What follows has to do without it; after the last, only the statement misses it.
    return written(document), {row["position"] for row in rows[at : at + 1]}


def one_twice(chance: random.Random, raw: bytes) -> tuple[bytes, set[int]]:
    document = json.loads(raw)
    rows, at = some_row(chance, document)
    rows.insert(at, rows[at])
    return written(document), {rows[at]["position"]}


def two_in_each_others_place(chance: random.Random, raw: bytes) -> tuple[bytes, set[int]]:
    document = json.loads(raw)
    rows, at = some_row(chance, document)
    other = (at + 1) % len(rows)
    rows[at], rows[other] = rows[other], rows[at]
    return written(document), {rows[at]["position"], rows[other]["position"]}


def the_last_left_out(chance: random.Random, raw: bytes) -> tuple[bytes, set[int]]:
    document = json.loads(raw)
    rows, _ = some_row(chance, document)
    del rows[-chance.randrange(1, len(rows)) :]
    return written(document), set()


def signed_by_another(chance: random.Random, raw: bytes, has: Kept) -> tuple[bytes, set[int]]:
    """The checkpoint, the statement or both under the log's name, by somebody who brings their own key along."""
    document = json.loads(raw)
    for name in chance.choice([["checkpoint"], ["statement"], ["checkpoint", "statement"]]):
        (note,) = read_notes(document[name])
        document[name] = forged(has.keys[0], note.text)
    return written(document), set()


def of_an_older_log(chance: random.Random, raw: bytes, has: Kept) -> tuple[bytes, set[int]]:
    """A true checkpoint, but not the one of this statement and these proofs."""
    document = json.loads(raw)
    size = chance.choice([size for size in has.checkpoints if size < 90])
    document["checkpoint"] = has.checkpoints[size]
    return written(document), set()


def a_signature_otherwise(chance: random.Random, raw: bytes) -> tuple[bytes, set[int]]:
    document = json.loads(raw)
    name = chance.choice(["checkpoint", "statement"])
    head, _, encoded = document[name].rpartition(" ")
    signature = bytearray(b64decode(encoded))
    signature[chance.randrange(4, len(signature))] ^= 1 << chance.randrange(8)
    document[name] = f"{head} {b64encode(bytes(signature)).decode()}\n"
    return written(document), set()


def written(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


BUNDLE = {
    a_letter: 24, told_otherwise: 24, one_less: 10, one_twice: 8, two_in_each_others_place: 10, the_last_left_out: 8,
    a_signature_otherwise: 6,
}  # fmt: skip
WITH_KEPT = {signed_by_another: 6, of_an_older_log: 4}


def changes(has: Kept) -> Iterator[tuple[str, bytes, set[int]]]:
    chance = random.Random(13)
    for change, times in BUNDLE.items():
        for _ in range(times):
            yield change.__name__, *change(chance, has.bundle)
    for with_kept, times in WITH_KEPT.items():
        for _ in range(times):
            yield with_kept.__name__, *with_kept(chance, has.bundle, has)


def test_100_of_100_changes_of_a_bundle_are_found_by_both_who_check(scene: Scene) -> None:
    has, stand_alone, missed = scene.has, script(), []
    keys = [str(key) for key in has.keys]
    assert check(has.bundle, has.keys, signed_by).sound
    assert stand_alone.check(has.bundle, keys)[0] == []
    made = list(changes(has))
    for name, raw, positions in made:
        assert raw != has.bundle
        for wrong in (
            [(one.position, one.detail) for one in check(raw, has.keys, signed_by).wrong],
            stand_alone.check(raw, keys)[0],
        ):
            right = not positions or positions & {position for position, _ in wrong}
            missed += [] if wrong and right else [(name, positions, wrong)]
    assert missed == []
    assert len(made) == 100
