"""Lists of codes, brought in line by line."""

from collections.abc import Iterable, Iterator

import msgspec

from application.codes import CodePool
from application.handle import Handler
from application.reward_terms import is_code
from application.rewards import find
from domain.errors import InvalidPayload


class _Line(msgspec.Struct):
    code: str


class Brought(msgspec.Struct):
    """How it went: `refused` are the numbers of lines that have no code."""

    lines: int = 0
    added: int = 0
    refused: list[int] = []


async def import_codes(handler: Handler, pool: CodePool, program: str, reward: str, lines: Iterable[str]) -> Brought:
    """Add the codes of a file to a reward's list. A line is a code, a row whose first column is one, or `{"code"}`.

    Raises UnknownReward, InvalidPayload where the reward draws from no list, Unavailable.
    """
    found = await find(handler, program, reward)
    if not found.terms.listed_codes:
        raise InvalidPayload(f"{reward} has no list of codes", errors=[("/codes", "only with `codes: list`")])
    brought = Brought()
    brought.added = await pool.add(program, reward, _read(lines, brought))
    return brought


def _read(lines: Iterable[str], brought: Brought) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        code = _code(line.strip())
        if number == 1 and code == "code":
            continue  # the head of a CSV file
        brought.lines += 1
        if code is not None and is_code(code):
            yield code
        else:
            brought.refused.append(number)


def _code(line: str) -> str | None:
    if not line.startswith("{"):
        return line.partition(",")[0].strip().strip('"')
    try:
        return msgspec.json.decode(line, type=_Line).code
    except msgspec.DecodeError:
        return None
