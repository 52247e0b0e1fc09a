"""What points cost until they are redeemed, and how much of that was earned meanwhile: IFRS 15 in whole numbers.

A sale that brings points is two promises. `allocate` splits its price by their stand-alone prices; what falls to the
points is deferred. It becomes revenue as points are redeemed, in proportion to those that ever will be (`recognised`):
what is never redeemed, the breakage, comes in step with the rest. `expected` says how many that is, by an estimate
that can change, and never more than can still happen: points that expired or were taken back will not be redeemed.
`ladder` reads the estimate out of history.
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from domain.numbers import Exact


def allocate(price_minor: int, goods_minor: int, points_minor: int) -> tuple[int, int]:
    """A price of `price_minor`, split by the stand-alone prices of goods and points: parts that sum to the whole.

    >>> allocate(100_000, 100_000, 9_500)
    (91324, 8676)
    """
    whole = goods_minor + points_minor
    if whole <= 0:
        return price_minor, 0
    points = Exact(price_minor * points_minor, whole).whole("half_up")
    return price_minor - points, points


def recognised(allocated_minor: int, redeemed: int, expected: int) -> int:
    """Revenue so far, of what was deferred. `expected` is how many will ever be redeemed, not how many were issued.

    >>> recognised(8_676, 4_500, 9_500), recognised(8_676, 8_500, 9_700)
    (4110, 7603)
    """
    if expected <= 0 or redeemed >= expected:
        return allocated_minor
    return Exact(allocated_minor * max(redeemed, 0), expected).whole("half_up")


def expected(kept: int, redeemed: int, outstanding: int, share: Exact) -> int:
    """How many points will ever be redeemed: a share of those `kept` (issued and not taken back), within what can be.

    Not fewer than were redeemed, not more than that and all that is outstanding: as points expire, the rest of what was
    deferred is released.

    >>> expected(10_000, 4_500, 5_500, Exact(95, 100)), expected(10_000, 4_500, 1_000, Exact(95, 100))
    (9500, 5500)
    """
    estimate = Exact(kept * share.n, share.d).whole("half_up")
    return max(redeemed, min(estimate, redeemed + outstanding))


class Cohort(msgspec.Struct, frozen=True):
    """Points of one month of issue: how many are left after returns, and how many were redeemed by each age in months.

    `redeemed` is cumulative, from age 0 to the age that the cohort has reached.
    """

    kept: int
    redeemed: tuple[int, ...]
    outstanding: int


class Projected(msgspec.Struct, frozen=True):
    """How a cohort will end: points redeemed at last, and those that never are."""

    redeemed: int
    breakage: int


def factors(cohorts: Sequence[Cohort]) -> tuple[Fraction, ...]:
    """By how much what was redeemed grows from each age to the next, over all cohorts that have seen both.

    1 where nothing had been redeemed by then: the ladder knows of no growth from nothing.
    """
    ages = max((len(one.redeemed) for one in cohorts), default=0)
    found = []
    for age in range(ages - 1):
        pairs = [(one.redeemed[age], one.redeemed[age + 1]) for one in cohorts if len(one.redeemed) > age + 1]
        before, after = sum(first for first, _ in pairs), sum(second for _, second in pairs)
        found.append(Fraction(after, before) if before > 0 else Fraction(1))
    return tuple(found)


def ladder(cohorts: Sequence[Cohort]) -> tuple[Projected, ...]:
    """The chain ladder: each cohort grows from its age on as older ones did.

    Within what can still happen: no more than is outstanding.
    """
    growth = factors(cohorts)
    found = []
    for one in cohorts:
        so_far = one.redeemed[-1] if one.redeemed else 0
        ultimate = Fraction(so_far)
        for factor in growth[max(len(one.redeemed) - 1, 0) :]:
            ultimate *= factor
        whole = Exact(ultimate.numerator, ultimate.denominator).whole("half_up")
        whole = max(so_far, min(whole, so_far + one.outstanding))
        found.append(Projected(whole, one.kept - whole))
    return tuple(found)


def share_of(cohorts: Sequence[Cohort]) -> Fraction | None:
    """The part of all points that will be redeemed, by the ladder; None before any were issued."""
    kept = sum(one.kept for one in cohorts)
    return Fraction(sum(one.redeemed for one in ladder(cohorts)), kept) if kept > 0 else None
