"""The one clock. Rooms behind the doors get the instant from here, handed in by the caller."""

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """The current instant, aware, in UTC.

    Counted from a real `datetime`: under freezegun `datetime.now` gives a `FakeDatetime`, which
    msgspec can neither encode nor accept, and a sum keeps the type of its left side.
    """
    return _EPOCH + (datetime.now(UTC) - _EPOCH)
