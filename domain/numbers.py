"""Whole numbers: points in the currency's smallest unit, money in minor units, rates as exact decimals."""

import decimal
import math
from decimal import Decimal
from typing import Literal

import msgspec

MAX_AMOUNT = 2**53 - 1
"""The largest amount anywhere: every JSON reader keeps integers exact up to here."""

Rounding = Literal["down", "half_up", "half_even", "up"]

# Inexact is a trap, not a flag: a product that 120 digits cannot hold must fail, never be near.
EXACT = decimal.Context(prec=120, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])


class Exact(msgspec.Struct, frozen=True, gc=False):
    """The number n / d, d 1 or more. Not in lowest terms: rules compute a lot and compare nothing."""

    n: int
    d: int = 1

    def plus(self, other: "Exact") -> "Exact":
        if self.d == other.d:
            return Exact(self.n + other.n, self.d)
        # The least common multiple, so that a sum of a thousand parts has no thousand factors.
        common = math.lcm(self.d, other.d)
        return Exact(self.n * (common // self.d) + other.n * (common // other.d), common)

    def times(self, other: "Exact") -> "Exact":
        return Exact(self.n * other.n, self.d * other.d)

    def whole(self, mode: Rounding) -> int:
        """The one rounding point of a grant. Modes round on magnitude: down is towards zero.

        >>> [Exact(-5, 2).whole(mode) for mode in ("down", "half_up", "half_even", "up")]
        [-2, -3, -2, -3]
        """
        if self.d == 1:
            return self.n
        quotient, rest = divmod(abs(self.n), self.d)
        if rest and mode != "down":
            twice = 2 * rest
            half = mode == "half_up" or (mode == "half_even" and quotient % 2 == 1)
            if mode == "up" or twice > self.d or (twice == self.d and half):
                quotient += 1
        return quotient if self.n >= 0 else -quotient


def exact(decimal: str) -> Exact:
    """A decimal in a string, such as a rate.

    >>> exact("1.50")
    Exact(n=150, d=100)
    """
    digits, _, decimals = decimal.partition(".")
    return Exact(int(digits + decimals), 10 ** len(decimals))


def times(left: Decimal, right: Decimal) -> Decimal:
    """The exact product."""
    return EXACT.multiply(left, right)


def round_to(amount: Decimal, mode: Rounding, multiple: int) -> int:
    """`amount` rounded to a whole multiple of `multiple` (1 or more).

    >>> round_to(Decimal("95.2"), "up", 100)
    100
    """
    quotient, rest = EXACT.divmod(amount, Decimal(multiple))
    if rest == 0:
        return int(quotient) * multiple
    if mode == "down":
        return int(quotient) * multiple
    if mode == "up":
        return (int(quotient) + (1 if amount > 0 else -1)) * multiple
    twice = EXACT.multiply(abs(rest), Decimal(2))
    away = twice > multiple or (twice == multiple and (mode == "half_up" or int(quotient) % 2 != 0))
    return (int(quotient) + ((1 if amount > 0 else -1) if away else 0)) * multiple


def share(total: int, part: int, base: int) -> int:
    """round_half_up(total * part / base) for 0 <= part <= base: the cumulative target of a claw-back.

    >>> [share(100, n, 99) for n in (33, 66, 99)]
    [33, 67, 100]
    """
    return (2 * total * part + base) // (2 * base)
