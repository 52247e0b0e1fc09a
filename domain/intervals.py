"""How sure a mean is: an interval that holds the true one 95 times in a hundred, in whole numbers."""

from fractions import Fraction
from math import isqrt

import msgspec

from domain.numbers import Exact

MICRO = 10**6
_Z = Fraction(196, 100)
"""How many standard errors lie to each side, where there are many members."""


class Mean(msgspec.Struct, frozen=True):
    """A mean and its interval, in millionths. `low` and `high` are None of fewer than two."""

    mean: int
    low: int | None
    high: int | None


def mean(count: int, total: int, squares: int) -> Mean | None:
    """Of `count` values with this sum and this sum of squares; None of no values.

    >>> mean(4, 20, 120)
    Mean(mean=5000000, low=2469649, high=7530351)
    """
    if count <= 0:
        return None
    middle = Exact(total * MICRO, count).whole("half_up")
    if count < 2:
        return Mean(middle, None, None)
    variance = (squares - Fraction(total * total, count)) / (count - 1)
    wide = variance / count * _Z * _Z * MICRO * MICRO
    # The root of the next whole number: rather too wide than too narrow.
    half = isqrt(max(-(-wide.numerator // wide.denominator) - 1, 0)) + 1 if wide > 0 else 0
    return Mean(middle, middle - half, middle + half)
