"""The client against a real server: what it sends arrives once, what it reads is typed, refusals have names."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from application.samples import COFFEE
from guerdon_client import AsyncClient, Client, Unreachable, codes, models
from guerdon_client.transport import Patience
from infrastructure.api_keys import ApiKeys
from infrastructure.database import open_pool
from tests.application.engine import MASTER_KEY, opened
from tests.cli.server import serving

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NOW = "2026-11-21T10:00:00Z"
AT_ONCE = Patience(first=0, longest=0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def place(database_url: str) -> AsyncIterator[tuple[str, str]]:
    """The address of a server with an empty program, and the key of its admin."""
    async with opened(database_url, start=None), open_pool(database_url, 1, 2) as pool:
        _, key = await ApiKeys(pool, MASTER_KEY).create("main", ["admin"], "test")
    with serving(database_url) as served:
        yield f"http://127.0.0.1:{served.port}", key


@pytest.fixture
def client(place: tuple[str, str]) -> Iterator[Client]:
    with Client(*place, patience=AT_ONCE) as client:
        yield client


def _earned(client: Client, order: str, amount: int = 10_500) -> models.Activity:
    return client.activities.record(
        id=order, source="shop", type="purchase", member="ann", occurred_at=NOW, data={"amount_minor": amount}
    )


def _open(client: Client) -> None:
    draft = client.rulebooks.create(document=COFFEE)
    client.rulebooks.publish(draft.draft)
    client.members.enrol(id="ann", email="ann@example.org")


async def test_a_day_of_a_shop(client: Client) -> None:
    _open(client)
    earned = _earned(client, "order-1")
    assert [award.granted for award in earned.awards] == [award.wanted for award in earned.awards]
    before = client.members.read("ann", at_least=earned.position).balances["points"].available
    assert before > 0
    spent = client.redemptions.redeem(
        id="r-1", member="ann", currency="points", points=100, hold=models.Hold(ttl="PT15M")
    )
    assert spent.redemption.state == "held"
    assert client.redemptions.confirm("r-1").redemption.state == "confirmed"
    assert client.members.read("ann").balances["points"].available == before - 100
    assert client.activities.read(earned.ref).ref == client.activities.find(source="shop", id="order-1").ref
    client.returns.return_activity(
        id="ret-1", source="shop", activity=models.ActivityName(source="shop", id="order-1"), occurred_at=NOW
    )
    assert client.members.read("ann").balances["points"].debt == 50


async def test_a_refusal_is_an_exception_of_its_own(client: Client) -> None:
    _open(client)
    with pytest.raises(codes.NotEnoughPoints) as refused:
        client.redemptions.redeem(id="r-1", member="ann", currency="points", points=1_000_000)
    assert (refused.value.status, refused.value.code) == (409, "not-enough-points")
    assert refused.value.request_id
    with pytest.raises(codes.UnknownMember):
        client.members.read("bob")
    with pytest.raises(codes.InvalidPayload) as wrong:
        client.activities.record(id="x", source="shop", type="purchase", member="ann", occurred_at=NOW, data={})
    assert wrong.value.errors[0].at


async def test_lists_are_read_to_their_end(client: Client) -> None:
    _open(client)
    for number in range(7):
        _earned(client, f"order-{number}")
    whole = client.members.read_history("ann", limit=1000).items
    assert len(whole) > 6
    assert list(client.members.iter_read_history("ann", limit=2)) == whole


async def test_a_batch_answers_item_by_item(client: Client) -> None:
    _open(client)
    order = {"source": "shop", "type": "purchase", "occurred_at": NOW, "data": {"amount_minor": 100}}
    done = client.activities.batch(items=[{**order, "id": "1", "member": "ann"}, {**order, "id": "2", "member": "bob"}])
    assert [item.status for item in done.items] == [201, 404]
    assert done.items[1].problem is not None
    assert done.items[1].problem.code == "unknown-member"


class _LosesAnswers(httpx2.BaseTransport):
    """A network in which requests arrive, and the first answers to them are lost."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.sent = 0
        self._real = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._real.handle_request(request)
        self.sent += 1
        if self.sent <= self.lost:
            answer.read()
            raise httpx2.ReadError("the connection was lost")
        return answer

    def close(self) -> None:
        self._real.close()


def _losing(place: tuple[str, str], lost: int) -> tuple[Client, _LosesAnswers]:
    network = _LosesAnswers(lost)
    return Client(*place, patience=AT_ONCE, http=httpx2.Client(transport=network)), network


async def test_a_write_whose_answers_are_lost_happens_once(client: Client, place: tuple[str, str]) -> None:
    _open(client)
    unlucky, network = _losing(place, lost=3)
    with unlucky:
        given = unlucky.adjustments.adjust(id="a-1", member="ann", currency="points", points=50, reason="sorry")
    assert network.sent == 4
    assert (
        given.position
        == client.adjustments.adjust(id="a-1", member="ann", currency="points", points=50, reason="sorry").position
    )
    assert client.members.read("ann").balances["points"].available == 100  # 50 of it the welcome


async def test_what_remembers_no_key_is_not_sent_twice(client: Client, place: tuple[str, str]) -> None:
    unlucky, network = _losing(place, lost=1)
    with unlucky, pytest.raises(Unreachable):
        unlucky.rulebooks.create(document=COFFEE)
    assert network.sent == 1


async def test_the_same_for_asyncio(client: Client, place: tuple[str, str]) -> None:
    _open(client)
    async with AsyncClient(*place, patience=AT_ONCE) as other:
        for number in range(3):
            await other.activities.record(
                id=f"o{number}", source="shop", type="purchase", member="ann", occurred_at=NOW,
                data={"amount_minor": 500},
            )  # fmt: skip
        read = [item async for item in other.members.iter_read_history("ann", limit=1)]
        assert read == client.members.read_history("ann").items
        with pytest.raises(codes.UnknownMember):
            await other.members.read("bob")
