"""The command line `guerdon`: the contents page of all commands, and how their failures read.

Heavy modules are imported inside the commands that need them, so that `guerdon --help` answers at once.
"""

import sys

import rich_click as click

from api.cli.audit import audit, replay
from api.cli.bridge import bridge
from api.cli.correct import correct
from api.cli.demo import demo
from api.cli.doctor import doctor
from api.cli.imports import imports
from api.cli.ingest import ingest
from api.cli.privacy import erasures, export
from api.cli.rules import rules
from api.cli.serve import follow, run, serve
from api.cli.setup import keys, migrate, programs
from api.cli.webhooks import listen, trigger

_FAILED, _INTERRUPTED = 1, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="guerdon", prog_name="guerdon")
def guerdon() -> None:
    """Guerdon: a loyalty engine in which every point can be explained, replayed, corrected and proven.

    Settings come from the environment: GUERDON_DATABASE_URL and GUERDON_MASTER_KEY for a PostgreSQL of yours,
    GUERDON_DATA_DIR for the embedded one, GUERDON_HOST and PORT for the server.
    """


COMMANDS = (
    run, demo, serve, follow, migrate, programs, keys, rules, ingest, imports, correct, export, erasures, replay,
    audit, listen, trigger, bridge, doctor,
)  # fmt: skip

for command in COMMANDS:
    guerdon.add_command(command)


def main() -> None:
    """Run the command line. What can be expected to fail ends in one line and exit code 1; misuse in 2."""
    try:
        code = guerdon.main(prog_name="guerdon", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        code = _say(error.message)
    except (click.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        code = _say(reason)
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str) -> int:
    click.echo(f"guerdon: {message}", err=True)
    return _FAILED


def _reason(error: Exception) -> str | None:
    """The line for a failure that is not ours; None for one that is."""
    import psycopg

    from application.ports import Unavailable
    from domain.errors import Refused
    from infrastructure.cluster import NoCluster
    from infrastructure.database import NoDatabase
    from infrastructure.journey import NotInstalled
    from infrastructure.settings import WrongSetting
    from infrastructure.vault import Unreadable

    match error:
        case Refused():
            details = "".join(f"\n  {at or '/'}: {message}" for at, message in error.errors)
            return f"{error.message} ({error.code}){details}"
        case Unreadable():
            return "the master key is not the one that made this database's keys: set GUERDON_MASTER_KEY"
        case psycopg.OperationalError():
            return f"the database cannot be used: {str(error).strip().splitlines()[0]}"
        case psycopg.errors.UndefinedTable():
            return "the database has no tables yet: run `guerdon migrate`"
        case WrongSetting() | NoDatabase() | NotInstalled() | NoCluster() | Unavailable():
            return str(error)
        case OSError() if error.filename is not None:
            return f"{error.filename}: {error.strerror}"
        case _:
            return None


if __name__ == "__main__":
    main()
