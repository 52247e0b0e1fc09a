"""Logs: JSON lines on stderr, readable lines on a terminal, and never a member's personal data.

Messages of exceptions are left out too: they quote what could not be read or written. An exception is told by its
class and the places it came through.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog

# Field names whose values are personal data or secrets. Logs travel to places that forget slowly,
# so these are dropped whatever they hold; a member is named by stream in a log.
_PRIVATE = frozenset({
    "address", "api_key", "authorization", "birthday", "cookie", "email", "external_ids", "first_name", "key",
    "last_name", "master_key", "password", "phone", "profile", "secret", "token",
})  # fmt: skip


def configure(level: str = "INFO") -> None:
    """Send structlog's and the standard library's records of `level` and above to stderr."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        drop_private,
        without_messages,
    ]
    last: list[structlog.typing.Processor] = [
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last,
    ]))  # fmt: skip
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
    if not sys.stderr.isatty():
        # What nobody caught is a line as well. On a terminal somebody is there to read all of it.
        sys.excepthook = _uncaught


def drop_private(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave out every field, at any depth, that is named like personal data or a secret."""
    return {name: _without_private(value) for name, value in event.items() if name.lower() not in _PRIVATE}


def without_messages(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tell an exception by its class and places, which quote nothing."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = "\n".join([type(error).__name__, *where(error)])
        # Libraries put the exception's text into their own, on a line of its own.
        event["event"] = str(event.get("event", "")).partition("\n")[0]
    return event


def where(error: BaseException) -> list[str]:
    """File, line and function of each frame, innermost last: what a traceback says without any value."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 3)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames[-12:]


def _uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    structlog.get_logger(__name__).critical("stopped", exc_info=error)


def _without_private(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            name: _without_private(inner)
            for name, inner in value.items()
            if not (isinstance(name, str) and name.lower() in _PRIVATE)
        }
    if isinstance(value, list):
        return [_without_private(inner) for inner in value]
    return value
