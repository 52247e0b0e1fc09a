"""Processes that die at a named point: what a server does, in processes that start in a moment.

They are forked from a process in which everything is imported, so that hundreds of them can live and die.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from api.http.app import create_app
from api.wiring import Wired, wired
from application import follow, replay, sweep
from infrastructure import logging, positions
from infrastructure.migrate import migrate
from infrastructure.positions import PostgresPositions
from infrastructure.settings import Settings
from tests.application.engine import MASTER_KEY
from tests.torture.points import Death, arm, mortal

PATIENCE = 60
LEADER = "guerdon leading process"
NEVER = ("", 0)
"""The point at which those do not die who are only needed."""


def settings(dsn: str, port: int = 0) -> Settings:
    return Settings(
        database_url=dsn, data_dir=Path(), host="127.0.0.1", port=port, master_key=MASTER_KEY, log_level="CRITICAL",
        workers=1, drain_seconds=20,
    )  # fmt: skip


def start(role: Callable[..., None], dsn: str, *more: object, point: tuple[str, int] = NEVER) -> BaseProcess:
    """A process that plays the role until it dies at the point."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_live, args=(role, dsn, point, more), daemon=True)
    process.start()
    return process


def ended(process: BaseProcess) -> int | None:
    """Wait for the end of a process; how it ended: the signal that killed it, negative, or its status."""
    process.join(PATIENCE)
    return process.exitcode


def end(process: BaseProcess) -> None:
    """End one that is alive."""
    process.kill()
    process.join()


def died_there(process: BaseProcess) -> bool:
    return ended(process) == -signal.SIGKILL


def _live(role: Callable[..., None], dsn: str, point: tuple[str, int], more: tuple[object, ...]) -> None:
    logging.configure("CRITICAL")
    death = Death(*point)
    arm(death)
    role(dsn, death, *more)


# --- the roles -----------------------------------------------------------------------------------


def serve(dsn: str, death: Death, port: int) -> None:
    """One worker of a server, on a port of its own."""

    async def served() -> None:
        app = mortal(create_app(settings(dsn, port)), death)
        server = Server(
            app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, websockets=False,
            log_level=LogLevels.critical,
        )  # fmt: skip
        await server.serve()

    asyncio.run(served())


def tables(dsn: str, _death: Death, batch: int) -> None:
    """A follower that keeps the tables for analysts, in such batches, takes over at once, and says who it is."""
    lead = PostgresPositions._lead

    async def named(self: PostgresPositions, connection: psycopg.AsyncConnection[Any], follower: str) -> bool:
        if not await lead(self, connection, follower):
            return False
        await connection.execute(f"SET application_name = '{LEADER} {os.getpid()}'")
        return True

    PostgresPositions._lead = named  # type: ignore[method-assign]
    follow.PATIENCE = 0.02
    positions.PATIENCE = 0.02  # type: ignore[attr-defined]

    async def work(parts: Wired) -> None:
        projector = follow.Projector(parts.boards, parts.tables)
        await follow.Runner(projector, parts.store, parts.positions, batch).run()

    _within(dsn, work)


def sweeper(dsn: str, _death: Death, program: str) -> None:
    """One sweep of a program."""

    async def work(parts: Wired) -> None:
        await sweep.settle_due(parts.handler, program, await parts.clock.now(program))

    _within(dsn, work)


def rebuilder(dsn: str, _death: Death) -> None:
    """One rebuild of the tables for analysts."""

    async def work(parts: Wired) -> None:
        await replay.replay(parts.boards, store=parts.store, positions=parts.positions, tables=parts.tables)

    _within(dsn, work)


def migrator(dsn: str, _death: Death) -> None:
    migrate(dsn)


def _within(dsn: str, work: Callable[[Wired], Awaitable[None]]) -> None:
    async def done() -> None:
        async with wired(settings(dsn)) as parts:
            await work(parts)

    asyncio.run(done())
