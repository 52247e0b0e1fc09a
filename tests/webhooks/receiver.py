"""A receiver of webhooks on this machine, that answers as a test tells it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

Json = dict[str, Any]
Behave = Callable[["Heard", asyncio.StreamWriter], Awaitable[None]]


class Heard(msgspec.Struct, frozen=True):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> Json:
        found: Json = msgspec.json.decode(self.body)
        return found


def answering(status: int, *more: str, body: bytes = b"ok") -> Behave:
    async def behave(_: Heard, writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *more, "", ""]
        writer.write("\r\n".join(head).encode() + body)

    return behave


OK = answering(204, body=b"")


class Receiver:
    """What it heard, and how it behaves. `behave` may be changed at any time."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.behave: Behave = OK
        self.port = 0
        self.came = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [heard.id for heard in self.heard]

    async def until(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                self.came.clear()
                await self.came.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in headers.items()}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                heard = Heard(head[0].split(" ")[1], headers, body)
                self.heard.append(heard)
                self.came.set()
                await self.behave(heard, writer)
                await writer.drain()
        writer.transport.abort()
        self.tasks.discard(task)


@asynccontextmanager
async def receiving(context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in receiver.tasks:
            task.cancel()
        await asyncio.gather(*receiver.tasks, return_exceptions=True)
