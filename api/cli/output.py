"""What commands print and read alike: JSON for scripts, instants, how to call another command."""

import os
import sys
from datetime import datetime

import rich_click as click


def as_json(answer: object) -> None:
    """One document on standard output, indented."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def instant(text: str) -> datetime:
    """An RFC 3339 time with offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.UsageError(f"{text!r} is not a time with offset, such as 2027-01-01T00:00:00+01:00")
    return found


def called() -> str:
    """How this command was called, for messages that name another one."""
    name = sys.argv[0]
    return os.path.relpath(name) if os.sep in name else name
