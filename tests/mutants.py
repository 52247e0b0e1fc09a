"""What mutmut came to, by module: `python -m tests.mutants`. Whatever no test failed at survives, time-outs too."""

import json
import sys
from collections import Counter
from pathlib import Path

KILLED = (1, 3)
"""What pytest leaves with when a test failed, or could not be run at all."""


def shares(folder: Path) -> dict[str, tuple[int, int]]:
    """By module: how many mutants were killed, of how many that were tried."""
    killed, tried = Counter[str](), Counter[str]()
    for kept in folder.rglob("*.py.meta"):
        module = ".".join(kept.relative_to(folder).with_suffix("").with_suffix("").parts)
        for code in json.loads(kept.read_bytes())["exit_code_by_key"].values():
            if code is not None:
                tried[module] += 1
                killed[module] += code in KILLED
    return {module: (killed[module], tried[module]) for module in sorted(tried)}


def main() -> None:
    for module, (killed, tried) in shares(Path("mutants")).items():
        sys.stdout.write(f"{module:34} {killed:5} of {tried:5} killed, {killed / tried:6.1%}\n")


if __name__ == "__main__":
    main()
