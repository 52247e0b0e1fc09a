"""`guerdon audit access`: who looked at members, and who administered."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from api.cli.output import as_json, instant

if TYPE_CHECKING:
    from api.wiring import Wired


@click.command()
@click.option("--program", default="main", show_default=True, help="The program.")
@click.option("--member", help="Reads of this member. One who was erased is named by the stream.")
@click.option("--actor", help="By this actor, such as key:key_... or cli.")
@click.option("--after", help="At this instant or later (RFC 3339).")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="At most so many.")
@click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")
def access(
    *, program: str, member: str | None, actor: str | None, after: str | None, limit: int, to_json: bool
) -> None:
    """Show who looked at members and who administered, the newest first."""
    from api.cli.session import looking, session
    from application.access_log import listing

    async def work(wired: "Wired") -> dict[str, Any]:
        await wired.programs.get(program)
        with looking(wired, program, "audit access") as looks:
            looks.many = True
            return await listing(
                wired.handler,
                wired.access,
                program,
                member=member,
                actor=actor,
                after=instant(after) if after else None,
                before=None,
                limit=limit,
            )

    found = session(work)
    if to_json:
        as_json(found)
        return
    for one in found["items"]:
        whom = one["member"] or one["stream"] or one["about"] or ("several members" if one["kind"] == "read" else "")
        click.echo(f"{one['at'].isoformat(timespec='seconds')}  {one['actor']}  {one['what']}  {whom}".rstrip())
