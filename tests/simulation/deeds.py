"""The kinds of things that happen: each takes some numbers to a request that has a good chance to be accepted.

Where what it needs is not there (a hold to confirm), it asks for that instead: the next of its kind will find it.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

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
from application.lots import LotsBody
from application.members import ChangeBody, EnrolBody, StatusBody
from application.payloads import ActivityBody
from application.points import ActivityName, AdjustBody, Hold, Order, RedeemBody, ReturnBody, ReturnLine
from domain.member.commands import AdjustPoints, RecordActivity, RedeemPoints, RedeemReward, SendPoints
from domain.member.events import LotExpired, PointsRedeemed
from domain.member.state import Lot
from tests.simulation.ledger import Book
from tests.simulation.life import Call, Life
from tests.simulation.program import bring_in, close_board, correct, offer_reward, propose, publish, wait
from tests.simulation.rules import CODES, LEVELS, Numbers

Deed = Callable[[Life, Numbers], Call]

_COLOURS = ("red", "blue", "green")
_ZONES = ("Asia/Tokyo", "America/New_York", "UTC", "Pacific/Kiritimati")


# --- activities ----------------------------------------------------------------------------------


def _somebody(life: Life, numbers: Numbers) -> Book:
    return numbers.one(life.people)


def _purchase(life: Life, numbers: Numbers, late: timedelta = timedelta(0), *, lined: bool = False) -> ActivityBody:
    amount = numbers.one([1_200, 99, 2_500, 6_000, 333, 1]) + numbers.below(50)
    data: dict[str, Any] = {"amount_minor": amount}
    if lined:
        parts = [part for part in (amount // 3, amount - amount // 3 - amount // 5, amount // 5) if part]
        data["lines"] = [
            {
                "id": str(number),
                "quantity": 1 + numbers.below(3),
                "amount_minor": part,
                "labels": {"colour": numbers.one(_COLOURS)},
                **({"flags": ["paid_with_points"]} if not numbers.often(6) else {}),
            }
            for number, part in enumerate(parts, 1)
        ]
    return ActivityBody(
        id=life.name("p"),
        source="shop",
        type="purchase",
        member=_somebody(life, numbers).whole.id,
        occurred_at=life.now - late,
        data=data,
    )


def buy(life: Life, numbers: Numbers) -> Call:
    return life.ask("buy", activities.record, _purchase(life, numbers))


def buy_lines(life: Life, numbers: Numbers) -> Call:
    return life.ask("buy lines", activities.record, _purchase(life, numbers, lined=True))


def late(life: Life, numbers: Numbers) -> Call:
    """It comes hours or months after it happened: so what comes is in no order."""
    ago = timedelta(hours=numbers.one([2, 30, 200, 1_500]) + numbers.below(24))
    return life.ask("late", activities.record, _purchase(life, numbers, ago, lined=numbers.below(2) == 1))


def fly(life: Life, numbers: Numbers) -> Call:
    """A feed says that miles were spent, whether there were any or not."""
    body = ActivityBody(
        id=life.name("f"),
        source="feed",
        type="miles.spent",
        member=_somebody(life, numbers).whole.id,
        occurred_at=life.now,
        data={"miles": 1 + numbers.below(40)},
    )
    return life.ask("fly", activities.record, body)


# --- returns -------------------------------------------------------------------------------------


def _bought(life: Life, numbers: Numbers) -> RecordActivity | None:
    """A purchase, rather one of the last."""
    found = [
        entry.input
        for entry in life.entries(RecordActivity)
        if isinstance(entry.input, RecordActivity) and entry.input.type == "purchase"
    ]
    return numbers.one(found[::-1][:12]) if found else None


def _return(life: Life, order: RecordActivity, **more: Any) -> ReturnBody:
    return ReturnBody(
        id=life.name("r"),
        source="shop",
        activity=ActivityName(source=order.source, id=order.id),
        occurred_at=life.now,
        **more,
    )


def give_back(life: Life, numbers: Numbers) -> Call:
    """Some of the money."""
    order = _bought(life, numbers)
    if order is None:
        return _instead("return", buy, life, numbers)
    some = 1 + order.data["amount_minor"] * numbers.below(100) // 150
    return life.ask("return", points.return_activity, _return(life, order, amount_minor=some))


def give_back_all(life: Life, numbers: Numbers) -> Call:
    order = _bought(life, numbers)
    if order is None:
        return _instead("return all", buy, life, numbers)
    return life.ask("return all", points.return_activity, _return(life, order))


def give_back_lines(life: Life, numbers: Numbers) -> Call:
    orders = [order for _ in range(4) if (order := _bought(life, numbers)) is not None and "lines" in order.data]
    if not orders:
        return _instead("return lines", buy_lines, life, numbers)
    line = numbers.one(orders[0].data["lines"])
    quantity = 1 + numbers.below(line["quantity"])
    back = ReturnLine(
        line=line["id"], quantity=quantity, amount_minor=max(1, line["amount_minor"] * quantity // line["quantity"])
    )
    return life.ask("return lines", points.return_activity, _return(life, orders[0], lines=[back]))


def reversed_by_feed(life: Life, numbers: Numbers) -> Call:
    """The shop's own feed says that an order came back."""
    order = _bought(life, numbers)
    if order is None:
        return _instead("refund", buy, life, numbers)
    body = ActivityBody(
        id=life.name("b"),
        source="shop",
        type="refund",
        member=None,
        occurred_at=life.now,
        data={"order": order.id, "amount_minor": 1 + order.data["amount_minor"] * numbers.below(100) // 150},
    )
    whose = next(entry.stream_id for entry in life.entries(RecordActivity) if entry.input is order)
    return life.ask(
        "refund", activities.record, msgspec.structs.replace(body, member=_survivor(life, life.ledger.books[whose]))
    )


def _survivor(life: Life, book: Book) -> str:
    while book.whole.into:
        book = life.ledger.books[UUID(book.whole.into)]
    return book.whole.id


# --- redemptions ---------------------------------------------------------------------------------


def _rich(life: Life, numbers: Numbers) -> tuple[Book, int]:
    """Somebody who has points, and how many."""
    with_points = [book for book in life.people if life.balance(book).available > 0]
    book = numbers.one(with_points or life.people)
    return book, life.balance(book).available


def _some(numbers: Numbers, available: int) -> int:
    return max(1, available * (1 + numbers.below(12)) // 12)


def redeem(life: Life, numbers: Numbers) -> Call:
    book, available = _rich(life, numbers)
    if not available:
        return _instead("redeem", give, life, numbers)
    body = RedeemBody(id=life.name("s"), member=book.whole.id, currency="points", points=_some(numbers, available))
    return life.ask("redeem", points.redeem, body)


def pay(life: Life, numbers: Numbers) -> Call:
    """Points pay for an order that was made."""
    orders = [
        (book, entry.input)
        for book in life.people
        for entry in book.entries
        if isinstance(entry.input, RecordActivity) and entry.input.type == "purchase" and life.balance(book).available
    ]
    if not orders:
        return _instead("pay", give, life, numbers)
    book, order = numbers.one(orders[::-1])
    most = min(life.balance(book).available, order.data["amount_minor"] // 2) or 1
    body = RedeemBody(
        id=life.name("s"),
        member=book.whole.id,
        currency="points",
        order=Order(source=order.source, id=order.id),
        points=1 + numbers.below(most),
    )
    return life.ask("pay", points.redeem, body)


def hold(life: Life, numbers: Numbers) -> Call:
    book, available = _rich(life, numbers)
    if not available:
        return _instead("hold", give, life, numbers)
    body = RedeemBody(
        id=life.name("s"),
        member=book.whole.id,
        currency="points",
        points=_some(numbers, available),
        hold=Hold(ttl=numbers.one(["P5D", "PT3H", "P30D"])),
    )
    return life.ask("hold", points.redeem, body)


def reward(life: Life, numbers: Numbers) -> Call:
    """Points for units of a reward, at once or held."""
    book, available = _rich(life, numbers)
    if not life.rewards:
        return _instead("reward", offer_reward, life, numbers)
    if not available:
        return _instead("reward", give, life, numbers)
    held = Hold(ttl="P5D") if numbers.below(2) else None
    body = RedeemBody(
        id=life.name("s"),
        member=book.whole.id,
        reward=numbers.one(life.rewards[::-1]),
        quantity=1 + numbers.below(2),
        hold=held,
    )
    return life.ask("reward", rewards.redeem, body)


def _held(life: Life, numbers: Numbers) -> tuple[str, int] | None:
    found = [(hold.id, hold.points) for book in life.everybody for hold in book.whole.holds.values()]
    return numbers.one(found) if found else None


def confirm(life: Life, numbers: Numbers) -> Call:
    held = _held(life, numbers)
    if held is None:
        return _instead("confirm", hold, life, numbers)
    name, _ = held
    return life.ask("confirm", redemptions.confirm, name, redemptions.ConfirmBody())


def confirm_part(life: Life, numbers: Numbers) -> Call:
    held = _held(life, numbers)
    if held is None:
        return _instead("confirm part", hold, life, numbers)
    name, whole = held
    body = redemptions.ConfirmBody(points=_some(numbers, whole))
    return life.ask("confirm part", redemptions.confirm, name, body)


def cancel(life: Life, numbers: Numbers) -> Call:
    held = _held(life, numbers)
    if held is None:
        return _instead("cancel", hold, life, numbers)
    return life.ask("cancel", redemptions.cancel, held[0])


def undo(life: Life, numbers: Numbers) -> Call:
    """A redemption is returned, whole or in part."""
    spent = [
        (event.redemption, event.points)
        for kind in (RedeemPoints, RedeemReward)
        for entry in life.entries(kind)
        for event in entry.events
        if isinstance(event, PointsRedeemed)
    ]
    if not spent:
        return _instead("undo", redeem, life, numbers)
    name, whole = numbers.one(spent[::-1][:10])
    some = None if numbers.below(2) else 1 + whole * numbers.below(10) // 20
    body = redemptions.ReturnRedemptionBody(points=some, mode=numbers.one([None, "reissue", "reverse"]))
    return life.ask("undo", redemptions.give_back, name, body)


# --- by hand -------------------------------------------------------------------------------------


def _adjust(life: Life, kind: str, member: str, amount: int, **more: Any) -> Call:
    body = AdjustBody(id=life.name("a"), member=member, currency="points", points=amount, reason="by hand", **more)
    return life.ask(kind, points.adjust, body)


def give(life: Life, numbers: Numbers) -> Call:
    ends = numbers.one([None, life.now + timedelta(days=20)])
    return _adjust(life, "give", _somebody(life, numbers).whole.id, 1 + numbers.below(90), expires_at=ends)


def give_later(life: Life, numbers: Numbers) -> Call:
    """Points that wait for an action, or for a day."""
    whose = _somebody(life, numbers).whole.id
    if numbers.below(2):
        return _adjust(life, "give later", whose, 1 + numbers.below(90), available_at=life.now + timedelta(days=3))
    return _adjust(life, "give later", whose, 1 + numbers.below(90), available="on_action")


def take(life: Life, numbers: Numbers) -> Call:
    book, _ = _rich(life, numbers)
    owing = numbers.below(2) == 0
    return _adjust(life, "take", book.whole.id, -(1 + numbers.below(60)), allow_negative=owing)


def undo_adjustment(life: Life, numbers: Numbers) -> Call:
    made = [entry.input.id for entry in life.entries(AdjustPoints) if isinstance(entry.input, AdjustPoints)]
    if not made:
        return _instead("undo adjustment", give, life, numbers)
    body = reversals.ReverseBody(force=numbers.often(3))
    return life.ask("undo adjustment", reversals.reverse_adjustment, numbers.one(made[::-1][:8]), body)


def _pending(life: Life, numbers: Numbers) -> tuple[str, Lot] | None:
    found = []
    for book in life.people:
        found += [(book.whole.id, lot) for lot in book.whole.lots if not lot.spendable(life.now)]
    on_action = [(whose, lot) for whose, lot in found if lot.available_at is None]
    return numbers.one(on_action or found) if found else None


def activate(life: Life, numbers: Numbers) -> Call:
    waiting = _pending(life, numbers)
    if waiting is None:
        return _instead("activate", give_later, life, numbers)
    body = pending.PendingBody(member=waiting[0], lots=[waiting[1].id])
    return life.ask("activate", pending.activate, body)


def cancel_pending(life: Life, numbers: Numbers) -> Call:
    waiting = _pending(life, numbers)
    if waiting is None:
        return _instead("cancel pending", give_later, life, numbers)
    body = pending.PendingBody(member=waiting[0], lots=[waiting[1].id])
    return life.ask("cancel pending", pending.cancel, body)


def activate_order(life: Life, numbers: Numbers) -> Call:
    """All that an order's points still wait for, or that they are not to be."""
    orders = [
        (book.whole.id, entry.input)
        for book in life.people
        for entry in book.entries
        if isinstance(entry.input, RecordActivity)
        and any(lot.entry == entry.version and not lot.spendable(life.now) for lot in book.whole.lots)
    ]
    if not orders:
        return _instead("activate order", buy, life, numbers)
    whose, order = numbers.one(orders[::-1])
    body = pending.PendingBody(member=whose, activity=ActivityName(source=order.source, id=order.id))
    return life.ask("activate order", pending.activate if numbers.below(2) else pending.cancel, body)


def extend(life: Life, numbers: Numbers) -> Call:
    """Lots that are open get a later end."""
    found = [(book, lot) for book in life.people for lot in book.whole.lots if lot.expires_at is not None]
    if not found:
        return _instead("extend", give, life, numbers)
    book, lot = numbers.one(found[::-1])
    later = max(lot.expires_at or life.now, life.now) + timedelta(days=1 + numbers.below(40))
    return life.ask(
        "extend", lots.extend, LotsBody(member=book.whole.id, lots=[lot.id], expires_at=later, reason="sorry")
    )


def reinstate(life: Life, numbers: Numbers) -> Call:
    """A lot that expired comes back."""
    found = [
        (book, event.lot)
        for book in life.people
        for entry in book.entries
        for event in entry.events
        if isinstance(event, LotExpired)
    ]
    if not found:
        return _instead("reinstate", extend, life, numbers)
    book, lot = numbers.one(found[::-1])
    ends = life.now + timedelta(days=1 + numbers.below(40))
    body = LotsBody(member=book.whole.id, lots=[lot], expires_at=ends, reason="sorry")
    return life.ask("reinstate", lots.reinstate, body)


# --- between members -----------------------------------------------------------------------------


def _another(life: Life, numbers: Numbers, than: Book) -> Book | None:
    others = [book for book in life.people if book is not than]
    return numbers.one(others) if others else None


def transfer(life: Life, numbers: Numbers) -> Call:
    book, available = _rich(life, numbers)
    other = _another(life, numbers, book)
    if other is None:
        return _instead("transfer", enrol, life, numbers)
    if not available:
        return _instead("transfer", give, life, numbers)
    body = move_points.TransferBody(
        id=life.name("t"),
        from_=book.whole.id,
        to=other.whole.id,
        currency="points",
        points=_some(numbers, available),
    )
    return life.ask("transfer", move_points.transfer, body)


def undo_transfer(life: Life, numbers: Numbers) -> Call:
    made = [entry.input.id for entry in life.entries(SendPoints) if isinstance(entry.input, SendPoints)]
    done = {sent.call.kind for sent in life.sent}
    if not made or "transfer" not in done:
        return _instead("undo transfer", transfer, life, numbers)
    body = move_points.ReverseBody(force=numbers.often(3))
    return life.ask("undo transfer", move_points.reverse, numbers.one(made[::-1][:4]), body)


def merge(life: Life, numbers: Numbers) -> Call:
    survivor = _somebody(life, numbers)
    loser = _another(life, numbers, survivor)
    if loser is None or len(life.people) < 3:
        return _instead("merge", enrol, life, numbers)
    body = merge_members.MergeBody(id=life.name("g"), survivor=survivor.whole.id, loser=loser.whole.id)
    return life.ask("merge", merge_members.merge, body)


def bring_friend(life: Life, numbers: Numbers) -> Call:
    """Somebody gets a code, or comes with one."""
    with_code = [book for book in life.people if book.whole.code]
    if not with_code or numbers.below(3) == 0:
        owner = _somebody(life, numbers).whole.id
        return life.ask("friend", referrals.issue, owner, named=False)
    body = EnrolBody(id=life.name("m"), referral_code=numbers.one(with_code).whole.code)
    return life.ask("friend", members.enrol, body)


# --- the member ----------------------------------------------------------------------------------


def enrol(life: Life, numbers: Numbers) -> Call:
    return life.ask("enrol", members.enrol, EnrolBody(id=life.name("m"), email=f"{life.name('e')}@example.org"))


def change(life: Life, numbers: Numbers) -> Call:
    whose = _somebody(life, numbers).whole.id
    body = ChangeBody(time_zone=numbers.one(_ZONES)) if numbers.below(2) else ChangeBody(profile={"name": "N"})
    return life.ask("change", members.change, whose, body, named=False)


def suspend(life: Life, numbers: Numbers) -> Call:
    """Somebody is suspended, or back; never the last who is there."""
    away = [book for book in life.everybody if book.whole.status != "active"]
    if away and (len(life.people) < 3 or numbers.below(3)):
        body = StatusBody(status="active", reason="back")
        return life.ask("suspend", members.set_status, numbers.one(away).whole.id, body, named=False)
    if len(life.people) < 3:
        return _instead("suspend", enrol, life, numbers)
    body = StatusBody(status=numbers.one(["suspended", "closed"]), reason="away")
    return life.ask("suspend", members.set_status, _somebody(life, numbers).whole.id, body, named=False)


def erase(life: Life, numbers: Numbers) -> Call:
    if len(life.people) < 3:
        return _instead("erase", enrol, life, numbers)
    return life.ask("erase", members.erase, _somebody(life, numbers).whole.id, named=False)


def floor(life: Life, numbers: Numbers) -> Call:
    whose = _somebody(life, numbers).whole.id
    if not numbers.often(3):
        return life.ask("floor", floors.lift_floor, whose, "status", named=False)
    until = numbers.one([None, life.now + timedelta(days=1 + numbers.below(60))])
    body = floors.FloorBody(level=numbers.one(LEVELS), reason="match", until=until)
    return life.ask("floor", floors.set_floor, whose, "status", body, named=False)


def assign(life: Life, numbers: Numbers) -> Call:
    body = offers.AssignBody(member=_somebody(life, numbers).whole.id)
    return life.ask("assign", offers.assign, numbers.one(["sum", "count", "above", "days", "spring"]), body)


def coupon(life: Life, numbers: Numbers) -> Call:
    """A code is used by somebody who was targeted."""
    targeted = [book for book in life.people if any(slot.offer == "spring" for slot in book.whole.slots)]
    if not targeted:
        body = offers.AssignBody(member=_somebody(life, numbers).whole.id)
        return life.ask("coupon", offers.assign, "spring", body)
    use = offers.RedeemCodeBody(code=numbers.one(CODES), member=numbers.one(targeted).whole.id)
    return life.ask("coupon", offers.redeem_code, use)


def _instead(kind: str, deed: Deed, life: Life, numbers: Numbers) -> Call:
    return msgspec.structs.replace(deed(life, numbers), kind=kind)


DEEDS: dict[str, tuple[Deed, int]] = {
    "buy": (buy, 4),
    "buy lines": (buy_lines, 4),
    "late": (late, 4),
    "fly": (fly, 3),
    "return": (give_back, 3),
    "return all": (give_back_all, 3),
    "return lines": (give_back_lines, 3),
    "refund": (reversed_by_feed, 3),
    "redeem": (redeem, 3),
    "pay": (pay, 3),
    "hold": (hold, 3),
    "reward": (reward, 3),
    "confirm": (confirm, 3),
    "confirm part": (confirm_part, 3),
    "cancel": (cancel, 3),
    "undo": (undo, 3),
    "give": (give, 3),
    "give later": (give_later, 3),
    "take": (take, 3),
    "undo adjustment": (undo_adjustment, 3),
    "activate": (activate, 3),
    "activate order": (activate_order, 3),
    "cancel pending": (cancel_pending, 3),
    "extend": (extend, 3),
    "reinstate": (reinstate, 3),
    "transfer": (transfer, 3),
    "undo transfer": (undo_transfer, 3),
    "merge": (merge, 3),
    "friend": (bring_friend, 3),
    "enrol": (enrol, 3),
    "change": (change, 3),
    "suspend": (suspend, 3),
    "erase": (erase, 3),
    "floor": (floor, 3),
    "assign": (assign, 3),
    "coupon": (coupon, 3),
    "offer reward": (offer_reward, 3),
    "import": (bring_in, 3),
    "close board": (close_board, 3),
    "propose": (propose, 3),
    "correct": (correct, 3),
    "publish": (publish, 3),
    "wait": (wait, 4),
}
"""Each deed by name, with its weight."""
