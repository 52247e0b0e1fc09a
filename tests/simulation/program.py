"""What happens to a whole program: its rewards, rules, boards, corrections, other programs' members, and time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec

from application import corrections, leaderboard_closing, referrals, rewards, rulebooks, sweep
from application.corrections import CorrectionBody, Found
from application.handle import Handler
from application.import_members import import_members
from application.leaderboard_closing import CloseBody
from application.reward_terms import Price, RewardBody, RewardChange
from domain.correction.commands import Cascade
from infrastructure.row_reader import states
from infrastructure.zones import SystemZones
from tests.build import Json
from tests.simulation.life import ACTOR, Call, Life
from tests.simulation.rules import LEVELS, Numbers, document, other_base


def offer_reward(life: Life, numbers: Numbers) -> Call:
    """A reward comes into the catalogue, or is offered on other terms."""
    price = Price(currency="points", points=numbers.one([5, 1, 20]))
    if not life.rewards or numbers.below(3) == 0:
        name = life.name("reward")
        life.rewards.append(name)
        body = RewardBody(
            id=name,
            kind="product",
            price=price,
            stock=numbers.one([3, None, 10]),
            per_member=numbers.one([None, 4]),
            codes=numbers.one([None, "generate"]),
        )
        return life.ask("offer reward", rewards.create, body)
    changes = RewardChange(price=price, stock=numbers.one([6, 2, 20, None]))
    return life.ask("offer reward", rewards.change, numbers.one(life.rewards[::-1]), changes, etag="*", named=False)


def bring_in(life: Life, numbers: Numbers) -> Call:
    """Another program's members, with lots and levels: a file is often brought in again, or tried dry."""
    if not life.files or numbers.below(3):
        name, until = life.name("i"), (life.now + timedelta(days=30)).isoformat()
        life.files.append(
            [
                {"id": name, "currency": "points", "points": str(1 + numbers.below(80)), "expires_at": until},
                {"id": name, "currency": "miles", "points": str(1 + numbers.below(9))},
                {"id": name, "set": "status", "level": numbers.one(LEVELS), "valid_until": until},
                {"id": numbers.one(life.people).whole.id, "currency": "points", "points": "7"},
                {"id": life.name("i"), "currency": numbers.one(["points", "pounds"]), "points": "3"},
            ]
        )
    rows, dry = numbers.one(life.files[::-1]), not numbers.often(5)

    async def run(handler: Handler) -> Any:
        return await import_members(handler, life.program, rows, source="old", actor="key:operator", dry_run=dry)

    return Call("import", run, named=False)


def close_board(life: Life, numbers: Numbers) -> Call:
    """A board is frozen for a month, or for ever, and its prizes are paid."""
    board = numbers.one(["earners", "earners", "spenders"])
    day = (life.now - timedelta(days=numbers.below(40))).date()
    body = CloseBody(period=day.isoformat() if board == "earners" else None)
    key = life.name("k")

    async def run(handler: Handler) -> Any:
        await life.house.follow()
        scores = life.house.scores
        return await leaderboard_closing.close(handler, scores, life.program, board, body, actor=ACTOR, key=key)

    return Call("close board", run)


def propose(life: Life, numbers: Numbers) -> Call:
    """What other rules would have granted, or that a correction was none: tried dry."""
    cascade: Cascade = "to_now" if numbers.below(2) else "none"
    back = numbers.one(life.corrections[::-1]) if life.corrections and not numbers.often(3) else None
    begins = life.now - timedelta(days=1 + numbers.below(90))
    new = other_base(life.document, numbers) if back is None else None
    body = CorrectionBody(reverses=back) if back else CorrectionBody(from_=begins, to=life.now, cascade=cascade)

    async def run(handler: Handler) -> Any:
        name, _ = await _tried(life, handler, new, body)
        life.proposals.append((name, new, body))

    return Call("propose", run, named=False)


def correct(life: Life, numbers: Numbers) -> Call:
    """Somebody else approves, and members get what they should have. Asked again, nothing is left to correct."""
    if not life.proposals:
        return msgspec.structs.replace(propose(life, numbers), kind="correct")
    name, new, body = numbers.one(life.proposals[::-1])

    async def run(handler: Handler) -> Any:
        known = await corrections.approved(handler, life.program, name, actor="key:admin")
        await corrections.apply(handler, life.program, name)
        life.corrections.append(name)
        if known.correction.state == "applied":
            return
        done = await corrections.find(handler, life.program, name)
        seen = {one.stream: one.version for one in known.correction.members if one.stream not in done.correction.moved}
        _, found = await _tried(life, handler, new, body)
        # But for those whom somebody else has moved since.
        left = [one for one in found.members if one.version - 1 == seen.get(one.stream)]
        assert not left, f"{name} left {left}"

    return Call("correct", run, named=False)


async def _tried(life: Life, handler: Handler, document: Json | None, body: CorrectionBody) -> tuple[str, Found]:
    asked = await corrections.propose(handler, life.program, document, body, actor="key:operator")
    with ThreadPoolExecutor(1) as here:
        found = await asyncio.to_thread(
            corrections.dry_run, states(life.house.url), asked, SystemZones().offset, executor=here, of=2
        )
    await corrections.note(handler, life.program, asked.correction, found, actor="key:operator")
    return asked.correction, found


def publish(life: Life, numbers: Numbers) -> Call:
    """Other rules, from now on."""
    new = document(numbers)

    async def run(handler: Handler) -> Any:
        answer = await rulebooks.publish_document(
            handler, life.program, new, rulebooks.PublishBody(), actor="key:simulation", key=key
        )
        life.document = new
        return answer

    key = life.name("k")
    return Call("publish", run)


def wait(life: Life, numbers: Numbers) -> Call:
    """Time passes, and somebody sweeps."""
    days = numbers.one([1, 3, 8, 31, 70])

    async def run(handler: Handler) -> Any:
        life.house.hand.time += timedelta(days=days, hours=numbers.below(24))
        await sweep.settle_due(handler, life.program, life.now)
        await referrals.keep_all(handler, life.program)
        await life.boards_closed(handler)

    return Call("wait", run, named=False)
