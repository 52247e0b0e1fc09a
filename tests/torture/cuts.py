"""A proxy before PostgreSQL's socket that cuts connections of writers: in a request, in its answer, or in between."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"
QUERY = b"INSERT INTO stored_events"
"""Whoever sends this is a writer; others are let through."""
SYNC = b"S\x00\x00\x00\x04"
"""The protocol's end of a pipeline: by then COMMIT was sent."""


class Cuts:
    """Where the next transaction of a writer is cut. Armed by `arm`, and told by `done` that it happened."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._place: str | None = None
        self.done = asyncio.Event()
        self.made: Counter[str] = Counter()

    def arm(self) -> None:
        self._place = self._chance.choice(("in the request", "before the answer", "in the answer"))
        self.done.clear()

    def take(self, *places: str) -> str | None:
        """The place to cut at, if it is one of these; then nothing else is cut."""
        place = self._place
        if place not in places:
            return None
        self._place = None
        self.made[place] += 1
        return place

    def part(self, data: bytes) -> bytes:
        return data[: self._chance.randrange(len(data))]


@asynccontextmanager
async def proxied(dsn: str, cuts: Cuts) -> AsyncIterator[str]:
    """The address of the same database behind the proxy. Only sockets of the file system."""
    url = urlsplit(dsn)
    query = parse_qs(url.query)
    with tempfile.TemporaryDirectory(prefix="guerdon-cuts-") as directory:
        real = str(Path(query["host"][0]) / SOCKET)
        server = await asyncio.start_unix_server(
            lambda reader, writer: _serve(reader, writer, real, cuts), Path(directory) / SOCKET
        )
        async with server:
            yield url._replace(query=f"host={quote(directory, safe='')}&port=5432").geturl()
            server.close()


async def _serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter, real: str, cuts: Cuts) -> None:
    server, to_server = await asyncio.open_unix_connection(real)
    link = _Link(cuts)
    ways = [
        asyncio.create_task(link.forth(client, to_server)),
        asyncio.create_task(link.back(server, to_client)),
    ]
    try:
        # Whichever side ends, both do.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        to_client.transport.abort()
        to_server.close()
        if link.cut:
            cuts.done.set()


class _Link:
    """One connection. A writer's are those that have sent the statement, which the server then knows by a name."""

    def __init__(self, cuts: Cuts) -> None:
        self._cuts = cuts
        self._writes = False
        self.cut = False

    async def forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**20):
            self._writes = self._writes or QUERY in data
            if self._writes and self._cuts.take("in the request"):
                self.cut = True
                data = self._cuts.part(data)
            writer.write(data)
            await writer.drain()
            if self.cut or (self._writes and SYNC in data and self._cuts.take("before the answer")):
                self.cut = True
                return

    async def back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**20):
            if self._writes and self._cuts.take("in the answer"):
                self.cut = True
                writer.write(self._cuts.part(data))
                await writer.drain()
                return
            writer.write(data)
            await writer.drain()
