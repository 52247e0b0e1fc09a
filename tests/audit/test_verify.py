"""Whatever is changed in the stored rows is found, with its position; and what is not changed is sound."""

import random
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from application.audit import verify
from application.programs import program_stream
from domain.log import Row, decode, encode, row_digest, row_seal
from domain.member.events import PointsEarned
from domain.program.events import RulebookPublished
from infrastructure.row_reader import open_reader, readers

ENTRIES = 15 * 8 + 3 + 2


def here() -> Executor:
    return ThreadPoolExecutor(1)


def test_an_untouched_log_is_equal_throughout_in_processes_of_its_own(log: str) -> None:
    seen: list[tuple[int, int]] = []
    found = verify(readers(log), progress=lambda done, total: seen.append((done, total)))
    assert found == {
        "equal": ENTRIES, "different": 0, "not_redecidable": 0, "older_engine": 0, "first": None, "findings": []
    }  # fmt: skip
    assert seen[-1] == (ENTRIES, ENTRIES)


def test_programs_are_verified_apart(log: str) -> None:
    assert verify(readers(log), "other", executor=here())["equal"] == 3 * 8 + 2
    assert verify(readers(log), "nobody", executor=here())["equal"] == 0


def test_a_program_does_not_answer_for_another(log: str, intruder: psycopg.Connection) -> None:
    intruder.execute("UPDATE stored_events SET seal = '' WHERE program = 'main' AND originator_version = 3")
    assert verify(readers(log), "other", executor=here())["first"] is None
    assert verify(readers(log), "main", executor=here())["different"] == 13


def test_a_wrong_outcome_is_found_although_the_chain_was_made_again_after_it(
    log: str, intruder: psycopg.Connection
) -> None:
    with open_reader(log) as reader:
        rows = list(reader.stream(UUID(int=2**100 * 3 + 7)))
    entry = decode(rows[1].state)
    assert entry.after is not None
    generous = tuple(
        msgspec.structs.replace(event, points=event.points + 1000) if isinstance(event, PointsEarned) else event
        for event in entry.events
    )
    held = entry.after.balances["points"]
    richer = msgspec.structs.replace(held, available=held.available + 1000, lifetime=held.lifetime + 1000)
    after = msgspec.structs.replace(entry.after, balances={"points": richer})
    forged = msgspec.structs.replace(entry, events=generous, after=after)
    rows[1] = msgspec.structs.replace(rows[1], state=encode(forged))
    _chain_again(intruder, rows)

    found = verify(readers(log), executor=here())

    assert found["first"]["position"] == rows[1].position
    assert found["first"]["detail"] == "events differ"
    assert "digest" not in str(found["findings"])


def test_what_follows_a_touched_entry_in_its_stream_cannot_be_decided_again(
    log: str, intruder: psycopg.Connection
) -> None:
    intruder.execute(
        "UPDATE stored_events SET state = 'gone' WHERE originator_id = %s AND originator_version = 3",
        [UUID(int=2**100 * 5 + 7)],
    )
    found = verify(readers(log), executor=here())
    assert (found["equal"], found["different"], found["not_redecidable"]) == (ENTRIES - 6, 1, 5)
    assert found["first"]["detail"].startswith("it cannot be read: ")


def test_without_a_programs_rulebooks_its_members_cannot_be_decided_again(
    log: str, intruder: psycopg.Connection
) -> None:
    intruder.execute(
        "UPDATE stored_events SET state = 'gone' WHERE originator_id = %s AND originator_version = 2",
        [program_stream("other")],
    )
    found = verify(readers(log), executor=here())
    assert (found["different"], found["not_redecidable"]) == (1, 3 * 8)
    assert found["first"]["stream"] == f"other/program/{program_stream('other')}"


def test_an_entry_of_an_older_engine_is_counted_apart_and_still_folded(log: str, intruder: psycopg.Connection) -> None:
    stream = UUID(int=2**100 * 3 + 7)
    with open_reader(log) as reader:
        rows = list(reader.stream(stream))
    entries = [decode(row.state) for row in rows]
    old = [msgspec.structs.replace(entry, pins=msgspec.structs.replace(entry.pins, engine=0)) for entry in entries[:2]]
    forged = [msgspec.structs.replace(row, state=encode(entry)) for row, entry in zip(rows, old, strict=False)]
    _chain_again(intruder, [*forged, *rows[2:]])
    found = verify(readers(log), executor=here())
    assert (found["older_engine"], found["different"], found["equal"]) == (2, 0, ENTRIES - 2)


@pytest.mark.parametrize(
    "change",
    [
        "recorded_at = 'infinity'",
        "recorded_at = '-infinity'",
        "recorded_at = '200000-01-01'",
        "recorded_at = '0044-03-15 BC'",
        "topic = NULL",
        "state = NULL",
        "digest = ''",
        "originator_version = -3",
        "notification_id = -3",
        "notification_id = 9223372036854775807",
    ],
)
def test_values_that_only_postgresql_can_hold_are_findings_too(
    log: str, intruder: psycopg.Connection, change: str
) -> None:
    intruder.execute(
        f"UPDATE stored_events SET {change} WHERE originator_id = %s AND originator_version = 3",
        [UUID(int=2**100 * 5 + 7)],
    )
    found = verify(readers(log), executor=here())
    assert found["first"]["stream"] == f"main/member/{UUID(int=2**100 * 5 + 7)}"


def test_a_withdrawn_last_entry_is_found_by_the_state_row(log: str, intruder: psycopg.Connection) -> None:
    found = intruder.execute(
        "DELETE FROM stored_events WHERE originator_id = %s AND originator_version = 8 RETURNING notification_id",
        [UUID(int=2**100 * 5 + 7)],
    ).fetchone()
    assert found is not None
    first = verify(readers(log), executor=here())["first"]
    assert first["detail"] == "the state row has another version, position, recorded_at, digest"


def test_a_stream_that_is_gone_is_found_by_what_is_kept_beside_it(log: str, intruder: psycopg.Connection) -> None:
    intruder.execute("DELETE FROM stored_events WHERE originator_id = %s", [UUID(int=2**100 * 5 + 7)])
    found = verify(readers(log), executor=here())
    assert found["first"] is not None
    assert {finding["stream"] for finding in found["findings"]} == {f"main/member/{UUID(int=2**100 * 5 + 7)}"}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE claims SET hash = 'x' WHERE key = 'main-4'",
        "UPDATE claims SET stream = gen_random_uuid() WHERE key = 'main-4'",
        "UPDATE claims SET key = 'main-44' WHERE key = 'main-4'",
        "DELETE FROM claims WHERE key = 'main-4'",
        "INSERT INTO claims VALUES ('main', 'member', 'eve', gen_random_uuid(), 1, 1, '')",
        "UPDATE state_rows SET version = 7 WHERE stream = %(stream)s",
        "UPDATE state_rows SET program = 'other' WHERE stream = %(stream)s",
        "UPDATE state_rows SET hot = '' WHERE stream = %(stream)s",
        "UPDATE state_rows SET digest = '' WHERE stream = %(stream)s",
        "DELETE FROM state_rows WHERE stream = %(stream)s",
        "INSERT INTO takes VALUES ('main', 'stock', 'mug', 1, 10)",
    ],
)
def test_what_is_kept_beside_the_log_is_held_against_it(log: str, intruder: psycopg.Connection, change: str) -> None:
    intruder.execute(change, {"stream": UUID(int=2**100 * 4 + 7)})
    assert verify(readers(log), executor=here())["first"] is not None


def test_a_rulebook_is_held_against_its_digest_and_its_trees(log: str, intruder: psycopg.Connection) -> None:
    with open_reader(log) as reader:
        rows = list(reader.stream(program_stream("main")))
    entry = decode(rows[2].state)
    (event,) = entry.events
    assert isinstance(event, RulebookPublished)
    document = msgspec.json.decode(msgspec.json.encode(event.document))
    document["rules"][0]["award"]["per"]["points"] = 9
    for changed, detail in (
        (msgspec.structs.replace(event, document=document), "rulebook 2 is not the document of its digest"),
        (msgspec.structs.replace(event, trees={}), "rulebook 2 does not give the trees that were stored with it"),
    ):
        forged = msgspec.structs.replace(rows[2], state=encode(msgspec.structs.replace(entry, events=(changed,))))
        _chain_again(intruder, [*rows[:2], forged])
        assert verify(readers(log), executor=here())["first"]["detail"] == detail


COLUMNS = [
    "originator_id", "originator_version", "topic", "state", "notification_id", "program", "kind", "recorded_at",
    "digest", "seal",
]  # fmt: skip


def test_200_of_200_changed_bytes_in_any_column_are_found_with_their_position(
    log: str, intruder: psycopg.Connection
) -> None:
    chance = random.Random(200)
    connect = readers(log)
    original = _stored(intruder)
    missed, touched = [], set()
    for number in range(200):
        row = chance.choice(original)
        column = COLUMNS[number % len(COLUMNS)]
        changed = row | {column: _flipped(chance, column, row[column])}
        _replace(intruder, row, changed)
        found = verify(connect, executor=here())
        if changed["notification_id"] not in [finding["position"] for finding in found["findings"]]:
            missed.append((column, row["notification_id"], changed[column], found))
        if found["first"]["position"] != changed["notification_id"]:
            touched.add(column)
        _replace(intruder, changed, row)
    assert missed == []
    # Where a row now stands in another place, the place it left may come first.
    assert touched <= {"originator_id", "originator_version", "notification_id"}
    assert verify(connect, executor=here())["first"] is None


def test_100_changes_at_once_are_found_by_a_fresh_process(log: str, intruder: psycopg.Connection) -> None:
    chance = random.Random(100)
    rows = chance.sample(_stored(intruder), 100)
    places = []
    for number, row in enumerate(rows):
        column = [one for one in COLUMNS if one not in ("originator_id", "originator_version")][number % 8]
        changed = row | {column: _flipped(chance, column, row[column])}
        _replace(intruder, row, changed)
        places.append(changed["notification_id"])
    found = verify(readers(log))
    assert set(places) <= {finding["position"] for finding in found["findings"]}


def _stored(intruder: psycopg.Connection) -> list[dict[str, Any]]:
    names = SQL(", ").join(Identifier(name) for name in COLUMNS)
    rows = intruder.execute(SQL("SELECT {} FROM stored_events ORDER BY notification_id").format(names)).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _replace(intruder: psycopg.Connection, old: dict[str, Any], new: dict[str, Any]) -> None:
    sets = SQL(", ").join(SQL("{} = {}").format(Identifier(name), new[name]) for name in COLUMNS)
    done = intruder.execute(
        SQL("UPDATE stored_events SET {} WHERE originator_id = {} AND originator_version = {}").format(
            sets, old["originator_id"], old["originator_version"]
        )
    )
    assert done.rowcount == 1


def _flipped(chance: random.Random, column: str, value: Any) -> Any:
    """The value with one bit changed: not to what another row has, for unique indexes refuse that."""
    if isinstance(value, UUID):
        return UUID(int=value.int ^ 1 << chance.randrange(96))
    if isinstance(value, int):
        return value ^ 1 << chance.randrange(8, 63)
    if isinstance(value, str):
        at = chance.randrange(len(value))
        return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    if isinstance(value, bytes):
        at = chance.randrange(len(value))
        return value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
    return value + timedelta(microseconds=2 ** chance.randrange(40))


def _chain_again(intruder: psycopg.Connection, rows: list[Row]) -> None:
    """What somebody does who knows how the chain is made."""
    previous = bytes(32)
    for row in rows:
        previous = row_digest(
            previous, program=row.program, kind=row.kind, stream=row.stream, version=row.version,
            recorded_at=row.recorded_at, topic=row.topic, state=row.state,
        )  # fmt: skip
        intruder.execute(
            "UPDATE stored_events SET state = %s, digest = %s, seal = %s"
            " WHERE originator_id = %s AND originator_version = %s",
            [row.state, previous, row_seal(previous, row.position), row.stream, row.version],
        )
    intruder.execute("UPDATE state_rows SET digest = %s WHERE stream = %s", [previous, rows[-1].stream])
