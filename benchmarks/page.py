"""Write what was measured into docs/performance.md, and the curves beside it: `python -m benchmarks.page`."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.curve import svg
from benchmarks.figures import BY_KEY, FIGURES, Line
from benchmarks.table import HEAD, cells, latest, read

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"
CURVES = {
    "growth_history": ("Cost of an earn", "activities of the member before it"),
    "growth_log": ("Throughput in process", "entries in the log"),
    "memory_growth": ("Memory of the server", "activities"),
}


def main() -> None:
    lines = read()
    text = replaced(PAGE.read_text("utf-8"), "table", table(lines))
    PAGE.write_text(replaced(text, "curves", pictures(lines)), "utf-8")
    for key, drawn in drawings(lines).items():
        (DOCS / f"performance-{key}.svg").write_text(drawn, "utf-8")


def replaced(text: str, part: str, new: str) -> str:
    """The text with `new` between the markers of a part. Raises ValueError when it has no such part."""
    before, found, rest = text.partition(f"<!-- measured: {part} -->\n")
    _, closed, after = rest.partition("<!-- end -->")
    if not (found and closed):
        raise ValueError(f"there is no part {part!r}")
    return f"{before}{found}{new}{closed}{after}"


def table(lines: Sequence[Line]) -> str:
    """The latest of each figure, what was not measured, and on what it was measured."""
    newest = latest(lines)
    rows = [
        ("figure", "what", *HEAD[1:-1], "met"),
        *((row[0], BY_KEY[row[0]].what, *row[1:]) for row in map(cells, newest)),
    ]
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    rule = "|---|---|---|" + "---:|" * (len(rows[0]) - 4) + "---|"
    missing = [figure.key for figure in FIGURES if figure.key not in {line.figure for line in newest}]
    said = [head, rule, *body, ""]
    if missing:
        said += [f"Not measured yet: {', '.join(f'`{key}`' for key in missing)}.", ""]
    said += [f"- {machine}; commit {commit}" for machine, commit in _where(newest)]
    return "\n".join(said) + "\n"


def _where(lines: Sequence[Line]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((line.machine, line.commit) for line in lines))


def pictures(lines: Sequence[Line]) -> str:
    return "".join(f"![{CURVES[key][0]}](performance-{key}.svg)\n" for key in drawings(lines))


def drawings(lines: Sequence[Line]) -> dict[str, str]:
    """The curves that have at least two points, by figure."""
    found = {}
    for key, (title, below) in CURVES.items():
        points = points_of(key, lines)
        if len(points) > 1:
            unit = next(line.unit for line in reversed(lines) if line.figure.startswith(f"{key}@"))
            found[key] = svg(f"{title}, {unit}", below, points)
    return found


def points_of(key: str, lines: Sequence[Line]) -> list[tuple[int, float]]:
    """The latest points of a figure's curve: those of the commit that was measured last, by amount."""
    points = [line for line in lines if line.figure.startswith(f"{key}@")]
    newest = {line.figure: line.value for line in points if line.commit == points[-1].commit}
    return sorted((int(name.partition("@")[2]), value) for name, value in newest.items())


if __name__ == "__main__":
    main()
