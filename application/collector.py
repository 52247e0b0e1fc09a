"""The collector of cycles, at rest where there are none.

What a request, a line or a batch leaves behind is freed by counting references, apart from a few cycles. The collector
sets out after every few hundred objects all the same and walks everything that is in memory: with some thousands of
remembered members that takes a quarter of the time, and whoever asked meanwhile waits for it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLD = 50_000
"""New objects after which it sets out; Python's own choice is 700."""


def rest() -> None:
    """Let the collector pass over what is there by now, and set out rarely from now on: for a process that serves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD, 10, 10)


@contextmanager
def resting() -> Iterator[None]:
    """The same for a while: for work of minutes in a process that has something else to do afterwards."""
    usual = gc.get_threshold()
    if usual[0] >= THRESHOLD:
        # It rests already, and is to go on resting.
        yield
        return
    gc.freeze()
    gc.set_threshold(THRESHOLD, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def uncollected() -> Iterator[None]:
    """Without it: for a batch, which is a wave of small objects that is gone in a moment."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
