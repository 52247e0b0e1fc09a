"""Where a part of a document stands in the JSON text it was read from: line and column, both from 1.

Findings name a part by JSON pointer, and a place inside an expression by line and column there. Whoever edits the
document as text wants the place in that text.
"""

import json
import re
from collections.abc import Sequence

import msgspec

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OTHER = re.compile(r"[^,\]\} \t\n\r]+")
_CHARACTER = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)


class Place(msgspec.Struct, frozen=True):
    line: int
    column: int


def place(text: str, pointer: str, inside: tuple[int, int] | None = None) -> Place:
    """The place of the value at a JSON pointer, or of a line and column inside the text that it is.

    Where the document has nothing at the pointer, the place of the nearest thing around it. `text` is JSON.
    """
    begins = _Reader(text).find([token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]])
    if inside is not None and text[begins : begins + 1] == '"':
        begins = _inside(text, begins, *inside)
    return Place(text.count("\n", 0, begins) + 1, begins - text.rfind("\n", 0, begins))


def _inside(text: str, begins: int, line: int, column: int) -> int:
    """Where in a JSON string the character stands that is at a line and column of what it says."""
    at, end = begins + 1, _end(_STRING, text, begins) - 1
    here, there = 1, 1
    while at < end and (here, there) != (line, column):
        found = _CHARACTER.match(text, at)
        assert found is not None
        one = json.loads(f'"{found[0]}"', strict=False)
        here, there = (here + 1, 1) if one == "\n" else (here, there + len(one))
        at = found.end()
    return at


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def find(self, path: Sequence[str]) -> int:
        """Where the value at a path begins, or the last one on the way that is there."""
        self._space()
        begins = self.at
        for token in path:
            if not self._enter(token):
                break
            begins = self.at
        return begins

    def _enter(self, token: str) -> bool:
        """Go to the value of a key or the element of a number; whether it is there."""
        opening = self.text[self.at : self.at + 1]
        if opening not in ("{", "["):
            return False
        self.at += 1
        number = 0
        while True:
            self._space()
            if self.text[self.at] in "}]":
                return False
            name = str(number)
            if opening == "{":
                ends = _end(_STRING, self.text, self.at)
                name = json.loads(self.text[self.at : ends], strict=False)
                self.at = ends
                self._space()
                self.at += 1
                self._space()
            if name == token:
                return True
            self._skip()
            self._space()
            if self.text[self.at] != ",":
                return False
            self.at += 1
            number += 1

    def _space(self) -> None:
        self.at = _end(_SPACE, self.text, self.at)

    def _skip(self) -> None:
        """Over one value, whatever is inside."""
        depth = 0
        while True:
            self._space()
            char = self.text[self.at]
            if char == '"':
                self.at = _end(_STRING, self.text, self.at)
            elif char in "{[":
                depth += 1
                self.at += 1
            elif char in "}]":
                depth -= 1
                self.at += 1
            elif char in ",:":
                self.at += 1
            else:
                self.at = _end(_OTHER, self.text, self.at)
            if depth == 0:
                return


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found is not None else at
