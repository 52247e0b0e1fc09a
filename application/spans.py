"""Spans: which steps the work has and how long they take, for whoever traces it.

Nobody does until `trace_with` is called, once at the start of a process. Like a log, the trace belongs to the process
and not to the parts that write it. Attributes are numbers and names that the code knows: no member, no id, no key.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

Attributes: TypeAlias = Mapping[str, str | int]
Tracer: TypeAlias = Callable[[str, Attributes], AbstractContextManager[None]]

_NOTHING = nullcontext()
_tracer: Tracer | None = None


def trace_with(tracer: Tracer | None) -> None:
    """From now on every span is opened by `tracer`; None ends that."""
    global _tracer  # noqa: PLW0603 - as a process has one log, it has one trace
    _tracer = tracer


def span(name: str, **attributes: str | int) -> AbstractContextManager[None]:
    """A step of the work, for as long as the block lasts. An exception that leaves it marks it as failed."""
    return _NOTHING if _tracer is None else _tracer(name, attributes)
