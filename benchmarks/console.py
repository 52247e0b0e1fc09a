"""How long the server needs for each page of the console: 50 loads each, of a program that is served already.

python -m benchmarks.console http://127.0.0.1:8080 gdn_...

The key has the scope admin. With --deep besides: a member with 10,000 entries beside one with ten.
"""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
from httpx2 import Client

from application.studio import example

Json = dict[str, Any]

LOADS = 50
FEW, MANY, SPENT_EVERY = 10, 10_000, 100
PLACES = (
    "today",
    "today/redemptions",
    "today/expiring",
    "today/debts",
    "today/refusals",
    "today/rules",
    "members",
    "leaderboards",
    "rulebooks",
    "rulebooks/1",
    "campaigns",
    "liability",
    "audit",
    "audit?what=PointsEarned",
    "audit?what=CorrectionApplied",
    "audit/corrections",
    "audit/checkpoints",
    "audit/checkpoints?older=1",
    "audit/bundle",
    "system",
)


def main(arguments: list[str]) -> int:
    address, key, *more = arguments
    with (
        Client(base_url=f"{address}/console/", timeout=60) as console,
        Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=60) as api,
    ):
        console.post("sign-in", data={"key": key})
        for place in (*PLACES, *_found(api)):
            _say(place, seconds(console, place))
        if "--deep" in more:
            for name, entries in (("few", FEW), ("many", MANY)):
                member = _member_with(api, name, entries)
                _say(f"members/{member}", seconds(console, f"members/{member}"))
    return 0


def _found(api: Client) -> Iterator[str]:
    """Pages that only this program has: its boards, its busiest members, an explanation, a draft."""
    for board in api.get("/v1/leaderboards").json()["items"][:3]:
        name = board["leaderboard"]
        yield f"leaderboards/{quote(name)}"
        rows = api.get(f"/v1/leaderboards/{quote(name)}", params={"limit": 1}).json().get("items", [])
        for row in rows:
            yield f"leaderboards/{quote(name)}?member={quote(row['member'])}"
            yield f"members/{quote(row['member'])}"
            items = api.get(f"/v1/members/{quote(row['member'])}/history").json()["items"]
            yield from (f"audit/proof?position={one['position']}" for one in items[-1:] if one["position"])
            yield from (f"activities/{one['cause']}" for one in items[-1:] if (one["cause"] or "").startswith("act_"))
    for draft in api.get("/v1/rulebooks").json()["drafts"][:1]:
        yield f"rulebooks/{draft['draft']}"


def seconds(console: Client, place: str) -> list[float]:
    taken = []
    for _ in range(LOADS):
        began = perf_counter()
        answer = console.get(place)
        taken.append(perf_counter() - began)
        assert answer.status_code == 200, (place, answer.status_code)
    return sorted(taken)


def _say(place: str, taken: list[float]) -> None:
    half, most = taken[len(taken) // 2], taken[len(taken) * 95 // 100]
    print(f"{place:50} p50 {1000 * half:7.1f} ms   p95 {1000 * most:7.1f} ms", flush=True)


def _member_with(api: Client, name: str, entries: int) -> str:
    """A new member with so many activities of the program's first type, as the studio would make them up."""
    now = datetime.fromisoformat(api.get("/v1/clock").json()["now"])
    member = f"{name}-{uuid4().hex[:12]}"
    began = now - timedelta(days=30)
    _post(api, "/v1/members", {"id": member, "enrolled_at": began})
    document = api.get("/v1/rulebooks/1").json()["document"]
    sample = example(document, member, now)
    items = [
        sample | {"id": f"{member}-{number}", "occurred_at": began + timedelta(minutes=number)}
        for number in range(1, entries)
    ]
    for start in range(0, len(items), SPENT_EVERY):
        for item in _post(api, "/v1/activities/batch", items[start : start + SPENT_EVERY])["items"]:
            assert item["status"] in (200, 201), item
        _spend(api, f"{member}-{start}", member)
    return member


def _spend(api: Client, name: str, member: str) -> None:
    for currency, held in api.get(f"/v1/members/{member}").json()["balances"].items():
        if held["available"]:
            points = {"currency": currency, "points": held["available"]}
            _post(api, "/v1/redemptions", {"id": f"{name}-{currency}", "member": member, **points})


def _post(api: Client, path: str, body: Any) -> Json:
    answer = api.post(path, content=msgspec.json.encode(body), headers={"content-type": "application/json"})
    assert answer.status_code in (200, 201), answer.text
    found: Json = answer.json()
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
