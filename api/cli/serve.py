"""`guerdon run`, `serve` and `follow`: the processes of a server."""

import asyncio
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import rich_click as click

from api.cli.output import called

if TYPE_CHECKING:
    from api.wiring import Wired
    from infrastructure.settings import Settings

_SWEEP_EVERY = 10.0
_FOLLOWER_PATIENCE = 5.0
"""Seconds that the followers have to end their batch, once the workers are gone."""
_SERVER_LOGS = {
    # Its own lines go the way of all others. It would write them as text, with the messages of exceptions.
    "loggers": {"_granian": {"handlers": [], "propagate": True}}
}
_PATIENCE = 60.0
"""Seconds in which a server that starts has to answer."""


@click.command()
def run() -> None:
    """Start everything on this machine: database, tables, a sample program, server. What `make run` calls.

    The first start prints a key and a request that awards points when it is pasted into a shell.
    """
    from api.cli.session import database, within
    from api.cli.setup import boards, prepare

    with database() as given:
        settings = _for_one_machine(given)
        _require_free(settings)
        prepare(settings.database_url or "")
        within(settings, boards)
        key = within(settings, _sample)
        _serve(settings, lambda: _greet(settings, key))


@click.command()
def serve() -> None:
    """Serve HTTP, with one process of followers beside the workers. The database must be migrated."""
    from api.cli.session import database

    with database() as settings:
        _require_free(settings)
        _serve(settings, lambda: click.echo(f"Guerdon serves {_address(settings)}"))


@click.command()
@click.option("--attached", is_flag=True, hidden=True, help="End when standard input is closed.")
def follow(*, attached: bool) -> None:
    """Run the followers alone: keep tables and proofs of the log, tell webhooks, record what waits in the inbox, write
    down what time has made true.
    """
    from api.cli.session import session

    if attached:
        # The server holds the other end: however it goes, this process goes with it.
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    session(_follow)


async def _follow(wired: "Wired") -> None:
    from application.replay import keep
    from application.trees import Gardener

    following = asyncio.gather(
        keep(wired.boards, store=wired.store, positions=wired.positions, tables=wired.tables),
        Gardener(wired.trees, wired.positions).run(),
        _sweep(wired),
        _note_for_webhooks(wired),
        _tell_webhooks(wired),
        _drain_inbox(wired),
        _wake_letters(wired),
        _carry_out_letters(wired),
        _note_for_members(wired),
        _tell_members(wired),
    )
    # Cancelled, the followers end the batch they are at; what the sweeper has begun is saved or it is not.
    if sys.platform != "win32":  # which has no such signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, following.cancel)
    with suppress(asyncio.CancelledError):
        await following


async def _note_for_webhooks(wired: "Wired") -> None:
    """Note what webhooks are to be told."""
    from application.outbox import keep_noting
    from infrastructure.clock import utc_now

    await keep_noting(wired.webhooks, wired.store, wired.positions, utc_now)


async def _tell_webhooks(wired: "Wired") -> None:
    """Tell them."""
    from random import random

    from application.deliveries import Deliveries
    from infrastructure.clock import utc_now

    await Deliveries(wired.webhooks, wired.outgoing, wired.vault, utc_now, random).run()


async def _drain_inbox(wired: "Wired") -> None:
    """Record what was taken to be recorded later."""
    from application.draining import Drain

    await Drain(wired.handler, wired.inbox).run()


async def _wake_letters(wired: "Wired") -> None:
    """Wake letters of the gateway whose member or order has come."""
    from application.gateway.arrivals import keep_waking
    from infrastructure.clock import utc_now

    await keep_waking(wired.gateway, wired.store, wired.positions, utc_now)


async def _carry_out_letters(wired: "Wired") -> None:
    """Carry them out."""
    from api.http.gateway import office
    from application.gateway.arrivals import keep_working

    await keep_working(office(wired))


async def _note_for_members(wired: "Wired") -> None:
    """Note what members are to be told."""
    from application.notices.noting import keep_noting
    from infrastructure.clock import utc_now

    await keep_noting(wired.notices, wired.store, wired.positions, utc_now)


async def _tell_members(wired: "Wired") -> None:
    """Tell them."""
    from api.http.notices import desk
    from application.notices.telling import keep_telling

    await keep_telling(desk(wired))


async def _sweep(wired: "Wired") -> None:
    """Settle what is due, program by program. Any number of processes may: what is settled is not due again."""
    import structlog

    log = structlog.get_logger(__name__)
    while True:
        # Whatever fails, the next round finds the same things due.
        try:
            async with wired.pool.connection() as connection:
                found = await (await connection.execute("SELECT id FROM programs ORDER BY id")).fetchall()
        except Exception as error:  # noqa: BLE001 - a database that is away comes back
            log.warning("sweep_postponed", error=type(error).__name__)
            found = []
        for (program,) in found:
            await _sweep_one(wired, program)
        await asyncio.sleep(_SWEEP_EVERY)


async def _sweep_one(wired: "Wired", program: str) -> None:
    import structlog

    from application.leaderboard_closing import close_due
    from application.referrals import keep_all
    from application.sweep import settle_due

    try:
        now = await wired.clock.now(program)
        await settle_due(wired.handler, program, now)
        await keep_all(wired.handler, program)
        await close_due(wired.handler, wired.scores, wired.positions, wired.boards.name, program, now)
    except Exception as error:  # noqa: BLE001 - one program must not keep time from the others
        structlog.get_logger(__name__).error("program_not_swept", program=program, error=type(error).__name__)


def _for_one_machine(settings: "Settings") -> "Settings":
    """Webhooks may lead to this machine where nobody but this machine can make them."""
    import msgspec

    from infrastructure.addresses import loopback

    own = settings.host == "localhost" or loopback(settings.host)
    return msgspec.structs.replace(settings, webhooks_to_loopback=own or settings.webhooks_to_loopback)


async def _sample(wired: "Wired") -> str | None:
    """A sample program with a rulebook and a member, if nobody has a key of it yet; the text of its first key."""
    from api.cli.session import ACTOR
    from api.cli.setup import SCOPES
    from application import samples
    from application.members import EnrolBody, enrol
    from application.rulebooks import ProgramBody, PublishBody, create_program, publish_document

    async with wired.pool.connection() as connection:
        own = await connection.execute("SELECT EXISTS (SELECT FROM api_keys WHERE program = %s)", [samples.PROGRAM])
        keyed = await own.fetchone()
        if keyed is not None and keyed[0]:
            return None
    handler, program = wired.handler, samples.PROGRAM
    # Each step may have been done by a start that was stopped in between.
    if await wired.store.timeline(program) is None:
        await create_program(
            handler, ProgramBody(id=program, money=samples.MONEY, time_zone=samples.TIME_ZONE), actor=ACTOR
        )
    if not await wired.store.timeline(program):
        await publish_document(
            handler, program, samples.COFFEE, PublishBody(), note="a coffee shop, to begin with", actor=ACTOR
        )
    if await wired.store.claim(program, "member", samples.MEMBER) is None:
        await enrol(handler, program, EnrolBody(id=samples.MEMBER), actor=ACTOR)
    _, key = await wired.api_keys.create(program, SCOPES, "first key")
    return key


def _greet(settings: "Settings", key: str | None) -> None:
    from application import samples

    address = _address(settings)
    pages = f"Documentation: {address}/docs Console: {address}/console"
    click.echo(f"\nGuerdon serves {address} (Ctrl-C stops everything). {pages}\n")
    if key is None:
        click.echo(
            "Keys are shown only once. To make another one, in another terminal:\n\n"
            f"    {called()} keys create --program {samples.PROGRAM} --scopes client,operator,admin,auditor\n"
        )
        return
    click.echo(f"Program {samples.PROGRAM!r} is open, and {samples.MEMBER} is its first member.")
    click.echo(f"Its key, shown this one time: {key}\n\nPaste this into another terminal to award points:\n")
    # The shell fills in a new id and the time, so that pasting it again is another purchase.
    click.echo(
        f"curl -sS -w '\\n' {address}/v1/activities"
        f" -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
        """ -d '{"id": "order-'$(date +%s)-$$-${RANDOM:-0}'", "source": "shop", "type": "purchase","""
        f' "member": "{samples.MEMBER}",'
        """ "occurred_at": "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'", "data": {"amount_minor": 10500}}'\n"""
    )
    click.echo(f"Then ask why, with the id that was answered:\n\n{called()} audit explain shop/order-...\n")


# --- processes -----------------------------------------------------------------------------------


def _serve(settings: "Settings", ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. `ready` is called once the server answers."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    # A worker that is forked from a process with threads inherits the locks they hold, that of an import for instance,
    # and may wait for them for ever.
    multiprocessing.set_start_method("spawn", force=True)
    # Workers and followers read their settings as every process does; they use the database that runs already.
    os.environ["GUERDON_DATABASE_URL"] = settings.database_url or ""
    os.environ["GUERDON_MASTER_KEY"] = b64encode(settings.master_key).decode()
    os.environ["GUERDON_WEBHOOKS_TO_LOOPBACK"] = str(settings.webhooks_to_loopback).lower()
    server = Granian(
        "api.http.app:from_environment",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=settings.workers,
        log_level=LogLevels.warning,
        websockets=False,
        # On SIGTERM the workers close their sockets, answer what they have taken, and write it. What a client keeps
        # from ending, by half a request for instance, is cut off then.
        workers_kill_timeout=settings.drain_seconds,
        log_dictconfig=_SERVER_LOGS,
    )
    threading.Thread(target=_when_ready, args=(settings, ready), daemon=True).start()
    with _counted_together(settings), _follower():
        server.serve()


@contextmanager
def _counted_together(settings: "Settings") -> Iterator[None]:
    """A directory in which several workers count for Prometheus, so that whichever is asked answers for all."""
    if settings.workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="guerdon-metrics-") as directory:
        # The library's own variable, which it reads when a worker imports it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        yield


@contextmanager
def _follower() -> Iterator[None]:
    """A process of followers, started again when it ends, until the block is left."""
    over = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        while not over.is_set():
            # Its own session: Ctrl-C is for the server, which then closes the pipe.
            with subprocess.Popen(
                [sys.executable, "-m", "api.cli.main", "follow", "--attached"],
                stdin=subprocess.PIPE,
                start_new_session=True,
            ) as process:
                running[:] = [process]
                process.wait()
            over.wait(1)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        for process in running:
            process.terminate()
        # Whoever takes longer ends with the pipe that this process holds.
        keeper.join(_FOLLOWER_PATIENCE)


def _when_ready(settings: "Settings", ready: Callable[[], None]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        connection = HTTPConnection(_host(settings), settings.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                ready()
                return
        except (OSError, HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()


def _require_free(settings: "Settings") -> None:
    """Raises when something else listens already: a server that cannot start should say so first."""
    if settings.port == 0:
        raise click.ClickException("PORT is 0; set it to the port to serve on")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise click.ClickException(
                f"{settings.host}:{settings.port} cannot be served ({error.strerror}):"
                " choose another port, as in PORT=8081"
            ) from None


def _address(settings: "Settings") -> str:
    return f"http://{_host(settings)}:{settings.port}"


def _host(settings: "Settings") -> str:
    """Where a client on this machine finds the server."""
    return "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104
