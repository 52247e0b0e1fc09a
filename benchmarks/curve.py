"""One curve as SVG: how much there is to the right, in powers of ten, and what it costs upwards, from zero."""

import math
from collections.abc import Sequence

from benchmarks.table import number

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 50
INSET = 40
"""How far the first and the last point are inside, so that their labels touch nothing."""

# Read on white and on black: the page that shows the picture says which.
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}"
    ".grid{stroke:#8c959f;stroke-opacity:.35}.line{fill:none;stroke:#0969da;stroke-width:2.5}.dot{fill:#0969da}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.line{stroke:#58a6ff}.dot{fill:#58a6ff}}"
)


def svg(title: str, below: str, points: Sequence[tuple[int, float]]) -> str:
    """`points` are (amount, value) in order of amount; amounts are above zero."""
    low, high = math.log10(points[0][0]), math.log10(points[-1][0])
    step = nice(max(value for _, value in points) / 4)
    top = step * math.ceil(max(value for _, value in points) / step)

    def x(amount: float) -> float:
        share = (math.log10(amount) - low) / (high - low)
        return round(LEFT + INSET + share * (WIDTH - LEFT - RIGHT - 2 * INSET), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="26">{title}</text>',
    ]
    for count in range(round(top / step) + 1):
        height = y(count * step)
        parts.append(f'<path class="grid" d="M{LEFT} {height}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{height + 4}" text-anchor="end">{number(count * step)}</text>')
    for amount, _ in points:
        parts.append(f'<text x="{x(amount)}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{number(amount)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{below}</text>')
    parts.append(f'<polyline class="line" points="{" ".join(f"{x(a)},{y(v)}" for a, v in points)}"/>')
    for amount, value in points:
        parts.append(f'<circle class="dot" cx="{x(amount)}" cy="{y(value)}" r="4"/>')
        parts.append(f'<text x="{x(amount)}" y="{y(value) - 10}" text-anchor="middle">{number(value)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def nice(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
