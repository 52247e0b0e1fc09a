"""Clients that cost little: HTTP over kept connections, from bytes made beforehand, in a process of their own.

They share the cores with the server, so they read of an answer what tells success and its end, and nothing else.
"""

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import cast

import msgspec
import uvloop

from benchmarks import workload


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients send. `count` requests are made; they stop after `seconds`, or when all are answered.

    With a `rate` (requests a second) they are sent on time, whether or not earlier ones are answered, and latencies
    are counted from the moment they were due.
    """

    port: int
    key: str
    run: str
    members: int
    what: str  # a kind of request: single, batch, later, hot, read, own
    count: int
    connections: int = 64
    seconds: float = 2.0
    rate: float | None = None
    copies: int = 1


class Answers(msgspec.Struct, frozen=True):
    """How it went: answers, the seconds they took together, and each one's latency in seconds."""

    count: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.count / self.seconds


BATCH = 1_000
PATIENCE = 60
"""Seconds beyond those of the plan after which a server that does not answer is given up."""


def requests_of(plan: Plan) -> list[bytes]:
    """The requests of a plan, ready to be written."""
    match plan.what:
        case "single":
            return [
                _post("/v1/activities", workload.purchase(plan.run, n, plan.members), plan.key)
                for n in range(plan.count)
            ]
        case "hot":
            whose = workload.hot_member(int(plan.run.removeprefix("r")))
            return [
                _post("/v1/activities", workload.purchase(plan.run, n, plan.members, member=whose), plan.key)
                for n in range(plan.count)
            ]
        case "batch" | "later":
            numbers = [range(n * BATCH, (n + 1) * BATCH) for n in range(plan.count)]
            bodies = [
                b"[%s]" % b",".join(workload.purchase(plan.run, n, plan.members) for n in some) for some in numbers
            ]
            return [_post("/v1/activities/batch", body, plan.key, later=plan.what == "later") for body in bodies]
        case "read":
            return [_get(f"/v1/members/{workload.member_of(n * 7_919 % plan.members)}", plan.key)
                    for n in range(plan.count)]  # fmt: skip
        case "own":
            return [_get(f"/v1/leaderboards/{workload.BOARD}/members/{_whose(n, plan)}", plan.key)
                    for n in range(plan.count)]  # fmt: skip
        case other:
            raise ValueError(other)


def _whose(number: int, plan: Plan) -> str:
    """A member at random, of all their copies."""
    member, copy = divmod(number * 611_953 % (plan.members * plan.copies), plan.copies)
    return f"{workload.member_of(member)}-{copy}" if copy else workload.member_of(member)


def _head(line: str, key: str, more: str = "") -> bytes:
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n{more}\r\n".encode()


def _get(path: str, key: str) -> bytes:
    return _head(f"GET {path}", key)


def _post(path: str, body: bytes, key: str, *, later: bool = False) -> bytes:
    more = "Prefer: respond-async\r\n" if later else ""
    return _head(f"POST {path}", key, f"{more}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n") + body


def drive(plan: Plan) -> Answers:
    """Carry out a plan. Raises AssertionError when anything is answered that is not success."""
    requests = requests_of(plan)
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(plan, requests))


async def _drive(plan: Plan, requests: list[bytes]) -> Answers:
    load = _Open(plan, requests) if plan.rate is not None else _Closed(plan, requests)
    loop = asyncio.get_running_loop()
    for _ in range(plan.connections):
        await loop.create_connection(lambda: Client(load.answered, load.failed), "127.0.0.1", plan.port)
    async with asyncio.timeout(plan.seconds + PATIENCE):
        return await load.run()


class Client(asyncio.Protocol):
    """One connection, with one request under way."""

    def __init__(self, answered: "Callable[[Client], None]", failed: Callable[[str], None]) -> None:
        self._answered = answered
        self._failed = failed
        self._read = bytearray()
        self._length = -1
        self.since = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._answered(self)

    def send(self, request: bytes, since: float) -> None:
        assert self.transport is not None
        self.since = since
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        if self._length < 0:
            end = self._read.find(b"\r\n\r\n")
            if end < 0:
                return
            self._length = end + 4 + content_length(bytes(self._read[:end]))
        if len(self._read) >= self._length:
            wrong = wrong_in(self._read)
            if wrong:
                self._failed(wrong)
                return
            self._read.clear()
            self._length = -1
            self._answered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._failed(f"a connection was lost: {exc}")


def content_length(head: bytes) -> int:
    """The length that an answer's head announces."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    assert found, f"an answer without a length: {head!r}"
    return int(rest.split(b"\r\n", 1)[0])


def wrong_in(answer: bytes | bytearray) -> str:
    """What is wrong with an answer; empty when it is a success, and so is each item of a batch."""
    if answer[9:11] != b"20":
        return answer[:2_000].decode(errors="replace")
    if b'{"items":[' in answer:
        good = answer.count(b'"status":201') + answer.count(b'"status":202')
        if good != BATCH:
            return f"{BATCH - good} of a batch were refused"
    return ""


class _Closed:
    """Each connection sends its next request when the last one is answered."""

    def __init__(self, plan: Plan, requests: list[bytes]) -> None:
        self._requests: Iterator[bytes] = iter(requests)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._seconds = plan.seconds
        self._waiting: list[Client] = []
        self._busy = plan.connections
        self._started = self._until = 0.0
        self._latencies: list[float] = []

    async def run(self) -> Answers:
        clients, self._waiting = self._waiting, []
        self._started = perf_counter()
        self._until = self._started + self._seconds
        for client in clients:
            self._next(client, perf_counter())
        await self._done
        return Answers(len(self._latencies), perf_counter() - self._started, self._latencies)

    def answered(self, client: Client) -> None:
        if not self._started:
            self._waiting.append(client)
            return
        now = perf_counter()
        self._latencies.append(now - client.since)
        self._next(client, now)

    def _next(self, client: Client, now: float) -> None:
        request = next(self._requests, None) if now < self._until else None
        if request is not None:
            client.send(request, now)
            return
        self._busy -= 1
        if not self._busy and not self._done.done():
            self._done.set_result(None)

    def failed(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(AssertionError(why))


class _Open:
    """Requests are sent when they are due, on whichever connection is free; latency counts from then."""

    def __init__(self, plan: Plan, requests: list[bytes]) -> None:
        assert plan.rate is not None
        self._plan = plan
        self._every = 1 / plan.rate
        self._requests = requests[: int(plan.rate * plan.seconds)]
        self._free: deque[Client] = deque()
        self._due: deque[tuple[bytes, float]] = deque()
        self._failure = ""
        self._done = asyncio.Event()
        self._running = False
        self._latencies: list[float] = []

    async def run(self) -> Answers:
        self._running = True
        started = perf_counter()
        for number, request in enumerate(self._requests):
            due = started + number * self._every
            early = due - perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            if self._failure:
                break
            if self._free:
                self._free.popleft().send(request, due)
            else:
                self._due.append((request, due))
        await self._done.wait()
        assert not self._failure, self._failure
        return Answers(len(self._latencies), perf_counter() - started, self._latencies)

    def answered(self, client: Client) -> None:
        if self._running:
            self._latencies.append(perf_counter() - client.since)
            if len(self._latencies) == len(self._requests):
                self._done.set()
        if self._due:
            client.send(*self._due.popleft())
        else:
            self._free.append(client)

    def failed(self, why: str) -> None:
        self._failure = self._failure or why
        self._done.set()
