"""Whole numbers: points in the currency's smallest unit, money in minor units, rates as exact decimals."""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Literal

MAX_AMOUNT = 2**53 - 1
"""The largest amount anywhere: every JSON reader keeps integers exact up to here."""

Rounding = Literal["down", "half_up", "half_even", "up"]

# Inexact is a trap, not a flag: a product that 120 digits cannot hold must fail, never be near.
EXACT = decimal.Context(prec=120, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])


def whole(amount: Fraction | int, mode: Rounding) -> int:
    """The one rounding point of a grant. Modes round on magnitude: down is towards zero.

    >>> [whole(Fraction(-5, 2), mode) for mode in ("down", "half_up", "half_even", "up")]
    [-2, -3, -2, -3]
    """
    if isinstance(amount, int):
        return amount
    quotient, rest = divmod(abs(amount.numerator), amount.denominator)
    twice = 2 * rest
    away = {
        "down": False,
        "up": rest > 0,
        "half_up": twice >= amount.denominator,
        "half_even": twice > amount.denominator or (twice == amount.denominator and quotient % 2 == 1),
    }[mode]
    quotient += 1 if away else 0
    return quotient if amount >= 0 else -quotient


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
