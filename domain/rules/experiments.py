"""Which arm of an experiment a member is in.

Drawn once, at the member's first exposure, from a hash of program, experiment and member: whoever knows the three can
draw again. The draw is an event, so that weights that change later move nobody.
"""

import hashlib
from collections.abc import Mapping
from itertools import accumulate

SEPARATOR = "\x1f"


def drawn(program: str, experiment: str, member: str, arms: Mapping[str, int]) -> str:
    """An arm by its weight; arms stand side by side in the order of their names. Some weight is above 0.

    >>> drawn("main", "welcome", "ann", {"control": 1, "gift": 1})
    'control'
    """
    hashed = hashlib.sha256(SEPARATOR.join((program, experiment, member)).encode()).digest()
    names = sorted(arms)
    ends = list(accumulate(arms[name] for name in names))
    place = int.from_bytes(hashed[:8], "big") * ends[-1] >> 64
    return next(name for name, end in zip(names, ends, strict=True) if place < end)
