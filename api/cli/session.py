"""What a command works in: settings, a database that runs, and the wired application."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.access import Looks
    from infrastructure.settings import Settings

ACTOR = "cli"
"""Who the log names for what was done on the command line."""

_T = TypeVar("_T")


@contextmanager
def database() -> Iterator["Settings"]:
    """Settings with the URL of a database that runs: the one given, or the embedded one for the block's time."""
    import msgspec

    from infrastructure import logging
    from infrastructure.database import embedded
    from infrastructure.settings import from_environment

    settings = from_environment()
    logging.configure(settings.log_level)
    if settings.database_url is not None:
        yield settings
        return
    with embedded(settings.data_dir) as dsn:
        yield msgspec.structs.replace(settings, database_url=dsn)


@contextmanager
def looking(wired: "Wired", program: str, what: str) -> Iterator["Looks"]:
    """Note which members the block reads, as it is noted of requests."""
    from application.access import CLI, Looks, watched

    with watched(Looks(program, CLI, f"guerdon {what}")) as looks:
        yield looks
    wired.access.looked(looks)


def session(work: Callable[["Wired"], Awaitable[_T]]) -> _T:
    """The answer of `work`, done with the application wired to the database."""
    from infrastructure.database import connect

    with database() as settings:
        # Asked once here, so that a database that is not there is told at once, and why.
        connect(settings.database_url or "").close()
        return within(settings, work)


def within(settings: "Settings", work: Callable[["Wired"], Awaitable[_T]]) -> _T:
    """The same, for who holds the database already."""
    from api.wiring import wired

    async def done() -> _T:
        async with wired(settings) as application:
            return await work(application)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(done())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # where it does not exist
        return None
    return uvloop.new_event_loop
