"""What the functions of the rule language do.

The list is closed. Everything here is a pure function of its arguments, exact, and bounded in the
size of what it returns, so that a rule gives the same answer on every machine, for ever. Where CEL
(https://cel.dev) defines a function this file follows it to the letter; `rate` is our own.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

# What an expression can hold: a scalar, an instant, a duration, or data as it was sent.
Value: TypeAlias = "bool | int | str | datetime | timedelta | list[Value] | dict[str, Value] | None"

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1
TEXT_LIMIT = 10_000
LIST_LIMIT = 10_000
# CEL computes durations in nanoseconds of 64 bits: about 292 years.
DURATION_LIMIT = timedelta(microseconds=INT_MAX // 1000)

_RATE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,12}))?", re.ASCII)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_DURATION = re.compile(r"(-?)((?:[0-9]{1,12}(?:h|ms|us|m|s))+)", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+)(h|ms|us|m|s)", re.ASCII)
_MICROSECONDS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}


class EvaluationError(Exception):
    """An expression has no value for this input: a condition does not match, an amount grants nothing."""


class TooCostly(EvaluationError):
    """The budget of steps is spent. Unlike other errors it is not absorbed: not by `&&`, not by `all`."""

    def __init__(self) -> None:
        super().__init__("cost: more steps than an expression may take")


def add(left: int, right: int) -> int:
    return _int64(left + right)


def subtract(left: int, right: int) -> int:
    return _int64(left - right)


def multiply(left: int, right: int) -> int:
    return _int64(left * right)


def divide(left: int, right: int) -> int:
    """The quotient, truncated toward zero: -7 / 2 is -3."""
    if right == 0:
        raise EvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    return _int64(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: int, right: int) -> int:
    """What `divide` leaves; it has the sign of the dividend: -7 % 2 is -1."""
    if right == 0:
        raise EvaluationError("modulus by zero")
    if right == -1:
        # As CEL: the quotient that goes with this remainder has to exist.
        _int64(-left)
        return 0
    rest = abs(left) % abs(right)
    return rest if left >= 0 else -rest


def negate(value: int) -> int:
    return _int64(-value)


def join(left: str, right: str) -> str:
    if len(left) + len(right) > TEXT_LIMIT:
        raise EvaluationError(f"a text longer than {TEXT_LIMIT} characters")
    return left + right


def chain(left: list[Value], right: list[Value]) -> list[Value]:
    if len(left) + len(right) > LIST_LIMIT:
        raise EvaluationError(f"a list longer than {LIST_LIMIT} elements")
    return left + right


def later(left: datetime | timedelta, right: datetime | timedelta) -> datetime | timedelta:
    """An instant and a duration in either order, or two durations."""
    try:
        return _bounded(operator.add(left, right))
    except OverflowError:
        raise EvaluationError("timestamp out of range") from None


def earlier(left: datetime | timedelta, right: datetime | timedelta) -> datetime | timedelta:
    """An instant before another, the duration between two instants, or the difference of two durations."""
    try:
        return _bounded(operator.sub(left, right))
    except OverflowError:
        raise EvaluationError("timestamp out of range") from None


def has_key(key: str, data: Mapping[str, Value]) -> bool:
    return data.get(key) is not None


def starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


def ends_with(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


def rate(decimal: str) -> Callable[[int], int]:
    """Exact multiplication by a decimal such as '0.05', 0 or more, rounded toward zero.

    Rounding looks at the magnitude, so a return takes back exactly what the purchase gave:
    `rate(-199, '0.05')` is -9 as `rate(199, '0.05')` is 9. Raises ValueError for any other text.
    """
    match = _RATE.fullmatch(decimal)
    if match is None:
        raise ValueError("a rate is a decimal such as '0.05', 0 or more, with at most 12 decimals")
    whole, decimals = match.group(1), match.group(2) or ""
    numerator, denominator = int(whole + decimals), 10 ** len(decimals)

    def times(amount: int) -> int:
        product = abs(amount) * numerator // denominator
        return _int64(product if amount >= 0 else -product)

    return times


def timestamp(text: str) -> datetime:
    """Raises ValueError for anything but RFC 3339 with at most microseconds."""
    if _TIMESTAMP.fullmatch(text) is None:
        raise ValueError("a timestamp is written like '2026-11-22T10:00:00Z', with at most microseconds")
    try:
        # Python reads any offset below a day; an instant in year 1 or 9999 may leave the calendar.
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such instant: {text}") from None


def duration(text: str) -> timedelta:
    """Raises ValueError for anything but whole numbers of h, m, s, ms and us, as in '1h30m'."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is written like '36h' or '1h30m', in whole h, m, s, ms or us")
    total = sum(int(number) * _MICROSECONDS[unit] for number, unit in _DURATION_PART.findall(match.group(2)))
    if total > DURATION_LIMIT // timedelta(microseconds=1):
        raise ValueError("a duration of more than 292 years")
    return timedelta(microseconds=-total if match.group(1) else total)


# Every function that takes the values of its arguments; `&&`, `||`, `?:` and folds do not, and
# stand in celtree. A name is CEL's own; where CEL uses one name for several meanings, the kind
# of the arguments follows the name.
FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "!": operator.not_,
    "==": operator.eq,
    "!=": operator.ne,
    "== list": operator.eq,
    "!= list": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, values: value in values,
    "in map": has_key,
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "neg": negate,
    "+ string": join,
    "+ list": chain,
    "+ time": later,
    "- time": earlier,
    "size": len,
    "startsWith": starts_with,
    "endsWith": ends_with,
    "contains": operator.contains,
}


def _int64(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("integer overflow")


def _bounded(value: datetime | timedelta) -> datetime | timedelta:
    if isinstance(value, timedelta) and abs(value) > DURATION_LIMIT:
        raise EvaluationError("duration out of range")
    return value
