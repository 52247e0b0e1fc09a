"""Sends a call until it has an answer, as often as that is safe.

A call is repeated when it changes nothing (`safe`) or when the server remembers its key (`keyed`): then a second
sending gives the first answer again. The rest (`once`) is only repeated when it has certainly not arrived.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx2
import msgspec

from guerdon_client.codes import InProgress
from guerdon_client.problems import Problem, Unreachable, problem

T = TypeVar("T")

Repeats = Literal["safe", "keyed", "once"]
Query = str | int | bool | datetime | None

BUSY = frozenset({429, 502, 503, 504})
"""Statuses of a server, or of a proxy before it, that will answer later."""

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One request, and what its answer is read as."""

    method: str
    path: str
    answer: type[T]
    repeats: Repeats
    query: Mapping[str, Query] = {}
    headers: Mapping[str, str | None] = {}
    body: Any = msgspec.UNSET
    key: str | None = None


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often a call is sent again, and the seconds between: by lot from a span that doubles, up to `longest`."""

    retries: int = 4
    first: float = 0.2
    longest: float = 5.0

    def pause(self, attempt: int, asked: str | None) -> float:
        """Seconds before the next attempt; what the server asked for is the least."""
        drawn = random.uniform(0, min(self.longest, self.first * 2**attempt))  # noqa: S311 - to spread, not to hide
        return max(drawn, float(asked)) if asked is not None and asked.isdigit() else drawn


class Transport:
    """For programs that wait."""

    def __init__(self, http: httpx2.Client, patience: Patience, sleep: Callable[[float], None] = time.sleep) -> None:
        self.http = http
        self._patience = patience
        self._sleep = sleep

    def send(self, call: Call[T]) -> T:
        """The answer. Raises Problem, Unreachable."""
        request = _request(call)
        for attempt in range(self._patience.retries + 1):
            last = attempt == self._patience.retries
            try:
                answer = self.http.request(**request)
            except httpx2.TransportError as error:
                if last or not _may_repeat(call, error):
                    raise Unreachable(str(error) or type(error).__name__) from error
                pause = self._patience.pause(attempt, None)
            else:
                found = _read(call, answer)
                if not isinstance(found, Problem):
                    return found
                if last or not _comes_back(call, found):
                    raise found
                pause = self._patience.pause(attempt, answer.headers.get("retry-after"))
            self._sleep(pause)
        raise AssertionError


class AsyncTransport:
    """For programs of asyncio."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.http = http
        self._patience = patience
        self._sleep = sleep

    async def send(self, call: Call[T]) -> T:
        """The answer. Raises Problem, Unreachable."""
        request = _request(call)
        for attempt in range(self._patience.retries + 1):
            last = attempt == self._patience.retries
            try:
                answer = await self.http.request(**request)
            except httpx2.TransportError as error:
                if last or not _may_repeat(call, error):
                    raise Unreachable(str(error) or type(error).__name__) from error
                pause = self._patience.pause(attempt, None)
            else:
                found = _read(call, answer)
                if not isinstance(found, Problem):
                    return found
                if last or not _comes_back(call, found):
                    raise found
                pause = self._patience.pause(attempt, answer.headers.get("retry-after"))
            await self._sleep(pause)
        raise AssertionError


def only_given(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body that were given. None is a value: it takes something away."""
    return {name: value for name, value in body.items() if value is not msgspec.UNSET}


def in_path(value: str) -> str:
    """An id inside an address."""
    return quote(value, safe="~")


def _request(call: Call[Any]) -> dict[str, Any]:
    headers = {name: value for name, value in call.headers.items() if value is not None}
    content = None
    if call.body is not msgspec.UNSET:
        headers["content-type"] = "application/json"
        content = msgspec.json.encode(call.body)
    if call.repeats == "keyed" or call.key is not None:
        # One key for all attempts: that is what makes them one request.
        headers["idempotency-key"] = call.key or str(uuid4())
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(_query(call.query)),
        "headers": headers,
        "content": content,
    }


def _query(given: Mapping[str, Query]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if isinstance(value, datetime):
            yield name, value.isoformat()
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        elif value is not None:
            yield name, str(value)


def _may_repeat(call: Call[Any], error: httpx2.TransportError) -> bool:
    return call.repeats != "once" or isinstance(error, _NEVER_SENT)


def _comes_back(call: Call[Any], found: Problem) -> bool:
    if call.repeats == "once":
        return found.status == 429
    return found.status in BUSY or isinstance(found, InProgress)


def _read(call: Call[T], answer: httpx2.Response) -> T | Problem:
    if not answer.is_success:
        return problem(answer.status_code, answer.content, answer.headers)
    if call.answer is str:
        return answer.text  # type: ignore[return-value] # T is str
    return msgspec.json.decode(answer.content, type=call.answer)
