"""Clients over real HTTP: each asks until it is told, also when the connection is cut, and writes down what it is told.

A request that got no answer is sent again to the letter: that is what its id is for.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.torture.verdict import Ledger

Json = dict[str, Any]
PATIENCE = 60.0
"""Seconds after which an answer is no longer waited for."""
PAUSE = 0.05
"""Seconds before a request is sent again."""
LATER = ("in-progress", "unavailable", "behind")
"""Codes of problems that ask to come again."""


class Cut(Exception):
    """The connection ended before the answer did: nothing is known of the request."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Connection:
    """One keep-alive connection to one of the servers, opened anew (to any of them) when it was cut."""

    def __init__(self, ports: list[int], key: str, chance: random.Random) -> None:
        self._ports = ports
        self._key = key
        self._chance = chance
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: bytes, key: str | None = None) -> Answer:
        """Raises Cut."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._ask(path, body, key)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError) as error:
            self.close()
            raise Cut from error

    async def _ask(self, path: str, body: bytes, key: str | None) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._chance.choice(self._ports))
        reader, writer = self._streams
        once = f"idempotency-key: {key}\r\n" if key is not None else ""
        writer.write(
            f"POST {path} HTTP/1.1\r\nhost: guerdon\r\nauthorization: Bearer {self._key}\r\n{once}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        answer = Answer(int(head.split()[1]), headers, await reader.readexactly(int(headers["content-length"])))
        if headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Wish(msgspec.Struct, frozen=True):
    """One request by its name, which is the id in its body, too."""

    name: str
    path: str
    body: Json
    key: str | None = None


class Wishes:
    """An endless list of things that members want, drawn by chance. Some members are very busy."""

    def __init__(self, chance: random.Random, members: int) -> None:
        self._chance = chance
        self._members = members
        self._number = 0

    def one(self) -> Wish:
        chance = self._chance
        member = f"m{min(chance.randrange(self._members), chance.randrange(self._members))}"
        if chance.random() < 0.15:
            name = self._name("r")
            body: Json = {"id": name, "member": member, "currency": "points", "points": chance.randrange(1, 40)}
            return Wish(name, "/v1/redemptions", body, name if chance.random() < 0.5 else None)
        wish = self.purchase(member)
        return msgspec.structs.replace(wish, key=wish.name if chance.random() < 0.3 else None)

    def purchase(self, member: str | None = None) -> Wish:
        chance = self._chance
        name = self._name("a")
        return Wish(name, "/v1/activities", activity(name, member or f"m{chance.randrange(self._members)}",
                                                     chance.randrange(100, 9_000)))  # fmt: skip

    def _name(self, kind: str) -> str:
        self._number += 1
        return f"{kind}{self._number}"


def activity(name: str, member: str, amount: int, kind: str = "purchase") -> Json:
    return {
        "id": name,
        "source": "shop",
        "type": kind,
        "member": member,
        "occurred_at": datetime.now(UTC).isoformat(),
        "data": {"amount_minor": amount},
    }


class Crowd:
    """Connections that ask at once, until they are told to stop; what is under way then is asked to its end."""

    def __init__(self, ports: list[int], key: str, ledger: Ledger, chance: random.Random) -> None:
        self.ledger = ledger
        self.answered: Counter[int] = Counter()
        """How often each HTTP status came."""
        self.cut = 0
        """Requests whose connection ended before their answer."""
        self.over = asyncio.Event()
        self._ports = ports
        self._key = key
        self._chance = chance

    def connection(self) -> Connection:
        # Its own chance: what one connection draws does not depend on how fast the others are.
        return Connection(self._ports, self._key, random.Random(self._chance.random()))

    async def shop(self, wishes: Wishes) -> None:
        """One wish after the other; now and then an earlier one again, which has to be answered the same."""
        connection, chance = self.connection(), random.Random(self._chance.random())
        try:
            while not self.over.is_set():
                wish = wishes.one()
                answer = await self.told(connection, wish)
                if answer.status == 201 and chance.random() < 0.05:
                    again = await self.told(connection, wish)
                    if again.body != answer.body:
                        self.ledger.contradicted.append(wish.name)
        finally:
            connection.close()

    async def deliver(self, wishes: Wishes, size: int) -> None:
        """Batches of purchases, each item of which is told on its own."""
        connection = self.connection()
        try:
            while not self.over.is_set():
                await self.batch(connection, [wishes.purchase() for _ in range(size)])
        finally:
            connection.close()

    async def told(self, connection: Connection, wish: Wish) -> Answer:
        """Ask until there is an answer, and write it down."""
        self.ledger.sent.add(wish.name)
        body = msgspec.json.encode(wish.body)
        while True:
            answer = await self._ask(connection, wish.path, body, wish.key)
            if answer is not None and await self._noted(wish, answer.status, answer.json()):
                return answer
            await asyncio.sleep(PAUSE)

    async def batch(self, connection: Connection, wishes: list[Wish]) -> None:
        """The same for many: those that were not told go into the next batch."""
        self.ledger.sent.update(wish.name for wish in wishes)
        while wishes:
            body = msgspec.json.encode([wish.body for wish in wishes])
            answer = await self._ask(connection, "/v1/activities/batch", body)
            if answer is not None and answer.status == 200:
                items = zip(wishes, answer.json()["items"], strict=True)
                wishes = [
                    wish for wish, item in items
                    if not await self._noted(wish, item["status"], item.get("answer") or item["problem"])
                ]  # fmt: skip
            if wishes:
                await asyncio.sleep(PAUSE)

    async def all(self, wishes: Iterable[Wish], at_once: int) -> list[Answer]:
        """Every one of these wishes, so many at once."""
        waiting, answers = iter(wishes), list[Answer]()

        async def work() -> None:
            connection = self.connection()
            for wish in waiting:
                answers.append(await self.told(connection, wish))
            connection.close()

        await asyncio.gather(*(work() for _ in range(at_once)))
        return answers

    async def _ask(self, connection: Connection, path: str, body: bytes, key: str | None = None) -> Answer | None:
        try:
            answer = await connection.ask(path, body, key)
        except Cut:
            self.cut += 1
            return None
        self.answered[answer.status] += 1
        return answer

    async def _noted(self, wish: Wish, status: int, body: Json) -> bool:
        """Whether that settles it. What is neither done nor refused nor put off is broken, and never settled."""
        if status in (200, 201):
            await self.ledger.acknowledge(wish.name, body["position"])
            return True
        if body["code"] in LATER:
            return False
        if status >= 500:
            self.ledger.contradicted.append(f"{wish.name}: {status} {body['code']}")
            return True
        await self.ledger.refuse(wish.name)
        return True
