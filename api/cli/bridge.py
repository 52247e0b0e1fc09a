"""`guerdon bridge`: activities in from a broker, events out to it."""

import asyncio
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from api.wiring import Wired


@click.command()
@click.argument("url")
@click.option(
    "--program", "programs", multiple=True, default=("main",), show_default=True, help="Which; may be repeated."
)
@click.option(
    "--name", default="broker", show_default=True, help="What its place in the log and on the broker is kept under."
)
@click.option("--prefix", default="guerdon", show_default=True, help="What names on the broker begin with.")
@click.option("--in/--no-in", "takes", default=True, show_default=True, help="Record the activities that arrive.")
@click.option("--out/--no-out", "sends", default=True, show_default=True, help="Send the events of the log.")
@click.option(
    "--from-end", is_flag=True, help="A new name begins with what happens from now on, not with the first entry."
)
def bridge(
    *, url: str, programs: tuple[str, ...], name: str, prefix: str, takes: bool, sends: bool, from_end: bool
) -> None:
    """Carry activities in from a broker, and events out to it: nats://HOST:PORT, kafka://HOST:PORT, amqp://HOST:PORT.

    Needs guerdon[brokers]. One process of a name works, others stand by. Ends on SIGTERM or Ctrl-C, with what it is at.
    """
    from api.broker.bridge import Plan, carrier, run
    from api.cli.session import session
    from infrastructure.brokers.names import safe

    plan = Plan(
        url=url, name=name, prefix=prefix, programs=programs, takes=takes, sends=sends, at_the_end=from_end
    )  # fmt: skip
    try:
        carrier(plan)
    except ImportError:
        raise click.ClickException("the packages for brokers are missing: install guerdon[brokers]") from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    async def work(wired: "Wired") -> None:
        for program in programs:
            await wired.programs.get(program)
        click.echo(f"Carrying for {', '.join(programs)} over {safe(url)} (Ctrl-C ends it)")
        carrying = asyncio.ensure_future(run(wired, plan))
        if sys.platform != "win32":  # which has no such signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, carrying.cancel)
        with suppress(asyncio.CancelledError):
            await carrying

    session(work)
