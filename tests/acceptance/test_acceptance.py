"""The acceptance run says what is exact, what differs and what is missing, and its exit code says it too."""

import gzip
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.sets import found_in, lines

Json = Any

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.slow

MEMBERS = [
    {"member_id": "1", "card": "aurora", "enrolled": "2013-03"},
    {"member_id": "2", "card": "star", "enrolled": "2018-06"},
]
EVENTS = [
    {"id": "a1", "type": "flight.activity", "member_id": "1", "occurred_at": "2018-01-31T12:00:00Z",
     "payload": {"distance_km": 2039, "flights_booked": 2}},
    {"id": "a2", "type": "flight.activity", "member_id": "1", "occurred_at": "2018-02-28T12:00:00Z",
     "payload": {"distance_km": 1203, "flights_booked": 1}},
    {"id": "a3", "type": "flight.activity", "member_id": "2", "occurred_at": "2018-04-30T12:00:00Z",
     "payload": {"distance_km": 77, "flights_booked": 1}},
    {"id": "b1", "type": "points.redeemed", "member_id": "2", "occurred_at": "2018-04-30T18:00:00Z",
     "payload": {"points": 119}},
]  # fmt: skip
PER_EVENT = [
    {"id": "a1", "points_x100": 20300},
    {"id": "a2", "points_x100": 18000},
    {"id": "a3", "points_x100": 756},
    {"id": "b1", "cost_dollars": 10},
]
PER_MEMBER = [
    {"member_id": "1", "earned_x100": 38300, "redeemed_points": 0},
    {"member_id": "2", "earned_x100": 756, "redeemed_points": 119},
]


def _write(folder: Path, **files: list[Json]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _flights(folder: Path, **others: list[Json]) -> Path:
    files: dict[str, list[Json]] = {
        "members": MEMBERS,
        "events": EVENTS,
        "expected_per_event": PER_EVENT,
        "expected_members": PER_MEMBER,
    }
    return _write(folder, **(files | others))


def _accepted(folder: Path, database_url: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.acceptance", str(folder), "--database-url", database_url, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_outcomes_that_are_reproduced_are_exact(database_url: str, tmp_path: Path) -> None:
    _flights(tmp_path / "one")
    done = _accepted(tmp_path, database_url)
    assert "airline: 4 of 4 exact, 0 extra\n" in done.stdout
    assert "airline members: 2 of 2 exact, 0 extra\n" in done.stdout
    assert done.returncode == 0, done.stderr


def test_an_outcome_that_differs_is_told(database_url: str, tmp_path: Path) -> None:
    _flights(tmp_path, expected_per_event=[{**PER_EVENT[0], "points_x100": 20301}, *PER_EVENT[1:]])
    done = _accepted(tmp_path, database_url)
    assert "airline: 3 of 4 exact, 0 extra\n" in done.stdout
    assert "airline a1: {'points_x100': 20301} expected, {'points_x100': 20300} answered" in done.stdout
    assert done.returncode == 1


def test_an_answer_without_an_outcome_is_extra(database_url: str, tmp_path: Path) -> None:
    _flights(tmp_path, expected_per_event=PER_EVENT[1:])
    done = _accepted(tmp_path, database_url)
    assert "airline: 3 of 3 exact, 1 extra\n" in done.stdout
    assert done.returncode == 1


def test_fewer_answers_than_outcomes_are_too_little(database_url: str, tmp_path: Path) -> None:
    _flights(tmp_path, expected_per_event=[*PER_EVENT, {"id": "a9", "points_x100": 1}])
    done = _accepted(tmp_path, database_url)
    assert "airline: 4 of 5 exact, 0 extra\n" in done.stdout
    assert done.returncode == 2


def test_a_folder_without_a_known_set_is_nothing(database_url: str, tmp_path: Path) -> None:
    assert _accepted(tmp_path, database_url).returncode == 2
    assert _accepted(tmp_path / "missing", database_url).returncode == 2


def test_days_of_coming_back_are_counted_up_to_the_cut_off(database_url: str, tmp_path: Path) -> None:
    days = ["1997-01-01", "1997-01-01", "1997-03-05", "1997-09-30", "1997-10-01"]
    purchases = [
        {"id": f"d{number}", "type": "purchase", "member_id": "7", "occurred_at": f"{day}T12:00:00Z",
         "payload": {"amount_minor": 100 * number, "currency": "USD", "units": 1}}
        for number, day in enumerate(days)
    ]  # fmt: skip
    outcome = [{"member_id": "7", "repeat_purchase_days": 2}]
    _write(tmp_path, events=purchases, **{"expected_sample_1997-09-30": outcome})
    done = _accepted(tmp_path, database_url)
    assert "cdnow: 1 of 1 exact, 0 extra\n" in done.stdout
    assert done.returncode == 0, done.stderr


OFFERS = [
    {"offer_id": "bogo", "type": "bogo", "threshold_minor": 1000, "reward": 10, "duration_hours": 24},
    {"offer_id": "sum", "type": "discount", "threshold_minor": 1500, "reward": 3, "duration_hours": 48},
    {"offer_id": "news", "type": "informational", "threshold_minor": 0, "reward": 0, "duration_hours": 24},
]


def _offers(folder: Path, *outcomes: Json) -> Path:
    def line(number: int, kind: str, hour: int, **payload: Any) -> Json:
        at = f"2018-07-26T{hour:02}:00:00Z"
        return {"id": f"s{number}", "type": kind, "member_id": "ann", "occurred_at": at, "payload": payload}

    events = [
        line(1, "offer.assigned", 0, offer_id="sum"),
        line(2, "offer.assigned", 0, offer_id="bogo"),
        line(3, "offer.assigned", 0, offer_id="news"),
        line(4, "offer.viewed", 1, offer_id="news"),
        line(5, "purchase", 2, amount_minor=600, currency="USD"),
        line(6, "purchase", 3, amount_minor=1_001, currency="USD"),
    ]
    _write(folder, events=events, members=[{"member_id": "ann"}], expected_completions=list(outcomes))
    (folder / "offers.json").write_text(json.dumps(OFFERS))
    return folder


def _completed(offer: str, assigned: str, reward: int) -> Json:
    return {"member_id": "ann", "offer_id": offer, "assigned_event": assigned, "completed_by": "s6",
            "occurred_at": "2018-07-26T03:00:00Z", "reward": reward}  # fmt: skip


def test_completions_are_compared_with_their_order(database_url: str, tmp_path: Path) -> None:
    both = [_completed("sum", "s1", 3), _completed("bogo", "s2", 10)]
    done = _accepted(_offers(tmp_path / "right", *both), database_url)
    assert "starbucks: 2 of 2 completions, 0 extra, order kept\n" in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    done = _accepted(_offers(tmp_path / "other", *reversed(both)), database_url)
    assert "starbucks: 2 of 2 completions, 0 extra, order lost\n" in done.stdout
    assert done.returncode == 1
    done = _accepted(_offers(tmp_path / "fewer", both[0]), database_url)
    assert "starbucks: 1 of 1 completions, 1 extra, order lost\n" in done.stdout


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_a_shuffled_and_repeated_feed_ends_in_the_same_completions(
    database_url: str, tmp_path: Path, seed: str
) -> None:
    both = [_completed("sum", "s1", 3), _completed("bogo", "s2", 10)]
    done = _accepted(_offers(tmp_path, *both), database_url, "--shuffled", seed)
    assert "starbucks: 2 of 2 completions, 0 extra, order kept\n" in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder shared/data is not beside the repository")
def test_the_first_members_of_the_real_flights_are_exact(database_url: str, tmp_path: Path) -> None:
    (data,) = [found for found in found_in(DATA) if found.name == "airline"]
    assert data.members is not None
    members = list(islice(lines(data.members), 60))
    names = {row["member_id"] for row in members}
    events = [row for row in lines(data.events) if row["member_id"] in names]
    ids = {row["id"] for row in events}
    _write(
        tmp_path,
        members=members,
        events=events,
        expected_per_event=[row for row in lines(data.folder / "expected_per_event.jsonl.gz") if row["id"] in ids],
        expected_members=[row for row in lines(data.folder / "expected_members.jsonl.gz") if row["member_id"] in names],
    )
    done = _accepted(tmp_path, database_url)
    assert f"airline: {len(events)} of {len(events)} exact, 0 extra\n" in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
