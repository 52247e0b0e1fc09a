"""`guerdon audit` for whoever does not want to believe: checkpoints, keys, bundles and the certificate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

from api.cli.output import as_json
from api.cli.tasks import progress_of, shared_out, workers_of

if TYPE_CHECKING:
    from api.wiring import Wired
    from domain.notes import Checkpoint, Verifier

_PROGRAM = click.option("--program", default="main", show_default=True, help="The program.")
_JSON = click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")


@click.command()
@_PROGRAM
@click.option("--afresh", is_flag=True, help="Make all trees again from the first entry. They will be the same.")
def checkpoint(*, program: str, afresh: bool) -> None:
    """Print a signed checkpoint of the log. Keep it elsewhere: it holds the log to what it is now."""
    from api.cli.session import session
    from application.proofs import checkpoint as signed

    async def work(wired: "Wired") -> str:
        await _known(wired, program)
        await _grow(wired, afresh=afresh)
        return (await signed(wired.trees, wired.signing, program)).note

    click.echo(session(work), nl=False)


@click.command()
@_PROGRAM
@click.option("--rotate", is_flag=True, help="Sign with a new key from now on. Old checkpoints stay valid.")
@_JSON
def keys(*, program: str, rotate: bool, to_json: bool) -> None:
    """Print the public keys that sign checkpoints of a program, the oldest first. Publish them elsewhere."""
    from api.cli.session import session

    async def work(wired: "Wired") -> list[dict[str, object]]:
        await _known(wired, program)
        if rotate:
            await wired.signing.rotate()
        return [
            {"key": str(key.verifier(program)), "created_at": key.created_at, "retired_at": key.retired_at}
            for key in await wired.signing.published()
        ]

    found = session(work)
    if to_json:
        as_json({"items": found})
        return
    for one in found:
        click.echo(one["key"])


@click.command()
@click.argument("member")
@_PROGRAM
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file; otherwise it is printed.")
def bundle(*, member: str, program: str, out: Path | None) -> None:
    """Write one file that proves a member's points without the database: see check-bundle.

    An erased member is named by its stream, as in the log.
    """
    from api.cli.session import looking, session
    from application.bundle import bundle as bundled
    from application.bundle import encoded, stream_of

    async def work(wired: "Wired") -> bytes:
        await _grow(wired)
        keys = [key.verifier(program) for key in await wired.signing.published()]
        with looking(wired, program, "audit bundle"):
            stream, _ = await stream_of(wired.handler, program, member)
            return encoded(await bundled(wired.store, wired.trees, wired.signing, keys, program, stream))

    found = session(work)
    if out is None:
        click.echo(found)
    else:
        out.write_bytes(found)


@click.command("check-bundle")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", "keys", multiple=True, help="A public key of the log, or a file of them.")
@_JSON
def check_bundle(*, file: Path, keys: tuple[str, ...], to_json: bool) -> None:
    """Check a bundle without any database: signatures, proofs, digests, and every decision again.

    Without --key the keys in the bundle are believed, which then proves only that it belongs together. Exit code 1
    when something is wrong.
    """
    import msgspec

    from application.bundle import Bundle, check
    from infrastructure.signing import signed_by

    raw = file.read_bytes().removesuffix(b"\n")
    known = _keys(keys)
    if not known:
        try:
            known = _keys(msgspec.json.decode(raw, type=Bundle).keys)
        except msgspec.DecodeError as error:
            raise click.ClickException(f"{file} is no bundle: {error}") from None
    found = check(raw, known, signed_by)
    if to_json:
        as_json(found)
    elif found.sound and found.checkpoint is not None:
        click.echo(f"signed by {found.checkpoint.origin}, which then had {found.checkpoint.size} entries")
        click.echo(
            f"{found.entries} entries of the member, all in it; {found.equal} decided again to the byte,"
            f" {found.not_redecidable} not re-decidable, {found.older_engine} of an older engine"
        )
        for currency, held in found.balances.items():
            click.echo(
                f"{currency} after the last: {held.available} available, {held.pending} pending, {held.debt} debt"
            )
    for one in found.wrong if not to_json else ():
        click.echo(f"position {one.position}: {one.detail}" if one.position is not None else one.detail)
    if not keys:
        click.echo("no --key was given: the bundle's own keys were believed", err=True)
    if not found.sound:
        raise Exit(1)


@click.command()
@shared_out
@_JSON
def certificate(*, processes: int | None, cluster: str | None, to_json: bool) -> None:
    """Make everything again that follows from the log, and print its digests: the same on any machine.

    Tables and trees are rebuilt and swapped in, members folded, decisions made again. Exit code 1 when one differs.
    """
    from api.cli.session import session
    from application.certificate import certificate as certified
    from infrastructure.versions import versions

    async def work(wired: "Wired") -> dict[str, Any]:
        with progress_of("certifying") as progress:
            return await certified(
                wired.boards, wired.store, wired.positions, wired.tables, wired.trees, wired.rows, wired.streams,
                executor=executor, workers=workers, made_with=versions(wired.dsn), progress=progress,
            )  # fmt: skip

    with workers_of(processes, cluster) as (executor, workers):
        found = session(work)
    results = found["results"]
    if to_json:
        as_json(found)
    else:
        click.echo(found["certificate"])
        click.echo(f"  engine {results['engine']}, {results['entries']} entries up to position {results['position']}")
        click.echo("  " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in results["verdicts"].items()))
        click.echo(f"  {results['members']}  members")
        for program, tree in results["trees"].items():
            click.echo(f"  {tree['root']}  tree of {program}")
        for table, digest in results["tables"].items():
            click.echo(f"  {digest}  {table}")
        click.echo("  made with " + ", ".join(f"{name} {one}" for name, one in found["made_with"].items()))
    if results["verdicts"]["different"]:
        raise Exit(1)


def kept_checkpoints(
    dsn: str, only: str | None, files: "Sequence[Path]", keys: tuple[str, ...]
) -> "dict[str, list[Checkpoint]]":
    """Checkpoints by program, each signed by a key that is believed. Raises ClickException."""
    from application.proofs import Forged, kept
    from infrastructure.row_reader import open_reader
    from infrastructure.signing import signed_by

    if not files:
        return {}
    with open_reader(dsn) as reader:
        published = {key.verifier(program) for program in reader.programs(None) for key in reader.published()}
    known = _keys(keys) or sorted(published)
    found: dict[str, list[Checkpoint]] = {}
    for file in files:
        try:
            checkpoints = kept(file.read_text("utf-8"), known, signed_by)
        except (Forged, UnicodeDecodeError) as error:
            raise click.ClickException(f"{file}: {error}") from None
        for one in checkpoints:
            if one.origin not in {key.name for key in published}:
                raise click.ClickException(f"{file}: {one.origin} is no log of this database")
            program = one.origin.rpartition("/")[2]
            if only not in (None, program):
                raise click.ClickException(f"{file}: {one.origin} is not the log of the program {only}")
            found.setdefault(program, []).append(one)
    return {program: sorted(some, key=lambda one: one.size) for program, some in found.items()}


def _keys(given: "tuple[str, ...] | list[str]") -> "list[Verifier]":
    """The keys on the command line: each the key itself, or a file with one a line."""
    from domain.notes import BadNote, read_verifier

    found = []
    for one in given:
        lines = [one] if "+" in one else Path(one).read_text("utf-8").splitlines()
        try:
            found += [read_verifier(line) for line in lines if line.strip()]
        except BadNote as error:
            raise click.ClickException(f"--key {one}: {error}") from None
    return found


async def _known(wired: "Wired", program: str) -> None:
    """Raises UnknownProgram."""
    await wired.keys.program_key(program)


async def _grow(wired: "Wired", *, afresh: bool = False) -> None:
    """Bring the trees up to the log; a server beside this may do the same."""
    from application.trees import Gardener

    gardener = Gardener(wired.trees, wired.positions)
    if afresh:
        await gardener.afresh()
    await gardener.catch_up()
