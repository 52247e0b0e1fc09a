"""The data sets that are known: how to recognise one by its files, what it needs, and how its outcomes compare."""

import gzip
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from application.ingest import MemberFields

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.ingest import Tally
    from tests.acceptance.run import Answers

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

Json = dict[str, Any]


class Compared(msgspec.Struct):
    """One file of outcomes against the answers. `missing` outcomes had no answer, `extra` answers no outcome.

    `in_order` says whether they came in the recorded order, where there is one.
    """

    what: str
    exact: int = 0
    of: int = 0
    missing: int = 0
    extra: int = 0
    differences: list[str] = []
    noun: str = "exact"
    in_order: bool | None = None

    @property
    def whole(self) -> bool:
        return self.exact == self.of and not self.extra and self.in_order is not False

    def line(self) -> str:
        order = "" if self.in_order is None else ", order kept" if self.in_order else ", order lost"
        return f"{self.what}: {self.exact} of {self.of} {self.noun}, {self.extra} extra{order}"


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """A feed with its recorded outcomes. Nothing but `compare` opens the files of outcomes.

    `ordered` is the feed in its own order, where `events` is that out of order.
    `load` takes it in where that is not the feed of `events` and `members`. `rulebook` is a file, or the document.
    """

    name: str
    folder: Path
    events: Path
    ordered: Path | None = None
    members: Path | None
    fields: MemberFields = MemberFields()
    load: "Callable[[Wired, str], Awaitable[Tally]] | None" = None
    everybody: tuple[str, ...] = ()
    rulebook: Path | Json
    money: str
    as_of: str | None
    outcomes: Callable[["DataSet", "Answers"], Iterator[Compared]]
    boards: tuple[tuple[str, str | None], ...] = ()
    """Leaderboards to read: (board, as of which instant; None: as it stands)."""

    @property
    def document(self) -> Json:
        found: Json = json.loads(self.rulebook.read_text()) if isinstance(self.rulebook, Path) else self.rulebook
        return found

    def compare(self, answers: "Answers") -> Iterator[Compared]:
        return self.outcomes(self, answers)

    def members_seen(self) -> list[str]:
        """Everybody in the feed and in the file of members, in order of appearance."""
        if self.everybody:
            return list(self.everybody)
        seen = {line["member_id"]: None for file in (self.members, self.events) if file for line in lines(file)}
        return list(seen)


def found_in(folder: Path) -> list[DataSet]:
    """The sets in a folder, or the folder itself as one."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())] if folder.is_dir() else []
    return [data for place in places if (data := _airline(place) or _cdnow(place) or _f1(place) or _starbucks(place))]


def lines(file: Path) -> Iterator[Json]:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as rows:
        for row in rows:
            yield json.loads(row)


# --- flights: points of every activity, cost of every redemption ----------------------------------


def _airline(folder: Path) -> DataSet | None:
    events, members = _file(folder, "events"), _file(folder, "members")
    if not events or not members or not _file(folder, "expected_per_event") or not _file(folder, "expected_members"):
        return None
    return DataSet(
        name="airline",
        folder=folder,
        events=events,
        members=members,
        fields=MemberFields(attributes=("card", "enrolment_type", "province"), enrolled_at="enrolled"),
        rulebook=EXAMPLES / "airline" / "rulebook.json",
        money="USD",
        as_of=None,
        outcomes=_airline_outcomes,
    )


def _airline_outcomes(data: DataSet, answers: "Answers") -> Iterator[Compared]:
    per_event = {name: _outcome(events) for name, events in answers.activities.items()}
    expected = {
        row["id"]: {key: row[key] for key in ("points_x100", "cost_dollars") if key in row}
        for row in lines(_required(data.folder, "expected_per_event"))
    }
    yield compared("airline", expected, per_event)
    totals = {
        name: (member["balances"]["miles"]["lifetime"], member["counters"]["redeemed"]["ever"])
        for name, member in answers.members.items()
    }
    expected_totals = {
        row["member_id"]: (row["earned_x100"], row["redeemed_points"] * 100)
        for row in lines(_required(data.folder, "expected_members"))
    }
    yield compared("airline members", expected_totals, totals)


def _outcome(events: list[Json]) -> Json:
    """What an activity earned, or what it cost; dollars only when they are whole ones."""
    spent = [event["value_minor"] for event in events if event["event"] == "PointsRedeemed"]
    if spent:
        return {"cost_dollars": sum(spent) // 100} if sum(spent) % 100 == 0 else {"cost_minor": sum(spent)}
    return {"points_x100": sum(event["points"] for event in events if event["event"] == "PointsEarned")}


# --- purchases: on how many days a customer came back ---------------------------------------------

_SAMPLE = re.compile(r"expected_sample_(\d{4}-\d{2}-\d{2})\.jsonl(\.gz)?")


def _cdnow(folder: Path) -> DataSet | None:
    events = _file(folder, "events")
    until = [found.group(1) for path in sorted(folder.iterdir()) if (found := _SAMPLE.fullmatch(path.name))]
    if not events or not until:
        return None
    return DataSet(
        name="cdnow",
        folder=folder,
        events=events,
        members=None,
        rulebook=EXAMPLES / "cdnow" / "rulebook.json",
        money="USD",
        as_of=f"{until[0]}T23:59:59Z",
        outcomes=_cdnow_outcomes,
    )


def _cdnow_outcomes(data: DataSet, answers: "Answers") -> Iterator[Compared]:
    assert data.as_of is not None
    expected = {
        row["member_id"]: row["repeat_purchase_days"]
        for row in lines(_required(data.folder, f"expected_sample_{data.as_of[:10]}"))
    }
    # The outcomes are of a sample of the customers; what the others have is no surplus.
    days = {name: member["counters"]["visits"]["days"] - 1 for name, member in answers.members.items()}
    yield compared("cdnow", expected, {name: days[name] for name in expected if name in days})


# --- races: standings after every round ------------------------------------------------------------


def _f1(folder: Path) -> DataSet | None:
    events = _file(folder, "events")
    if not events or not _file(folder, "expected_standings"):
        return None
    return DataSet(
        name="leaderboard_f1",
        folder=folder,
        events=events,
        members=None,
        rulebook=EXAMPLES / "f1" / "rulebook.json",
        money="EUR",
        as_of=None,
        outcomes=_f1_outcomes,
        boards=tuple((board, ends) for (board, _), ends in _rounds(events).items()),
    )


def _rounds(events: Path) -> dict[tuple[str, int], str]:
    """When each round of each season was over: its last result."""
    found: dict[tuple[str, int], str] = {}
    for line in lines(events):
        key = (line["payload"]["board"], line["payload"]["round"])
        found[key] = max(found.get(key, ""), line["occurred_at"])
    return found


def _f1_outcomes(data: DataSet, answers: "Answers") -> Iterator[Compared]:
    """Points and wins of every row, and who is before whom: of neighbours, wholly tied ones share a rank."""
    expected: dict[tuple[str, str], list[Json]] = {}
    rounds = _rounds(data.events)
    for row in lines(_required(data.folder, "expected_standings")):
        expected.setdefault((row["board"], rounds[row["board"], row["after_round"]]), []).append(row)
    rows: dict[Any, Any] = {}
    found: dict[Any, Any] = {}
    pairs: dict[Any, Any] = {}
    order: dict[Any, Any] = {}
    for (board, ends), recorded in expected.items():
        items = answers.boards[board, ends]
        ranks = {item["member"]: item["rank"] for item in items}
        for item in items:
            found[ends, item["member"]] = (item["score"], (item["tiebreak"] or [0])[0])
        standing = sorted(recorded, key=lambda row: row["position"])
        for row in standing:
            rows[ends, row["member_id"]] = (row["points_x100"], row["wins"])
        keys = _count_back(data.events, board, ends)
        for one, other in pairwise(standing):
            names = (one["member_id"], other["member_id"])
            first, second = (keys.get(name) for name in names)
            pairs[ends, *names] = "shared" if first == second else "before"
            ahead = ranks.get(names[0], 0) - ranks.get(names[1], 0)
            order[ends, *names] = "shared" if ahead == 0 else "before" if ahead < 0 else "behind"
    yield compared("leaderboard_f1", rows, found)
    yield compared("leaderboard_f1 neighbours", pairs, order)


def _count_back(events: Path, board: str, ends: str) -> dict[str, tuple[int, list[int]]]:
    """Points and number of each place in races, counted here from the feed alone."""
    points: dict[str, int] = {}
    places: dict[str, list[int]] = {}
    for line in lines(events):
        result = line["payload"]
        if result["board"] == board and line["occurred_at"] <= ends:
            name = line["member_id"]
            points[name] = points.get(name, 0) + result["points_x100"]
            counts = places.setdefault(name, [0] * 100)
            if result["kind"] == "race" and result["finish"]:
                counts[result["finish"]] += 1
    return {name: (points[name], places[name]) for name in points}


# --- offers: which purchase completed which assignment, in order ------------------------------------

_NAMED: Json = {"data": {"type": "object", "properties": {"offer_id": {"type": "string"}}, "required": ["offer_id"]}}


def _starbucks(folder: Path) -> DataSet | None:
    events, members, offers = _file(folder, "events"), _file(folder, "members"), folder / "offers.json"
    if not events or not offers.is_file() or not _file(folder, "expected_completions"):
        return None
    return DataSet(
        name="starbucks",
        folder=folder,
        events=events,
        members=members,
        rulebook=_offers(json.loads(offers.read_text())),
        money="USD",
        as_of=None,
        outcomes=_starbucks_outcomes,
    )


def _offers(portfolio: list[Json]) -> Json:
    """The rulebook of a portfolio: one purchase above the threshold, or the sum of them at least at it."""
    offers: Json = {}
    for row in portfolio:
        offer = offers[row["offer_id"]] = {"window": f"PT{row['duration_hours']}H"}
        if row["type"] != "informational":
            goal = "one_above" if row["type"] == "bogo" else "sum"
            offer["goal"], offer["of"] = {goal: row["threshold_minor"]}, "purchase.spend"
            offer["reward"] = {"currency": "dollars", "points": row["reward"]}
    purchase: Json = {
        "data": {
            "type": "object",
            "properties": {"amount_minor": {"type": "integer"}, "currency": {"type": "string"}},
            "required": ["amount_minor"],
        },
        "money": "/currency",
        "measures": {"spend": "activity.amount_minor", "purchases": "1"},
    }
    assigned = _NAMED | {"role": "assigns", "offer": "activity.offer_id", "measures": {"assigned": "1"}}
    viewed = _NAMED | {"role": "views", "offer": "activity.offer_id", "measures": {"viewed": "1"}}
    activities = {"purchase": purchase, "offer.assigned": assigned, "offer.viewed": viewed}
    return {"currencies": {"dollars": {}}, "unknown_member": "enrol", "activities": activities, "offers": offers}


def _starbucks_outcomes(data: DataSet, answers: "Answers") -> Iterator[Compared]:
    """Each completion by the assignment it is of: whose, of which offer, by which purchase, when, worth what."""
    feed = list(lines(data.ordered or data.events))
    happened = {line["id"]: (number, line["occurred_at"], line["member_id"]) for number, line in enumerate(feed)}
    ended = _completions(answers)
    # Completions are told in the order of what completed them, those of one purchase in the order of assignment.
    in_order = sorted(ended, key=lambda one: (happened[ended[one][1]][0], happened[one][1], happened[one][0]))
    found: Json = {}
    for assigned in in_order:
        offer, by, points = ended[assigned]
        _, at, whose = happened[by]
        found[assigned] = (whose, offer, by, at, points)
    expected = {
        row["assigned_event"]: (
            row["member_id"], row["offer_id"], row["completed_by"], row["occurred_at"], row["reward"]
        )
        for row in lines(_required(data.folder, "expected_completions"))
    }  # fmt: skip
    completions = compared("starbucks", expected, found)
    yield msgspec.structs.replace(completions, noun="completions", in_order=list(found) == list(expected))
    if _file(data.folder, "expected_members") is None:
        return
    fields = ("offers_assigned", "offers_viewed", "purchases", "spend_minor", "reward_total")
    totals = {
        row["member_id"]: tuple(row[field] for field in fields)
        for row in lines(_required(data.folder, "expected_members"))
    }
    counted = {
        name: (
            *(member["counters"][measure]["ever"] for measure in ("assigned", "viewed", "purchases", "spend")),
            member["balances"]["dollars"]["lifetime"],
        )
        for name, member in answers.members.items()
    }
    yield compared("starbucks members", totals, {name: counted[name] for name in totals if name in counted})


def _completions(answers: "Answers") -> dict[str, tuple[str, str, int]]:
    """By the activity that assigned it: the offer, what completed it in the end, and the reward."""
    names = {(entry.stream, entry.version): name for name, entry in answers.entries.items()}
    slots: dict[tuple[str, str], str] = {}
    found: dict[str, tuple[str, str, int]] = {}
    for name, entry in sorted(answers.entries.items(), key=lambda one: (one[1].stream, one[1].version)):
        stream = entry.stream
        given = {event["lot"]: event["points"] for event in entry.events if event["event"] == "PointsEarned"}
        for event in entry.events:
            about = event.get("restated")
            by = name if about is None else names[stream, about["activity"]]
            if event["event"] == "OfferAssigned":
                slots[stream, event["slot"]] = by
            elif event["event"] == "OfferCompleted":
                found[slots[stream, event["slot"]]] = (event["offer"], by, given[event["lot"]])
            elif event["event"] == "OfferReopened":
                del found[slots[stream, event["slot"]]]
    return found


# --- small things --------------------------------------------------------------------------------


def compared(what: str, expected: dict[str, Any], answered: dict[str, Any]) -> Compared:
    found = Compared(what, of=len(expected), extra=len(answered.keys() - expected.keys()))
    for name, wanted in expected.items():
        if name not in answered:
            found.missing += 1
            found.differences.append(f"{what} {name}: {wanted} expected, no answer")
        elif answered[name] != wanted:
            found.differences.append(f"{what} {name}: {wanted} expected, {answered[name]} answered")
        else:
            found.exact += 1
    found.differences += [f"{what} {name}: not expected" for name in sorted(answered.keys() - expected.keys())]
    return found


def _file(folder: Path, name: str) -> Path | None:
    return next((path for end in (".jsonl.gz", ".jsonl") if (path := folder / f"{name}{end}").is_file()), None)


def _required(folder: Path, name: str) -> Path:
    found = _file(folder, name)
    assert found is not None, f"{folder / name} is gone"
    return found
