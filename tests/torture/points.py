"""Named points at which a process dies: the way of a request, of a follower, a sweep, a rebuild and a migration.

Each is a patch of what the process calls, made in a process that a test has started for that. Nothing of this exists in
what is shipped.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

import psycopg
from yoyo.backends.base import DatabaseBackend

from application import sweep
from application.follow import Projector, Runner
from application.handle import Handler
from application.recent import Recent
from infrastructure.event_store import PostgresEventStore
from infrastructure.tables import PostgresTables
from tests.torture.steps import SENT, STEPS, step_by_step


class Death:
    """Ends this process when its point is passed for the n-th time, as `kill -9` would."""

    def __init__(self, point: str, passing: int) -> None:
        self.point = point
        self._left = passing

    def passed(self, point: str) -> bool:
        """Whether this is where to die now, for who has something to do first."""
        if point != self.point:
            return False
        self._left -= 1
        return self._left == 0

    def at(self, point: str) -> None:
        if self.passed(point):
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


REQUEST = (
    "request taken",
    "body read",
    "member loaded",
    "decided",
    "queued",
    *STEPS,
    "waiter told",
    "remembered",
    "half answered",
)
"""The way of a request through a server, in this order."""
FOLLOWER = ("batch read", "position moved", "rows written", "batch committed")
SWEEP = ("member swept",)
REBUILD = ("rebuilt, not swapped",)
MIGRATION = ("migrations half applied",)


def arm(death: Death) -> None:
    """Patch this process, so that it dies at the point."""
    match death.point:
        case "member loaded":
            _after(Handler, "to_change", death)
        case "decided":
            _after(Handler, "decide", death)
        case "queued":
            _before(PostgresEventStore, "_next_batch", death)
        case "waiter told":
            _after(PostgresEventStore, "append", death)
        case "remembered":
            _after(Recent, "keep", death)
        case "batch read":
            _after(PostgresEventStore, "log", death)
        case "position moved":
            _before(Projector, "take", death)
        case "rows written":
            _after(Projector, "take", death)
        case "batch committed":
            _after(Runner, "step", death)
        case "member swept":
            _after(sweep, "_settle", death)
        case "rebuilt, not swapped":
            _before(PostgresTables, "swap", death)
        case "migrations half applied":
            _after(DatabaseBackend, "apply_one", death)
        case step if step in STEPS:
            _at_step(death)


def _at_step(death: Death) -> None:
    start = PostgresEventStore.start

    async def hook(step: str, connection: psycopg.AsyncConnection[Any]) -> None:
        if death.passed(step):
            if step == SENT:
                connection.pgconn.send_query(b"COMMIT")
                while connection.pgconn.flush():
                    pass
            die()

    async def started(self: PostgresEventStore) -> None:
        step_by_step(self, hook)
        await start(self)

    PostgresEventStore.start = started  # type: ignore[method-assign]


def _before(place: Any, name: str, death: Death) -> None:
    original = getattr(place, name)

    def dying(*args: Any, **more: Any) -> Any:
        death.at(death.point)
        return original(*args, **more)

    setattr(place, name, dying)


def _after(place: Any, name: str, death: Death) -> None:
    original = getattr(place, name)

    async def dying_later(*args: Any, **more: Any) -> Any:
        done = await original(*args, **more)
        death.at(death.point)
        return done

    def dying(*args: Any, **more: Any) -> Any:
        done = original(*args, **more)
        death.at(death.point)
        return done

    setattr(place, name, dying_later if iscoroutinefunction(original) else dying)


def mortal(app: Any, death: Death) -> Any:
    """The ASGI application, with the points of its way in and out. Only writes count."""

    async def dying(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        death.at("request taken")

        async def reading() -> Any:
            message = await receive()
            if not message.get("more_body"):
                death.at("body read")
            return message

        async def sending(message: Any) -> None:
            body = message.get("body")
            if body and death.passed("half answered"):
                await send({**message, "body": body[: len(body) // 2], "more_body": True})
                die()
            await send(message)

        await app(scope, reading, sending)

    return dying
