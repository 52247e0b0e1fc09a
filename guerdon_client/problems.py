"""What a request ends with that is not a success.

`codes.py` has one class per code, so that `except NotEnoughPoints` says what is meant. A code that is newer than this
client is a plain `Problem`, with its `code`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """Where in the request, as a JSON pointer, and what is wrong there."""

    at: str
    message: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A problem as it is sent (RFC 9457)."""

    code: str
    status: int
    title: str = ""
    detail: str = ""
    errors: Sequence[FieldError] = ()
    reasons: Sequence[str] = ()


class Problem(Exception):
    """The server refused. Nothing was written."""

    known: ClassVar[dict[str, "type[Problem]"]] = {}

    def __init_subclass__(cls, *, code: str) -> None:
        Problem.known[code] = cls

    def __init__(self, told: Told, headers: Mapping[str, str]) -> None:
        super().__init__(f"{told.code}: {told.detail or told.title}")
        self.code = told.code
        self.status = told.status
        self.title = told.title
        self.detail = told.detail
        self.errors = told.errors
        self.reasons = told.reasons
        self.request_id = headers.get("x-request-id")
        """What to name when asking whoever runs the server."""


class Unreachable(Exception):
    """No answer came, also when asked again.

    Whether a write happened is open: send it again with the same idempotency key, or with the same id.
    """


def problem(status: int, body: bytes, headers: Mapping[str, str]) -> Problem:
    """The exception for an answer; also for one that no Guerdon wrote, such as a proxy's."""
    try:
        told = msgspec.json.decode(body, type=Told)
    except msgspec.DecodeError:
        told = Told(code=f"http-{status}", status=status, detail=body[:200].decode(errors="replace"))
    return Problem.known.get(told.code, Problem)(told, headers)
