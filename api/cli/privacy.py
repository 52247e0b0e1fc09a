"""`guerdon export`: all that is kept about a member, for that member."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

if TYPE_CHECKING:
    from api.wiring import Wired

_PROGRAM = click.option("--program", default="main", show_default=True, help="The program.")


@click.command()
@click.argument("member")
@_PROGRAM
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file; otherwise it is printed.")
def export(*, member: str, program: str, out: Path | None) -> None:
    """Write all that is kept about a member into one JSON document, in the clear."""
    from api.cli.session import looking, session
    from application.export import export as exported
    from infrastructure.clock import utc_now

    async def work(wired: "Wired") -> dict[str, Any]:
        with looking(wired, program, "export"):
            return await exported(wired.handler, program, member, at=utc_now())

    text = msgspec.json.format(msgspec.json.encode(session(work)), indent=2)
    if out is None:
        click.echo(text)
    else:
        # Nobody else is to read it.
        out.touch(mode=0o600)
        out.write_bytes(text + b"\n")
