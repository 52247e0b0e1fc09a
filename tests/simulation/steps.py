"""A step of a life: one deed, or several at once, or one again; and then the laws."""

from datetime import timedelta

import msgspec

from application import activities, members, points, sweep
from application.answers import Answered
from application.members import EnrolBody
from tests.simulation.deeds import DEEDS, _purchase, buy, enrol
from tests.simulation.life import PROCESSES, Call, Life, Refusal, Statistics, Told, later
from tests.simulation.rules import Numbers

AGAIN = ("repeat", "differ", "reuse", "together", "shuffled", "round trip")
KINDS = tuple([name for name, (_, weight) in DEEDS.items() for _ in range(weight)] + [*AGAIN] * 4)
"""What a step may be, each as often as its weight."""


async def step(life: Life, kind: str, numbers: Numbers, statistics: Statistics) -> None:
    """Do it, and hold the program against the laws."""
    later(life, numbers)
    if len(life.people) < 2:
        await life.carry_out([enrol(life, numbers), enrol(life, numbers)], 0)
        life.ledger.check(numbers)
    match kind:
        case "repeat":
            await _repeat(life, numbers, statistics)
        case "differ":
            await _differ(life, numbers, statistics)
        case "reuse":
            await _reuse(life, numbers, statistics)
        case "together":
            await _together(life, numbers, statistics)
        case "shuffled":
            await _shuffled(life, numbers, statistics)
        case "round trip":
            await _round_trip(life, numbers, statistics)
        case _:
            deed, _ = DEEDS[kind]
            await _done(life, [deed(life, numbers)], kind, numbers, statistics)
    life.ledger.check(numbers)
    statistics.over_http += life.over_http
    life.over_http = 0


async def _done(
    life: Life, calls: list[Call], kind: str, numbers: Numbers, statistics: Statistics
) -> list[Answered | Refusal]:
    answers = await life.carry_out(calls, numbers.below(PROCESSES))
    refused = [answer.code for answer in answers if isinstance(answer, Refusal)]
    statistics.add(Told(kind, len(refused) < len(answers), refused[0] if refused else ""))
    return answers


async def _repeat(life: Life, numbers: Numbers, statistics: Statistics) -> None:
    """Whatever was asked is asked again: nothing is written, and the answer is the same."""
    if not life.sent:
        await _done(life, [buy(life, numbers)], "repeat", numbers, statistics)
        return
    sent = numbers.one(life.sent[::-1])
    before = len(life.sent)
    (again,) = await _done(life, [sent.call], "repeat", numbers, statistics)
    if isinstance(again, Refusal):
        # Of members that were erased meanwhile nothing can be told any more.
        assert again.code in ("member-erased", "unknown-member"), f"{sent.call.kind} again: {again.code}"
        return
    del life.sent[before:]
    assert isinstance(again, Answered)
    assert again.position == sent.answer.position, sent.call.kind
    assert not life.ledger.check(numbers), f"{sent.call.kind} was done twice"
    assert _told(again) == _told(sent.answer), sent.call.kind


def _told(answer: Answered) -> object:
    """An answer, but for the names that members have by now, and for what is left of a reward."""
    body = msgspec.json.decode(msgspec.json.encode(answer.body))
    body.pop("left", None)
    for who in ("member", "from", "to"):
        if isinstance(body.get(who), dict):
            del body[who]["id"]
    if "transfer" in body:
        del body["transfer"]["from"], body["transfer"]["to"]
    return body


async def _differ(life: Life, numbers: Numbers, statistics: Statistics) -> None:
    """The name of an activity with another body is refused, and nothing is written."""
    body = _purchase(life, numbers)
    call = life.ask("buy", activities.record, body)
    (first,) = await life.carry_out([call], numbers.below(PROCESSES))
    statistics.add(Told("differ", not isinstance(first, Refusal)))
    if isinstance(first, Refusal):
        return
    life.ledger.check(numbers)
    other = msgspec.structs.replace(body, data={"amount_minor": body.data["amount_minor"] + 1})
    (again,) = await life.carry_out([life.ask("buy", activities.record, other)], numbers.below(PROCESSES))
    assert isinstance(again, Refusal), again
    assert again.code == "activity-differs", again.code
    assert not life.ledger.check(numbers)


async def _reuse(life: Life, numbers: Numbers, statistics: Statistics) -> None:
    """The key of a request with another request is refused, and nothing is written."""
    call = life.ask("enrol", members.enrol, EnrolBody(id=life.name("m")))
    (first,) = await life.carry_out([call], numbers.below(PROCESSES))
    statistics.add(Told("reuse", not isinstance(first, Refusal)))
    assert isinstance(first, Answered), first
    life.ledger.check(numbers)
    other = life.ask("buy", activities.record, _purchase(life, numbers), key=call.key)
    (again,) = await life.carry_out([other], numbers.below(PROCESSES))
    assert isinstance(again, Refusal), again
    assert again.code == "idempotency-key-reused", again.code
    assert not life.ledger.check(numbers)


async def _together(life: Life, numbers: Numbers, statistics: Statistics) -> None:
    """Two or three at once, at two processes: rather of those that meet."""
    names = [numbers.one([name for name in DEEDS if name != "wait"]) for _ in range(2 + numbers.below(2))]
    if numbers.below(2):
        names = [names[0]] * len(names)
    calls = [DEEDS[name][0](life, numbers) for name in names]
    if not numbers.often(4):
        calls.append(calls[0])
    await _done(life, calls, "together", numbers, statistics)


async def _shuffled(life: Life, numbers: Numbers, statistics: Statistics) -> None:
    """What happened in one order comes in another."""
    bodies = [_purchase(life, numbers, timedelta(hours=9 * number)) for number in range(2 + numbers.below(3))]
    bodies.sort(key=lambda _: numbers.below(7))
    for body in bodies[:-1]:
        await life.carry_out([life.ask("buy", activities.record, body)], numbers.below(PROCESSES))
        life.ledger.check(numbers)
    await _done(life, [life.ask("buy", activities.record, bodies[-1])], "shuffled", numbers, statistics)


async def _round_trip(life: Life, numbers: Numbers, statistics: Statistics) -> None:
    """A purchase that is returned whole on the spot has brought nothing, and cost nothing."""
    body = _purchase(life, numbers, lined=numbers.below(2) == 1)
    await sweep.settle_due(life.house.handlers[0], life.program, life.now)
    life.ledger.check(numbers)
    before, taken = _net(life), +life.ledger.taken
    (bought,) = await life.carry_out([life.ask("buy", activities.record, body)], 0)
    life.ledger.check(numbers)
    if isinstance(bought, Refusal):
        statistics.add(Told("round trip", accepted=False, code=bought.code))
        return
    back = points.ReturnBody(
        id=life.name("r"),
        source="shop",
        activity=points.ActivityName(source="shop", id=body.id),
        occurred_at=life.now,
    )
    await _done(life, [life.ask("return", points.return_activity, back)], "round trip", numbers, statistics)
    life.ledger.check(numbers)
    forgiving = life.document["currencies"]["points"]["returns"]["recovery"] != "unlimited"
    if not forgiving and "badges" not in life.document:
        left = {key: amount - before.get(key, 0) for key, amount in _net(life).items() if amount != before.get(key, 0)}
        assert not left, f"a purchase and its return leave {left}"
        assert +life.ledger.taken == taken


def _net(life: Life) -> dict[tuple[str, str], int]:
    """All that members have, less what they owe."""
    found: dict[tuple[str, str], int] = {}
    for stream, book in life.ledger.books.items():
        for (currency, account), amount in book.accounts.items():
            if account in ("member", "pending", "reserve", "debt"):
                found[stream.hex, currency] = found.get((stream.hex, currency), 0) + amount
    return {key: amount for key, amount in found.items() if amount}
