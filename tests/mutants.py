"""Does a test fail when the domain is changed? `make mutants` asks mutmut, which loads this as a plugin of pytest.

The plugin leaves tests out that need a PostgreSQL or take long, and runs the cheapest first: the first that fails has
killed the mutant. `python -m tests.mutants` then says what it came to, by module: time-outs and mutants that no test
comes by have survived, and what differs in the text of a message alone is not counted. With names of modules it shows
the survivors.
"""

import json
import os
import re
import sys
from difflib import unified_diff
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, settings

KILLED = (1, 3)
"""What pytest leaves with when a test failed, or could not be run at all."""
PATIENCE = 2.0
"""Seconds that a test may have taken while mutmut noted which functions it comes by: ten times what it takes else."""
_TEXT = re.compile(r'f?"[^"\n]* [^"\n]*"')
_GENERATED = re.compile(r"(?<=def )x[_ǁ]\w*__mutmut_(orig|\d+)\b| # type: ignore # mutmut generated")


# --- the plugin ----------------------------------------------------------------------------------


def pytest_sessionstart() -> None:
    # An example that fails is enough: nobody reads the smallest. The same examples each time, so that a verdict stands.
    settings.register_profile("mutants", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from mutmut.state import state

    # All of them are listed, and timed once; what takes long is left out where a mutant is tried.
    once = config.option.collectonly or os.environ.get("MUTANT_UNDER_TEST") == "stats"
    took = {item: 0.0 if once else state().duration_by_test.get(item.nodeid, 0.0) for item in items}
    short = [item for item in items if took[item] < PATIENCE and not _needs_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in short])
    items[:] = sorted(short, key=took.__getitem__)


def _needs_database(item: pytest.Item) -> bool:
    return "database_server" in getattr(item, "fixturenames", ())


# --- what it came to -----------------------------------------------------------------------------


class Mutant(msgspec.Struct, frozen=True):
    """A function as it is, and as it was changed; and what pytest left with, if it was tried."""

    name: str
    code: int | None
    before: str
    after: str

    @property
    def killed(self) -> bool:
        return self.code in KILLED

    @property
    def says_else(self) -> bool:
        """Whether only the text of a message differs."""
        return _TEXT.sub("None", self.before) == _TEXT.sub("None", self.after)

    def change(self) -> str:
        lines = unified_diff(self.before.splitlines(), self.after.splitlines(), n=0, lineterm="")
        return "\n".join(
            [f"{self.name} ({self.code})", *(line for line in lines if line[:2] not in ("--", "++", "@@"))]
        )


def mutants(folder: Path, module: str) -> list[Mutant]:
    """The mutants of a module, but for those that only say something else."""
    file = folder.joinpath(*module.split(".")).with_suffix(".py")
    codes = json.loads(Path(f"{file}.meta").read_bytes())["exit_code_by_key"]
    spans = json.loads(Path(f"{file}.spans").read_bytes())["spans"]
    lines = file.read_text().splitlines()

    def source(function: str) -> str:
        first, last = spans[function]
        return "\n".join(_GENERATED.sub("", line) for line in lines[first - 1 : last])

    found = []
    for name, code in codes.items():
        changed = name.rpartition(".")[2]
        original = changed.rpartition("__mutmut_")[0] + "__mutmut_orig"
        found.append(Mutant(name, code, source(original), source(changed)))
    return [mutant for mutant in found if not mutant.says_else]


def modules(folder: Path) -> list[str]:
    files = (file.relative_to(folder).with_suffix("").with_suffix("") for file in folder.rglob("*.py.meta"))
    return sorted(".".join(file.parts) for file in files)


def main(*names: str) -> None:
    folder = Path("mutants")
    for module in names or modules(folder):
        every = mutants(folder, module)
        tried = [mutant for mutant in every if mutant.code is not None]
        killed = sum(mutant.killed for mutant in tried)
        if tried:
            rest = f", {len(every) - len(tried)} not tried" if len(tried) < len(every) else ""
            _say(f"{module:34} {killed:5} of {len(tried):5} killed, {killed / len(tried):6.1%}{rest}")
        if names:
            _say("\n\n".join(mutant.change() for mutant in tried if not mutant.killed))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
