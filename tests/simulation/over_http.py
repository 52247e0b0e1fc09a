"""The third process: a server, asked over its HTTP API with the bodies that the others are called with."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import msgspec
from httpx2 import ASGITransport, AsyncClient

from api.http.app import assemble
from api.http.metrics import Metrics
from api.wiring import Wired, wired
from application import (
    activities,
    floors,
    lots,
    members,
    merge_members,
    move_points,
    offers,
    pending,
    points,
    redemptions,
    referrals,
    reversals,
    rewards,
)
from application.answers import Answered
from application.handle import Handler
from domain.errors import Refused
from infrastructure.logging import configure
from infrastructure.settings import Settings

ROUTES: dict[Callable[..., Any], tuple[str, str]] = {
    activities.record: ("POST", "/v1/activities"),
    points.return_activity: ("POST", "/v1/returns"),
    points.redeem: ("POST", "/v1/redemptions"),
    rewards.redeem: ("POST", "/v1/redemptions"),
    redemptions.confirm: ("POST", "/v1/redemptions/{}/confirm"),
    redemptions.cancel: ("POST", "/v1/redemptions/{}/cancel"),
    redemptions.give_back: ("POST", "/v1/redemptions/{}/return"),
    points.adjust: ("POST", "/v1/adjustments"),
    reversals.reverse_adjustment: ("POST", "/v1/adjustments/{}/reverse"),
    pending.activate: ("POST", "/v1/pending/activate"),
    pending.cancel: ("POST", "/v1/pending/cancel"),
    lots.extend: ("POST", "/v1/lots/extend"),
    lots.reinstate: ("POST", "/v1/lots/reinstate"),
    move_points.transfer: ("POST", "/v1/transfers"),
    move_points.reverse: ("POST", "/v1/transfers/{}/reverse"),
    merge_members.merge: ("POST", "/v1/merges"),
    members.enrol: ("POST", "/v1/members"),
    members.change: ("PATCH", "/v1/members/{}"),
    members.set_status: ("POST", "/v1/members/{}/status"),
    members.erase: ("DELETE", "/v1/members/{}"),
    referrals.issue: ("POST", "/v1/members/{}/referral-codes"),
    floors.set_floor: ("PUT", "/v1/members/{}/tiers/{}/floor"),
    floors.lift_floor: ("DELETE", "/v1/members/{}/tiers/{}/floor"),
    offers.assign: ("POST", "/v1/offers/{}/assignments"),
    offers.redeem_code: ("POST", "/v1/codes/redeem"),
    rewards.create: ("POST", "/v1/rewards"),
}
"""Where each use case is asked for: its names are parts of the path, what else it takes is the body."""


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: bytes | None
    key: str


class Door:
    """A server on the simulation's clock, and its handler for what has no route."""

    def __init__(self, parts: Wired, client: AsyncClient) -> None:
        self.handler: Handler = parts.handler
        self._parts = parts
        self._client = client
        self._keys: dict[str, str] = {}

    async def ask(self, program: str, request: Request) -> Answered:
        """What is answered. Raises Refused with the code of the problem."""
        if program not in self._keys:
            _, self._keys[program] = await self._parts.api_keys.create(program, ["admin"], "simulation")
        headers = {"authorization": f"Bearer {self._keys[program]}", "content-type": "application/json"}
        if request.key:
            headers["idempotency-key"] = request.key
        answer = await self._client.request(request.method, request.path, headers=headers, content=request.body)
        body = answer.json()
        if answer.status_code >= 400:
            assert answer.status_code < 500, f"{request}: {body}"
            refused = Refused(body.get("detail", ""))
            refused.code = body["code"]
            raise refused
        replayed = answer.headers.get("idempotent-replayed") == "true"
        return Answered(answer.status_code, body, body["position"], replayed)


@asynccontextmanager
async def door(url: str, master_key: bytes, clock: Any) -> AsyncIterator[Door]:
    configure("ERROR")
    settings = Settings(
        database_url=url,
        data_dir=Path("unused"),
        host="127.0.0.1",
        port=0,
        master_key=master_key,
        log_level="ERROR",
        workers=1,
        drain_seconds=1,
    )

    async with wired(settings) as parts:
        parts.handler.clock, parts.handler.wall = clock, clock.wall
        app = assemble(partial(wired, settings), Metrics())
        # Not by the lifespan, which ends in the task that it began in: a life may be led by several.
        app.state.wired = parts
        transport = ASGITransport(cast("Any", app), raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://simulation") as client:
            yield Door(parts, client)


def request_of(function: Callable[..., Any], args: tuple[Any, ...], key: str) -> Request | None:
    """How a use case is asked for over HTTP, if it can be."""
    if function not in ROUTES:
        return None
    method, path = ROUTES[function]
    names = [quote(arg) for arg in args if isinstance(arg, str)]
    bodies = [msgspec.json.encode(arg) for arg in args if not isinstance(arg, str)]
    return Request(method, path.format(*names), bodies[0] if bodies else b"{}" if method == "POST" else None, key)
