"""The lots of a member who has very many: a few bars, and the lots page by page."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.console.charts import WIDTH, stepped
from api.console.lots import MONTHS, by_month
from application.dossier import Ahead
from tests.console.test_door import sign_in
from tests.http.conftest import Someone

pytestmark = pytest.mark.anyio
BERLIN = ZoneInfo("Europe/Berlin")


def lot(remaining: int, ends: datetime | None, currency: str = "points") -> Ahead:
    return Ahead("1.1", currency, 100, remaining, "open", None, ends, "base")


def berlin(at: datetime) -> datetime:
    return at.astimezone(BERLIN)


def test_lots_are_summed_by_the_last_month_in_which_they_can_be_spent() -> None:
    """What ends with the first instant of a month is spent for the last time in the month before, in the zone."""
    lots = [
        lot(10, datetime(2026, 11, 30, 23, tzinfo=UTC)),
        lot(30, datetime(2026, 11, 30, 22, 59, tzinfo=UTC)),
        lot(20, datetime(2026, 12, 1, tzinfo=UTC)),
        lot(5, None),
        lot(7, None, "miles"),
    ]
    assert [(one.currency, one.name, one.points, one.lots, one.width) for one in by_month(lots, berlin)] == [
        ("miles", "without end", 7, 1, 1_000),
        ("points", "2026-11", 40, 2, 1_000),
        ("points", "2026-12", 20, 1, 500),
        ("points", "without end", 5, 1, 125),
    ]


def test_months_far_ahead_are_one_bar_and_nothing_is_lost() -> None:
    lots = [lot(1, datetime(2026 + month // 12, month % 12 + 1, 15, tzinfo=UTC)) for month in range(100)]
    found = by_month([lot(1, None), *lots], berlin)
    assert [(one.name, one.lots) for one in found[-2:]] == [("later", 100 - MONTHS), ("without end", 1)]
    assert len(found) == MONTHS + 2
    assert sum(one.points for one in found) == 101


async def test_of_many_lots_the_page_shows_bars_and_every_lot_on_some_page(shop: Someone) -> None:
    for number in range(70):
        body = {"id": f"gift-{number}", "member": "ann", "currency": "points", "points": 100 + number, "reason": "x"}
        answer = await shop.post("/v1/adjustments", body)
        assert answer.status_code == 201, answer.text
    await sign_in(shop)
    held = (await shop.get("/v1/members/ann")).json()["balances"]["points"]["available"]
    at, pages, seen = "/console/members/ann", 0, 0
    while at:
        page = (await shop.client.get(at)).text
        months = re.findall(r'data-month="[^"]*">([\d,]+) ', page)
        assert sum(int(one.replace(",", "")) for one in months) == held
        seen += sum(int(one) for one in re.findall(r"<strong>(\d+)</strong> <span class=\"soft\">of \d+ points", page))
        more = re.search(r'id="more-lots"><a class="button" href="([^"#]+)', page)
        at, pages = more.group(1).replace("&amp;", "&") if more else "", pages + 1
    assert (pages, seen) == (3, held)


def test_of_ten_thousand_ends_ahead_the_picture_keeps_what_can_be_told_apart() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    ends = [(now + timedelta(minutes=number), -1) for number in range(1, 10_001)]
    found = stepped([(now - timedelta(days=7), 10_000)], 10_000, now - timedelta(days=7), now, ends)
    assert found.ahead.count("H") <= 3 * (WIDTH + 1)
    assert found.ahead.endswith(f"H{WIDTH}V{found.zero}")
