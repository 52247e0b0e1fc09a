"""Arrays in PostgreSQL's binary form, written whole.

psycopg makes one value at a time and looks up how for each; a batch of saves has fifty arrays of up to hundreds of
values. Each kind of array here is a type of its own, which psycopg passes on as it is.
"""

from collections.abc import Sequence
from datetime import datetime
from struct import Struct
from typing import ClassVar, Self
from uuid import UUID

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.postgres import types
from psycopg.pq import Format

from domain.calendar import MICROSECOND

_HEAD = Struct("!iiIii")
"""Dimensions, whether there are nulls, the type of the values; how many there are, the number of the first."""
_EMPTY = Struct("!iiI")
_LENGTH, _INT, _BIGINT = Struct("!i"), Struct("!ii"), Struct("!iq")
_NULL = _LENGTH.pack(-1)
_EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
"""Where PostgreSQL counts time from."""


class _Array(bytes):
    element: ClassVar[str]

    @classmethod
    def joined(cls, count: int, parts: Sequence[bytes], *, nulls: bool = False) -> bytes:
        oid = types[cls.element].oid
        return b"".join((_HEAD.pack(1, nulls, oid, count, 1), *parts)) if count else _EMPTY.pack(0, 0, oid)


class Ints(_Array):
    element = "int4"

    def __new__(cls, values: Sequence[int]) -> Self:
        return super().__new__(cls, cls.joined(len(values), [_INT.pack(4, value) for value in values]))


class BigInts(_Array):
    element = "int8"

    def __new__(cls, values: Sequence[int]) -> Self:
        return super().__new__(cls, cls.joined(len(values), [_BIGINT.pack(8, value) for value in values]))


class Texts(_Array):
    element = "text"

    def __new__(cls, values: Sequence[str]) -> Self:
        return super().__new__(cls, cls.joined(len(values), _sized([value.encode() for value in values])))


class Blobs(_Array):
    element = "bytea"

    def __new__(cls, values: Sequence[bytes]) -> Self:
        return super().__new__(cls, cls.joined(len(values), _sized(values)))


class Uuids(_Array):
    element = "uuid"

    def __new__(cls, values: Sequence[UUID]) -> Self:
        return super().__new__(cls, cls.joined(len(values), _sized([value.bytes for value in values])))


class Times(_Array):
    element = "timestamptz"

    def __new__(cls, values: Sequence[datetime | None]) -> Self:
        parts = [_NULL if value is None else _BIGINT.pack(8, (value - _EPOCH) // MICROSECOND) for value in values]
        return super().__new__(cls, cls.joined(len(values), parts, nulls=None in values))


def _sized(values: Sequence[bytes]) -> list[bytes]:
    """Each value behind its length."""
    found: list[bytes] = []
    for value in values:
        found += (_LENGTH.pack(len(value)), value)
    return found


class _Whole(Dumper):
    """Of a value that is in PostgreSQL's form already."""

    format = Format.BINARY

    def dump(self, obj: _Array) -> Buffer:
        return obj


def _dumper(kind: type[_Array]) -> type[_Whole]:
    return type(f"{kind.__name__}Dumper", (_Whole,), {"oid": types[kind.element].array_oid})


_DUMPERS = {kind: _dumper(kind) for kind in (Ints, BigInts, Texts, Blobs, Uuids, Times)}


def register(context: AdaptContext) -> None:
    """Let a connection take these."""
    for kind, dumper in _DUMPERS.items():
        context.adapters.register_dumper(kind, dumper)
