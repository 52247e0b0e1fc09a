"""Redemptions in a member's history: as sentences, and in the lots that they took from."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain.log import Entry
from domain.member.events import Draw, HoldConfirmed, HoldReleased, PointsHeld, RedemptionReturned

Json = dict[str, Any]
HoldEvent = PointsHeld | HoldConfirmed | HoldReleased | RedemptionReturned


def told(
    event: HoldEvent, entry: Entry, say: Callable[[str, int], str]
) -> tuple[str, datetime, str | None, int | None, str | None, str]:
    """(kind, when, currency, points as they move what can be spent, rule, sentence)."""
    name = event.currency
    amount = f"{say(name, event.points)} {name}"
    match event:
        case PointsHeld():
            text = f"{amount} set aside for {event.redemption}, until {event.ends_at:%Y-%m-%d %H:%M} UTC"
            return "held", entry.recorded_at, name, -event.points, None, text
        case HoldConfirmed():
            worth = f" worth {event.value_minor} minor units" if event.value_minor is not None else ""
            text = f"{amount} spent on {event.redemption}{worth}, as set aside{_rest(event, say)}"
            return "confirmed", entry.recorded_at, name, _sum(event.released), None, text
        case HoldReleased():
            why = "cancelled" if event.reason == "cancelled" else "not confirmed in time"
            text = f"{amount} set aside for {event.redemption} let go: {why}{_rest(event, say)}"
            return "released", event.at, name, _sum(event.released), None, text
        case RedemptionReturned():
            how = ", with a new life" if event.mode == "reissue" else ""
            gone = f", {say(name, _sum(event.expired))} had expired" if event.expired else ""
            debt = f", {say(name, event.repaid)} repaid debt" if event.repaid else ""
            text = f"{amount} spent on {event.redemption} came back{how}{gone}{debt}"
            return "given_back", entry.recorded_at, name, sum(lot.points for lot in event.lots), None, text


def _rest(event: HoldConfirmed | HoldReleased, say: Callable[[str, int], str]) -> str:
    free = f", {say(event.currency, _sum(event.released))} free again" if event.released else ""
    debt = f", {say(event.currency, _sum(event.repaid))} repaid debt" if event.repaid else ""
    gone = f", {say(event.currency, _sum(event.expired))} had expired" if event.expired else ""
    return free + debt + gone


def _sum(draws: tuple[Draw, ...]) -> int:
    return sum(draw.points for draw in draws)


def changes_lots(lots: dict[str, Json], event: HoldEvent) -> None:
    """What an event does to a list of lots by id."""
    match event:
        case PointsHeld():
            for draw in event.draws:
                lots[draw.lot]["remaining"] -= draw.points
                _ends(lots, draw.lot, "held")
        case HoldConfirmed() | HoldReleased():
            for draw in event.released:
                lots[draw.lot] |= {"remaining": lots[draw.lot]["remaining"] + draw.points, "state": "open"}
            spent = event.draws if isinstance(event, HoldConfirmed) else ()
            for draw in (*spent, *event.repaid):
                _ends(lots, draw.lot, "spent")
            for draw in event.expired:
                _ends(lots, draw.lot, "expired")
        case RedemptionReturned():
            for draw in event.expired:
                _ends(lots, draw.lot, "expired")
            for back in event.lots:
                lot = lots.setdefault(
                    back.lot,
                    {
                        "id": back.lot,
                        "currency": event.currency,
                        "points": back.granted,
                        "remaining": 0,
                        "state": "open",
                        "available_at": back.available_at,
                        "expires_at": back.expires_at,
                        "activity": None,
                        "rule": back.rule,
                        "rulebook": back.rulebook,
                    },
                )
                lot |= {
                    "remaining": lot["remaining"] + back.points, "state": "open", "expires_at": back.expires_at,
                }  # fmt: skip


def _ends(lots: dict[str, Json], lot: str, state: str) -> None:
    if lots[lot]["remaining"] == 0:
        lots[lot]["state"] = state
