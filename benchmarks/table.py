"""Results: a file of lines, and the table of the latest of each figure."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.figures import BY_KEY, FIGURES, Figure, Line

RESULTS = Path(__file__).with_name("results.jsonl")
HEAD = ("figure", "unit", "min", "median", "max", "ratio", "goal", "floor", "")

_line = msgspec.json.Decoder(Line)


def append(lines: Sequence[Line], file: Path = RESULTS) -> None:
    with file.open("ab") as results:
        results.writelines(msgspec.json.encode(line) + b"\n" for line in lines)


def read(file: Path = RESULTS) -> list[Line]:
    """All lines, the oldest first."""
    return [_line.decode(line) for line in file.read_bytes().splitlines()] if file.exists() else []


def latest(lines: Sequence[Line]) -> list[Line]:
    """The last line of each figure, in the order of the figures."""
    found = {line.figure: line for line in lines}
    return [found[figure.key] for figure in FIGURES if figure.key in found]


def judged(line: Line, figure: Figure) -> float:
    """What goal and floor are held against."""
    if figure.judged == "value":
        return line.value
    assert line.ratio is not None, f"{line.figure} needs P16"
    return line.ratio


def cells(line: Line) -> tuple[str, ...]:
    """A row of the table, as text, below HEAD."""
    figure = BY_KEY[line.figure]
    return (
        line.figure,
        line.unit,
        number(line.min),
        number(line.value),
        number(line.max),
        number(line.ratio),
        number(figure.goal),
        number(figure.floor),
        figure.met(judged(line, figure)),
    )


def number(value: float | None) -> str:
    """Short, with commas between thousands."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1_000 or value == int(value) else f"{value:.3g}"


def printed(lines: Sequence[Line]) -> str:
    """The table for a terminal: words to the left, numbers to the right."""
    rows = [HEAD, *map(cells, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    left = {0, 1, len(HEAD) - 1}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
