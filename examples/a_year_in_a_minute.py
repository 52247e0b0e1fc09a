"""A year of a coffee shop in a sandbox: one purchase a month, a refund, a redemption, and why.

Run it beside `make run`, with the key that it printed: `KEY=gdn_... python examples/a_year_in_a_minute.py`. It opens a
sandbox program of its own each time.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

SERVER = os.environ.get("SERVER", "http://localhost:8080")
RULES = json.loads((Path(__file__).parent / "coffee" / "rulebook.json").read_text("utf-8"))


class Api:
    """The API as one function."""

    def __init__(self, key: str) -> None:
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def __call__(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(SERVER + path, data, self._headers)) as answer:
            return json.load(answer)


def main() -> None:
    """One year, printed as it goes."""
    # A sandbox's clock can be set. Its year begins tomorrow, so that it never stands behind the real one.
    day = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=1)
    program = f"year-{datetime.now(UTC):%Y%m%d%H%M%S%f}"
    opened = Api(os.environ["KEY"])("/v1/programs", {"id": program, "sandbox": True, "time_zone": "Europe/Berlin"})
    api = Api(opened["key"])
    api("/v1/clock", {"now": day.isoformat()})
    draft = api("/v1/rulebooks", {"document": RULES, "note": "the coffee shop"})
    api(f"/v1/rulebooks/{draft['draft']}/publish", {"expects": 0})
    api("/v1/members", {"id": "ann", "enrolled_at": day.isoformat()})

    for month in range(12):
        api("/v1/clock", {"now": day.isoformat()})
        bought = api("/v1/activities", purchase(f"order-{month}", day))
        for effect in bought["effects"]:
            print(f"order-{month}: {effect['kind']} to {effect['to']}")
        day += timedelta(days=30)

    returned = api(
        "/v1/returns",
        {"id": "r-1", "source": "shop", "activity": {"source": "shop", "id": "order-3"}, "occurred_at": iso(day, -30)},
    )
    print(f"order-3 is returned: {returned['clawed_back'][0]['wanted']} points go back")
    spent = api("/v1/redemptions", {"id": "s-1", "member": "ann", "currency": "points", "points": 500})
    print(f"500 points are spent, worth {spent['redemption']['value_minor'] / 100:.2f} euros")

    why = api(f"/v1/activities/{bought['ref']}/explanation")
    for rule in why["rules"]:
        print(f"the last order, rule {rule['rule']}: {rule['granted']} granted")
    api("/v1/clock", {"now": iso(day, 400)})
    for line in api("/v1/members/ann/history?kind=expired")["items"]:
        print(f"later: {line['text']}")
    print(f"in the end: {api('/v1/members/ann')['balances']['points']}")


def purchase(name: str, day: datetime) -> dict[str, Any]:
    """Ann's monthly order of 105 euros."""
    return {
        "id": name,
        "source": "shop",
        "type": "purchase",
        "member": "ann",
        "occurred_at": day.isoformat(),
        "data": {"amount_minor": 10500},
    }


def iso(day: datetime, days: int) -> str:
    """The day so many days on."""
    return (day + timedelta(days=days)).isoformat()


if __name__ == "__main__":
    main()
