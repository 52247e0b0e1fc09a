"""Reading bodies that may be hostile: strict JSON first, then the types.

msgspec decodes quickly but leaves to us what JSON readers disagree about: duplicate keys, NUL, nesting, integers
that other readers round. Every refusal names the place as a JSON pointer; nothing here may end in a 5xx.
"""

import functools
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from litestar import Request

from api.http.problems import AtTheDoor
from domain.numbers import MAX_AMOUNT

T = TypeVar("T")

MAX_BODY = 1024 * 1024
MAX_BATCH_BODY = 16 * 1024 * 1024
MAX_DEPTH = 64
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)

_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]' if False else rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_MANY_DIGITS = re.compile(rb"[0-9]{16}|[0-9][eE]")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
