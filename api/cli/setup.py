"""`guerdon migrate`, `programs`, `keys`: what is done before the first request."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from api.cli.output import as_json

if TYPE_CHECKING:
    from api.wiring import Wired

SCOPES = ("client", "operator", "admin", "auditor", "analyst")
_PROGRAM = click.option("--program", default="main", show_default=True, help="The program.")
_JSON = click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")


@click.command()
@click.option("--json", "to_json", is_flag=True, help="Print what was applied as JSON.")
def migrate(*, to_json: bool) -> None:
    """Bring the database to the tables this version needs. Safe to repeat, and while servers run."""
    from api.cli.session import database, within

    with database() as settings:
        applied = prepare(settings.database_url or "")
        within(settings, boards)
    if to_json:
        as_json({"applied": applied})
    else:
        click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to apply")


def prepare(dsn: str) -> list[str]:
    """Apply what is missing; the names of it."""
    from infrastructure.migrate import migrate as apply_missing

    return apply_missing(dsn)


async def boards(wired: "Wired") -> None:
    """Make the tables for analysts where they are missing."""
    await wired.tables.ensure()


@click.group()
def programs() -> None:
    """Open programs."""


@programs.command("create")
@click.argument("program")
@click.option("--sandbox", is_flag=True, help="For trying things: its clock may be set.")
@click.option("--money", default="EUR", show_default=True, help="ISO 4217 code; never changes.")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA name; never changes.")
@_JSON
def create_program(*, program: str, sandbox: bool, money: str, time_zone: str, to_json: bool) -> None:
    """Open a program and print its first key, which has all scopes and is shown this one time."""
    from api.cli.session import ACTOR, session
    from application.rulebooks import ProgramBody
    from application.rulebooks import create_program as create

    async def work(wired: "Wired") -> dict[str, Any]:
        body = ProgramBody(id=program, sandbox=sandbox, money=money, time_zone=time_zone)
        answer = (await create(wired.handler, body, actor=ACTOR)).body
        key, text = await wired.api_keys.create(program, SCOPES, "first key")
        return answer | {"key_id": key.id, "key": text}

    answer = session(work)
    if to_json:
        as_json(answer)
    else:
        click.echo(f"program {program} is open; its first key, shown this one time: {answer['key']}")


@click.group()
def keys() -> None:
    """Make API keys."""


@keys.command("rotate-master")
@_JSON
def rotate_master(*, to_json: bool) -> None:
    """Wrap every key by GUERDON_MASTER_KEY that GUERDON_PREVIOUS_MASTER_KEY still wraps. While servers run.

    One that was broken off is simply started again. docs/operate/master-key.md has the whole way.
    """
    from api.cli.session import database
    from api.cli.tasks import progress_of
    from infrastructure.database import connect
    from infrastructure.master_key import rewrap
    from infrastructure.vault import Vault

    with (
        database() as settings,
        connect(settings.database_url or "") as connection,
        progress_of("wrapping keys") as progress,
    ):
        vault = Vault(settings.master_key, settings.previous_master_key)
        changed = rewrap(connection, vault, progress=progress)
    if to_json:
        as_json(changed)
    else:
        click.echo(", ".join(f"{count} of {table}" for table, count in changed.items() if count) or "nothing to wrap")


@keys.command("create")
@_PROGRAM
@click.option("--scopes", default="client", show_default=True, help=f"Some of {', '.join(SCOPES)}; with commas.")
@click.option("--name", default="", help="What the key is for.")
@_JSON
def create_key(*, program: str, scopes: str, name: str, to_json: bool) -> None:
    """Make a key of a program. It is shown this one time."""
    from api.cli.session import session

    wanted = [scope.strip() for scope in scopes.split(",")]
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise click.UsageError(f"no such scope: {', '.join(unknown)}; there are {', '.join(SCOPES)}")

    async def work(wired: "Wired") -> dict[str, Any]:
        await wired.programs.get(program)
        key, text = await wired.api_keys.create(program, wanted, name)
        return {"id": key.id, "program": program, "scopes": wanted, "name": name, "key": text}

    answer = session(work)
    if to_json:
        as_json(answer)
    else:
        click.echo(f"key {answer['id']} of {program} ({', '.join(wanted)}), shown this one time: {answer['key']}")
