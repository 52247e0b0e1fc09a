"""When a call is sent again: what is lost or busy, what may arrive twice, and how long between."""

import inspect
from collections.abc import Callable

import httpx2
import pytest

from api.http.app import HANDLERS
from guerdon_client import AsyncClient, Client, Problem, Unreachable, codes
from guerdon_client.transport import Patience

Answer = Callable[[httpx2.Request], httpx2.Response]


class _Server:
    """Answers one status after the other, and notes what it was sent."""

    def __init__(self, *statuses: int, code: str = "unavailable") -> None:
        self.waiting = list(statuses)
        self.code = code
        self.seen: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        status = self.waiting.pop(0) if self.waiting else 200
        if status == 0:
            raise httpx2.ConnectError("refused")
        if status >= 400:
            return httpx2.Response(status, json={"code": self.code, "status": status, "title": "", "detail": ""})
        return httpx2.Response(200, json={"id": "wh", "secret": "s", "position": 1, "now": "2026-01-01T00:00:00Z"})


def _client(server: _Server) -> Client:
    http = httpx2.Client(transport=httpx2.MockTransport(server))
    return Client("http://test", "gdn_key", patience=Patience(first=0, longest=0), http=http)


def test_all_attempts_of_a_write_carry_one_key() -> None:
    server = _Server(503, 502, 409, 200, code="in-progress")
    with pytest.raises(Exception, match="missing"), _client(server) as client:  # the answer is not of a redemption
        client.redemptions.redeem(id="r", member="ann")
    assert len(server.seen) == 4
    assert len({request.headers["idempotency-key"] for request in server.seen}) == 1


def test_a_key_of_ones_own_is_kept() -> None:
    server = _Server(422)
    with pytest.raises(Problem), _client(server) as client:
        client.redemptions.redeem(id="r", member="ann", idempotency_key="mine")
    assert [request.headers["idempotency-key"] for request in server.seen] == ["mine"]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 422, 500])
def test_what_is_refused_is_not_asked_again(status: int) -> None:
    server = _Server(status, code="sold-out")
    with pytest.raises(codes.SoldOut), _client(server) as client:
        client.redemptions.redeem(id="r", member="ann")
    assert len(server.seen) == 1


@pytest.mark.parametrize(("statuses", "sent"), [((0, 429, 503), 3), ((503, 200), 1), ((502, 200), 1)])
def test_what_may_happen_twice_is_sent_again_only_if_it_never_arrived(statuses: tuple[int, ...], sent: int) -> None:
    server = _Server(*statuses)
    with pytest.raises(Problem), _client(server) as client:
        client.webhooks.test("wh")
    assert len(server.seen) == sent


def test_it_gives_up_in_the_end() -> None:
    server = _Server(0, 0, 0, 0, 0, 0, 0)
    with pytest.raises(Unreachable), _client(server) as client:
        client.members.read("ann")
    assert len(server.seen) == 5


def test_an_answer_of_no_guerdon_is_a_problem_too() -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(404, text="<h1>proxy</h1>")))
    with Client("http://test", "k", http=http) as client, pytest.raises(Problem) as refused:
        client.members.read("ann")
    assert (refused.value.code, refused.value.status) == ("http-404", 404)


def test_a_server_says_how_long_to_wait_at_least() -> None:
    patience = Patience(first=0.1, longest=1)
    assert patience.pause(0, "7") >= 7
    assert all(0 <= patience.pause(attempt, None) <= 1 for attempt in range(10))


def test_both_clients_have_every_route() -> None:
    routes = {handler.fn.__name__ for handler in HANDLERS if "route" in handler.opt}
    for client in (Client("http://test", "k"), AsyncClient("http://test", "k")):
        groups = [one for name, one in vars(client).items() if not name.startswith("_")]
        methods = {name for group in groups for name, _ in inspect.getmembers(group, inspect.ismethod)}
        assert routes <= {name.rstrip("_") for name in methods}


def test_a_route_that_says_it_remembers_keys_reads_them() -> None:
    wrong = [
        handler.fn.__name__
        for handler in HANDLERS
        if (declared := handler.opt.get("route")) is not None
        and not declared.reads
        and "GET" not in handler.http_methods
        if declared.remembers is not ("once(request) as key" in inspect.getsource(handler.fn))
    ]
    assert wrong == []
