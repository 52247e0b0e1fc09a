"""Bytes are for ever: every stored shape reads as it did, and every old decision comes out as it did."""

import gzip
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from domain.log import ENGINE, TOPIC, Entry, Event, Input, decode, encode, encoded, row_digest, row_seal
from domain.program.events import ProgramCreated, RulebookPublished
from domain.redecide import redecide
from domain.reward.decide import redecided
from domain.rules.check import check
from domain.rules.check_rewards import check_condition
from domain.rules.compiled import CompiledRulebook
from domain.rules.rewards import RewardTerms
from domain.rules.rulebook import digest_of, read
from domain.rules.timeline import Published, Timeline
from tests.golden.make_games import GAMES
from tests.golden.make_households import HOUSEHOLDS
from tests.golden.make_late import LATE
from tests.golden.make_log import LOG
from tests.golden.make_market import MARKET
from tests.golden.make_offers import OFFERS
from tests.golden.make_redemptions import REDEMPTIONS
from tests.golden.make_rewards import BOOK, CATALOGUE, REWARDS
from tests.golden.make_segments import SEGMENTS
from tests.golden.make_shapes import HERE, shapes_in, tags

LOGS = {
    LOG: (2_000, 1_994, 4),
    MARKET: (1_000, 997, 2),
    GAMES: (800, 797, 2),
    OFFERS: (1_200, 1_197, 2),
    SEGMENTS: (500, 497, 2),
    LATE: (800, 797, 2),
    REDEMPTIONS: (800, 797, 2),
    REWARDS: (800, 723, 1),
    HOUSEHOLDS: (712, 710, 1),
}
"""The golden logs, which never change: how many entries, decisions of members, and rulebooks they have."""
ELSEWHERE = {
    "AdjustmentReversed",
    "PointsGivenBack",
    "LotsReinstated",
    "MemberErased",
    "LeaderboardClosed",
    "PrizesPaid",
    "BreakageEstimated",
    "ExperimentAssigned",
    "OccasionPlanned",
    "OccasionReached",
    "TierGraceBegan",
    "TierUpgradePlanned",
    "CorrectionProposed",
    "CorrectionTried",
    "CorrectionApproved",
    "CorrectionApplied",
    "TierFloorSet",
    "TierHeld",
}
"""Events that only their own files of shapes have: an erasure ends a key, closes and transfers are of many streams."""

SHAPES = [
    *((path, Event) for path in sorted((HERE / "events").glob("*.json"))),
    *((path, Input) for path in sorted((HERE / "inputs").glob("*.json"))),
    (HERE / "entry.json", Entry),
]


@pytest.mark.parametrize(("folder", "union"), [("events", Event), ("inputs", Input)])
def test_every_stored_shape_has_a_file_and_no_file_lost_its_shape(folder: str, union: object) -> None:
    assert shapes_in(HERE / folder) == tags(union)


@pytest.mark.parametrize(("path", "shape"), SHAPES, ids=lambda value: value.stem if isinstance(value, Path) else "")
def test_a_stored_shape_reads_and_writes_the_same_bytes(path: Path, shape: object) -> None:
    stored = path.read_bytes()
    assert encoded(msgspec.json.decode(stored, type=shape)) == stored


@pytest.mark.parametrize(("path", "shape"), SHAPES, ids=lambda value: value.stem if isinstance(value, Path) else "")
def test_a_field_that_nobody_knows_is_an_error(path: Path, shape: object) -> None:
    more = msgspec.json.decode(path.read_bytes()) | {"surprise": 1}
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        msgspec.json.decode(msgspec.json.encode(more), type=shape)


def test_the_digest_and_the_seal_of_a_row_are_what_they_always_were() -> None:
    digest = row_digest(
        bytes(range(32)),
        program="main",
        kind="member",
        stream=UUID("6e1f2a08-7d4b-4c7e-9c53-0d8f3b1f2a10"),
        version=2,
        recorded_at=datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC),
        topic=TOPIC,
        state=b'{"stream":"main/member/..."}',
    )
    assert digest.hex() == "a9f651c2b695db674ad81c7a54e360a30f89d81b25ef1a0cd6fa055ee3fc4b5a"
    assert row_seal(digest, 42).hex() == "9038f581f801e490438b9eae9f5e82d3553d0d7714e93a0031abc9197a65250d"


def test_an_instant_before_1970_has_a_digest_too() -> None:
    early = row_digest(
        bytes(32), program="p", kind="member", stream=UUID(int=1), version=1,
        recorded_at=datetime(1969, 12, 31, tzinfo=UTC), topic=TOPIC, state=b"",
    )  # fmt: skip
    assert early.hex() == "2050ce79c3dd4588634c173db4b13fdd9b2bc82b188c82c03f997c0e3c202461"


# --- the log --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=LOGS, ids=lambda log: log.name.partition(".")[0])
def log(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(scope="module")
def lines(log: Path) -> list[bytes]:
    return gzip.decompress(log.read_bytes()).splitlines()


def test_every_golden_entry_reads_and_writes_the_same_bytes(log: Path, lines: list[bytes]) -> None:
    assert len(lines) == LOGS[log][0]
    assert [line for line in lines if encode(decode(line)) != line] == []


def test_every_golden_decision_comes_out_the_same_without_time_zone_data(log: Path, lines: list[bytes]) -> None:
    """Offsets come from the pins alone: what an entry did not pin cannot be asked."""
    streams: dict[str, list[Entry]] = defaultdict(list)
    for line in lines:
        entry = decode(line)
        streams[entry.stream].append(entry)
    programs = {entries[0].program: _timeline(entries) for entries in streams.values() if entries[0].kind == "program"}
    verdicts = [
        (name, difference)
        for name, entries in streams.items()
        if entries[0].kind == "member"
        for difference in redecide(entries, programs[entries[0].program])
    ]
    assert [found for found in verdicts if found[1].verdict != "equal"] == []
    assert len(verdicts) == LOGS[log][1]
    assert ENGINE == 1, "a new engine needs a golden log of its own beside this one, and this one its old engine"


def test_every_golden_reward_is_offered_as_it_was() -> None:
    terms: dict[str, RewardTerms | None] = defaultdict(lambda: None)
    for line in gzip.decompress(REWARDS.read_bytes()).splitlines():
        entry = decode(line)
        if entry.kind == "reward":
            terms[entry.stream] = found = redecided(entry.input, entry.events, terms[entry.stream])
            assert found.tree is None or encoded(check_condition(read(BOOK), found.when)) == encoded(found.tree)
    assert sorted(one.id for one in terms.values() if one is not None) == sorted(one.id for one in CATALOGUE)


def test_every_golden_rulebook_still_gives_its_trees(log: Path, lines: list[bytes]) -> None:
    published = [event for line in lines for event in decode(line).events if isinstance(event, RulebookPublished)]
    assert len(published) == LOGS[log][2]
    for event in published:
        assert digest_of(event.document) == event.digest
        assert encoded(check(event.document).trees) == encoded(event.trees)


def test_the_golden_logs_have_every_kind_of_event() -> None:
    lines = [line for path in LOGS for line in gzip.decompress(path.read_bytes()).splitlines()]
    seen = {type(event).__name__ for line in lines for event in decode(line).events}
    assert seen == tags(Event) - ELSEWHERE


def _timeline(entries: list[Entry]) -> Timeline:
    published = {}
    books = {}
    for entry in entries:
        for event in entry.events:
            if isinstance(event, ProgramCreated):
                continue
            assert isinstance(event, RulebookPublished)
            published[event.number] = Published(event.number, event.digest, event.effective_from, entry.recorded_at)
            books[event.number] = CompiledRulebook(event.number, event.digest, read(event.document), event.trees)
    return Timeline(tuple(published.values()), books.__getitem__)
