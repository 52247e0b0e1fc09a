"""Pages whose blocks run: the blocks of a page in order, run in one shell, and their answers compared.

A fence of `sh` is run; the next fence of `json` or `text` is what it printed. `sh skip` is shown only, `sh fails` ends
with an error. `json part` shows some of the answer: what stands there must be so, the rest is left out. Ids, digests,
keys and positions are compared by their form; times too, unless the page says `<!-- exact times -->`. The server's
address in a page is localhost:8080.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
EXACT_TIMES = "<!-- exact times -->"
ADDRESS = re.compile(r"(?:localhost|127\.0\.0\.1):8080")
WIDTH = 112

_FENCE = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_OPAQUE = {
    # A log's name, its keys, and the root and the signature of a checkpoint.
    "log": re.compile(r"guerdon-[0-9a-f]{8}(?=/)"),
    "public key": re.compile(r"(?<=\+)[0-9a-f]{8}\+[A-Za-z0-9+/]{44}"),
    "base64": re.compile(r"(?<![\w+/])(?:[A-Za-z0-9+/]{43}|[A-Za-z0-9+/]{91})=(?![\w+/])"),
    "ref": re.compile(r"act_[0-9a-f]{32}(?=_\d+)"),
    "uuid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "digest": re.compile(r"(?:sha256:)?[0-9a-f]{64}"),
    "hash": re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII),
    "id": re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"),
}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?| UTC)?")
_KEY = re.compile(r"\bgdn_(?:[A-Za-z0-9_-]{43}|\.\.\.)")
_NUMBERS = re.compile(r"(?<=position )\d+")


class Block(msgspec.Struct, frozen=True):
    """Commands, and what they print if the page shows it. `start` and `end` are the answer's place in the page."""

    line: int
    command: str
    run: bool
    fails: bool = False
    kind: str = ""
    answer: str | None = None
    start: int = 0
    end: int = 0


def blocks(page: str) -> list[Block]:
    """The commands of a page."""
    found: list[Block] = []
    for fence in _FENCE.finditer(page):
        language, *words = fence["info"].split()
        if language == "sh":
            line = page.count("\n", 0, fence.start()) + 1
            found.append(Block(line, fence["text"], "skip" not in words, "fails" in words))
        elif language in ("json", "text") and found and found[-1].answer is None and _follows(page, found, fence):
            found[-1] = msgspec.structs.replace(
                found[-1],
                kind=" ".join((language, *words)),
                answer=fence["text"],
                start=fence.start("text"),
                end=fence.end("text"),
            )
    return found


def _follows(page: str, found: list[Block], fence: re.Match[str]) -> bool:
    """Nothing but a few words stands between the commands and what they print."""
    between = page[: fence.start()].rsplit("```", 1)[-1]
    return found[-1].run and "\n#" not in between and between.count("\n\n") <= 2


class Shell:
    """One bash for a page, so that a variable of one block is there in the next."""

    def __init__(self, directory: Path, environment: dict[str, str], address: str) -> None:
        self._directory = directory
        self._address = address
        self._number = 0
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env=environment,
            text=True,
        )

    def run(self, command: str, *, fails: bool = False) -> str:
        """What the commands print. The last of them has to end well, or not, as expected."""
        self._number += 1
        script = self._directory / f".block{self._number}"
        script.with_suffix(".sh").write_text(ADDRESS.sub(self._address, command))
        done = script.with_suffix(".done")
        os.mkfifo(done)
        assert self._process.stdin is not None
        self._process.stdin.write(
            f"set -o pipefail; . {script}.sh >{script}.out 2>{script}.err </dev/null; echo $? >{done}\n"
        )
        self._process.stdin.flush()
        code = done.read_text().strip()
        said = script.with_suffix(".out").read_text()
        wrong = script.with_suffix(".err").read_text()
        assert (code != "0") is fails, f"{command}\nended with {code}:\n{said}\n{wrong}"
        return said.replace(self._address, "localhost:8080")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def differences(kind: str, expected: str, actual: str, *, exact_times: bool) -> Iterator[str]:
    """What a page says that is not so."""
    if kind.startswith("json"):
        try:
            yield from _json(json.loads(expected), json.loads(actual), "", "part" in kind.split(), exact_times)
        except ValueError as error:
            yield f"not JSON ({error}): {actual}"
    elif masked(expected, exact_times=exact_times) != masked(actual, exact_times=exact_times):
        yield f"expected:\n{expected}\nprinted:\n{actual}"


def _json(expected: Any, actual: Any, at: str, part: bool, exact_times: bool) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in sorted(expected.keys() | ({} if part else actual.keys())):
            if name not in actual or name not in expected:
                yield f"{at}/{name}: only in the {'page' if name in expected else 'answer'}"
            elif name != "position":
                yield from _json(expected[name], actual[name], f"{at}/{name}", part, exact_times)
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{at}: {len(expected)} items in the page, {len(actual)} in the answer"
        for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
            yield from _json(one, other, f"{at}/{number}", part, exact_times)
    elif isinstance(expected, str) and isinstance(actual, str):
        if masked(expected, exact_times=exact_times) != masked(actual, exact_times=exact_times):
            yield f"{at}: {expected!r} in the page, {actual!r} in the answer"
    elif expected != actual or type(expected) is not type(actual):
        yield f"{at}: {expected!r} in the page, {actual!r} in the answer"


def masked(text: str, *, exact_times: bool) -> str:
    """The text with everything that differs from run to run replaced by what it is."""
    for name, pattern in _OPAQUE.items():
        text = pattern.sub(f"<{name}>", text)
    text = _NUMBERS.sub("<position>", _KEY.sub("<key>", text))
    text = text if exact_times else _TIME.sub("<time>", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def pretty(value: Any, indent: int = 0) -> str:
    """JSON as pages show it: what fits on a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(name)}: {pretty(part, indent + 2)}" for name, part in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + pretty(part, indent + 2) for part in value) + "\n" + " " * indent + "]"
