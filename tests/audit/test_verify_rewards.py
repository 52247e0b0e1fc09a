"""A reward's stream is decided again: what nobody asked for is found, and a condition that means something else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from application import rewards
from application.audit import verify
from application.reward_terms import Price, RewardBody, RewardChange
from application.rewards import reward_stream
from domain.log import decode, encode, row_digest, row_seal
from infrastructure.database import connect
from infrastructure.row_reader import open_reader, readers
from tests.application.engine import PROGRAM, opened, run


@pytest.fixture
def catalogue(database_url: str) -> str:
    """A log with one reward, put in and changed: three entries of program and reward besides."""

    async def story() -> None:
        async with opened(database_url) as engine:
            body = RewardBody(
                id="mug", kind="product", price=Price(currency="points", points=10),
                when="member.balances.points.lifetime >= 50",
            )  # fmt: skip
            await rewards.create(engine.handler, PROGRAM, body, actor="test")
            change = RewardChange(price=Price(currency="points", points=20))
            await rewards.change(engine.handler, PROGRAM, "mug", change, etag="1", actor="test")

    run(story)
    return database_url


def judged(dsn: str) -> dict[str, Any]:
    with ThreadPoolExecutor(1) as here:
        return verify(readers(dsn), executor=here)


def forge(dsn: str, version: int, change: Any) -> None:
    """Change an entry of the reward, and all that is computed from it."""
    stream = reward_stream(PROGRAM, "mug")
    with open_reader(dsn) as reader:
        rows = list(reader.stream(stream))
    with connect(dsn) as connection:
        digest = bytes(32)
        for row in rows:
            state = encode(change(decode(row.state))) if row.version == version else row.state
            digest = row_digest(
                digest, program=row.program, kind=row.kind, stream=row.stream, version=row.version,
                recorded_at=row.recorded_at, topic=row.topic, state=state,
            )  # fmt: skip
            connection.execute(
                "UPDATE stored_events SET state = %s, digest = %s, seal = %s"
                " WHERE originator_id = %s AND originator_version = %s",
                (state, digest, row_seal(digest, row.position), stream, row.version),
            )
        connection.execute("UPDATE state_rows SET digest = %s WHERE stream = %s", (digest, stream))


def test_a_catalogue_is_sound(catalogue: str) -> None:
    found = judged(catalogue)
    assert (found["equal"], found["different"], found["not_redecidable"]) == (4, 0, 0)


def _terms(entry: Any, **changed: Any) -> Any:
    return msgspec.structs.replace(entry.input.terms, **changed)


def _events_only(entry: Any) -> Any:
    (event,) = entry.events
    cheaper = msgspec.structs.replace(event, terms=_terms(entry, points=1))
    return msgspec.structs.replace(entry, events=(cheaper,))


def _both(entry: Any, **changed: Any) -> Any:
    terms = _terms(entry, **changed)
    asked = msgspec.structs.replace(entry.input, terms=terms)
    (event,) = entry.events
    return msgspec.structs.replace(entry, input=asked, events=(msgspec.structs.replace(event, terms=terms),))


@pytest.mark.parametrize(
    ("version", "change", "detail"),
    [
        (1, _events_only, "events differ"),
        (2, _events_only, "events differ"),
        (2, lambda entry: _both(entry, id="cup"), "there is no reward 'cup'"),
        (2, lambda entry: _both(entry, tree=["const", 1, 1, True]), "does not give the tree"),
        (2, lambda entry: _both(entry, when="", tree=["const", 1, 1, True]), "a condition that nobody wrote"),
        (2, lambda entry: _both(entry, when="1 +"), "does not check"),
        (1, lambda entry: msgspec.structs.replace(entry, input=None), "no command of a reward"),
    ],
)
def test_what_does_not_follow_is_found(catalogue: str, version: int, change: Any, detail: str) -> None:
    forge(catalogue, version, change)
    found = judged(catalogue)
    assert found["different"] == 1
    assert detail in found["first"]["detail"]
    assert found["first"]["stream"] == f"{PROGRAM}/reward/{reward_stream(PROGRAM, 'mug')}"
    assert found["not_redecidable"] == (2 - version)
