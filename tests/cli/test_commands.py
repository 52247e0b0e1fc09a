"""The command line as an operator uses it: real processes, a real database, one clear line when something is wrong."""

import gzip
import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.cli import doctor
from infrastructure.database import connect
from infrastructure.settings import from_environment

Json = Any
Guerdon = Callable[..., "subprocess.CompletedProcess[str]"]

ROOT = Path(__file__).parent.parent.parent
COFFEE = ROOT / "examples" / "coffee" / "rulebook.json"
AIRLINE = ROOT / "examples" / "airline" / "rulebook.json"


def _run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUERDON_")}
    return subprocess.run(
        [sys.executable, "-m", "api.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env=environment | {"COLUMNS": "200", **settings},
    )


@pytest.fixture
def guerdon(database_url: str) -> Guerdon:
    """The command line on a fresh, migrated database."""
    key = b64encode(bytes(range(32))).decode()
    return lambda *arguments, **settings: _run(
        *arguments, **({"GUERDON_DATABASE_URL": database_url, "GUERDON_MASTER_KEY": key} | settings)
    )


def _answer(done: "subprocess.CompletedProcess[str]") -> Json:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _feed(path: Path, lines: list[Json]) -> Path:
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _flight(number: int, member: str, day: str, distance: int) -> Json:
    return {
        "id": f"a{number}",
        "type": "flight.activity",
        "member_id": member,
        "occurred_at": f"{day}T12:00:00Z",
        "payload": {"distance_km": distance, "flights_booked": 1},
    }


# --- without a database --------------------------------------------------------------------------


def test_a_rulebook_is_checked_without_a_database() -> None:
    done = _run("rules", "check", str(COFFEE))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("rulebook.json: no errors\n")


def test_a_mistake_is_shown_with_its_place_and_a_caret(tmp_path: Path) -> None:
    document = json.loads(COFFEE.read_text())
    document["rules"][2]["when"] = "member.tiers.stats.level == 'gold'"
    file = tmp_path / "rulebook.json"
    file.write_text(json.dumps(document))
    done = _run("rules", "check", str(file))
    assert done.returncode == 1
    assert "error expression at /rules/2/when:1:14: there is no tier set 'stats'" in done.stdout
    assert "\n                 ^\n" in done.stdout
    (finding,) = json.loads(_run("rules", "check", str(file), "--json").stdout)["findings"]
    assert (finding["rule"], finding["line"], finding["column"]) == ("gold-bonus", 1, 14)


def test_the_difference_of_two_files_is_told_in_words(tmp_path: Path) -> None:
    document = json.loads(COFFEE.read_text())
    document["tiers"]["status"]["levels"][1]["at"] = 2500
    file = tmp_path / "rulebook.json"
    file.write_text(json.dumps(document))
    assert _run("rules", "diff", str(COFFEE), str(file)).stdout == "tier gold: at 3000 -> 2500\n"
    assert _run("rules", "diff", str(COFFEE), str(COFFEE)).stdout == "no difference in meaning\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["rules", "check", "missing.json"], 2, "missing.json"),
        (["nonsense"], 2, "nonsense"),
        (["ingest", str(COFFEE)], 2, "--source"),
        (["import", "members", str(COFFEE)], 2, "--source"),
        (["import", "members", str(COFFEE), "--source", "old"], 1, "columns are id, email"),
        (["keys", "create", "--scopes", "root"], 2, "no such scope: root"),
        (["audit", "explain", "order-1001"], 2, "SOURCE/ID"),
        (["audit", "fold", "--cluster", "tcp://there:8786", "--processes", "2"], 2, "a cluster has its own"),
        (["rules", "check", str(ROOT / "Makefile")], 1, "is not JSON"),
    ],
)
def test_a_misuse_is_told_and_never_a_traceback(arguments: list[str], code: int, says: str) -> None:
    done = _run(*arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_is_one_line() -> None:
    done = _run(
        "programs", "create", "main",
        GUERDON_DATABASE_URL="postgresql://127.0.0.1:1/none", GUERDON_MASTER_KEY=b64encode(bytes(32)).decode(),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("guerdon: ")
    assert "Traceback" not in done.stderr


# --- with one ------------------------------------------------------------------------------------


def test_a_program_is_opened_with_a_key_that_is_shown_once(guerdon: Guerdon) -> None:
    opened = _answer(guerdon("programs", "create", "main", "--money", "USD", "--json"))
    assert opened["id"] == "main"
    assert opened["key"].startswith("gdn_")
    again = guerdon("programs", "create", "main")
    assert (again.returncode, again.stderr) == (1, "guerdon: program 'main' exists (program-exists)\n")
    key = _answer(guerdon("keys", "create", "--scopes", "client,operator", "--name", "till", "--json"))
    assert key["scopes"] == ["client", "operator"]
    assert guerdon("keys", "create", "--program", "other").returncode == 1


def test_a_rulebook_is_published_from_a_file(guerdon: Guerdon) -> None:
    _answer(guerdon("programs", "create", "main", "--json"))
    published = _answer(guerdon("rules", "publish", str(COFFEE), "--expects", "0", "--json"))
    assert published["version"] == 1
    conflict = guerdon("rules", "publish", str(COFFEE), "--expects", "0")
    assert conflict.returncode == 1
    assert "version-conflict" in conflict.stderr


def test_a_feed_is_taken_in_once_explained_verified_and_replayed(guerdon: Guerdon, tmp_path: Path) -> None:
    _answer(guerdon("programs", "create", "air", "--sandbox", "--json"))
    _answer(guerdon("rules", "publish", str(AIRLINE), "--program", "air", "--json"))
    members = _feed(
        tmp_path / "members.jsonl",
        [
            {"member_id": "m1", "card": "aurora", "enrolled": "2013-03", "cancelled": None},
            {"member_id": "m2", "card": "star", "enrolled": "2018-06", "cancelled": "2018-07"},
        ],
    )
    spent = {
        "id": "b1",
        "type": "points.redeemed",
        "member_id": "m1",
        "occurred_at": "2018-04-01T18:00:00Z",
        "payload": {"points": 119},
    }
    feed = _feed(
        tmp_path / "events.jsonl.gz",
        [_flight(1, "m1", "2018-01-31", 2030), _flight(2, "m1", "2018-02-28", 1209), _flight(3, "m2", "2018-03-31", 10),
         spent],
    )  # fmt: skip
    command = ["ingest", str(feed), "--program", "air", "--source", "feed", "--members", str(members),
               "--attributes", "card", "--enrolled-at", "enrolled", "--clock", "input", "--json"]  # fmt: skip
    first, second = _answer(guerdon(*command)), _answer(guerdon(*command))
    assert (first["recorded"], first["repeated"], first["refused"]) == (6, 0, 0)
    assert (second["recorded"], second["repeated"], second["refused"]) == (0, 6, 0)

    explained = guerdon("audit", "explain", "feed/a2", "--program", "air")
    assert "base: 12000 miles" in explained.stdout
    assert "member.attributes.card == 'aurora'" in explained.stdout
    history = _answer(guerdon("audit", "member", "m1", "--program", "air", "--json"))
    # 203 points, 120 times 1.5, less 119; recorded_at followed occurred_at.
    assert history["state"]["balances"]["miles"]["available"] == 20300 + 18000 - 11900
    assert history["entries"][-1]["entry"]["recorded_at"].startswith("2018-04-01T18:00:00")
    (redeemed,) = [event for event in history["entries"][-1]["entry"]["events"] if event["event"] == "PointsRedeemed"]
    assert redeemed["value_minor"] == 1000
    newcomer = _answer(guerdon("audit", "member", "m2", "--program", "air", "--json"))
    assert newcomer["state"]["enrolled_at"].startswith("2018-01-31T12:00:00")

    verified = _answer(guerdon("audit", "verify", "--json"))
    assert (verified["different"], verified["first"]) == (0, None)
    one, other = _answer(guerdon("replay", "--digest", "--json")), _answer(guerdon("replay", "--digest", "--json"))
    assert one["digests"] == other["digests"]
    assert "balances" in one["digests"]


def test_a_rulebook_file_is_tried_on_history(guerdon: Guerdon, tmp_path: Path) -> None:
    _answer(guerdon("programs", "create", "air", "--sandbox", "--json"))
    _answer(guerdon("rules", "publish", str(AIRLINE), "--program", "air", "--json"))
    members = _feed(tmp_path / "members.jsonl", [{"member_id": "m1", "card": "star", "enrolled": "2013-03"}])
    feed = _feed(
        tmp_path / "events.jsonl", [_flight(1, "m1", "2018-01-31", 2030), _flight(2, "m1", "2018-02-28", 1209)]
    )
    _answer(
        guerdon("ingest", str(feed), "--program", "air", "--source", "feed", "--members", str(members),
                "--attributes", "card", "--enrolled-at", "enrolled", "--clock", "input", "--json")
    )  # fmt: skip
    document = json.loads(AIRLINE.read_text())
    document["rules"] = [rule for rule in document["rules"] if rule["id"] == "base"]
    (tmp_path / "draft.json").write_text(json.dumps(document))
    command = ["rules", "what-if", str(tmp_path / "draft.json"), "--program", "air", "--processes", "1"]
    found = _answer(guerdon(*command, "--csv", str(tmp_path / "tables"), "--json"))
    assert (found["members"], found["different"]) == (1, 1)
    assert found["losers"][0]["member"] == "m1"
    assert (
        (tmp_path / "tables" / "members.csv").read_text().splitlines()[0].startswith("member,currency,recorded,tried,")
    )
    told = guerdon(*command, "--from", "2018-03-01T00:00:00Z")
    held = _answer(guerdon("audit", "member", "m1", "--program", "air", "--json"))["state"]["balances"]["miles"]
    assert told.stdout.startswith(f"miles: available {held['available']}, 0 members win, 0 lose\n")
    assert "\n0 of 3 entries decided again" in told.stdout


def test_m6_verify_names_the_first_entry_that_was_changed_and_fails(guerdon: Guerdon, database_url: str) -> None:
    guerdon("programs", "create", "main", "--sandbox")
    guerdon("rules", "publish", str(AIRLINE))
    sound = guerdon("audit", "verify")
    assert (sound.returncode, sound.stdout.startswith("2 entries equal, 0 different")) == (0, True)
    checkpoint = guerdon("audit", "checkpoint").stdout
    assert checkpoint.splitlines()[1] == "2"
    with connect(database_url) as connection:
        changed = connection.execute(
            "UPDATE stored_events SET state = set_byte(state, 30, get_byte(state, 30) # 1)"
            " WHERE notification_id = (SELECT min(notification_id) FROM stored_events) RETURNING notification_id"
        ).fetchone()
    assert changed is not None
    broken = guerdon("audit", "verify", "--json")
    assert broken.returncode == 1
    assert json.loads(broken.stdout)["first"]["position"] == changed[0]


def test_who_looks_on_the_command_line_is_noted(guerdon: Guerdon, tmp_path: Path) -> None:
    guerdon("programs", "create", "main", "--sandbox")
    guerdon("rules", "publish", str(AIRLINE))
    members = _feed(
        tmp_path / "members.jsonl", [{"member_id": "m1", "card": "aurora", "enrolled": "2013-03", "cancelled": None}]
    )
    feed = _feed(tmp_path / "feed.jsonl", [_flight(1, "m1", "2018-01-31", 500)])
    command = ["ingest", str(feed), "--source", "feed", "--members", str(members), "--attributes", "card"]
    _answer(guerdon(*command, "--enrolled-at", "enrolled", "--clock", "input", "--json"))
    assert guerdon("audit", "member", "m1").returncode == 0
    assert guerdon("audit", "explain", "feed/a1").returncode == 0
    noted = _answer(guerdon("audit", "access", "--json"))["items"]
    assert [(one["what"], one["member"]) for one in noted] == [
        ("guerdon audit explain", "m1"),
        ("guerdon audit member", "m1"),
        ("rulebooks.publish", None),
        ("keys.create", None),
        ("programs.create", None),
    ]
    assert {one["actor"] for one in noted} == {"cli"}
    told = guerdon("audit", "access", "--member", "m1", "--actor", "cli").stdout.splitlines()
    assert ["guerdon audit" in line and line.endswith("m1") for line in told] == [True, True]


def test_lines_that_are_refused_are_named_and_the_others_taken_in(guerdon: Guerdon, tmp_path: Path) -> None:
    _answer(guerdon("programs", "create", "main", "--json"))
    _answer(guerdon("rules", "publish", str(ROOT / "examples" / "cdnow" / "rulebook.json"), "--json"))
    good = {"id": "1", "type": "purchase", "source": "till", "member": "ann", "occurred_at": "2026-01-01T10:00:00Z",
            "data": {"amount_minor": 500, "currency": "EUR"}}  # fmt: skip
    feed = _feed(
        tmp_path / "feed.jsonl",
        [good, {**good, "id": "2", "data": {}}, {"id": "3"}, {**good, "type": "sale", "id": "4"}, {**good, "id": "5"}],
    )
    done = guerdon("ingest", str(feed), "--source", "feed", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert (answer["recorded"], answer["refused"]) == (2, 3)
    assert sorted((one["line"], one["code"]) for one in answer["refusals"]) == [
        (2, "invalid-payload"),
        (3, "malformed-line"),
        (4, "unknown-activity-type"),
    ]


def test_doctor_says_what_is_wrong(guerdon: Guerdon) -> None:
    _answer(guerdon("programs", "create", "main", "--json"))
    found = {one["check"]: one["state"] for one in json.loads(guerdon("doctor", "--json").stdout)}
    # The tests' server runs without fsync, and says so.
    assert found["durability"] == "bad"
    assert {name: state for name, state in found.items() if name != "durability"} == {
        "packages": "good", "python": "good", "settings": "good", "database": "good", "migrations": "good",
        "master key": "good", "followers": "doubtful", "parked": "good", "clock": "good", "text": "good",
        "connections": "good", "webhooks": "good",
    }  # fmt: skip
    many = guerdon("doctor", "--json", GUERDON_WORKERS="100")
    assert {one["check"]: one["state"] for one in json.loads(many.stdout)}["connections"] == "doubtful"
    other = b64encode(bytes(32)).decode()
    wrong = guerdon("doctor", "--json", GUERDON_MASTER_KEY=other)
    assert {one["check"]: one["state"] for one in json.loads(wrong.stdout)}["master key"] == "bad"


def test_doctor_names_webhooks_that_nobody_hears(empty_database_url: str) -> None:
    settings = {"GUERDON_DATABASE_URL": empty_database_url, "GUERDON_MASTER_KEY": b64encode(bytes(32)).decode()}
    assert _run("migrate", **settings).returncode == 0

    def said(**state: str) -> tuple[str, str]:
        with connect(empty_database_url) as connection:
            for column, value in state.items():
                connection.execute(f"UPDATE webhooks SET {column} = {value}")
        found = json.loads(_run("doctor", "--json", **settings).stdout)
        ((state_, detail),) = [(one["state"], one["detail"]) for one in found if one["check"] == "webhooks"]
        return state_, detail

    with connect(empty_database_url) as connection:
        connection.execute(
            "INSERT INTO webhooks (id, program, url, types, fields, ordered, description, after, secret, created_at)"
            " VALUES ('wh_crm', 'main', 'https://example.org', '{}', '{}', false, '', 0, '', now())"
        )
    assert said() == ("good", "none fails")
    failing = said(failing_since="now()")
    assert (failing[0], "wh_crm" in failing[1]) == ("doubtful", True)
    disabled = said(disabled_at="now()", disabled_because="'the receiver answered 410 Gone'")
    assert (disabled[0], "wh_crm" in disabled[1]) == ("bad", True)
    assert said(disabled_because="'by its owner'") == ("good", "none fails")


def test_doctor_tells_what_is_free_on_the_disk_of_an_embedded_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = from_environment({"GUERDON_DATA_DIR": str(tmp_path)})
    ((name, state, detail),) = doctor._disk(settings)
    assert (name, state) == ("disk", "good")
    assert str(tmp_path) in detail
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=500 << 20))
    assert [state for _, state, _ in doctor._disk(settings)] == ["bad"]
    elsewhere = from_environment(
        {"GUERDON_DATA_DIR": str(tmp_path / "none"), "GUERDON_MASTER_KEY": b64encode(bytes(32)).decode()}
    )
    assert list(doctor._disk(elsewhere)) == []


def test_doctor_and_migrate_on_an_empty_database(empty_database_url: str) -> None:
    settings = {"GUERDON_DATABASE_URL": empty_database_url, "GUERDON_MASTER_KEY": b64encode(bytes(32)).decode()}
    before = _run("doctor", **settings)
    assert before.returncode == 1
    assert "run `guerdon migrate`" in before.stdout
    assert "run `guerdon migrate`" in _run("programs", "create", "main", **settings).stderr
    assert _answer(_run("migrate", "--json", **settings))["applied"]
    assert _run("migrate", **settings).stdout == "nothing to apply\n"
    assert _run("programs", "create", "main", **settings).returncode == 0
