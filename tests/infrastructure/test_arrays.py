"""Arrays written whole are the arrays that PostgreSQL reads."""

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from infrastructure.arrays import BigInts, Blobs, Ints, Texts, Times, Uuids, register

LONG_AGO, NOW = datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC), datetime(2026, 11, 26, 17, 3, 4, 567_891, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        (Ints, "int", [0, -1, 2**31 - 1, -(2**31)]),
        (BigInts, "bigint", [0, -1, 2**63 - 1, -(2**63)]),
        (Texts, "text", ["", "a", "Zürich", "\x1f", "{}", "NULL", "🎁"]),
        (Blobs, "bytea", [b"", b"\x00\xff", b"x" * 70_000]),
        (Uuids, "uuid", [UUID(int=0), UUID(int=2**128 - 1)]),
        (Times, "timestamptz", [LONG_AGO, NOW]),
        (Times, "timestamptz", [None, NOW, None]),
    ],
)
def test_what_is_written_is_read(database_url: str, kind: type, name: str, values: list[object]) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        register(connection)
        named = connection.execute(f"SELECT pg_typeof(NULL::{name})::text").fetchone()
        assert named is not None
        for some in (values, values[:1], []):
            # What kind of array it is, PostgreSQL is told with it.
            found = connection.execute(
                f"SELECT %b, pg_typeof(%b)::text, array(SELECT unnest(%b::{name}[]))", [kind(some)] * 3
            ).fetchone()
            assert found == (some, f"{named[0]}[]", some)


@pytest.mark.parametrize(("kind", "value"), [(Texts, "half of a pair: \ud800"), (Ints, 2**31), (BigInts, 2**63)])
def test_what_cannot_be_stored_is_not_written(kind: type, value: object) -> None:
    with pytest.raises(Exception, match=r"surrogates|int too large|format requires|argument out of range"):
        kind([value])
