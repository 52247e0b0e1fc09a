"""Leaderboards: what an activity scores, on which board and in which period.

A leaderboard has one board (named ''), or one for each value of its expression `by`. Its periods are those of the
calendar in the program's zone, and have labels: `2026-11-25`, `2026-W48`, `2026-11`, `2026-Q4`, `2026-H2`, `2026`,
`ever`. Expressions are checked for each activity type that counts, so the tree of one is kept under its JSON pointer
and the type: `/leaderboards/season/by#purchase`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from domain.calendar import BEGINNING, FOREVER, month_start, period_end, period_start
from domain.numbers import MAX_AMOUNT
from domain.rules.expression import Context, EvaluationError, Tree
from domain.rules.rulebook import Leaderboard, Rulebook

POINTS = "points_earned"
ENROLLED = "member.enrolled"
EVER = "ever"

MAX_SCORE = 10**12
"""The largest score that an expression may give: millions of them still add up within 2^63."""
LAST_PLACE = 1_000
"""Places behind it do not count back."""

BOARD_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")

Evaluator = Callable[[Context], Any]


class Scored(msgspec.Struct, frozen=True):
    """What one activity counts on one leaderboard. `places` are what its count-back expressions gave."""

    leaderboard: str
    board: str
    period: str
    score: int
    places: tuple[int, ...] = ()


class CompiledBoard(msgspec.Struct, frozen=True):
    """A leaderboard as it looks at one activity type."""

    id: str
    declared: Leaderboard
    starts: datetime
    ends: datetime
    when: Evaluator | None
    by: Evaluator | None
    score: Evaluator | None
    currency: str | None
    limit: int
    count_back: tuple[Evaluator, ...]


def tree_key(at: str, kind: str) -> str:
    """Where the tree of an expression at a JSON pointer is kept for an activity type."""
    return f"{at}#{kind}"


def expressions(name: str, declared: Leaderboard, measures: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(pointer, source, what it gives) of each expression of a leaderboard."""
    at = f"/leaderboards/{name}"
    if declared.when is not None:
        yield f"{at}/when", declared.when, "bool"
    if declared.by is not None:
        yield f"{at}/by", declared.by, "string"
    if currency_of(declared, ()) is None and declared.score not in measures:
        yield f"{at}/score", declared.score, "int"
    for number, source in enumerate(declared.count_back):
        yield f"{at}/count_back/{number}", source, "int"


def currency_of(declared: Leaderboard, currencies: Any) -> str | None:
    """The currency whose earned points are the score; '' where it is not clear which; None: another score."""
    if declared.score == POINTS:
        return next(iter(currencies)) if len(currencies) == 1 else ""
    if declared.score.startswith(f"{POINTS}:"):
        return declared.score.removeprefix(f"{POINTS}:")
    return None


def measures_of(book: Rulebook) -> dict[str, list[str]]:
    """By declared measure the activity types that declare it."""
    found: dict[str, list[str]] = {}
    for kind, activity in book.activities.items():
        for name in activity.measures:
            found.setdefault(name, []).append(kind)
    return found


def candidates(declared: Leaderboard, book: Rulebook) -> list[str]:
    """The activity types that a leaderboard may count: named, or declaring its measure, or all that earn."""
    if declared.on is not None:
        return declared.on
    with_measure = measures_of(book).get(declared.score)
    kinds = [kind for kind, activity in book.activities.items() if activity.role != "reverses"]
    if with_measure is not None:
        return [kind for kind in kinds if kind in with_measure]
    # Enrolling earns, if rules say so; but nobody means it by an expression over payloads.
    earns = currency_of(declared, ()) is not None and ENROLLED not in kinds
    return [*kinds, ENROLLED] if earns else kinds


def compile_boards(book: Rulebook, trees: Mapping[str, Tree], evaluator: Callable[[str], Evaluator | None], kind: str
                   ) -> tuple[CompiledBoard, ...]:  # fmt: skip
    """The leaderboards that count activities of a type, by id."""
    measures, found = measures_of(book), []
    for name, declared in sorted(book.leaderboards.items()):
        wanted = [pointer for pointer, _, _ in expressions(name, declared, measures)]
        if kind not in candidates(declared, book) or any(tree_key(at, kind) not in trees for at in wanted):
            continue

        def compiled(place: str, at: str = f"/leaderboards/{name}") -> Evaluator | None:
            return evaluator(tree_key(f"{at}/{place}", kind))

        score = compiled("score")
        if declared.score in measures:
            score = evaluator(f"/activities/{kind}/measures/{declared.score}")
        back = [compiled(f"count_back/{number}") for number in range(len(declared.count_back))]
        found.append(
            CompiledBoard(
                id=name,
                declared=declared,
                starts=datetime.fromisoformat(declared.starts) if declared.starts else BEGINNING,
                ends=datetime.fromisoformat(declared.ends) if declared.ends else FOREVER,
                when=compiled("when"),
                by=compiled("by"),
                score=score,
                currency=currency_of(declared, book.currencies),
                # What a measure adds up to is bounded for each member already.
                limit=MAX_AMOUNT if declared.score in measures else MAX_SCORE,
                count_back=tuple(one for one in back if one is not None) if declared.ties == "count_back" else (),
            )
        )
    return tuple(found)


def score(
    boards: tuple[CompiledBoard, ...], at: datetime, day: int, context: Context, granted: Mapping[str, int]
) -> tuple[tuple[Scored, ...], tuple[tuple[str, str], ...]]:
    """What an activity of the instant `at` scores, and the leaderboards that failed with their errors.

    `day` is its local day in the program's zone, `granted` the points by currency that it earned. A condition that
    fails does not hold; a score that fails counts nothing; a place that fails is no place.
    """
    scored, failed = [], []
    for board in boards:
        if not board.starts <= at < board.ends:
            continue
        try:
            if board.when is not None and not board.when(context):
                continue
            on = _board(board, context)
            points = _score(board, context, granted)
        except EvaluationError as error:
            failed.append((f"leaderboard:{board.id}", str(error)))
            continue
        places = tuple(place for one in board.count_back if (place := _place(one, context)) is not None)
        # Who earned nothing took no part; who scored nothing did.
        if points or places or board.currency is None:
            scored.append(Scored(board.id, on, period_label(board.declared.period, day), points, places))
    return tuple(scored), tuple(failed)


def _board(board: CompiledBoard, context: Context) -> str:
    if board.by is None:
        return ""
    name: str = board.by(context)
    if not BOARD_NAME.fullmatch(name):
        raise EvaluationError("the board's name is not 1 to 255 printable characters")
    return name


def _score(board: CompiledBoard, context: Context, granted: Mapping[str, int]) -> int:
    if board.currency is not None:
        return granted.get(board.currency, 0)
    assert board.score is not None
    points: int = board.score(context)
    if abs(points) > board.limit:
        raise EvaluationError(f"a score of {points} is out of range")
    return points


def _place(evaluator: Evaluator, context: Context) -> int | None:
    try:
        place: int = evaluator(context)
    except EvaluationError:
        return None
    return place if 1 <= place <= LAST_PLACE else None


# --- periods -----------------------------------------------------------------------------------


def period_label(unit: str, day: int) -> str:
    """The label of the period that contains a local day.

    >>> period_label("week", date(2027, 1, 1).toordinal()), period_label("half", date(2026, 7, 1).toordinal())
    ('2026-W53', '2026-H2')
    """
    found = date.fromordinal(day)
    match unit:
        case "day":
            return found.isoformat()
        case "week":
            year, week, _ = found.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return f"{found.year:04d}-{found.month:02d}"
        case "quarter":
            return f"{found.year:04d}-Q{(found.month + 2) // 3}"
        case "half":
            return f"{found.year:04d}-H{(found.month + 5) // 6}"
        case "year":
            return f"{found.year:04d}"
        case _:
            return EVER


_LABEL = re.compile(r"(\d{4})(?:-(?:W(\d\d)|Q([1-4])|H([12])|(\d\d)(?:-(\d\d))?))?", re.ASCII)


def period_of(unit: str, text: str) -> str:
    """The label of the period of `unit` that a label or a day lies in. Raises ValueError.

    >>> period_of("month", "2026-11-25"), period_of("year", "2026-Q4"), period_of("ever", "ever")
    ('2026-11', '2026', 'ever')
    """
    if text == EVER:
        if unit != EVER:
            raise ValueError(f"a {unit} has an end: write it as {period_label(unit, date(2026, 11, 25).toordinal())}")
        return EVER
    first, end = days_of_label(text)
    if unit == EVER:
        return EVER
    if period_start(unit, first) != period_start(unit, end - 1):
        raise ValueError(f"{text} does not lie in one {unit}")
    return period_label(unit, first)


def days_of_label(text: str) -> tuple[int, int]:
    """The local days of a calendar period: the first, and the first one after it. Raises ValueError for no label."""
    found = _LABEL.fullmatch(text)
    if found is None:
        raise ValueError("a period is written as 2026-11-25, 2026-W48, 2026-11, 2026-Q4, 2026-H2, 2026 or ever")
    year, week, quarter, half, month, day = (int(part) if part else None for part in found.groups())
    assert year is not None
    if not 1 <= year <= 9998:
        raise ValueError("a year is 0001 to 9998")
    if week is not None:
        monday = date.fromisocalendar(year, week, 1).toordinal()
        return monday, monday + 7
    if quarter is not None:
        return _months(year, 3 * quarter - 3, 3)
    if half is not None:
        return _months(year, 6 * half - 6, 6)
    if month is None:
        return _months(year, 0, 12)
    if day is not None:
        start = date(year, month, day).toordinal()
        return start, period_end("day", start)
    if not 1 <= month <= 12:
        raise ValueError("a month is 01 to 12")
    return _months(year, month - 1, 1)


def _months(year: int, first: int, count: int) -> tuple[int, int]:
    return month_start(12 * year + first), month_start(12 * year + first + count)
