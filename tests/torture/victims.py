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
from uuid import UUID, uuid4

import msgspec
import psycopg
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from api.http.app import create_app
from api.wiring import Wired, wired
from application import follow, replay, sweep
from application.ports import NewRow, Save
from domain.log import TOPIC, encode
from infrastructure import logging, positions
from infrastructure.migrate import migrate
from infrastructure.positions import PostgresPositions
from infrastructure.settings import Settings
from tests.application.engine import MASTER_KEY
from tests.build import Stream, World, enrol, per, rulebook
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


RUN = 10
"""Entries in one save of a writer."""


def writer(dsn: str, _death: Death, directory: str, tasks: int) -> None:
    """Save runs of entries without end, and note each in a file of its own once it is acknowledged: stream, version."""
    stream = Stream(World(rulebook(per(100, 1))))
    stream.do(enrol(), "2026-01-01")
    (entry,) = stream.entries
    state, digest = encode(entry), bytes(32)

    def run_of(stream: UUID, first: int) -> Save:
        rows = [
            NewRow(
                entry=msgspec.structs.replace(entry, version=version, claims=()), stream=stream, program="main",
                kind="member", topic=TOPIC, state=state, digest=digest,
            )
            for version in range(first, first + RUN)
        ]  # fmt: skip
        return Save(program="main", rows=tuple(rows))

    async def work(parts: Wired, notes: int) -> None:
        while True:
            stream = uuid4()
            for first in (1, 1 + RUN):
                await parts.store.append(run_of(stream, first))
                os.write(notes, f"{stream} {first + RUN - 1}\n".encode())

    async def all_of_them(parts: Wired) -> None:
        notes = os.open(Path(directory) / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        await asyncio.gather(*(work(parts, notes) for _ in range(tasks)))

    _within(dsn, all_of_them)


def _within(dsn: str, work: Callable[[Wired], Awaitable[None]]) -> None:
    async def done() -> None:
        async with wired(settings(dsn)) as parts:
            await work(parts)

    asyncio.run(done())
