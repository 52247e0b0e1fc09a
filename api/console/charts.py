"""Pictures that are drawn here: paths for SVG elements, in whole units of a box of WIDTH by HEIGHT.

The box is stretched to the page's width, so nothing but lines is in it; the page writes the words around it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

WIDTH = 1_000
HEIGHT = 200

Step = tuple[datetime, int]
"""When a level changed, and by how much."""


class Stepped(msgspec.Struct, frozen=True):
    """A level through time: what was, as a line and the area below it, and what is ahead, as a line."""

    start: datetime
    end: datetime
    top: int
    bottom: int
    line: str
    area: str
    ahead: str
    now: int
    zero: int
    changes: list[tuple[datetime, int]]
    """(when, the level from then on), each change once."""


def stepped(steps: Sequence[Step], level: int, start: datetime, now: datetime, ending: Sequence[Step]) -> Stepped:
    """`level` is the one at `now`, which the steps lead to; `ending` are the changes ahead, the soonest first."""
    changes = _levels(steps, level, now)
    future = [(at, points) for at, points in ending if at > now]
    end = future[-1][0] if future else now
    span = max((end - start).total_seconds(), 1.0)
    levels = [value for _, value in changes] + [level, 0]
    top, bottom = max(*levels, 1), min(levels)

    def x(at: datetime) -> int:
        return min(WIDTH, max(0, round((at - start).total_seconds() * WIDTH / span)))

    def y(value: int) -> int:
        return (top - value) * HEIGHT // (top - bottom)

    line = _path([(x(at), y(value)) for at, value in _thinned(changes, x)], y(0), x(now))
    ahead, height, marks = f"M{x(now)} {y(level)}", level, []
    for at, points in future:
        height += points
        marks.append((at, max(height, bottom)))
    ahead += "".join(f"H{x(at)}V{y(value)}" for at, value in _thinned(marks, x))
    return Stepped(
        start=start,
        end=end,
        top=top,
        bottom=bottom,
        line=line,
        area=f"{line}V{y(0)}H0Z",
        ahead=ahead if future else "",
        now=x(now),
        zero=y(0),
        changes=changes,
    )


def bars(counts: Sequence[int]) -> str:
    """One path of bars side by side."""
    top = max(*counts, 1)
    wide = WIDTH // max(len(counts), 1)
    return "".join(
        f"M{number * wide} {HEIGHT}V{HEIGHT - count * HEIGHT // top}h{wide - 3}V{HEIGHT}Z"
        for number, count in enumerate(counts)
        if count
    )


def share(part: int, whole: int) -> int:
    """Units of the box's width."""
    return part * WIDTH // max(whole, 1)


def _levels(steps: Sequence[Step], level: int, now: datetime) -> list[tuple[datetime, int]]:
    found: list[tuple[datetime, int]] = []
    running = 0
    for at, points in steps:
        running += points
        found.append((at, running))
    if found and found[-1][1] != level:
        found.append((now, level))
    return found


def _thinned(changes: Sequence[tuple[datetime, int]], x: object) -> Sequence[tuple[datetime, int]]:
    """Of changes that fall on one unit of the picture: the extremes and the last."""
    if len(changes) <= WIDTH:
        return changes
    kept: list[tuple[datetime, int]] = []
    group: list[tuple[datetime, int]] = []
    assert callable(x)
    for one in changes:
        if group and x(one[0]) != x(group[0][0]):
            kept += _extremes(group)
            group = []
        group.append(one)
    return kept + _extremes(group)


def _extremes(group: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    by_level = sorted(range(len(group)), key=lambda number: group[number][1])
    return [group[number] for number in sorted({by_level[0], by_level[-1], len(group) - 1})]


def _path(points: Sequence[tuple[int, int]], ground: int, end: int) -> str:
    path = f"M0 {ground}"
    for x, y in points:
        path += f"H{x}V{y}"
    return path + f"H{end}"
