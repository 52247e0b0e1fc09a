"""Segments over HTTP."""

import copy
from typing import Any

import pytest
from litestar import Litestar

from application.follow import Projector, Runner
from application.samples import COFFEE
from tests.http.conftest import Someone, purchase

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


async def test_segments_are_listed_counted_and_shown(app: Litestar, shop: Someone) -> None:
    document: Json = copy.deepcopy(COFFEE)
    document["segments"] = {
        "regular": "member.counters.spend.ever > 10000",
        "new": "history.count('purchase', 'ever') < 2",
    }
    draft = (await shop.post("/v1/rulebooks", {"document": document})).json()
    assert draft["findings"] == []
    await shop.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    answer = (await shop.post("/v1/activities", purchase())).json()
    assert {"kind": "segment_changed", "segment": "regular", "inside": True} in answer["effects"]
    assert (await shop.get("/v1/members/ann")).json()["segments"] == ["new", "regular"]

    wired = app.state.wired
    await wired.tables.ensure()
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    listed = (await shop.get(f"/v1/segments?at_least={answer['position']}")).json()
    assert [(one["segment"], one["members"]) for one in listed["items"]] == [("new", 1), ("regular", 1)]
    one = (await shop.get("/v1/segments/regular")).json()
    assert one == {"segment": "regular", "when": "member.counters.spend.ever > 10000", "members": 1}
    assert (await shop.get("/v1/segments/vip")).json()["code"] == "unknown-segment"
    history = (await shop.get("/v1/members/ann/history")).json()["items"]
    assert any(one["text"] == "now in the segment regular" for one in history)
