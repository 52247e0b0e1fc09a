"""`guerdon export` and `guerdon erasures`: what is kept about a member, and that who was erased stays erased."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from api.cli.output import as_json

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.erasures import Applied

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


@click.group()
def erasures() -> None:
    """Keep a list of who was erased, and erase them again after a restored backup."""


@erasures.command("list")
@click.option("--program", help="Only this program; otherwise all.")
def list_erased(*, program: str | None) -> None:
    """Print the streams of erased members, one a line. They name nobody: keep them with the backups."""
    from api.cli.session import session
    from application.erasures import listed

    async def work(wired: "Wired") -> list[str]:
        return await listed(wired.erasures, program)

    for line in session(work):
        click.echo(line)


@erasures.command("apply")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")
def apply_list(*, file: Any, to_json: bool) -> None:
    """Erase the members of a list again, before a restored database is used. Safe to repeat. `-` reads from a pipe."""
    from api.cli.session import ACTOR, session
    from application.erasures import BadList, apply, read

    try:
        wanted = read(file)
    except (BadList, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file.name}: {error}") from None

    async def work(wired: "Wired") -> "Applied":
        return await apply(wired.handler, wired.erasures, wanted, actor=ACTOR)

    done = session(work)
    if to_json:
        as_json(done)
        return
    click.echo(f"{done.erased} erased again, {done.already} were, {done.unknown} are not in this database")
    if done.keys:
        click.echo(f"{done.keys} keys had outlived an erasure that the log knows, and are destroyed")
