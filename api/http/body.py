"""Reading bodies that may be hostile: strict JSON first, then the types.

msgspec decodes quickly but leaves to us what JSON readers disagree about: duplicate keys, NUL, nesting, integers
that other readers round. Every refusal names the place as a JSON pointer; nothing here may end in a 5xx.
"""

import functools
import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from litestar import Request

from api.http.problems import AtTheDoor
from domain.numbers import MAX_AMOUNT

T = TypeVar("T")

MAX_BODY = 1024 * 1024
MAX_BATCH_BODY = 16 * 1024 * 1024
MAX_DEPTH = 64
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)

# Bodies without any of these need no walk. As one pattern they would take longer than reading the body does.
_NUMBERS = re.compile(rb"[0-9](?:[eE]|[0-9]{15})")
_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_HALF = re.compile(r"[\ud800-\udfff]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ONE_SORT = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


async def read_json(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The request's JSON body as `kind`. Raises AtTheDoor."""
    if media_type(request) not in ("", "application/json"):
        raise AtTheDoor("unsupported-media-type", "Send the body as application/json.")
    return decode(await read_bytes(request), kind)


async def read_optional_json(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """As `read_json`, but no body at all reads as an empty object."""
    raw = await read_bytes(request)
    return decode(raw, kind) if raw else decode(b"{}", kind)


async def read_bytes(request: Request[Any, Any, Any]) -> bytes:
    """The raw body; its size is bounded by the route (`request_max_body_size`)."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise AtTheDoor("unsupported-media-type", "Send the body uncompressed: no Content-Encoding is taken.")
    return await request.body()


def media_type(request: Request[Any, Any, Any]) -> str:
    """The body's media type in lower case, without parameters; empty when none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def decode(raw: bytes, kind: type[T]) -> T:
    """Strict JSON as `kind`, times with an offset and inside the calendar. Raises AtTheDoor."""
    check_json(raw)
    try:
        found: T = _decoder(cast("Any", kind)).decode(raw)
    except msgspec.ValidationError as error:
        _refuse(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(str(error)) from None
    check_times(found)
    return found


def convert(value: Any, kind: type[T]) -> T:
    """The same from JSON values that were read already."""
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        _refuse(str(error))
    check_times(found)
    return found


def check_json(raw: bytes) -> Any:
    """The JSON values, read strictly: no duplicate key, no NUL, no half of a pair, no number that others would bend."""
    try:
        value = _strict.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise _malformed("The body is not UTF-8.") from None
    except RecursionError:
        raise _malformed(f"The body is nested more than {MAX_DEPTH} levels deep.") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"The body is not JSON: {error}.") from None
    except ValueError:
        # An integer of so many digits that Python declines to read it.
        raise AtTheDoor("amount-out-of-range", "Whole numbers go from -(2^53 - 1) to 2^53 - 1.") from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _too_deep(raw):
        raise _malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if _NUMBERS.search(raw) or _ESCAPES.search(raw):
        _walk(value)
    return value


def check_times(found: object) -> None:
    """Every `datetime` field of a decoded body has an offset and lies where sums with it stay inside the calendar."""
    for name, wire in _time_fields(cast("Any", type(found))):
        instant = getattr(found, name)
        if isinstance(instant, datetime):
            check_time(f"/{wire}", instant)


def check_time(at: str, instant: datetime) -> None:
    if instant.tzinfo is None:
        raise AtTheDoor(
            "bad-time", "A time needs its offset from UTC.", errors=[(at, "such as 2026-11-22T10:00:00+01:00")]
        )
    try:
        sane = EARLIEST <= instant < LATEST
    except OverflowError:
        sane = False
    if not sane:
        raise AtTheDoor(
            "bad-time", "A time lies between the years 1900 and 9998.", errors=[(at, "out of the calendar")]
        )


# --- strict JSON -------------------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _malformed("A name stands twice in one object.", [name])
            seen.add(name)
    return found


def _no_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON number.")


_strict = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)

Path = tuple["Path", str] | None
"""Where a value stands: the place around it, and its name there."""


def _too_deep(raw: bytes) -> bool:
    """Whether valid JSON is nested too deep: each round takes the innermost brackets away."""
    brackets = _STRING.sub(b"", raw).translate(_ONE_SORT, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _walk(value: Any) -> None:
    """Look at every value once, without recursion."""
    waiting: list[tuple[Any, Path]] = [(value, None)]
    while waiting:
        here, path = waiting.pop()
        if isinstance(here, dict):
            for name, one in here.items():
                _text(name, path)
                waiting.append((one, (path, name)))
        elif isinstance(here, list):
            waiting.extend((one, (path, str(index))) for index, one in enumerate(here))
        else:
            _scalar(here, path)


def _scalar(value: Any, path: Path) -> None:
    if isinstance(value, str):
        _text(value, path)
    elif isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise _malformed("A number is too large to be read.", _steps(path))
    elif isinstance(value, int) and abs(value) > MAX_AMOUNT:
        raise AtTheDoor(
            "amount-out-of-range",
            "Whole numbers go from -(2^53 - 1) to 2^53 - 1.",
            errors=[(_pointer(_steps(path)), "out of range")],
        )


def _text(text: str, path: Path) -> None:
    if "\0" in text:
        raise _malformed("Text holds no NUL character.", _steps(path))
    if _HALF.search(text):
        raise _malformed("Text holds no half of a surrogate pair.", _steps(path))


def _steps(path: Path) -> list[str]:
    steps: list[str] = []
    while path is not None:
        path, name = path
        steps.append(name)
    return steps[::-1]


def _malformed(detail: str, path: list[str] | None = None) -> AtTheDoor:
    errors = [(_pointer(path), detail)] if path is not None else []
    return AtTheDoor("malformed-json", detail[:300], errors=errors)


# --- what msgspec says, as a problem -----------------------------------------------------------

_PLACE = re.compile(r" - at `(?:key in )?\$(.*?)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[([0-9]+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)


def _refuse(text: str) -> NoReturn:
    place = _PLACE.search(text)
    said = text[: place.start()] if place else text
    path = [name or index for name, index in _STEP.findall(place.group(1))] if place else []
    path = [step for step in path if step]
    if unknown := _UNKNOWN.fullmatch(said):
        at = _pointer([*path, unknown.group(1)])
        raise AtTheDoor("unknown-field", "The body has a field that is not known here.", errors=[(at, "not known")])
    if missing := _MISSING.fullmatch(said):
        at = _pointer([*path, missing.group(1)])
        raise AtTheDoor("invalid-payload", "A required field is missing.", errors=[(at, "required")])
    if "datetime" in said:
        raise AtTheDoor(
            "bad-time",
            "A time is written as RFC 3339 with an offset, such as 2026-11-22T10:00:00+01:00.",
            errors=[(_pointer(path), said.replace("`", ""))],
        )
    raise AtTheDoor(
        "invalid-payload", "A field does not have the right type.", errors=[(_pointer(path), said.replace("`", ""))]
    )


def _pointer(path: list[str]) -> str:
    """RFC 6901. Long and odd names are cut, so that a refusal stays small and printable."""
    steps = [step.replace("~", "~0").replace("/", "~1")[:128] for step in path]
    text = "".join(f"/{step}" for step in steps)
    return text.encode("utf-8", "replace").decode()


@functools.lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@functools.lru_cache(maxsize=256)
def _time_fields(kind: type) -> tuple[tuple[str, str], ...]:
    if not issubclass(kind, msgspec.Struct):
        return ()
    return tuple(
        (field.name, field.encode_name)
        for field in msgspec.structs.fields(kind)
        if field.type is datetime or datetime in getattr(field.type, "__args__", ())
    )
