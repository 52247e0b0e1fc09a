"""Where a part of a document stands in the JSON text it was read from: line and column, both from 1.

Findings name a part by JSON pointer, and a place inside an expression by line and column there. Whoever edits the
document as text wants the place in that text.
"""

import json
import re
from bisect import bisect_right

import msgspec

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OTHER = re.compile(r"[^,\]\} \t\n\r]+")
_CHARACTER = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)


class Place(msgspec.Struct, frozen=True):
    line: int
    column: int


class Places:
    """The places of a text, which is JSON. Read once, however many are asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._begins: dict[str, int] = {}
        self._at = 0
        self._value("")

    def of(self, pointer: str, inside: tuple[int, int] | None = None) -> Place:
        """The place of the value at a JSON pointer, or of a line and column inside the text that it is.

        Where the document has nothing at the pointer, the place of the nearest thing around it.
        """
        while pointer and pointer not in self._begins:
            pointer = pointer.rpartition("/")[0]
        begins = self._begins.get(pointer, 0)
        if inside is not None and self._text.startswith('"', begins):
            begins = self._inside(begins, *inside)
        line = bisect_right(self._lines, begins)
        return Place(line, begins - self._lines[line - 1] + 1)

    def _inside(self, begins: int, line: int, column: int) -> int:
        """Where in a JSON string the character stands that is at a line and column of what it says."""
        at, end = begins + 1, _end(_STRING, self._text, begins) - 1
        here, there = 1, 1
        while at < end and (here, there) != (line, column):
            found = _CHARACTER.match(self._text, at)
            assert found is not None
            one = json.loads(f'"{found[0]}"', strict=False)
            here, there = (here + 1, 1) if one == "\n" else (here, there + len(one))
            at = found.end()
        return at

    # --- reading ---------------------------------------------------------------------------------

    def _value(self, pointer: str) -> None:
        """Note where a value begins, and the values inside it, and go on behind it."""
        self._space()
        self._begins[pointer] = self._at
        match self._text[self._at : self._at + 1]:
            case "{":
                self._parts("}", pointer, named=True)
            case "[":
                self._parts("]", pointer, named=False)
            case '"':
                self._at = _end(_STRING, self._text, self._at)
            case _:
                self._at = _end(_OTHER, self._text, self._at)

    def _parts(self, closing: str, pointer: str, *, named: bool) -> None:
        self._at += 1
        number = 0
        self._space()
        while not self._text.startswith(closing, self._at):
            name = self._name() if named else str(number)
            self._value(f"{pointer}/{name}")
            number += 1
            self._space()
            if not self._text.startswith(",", self._at):
                break
            self._at += 1
            self._space()
        self._at += 1

    def _name(self) -> str:
        """The token of a key in a pointer; to behind its colon."""
        ends = _end(_STRING, self._text, self._at)
        name: str = json.loads(self._text[self._at : ends], strict=False)
        self._at = ends
        self._space()
        self._at += 1
        return name.replace("~", "~0").replace("/", "~1")

    def _space(self) -> None:
        self._at = _end(_SPACE, self._text, self._at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found is not None else at
