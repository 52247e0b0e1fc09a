"""A bundle proves a member's points without the database, to our own check and to a script of nothing but Python."""

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.bundle import check
from domain.notes import Verifier
from infrastructure.signing import signed_by
from tests.audit.proving import Kept, keep

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "audit" / "check_bundle.py"
MEMBER = UUID(int=2**100 * 3 + 7)


def script() -> ModuleType:
    """The script as a module, for tests that call it often."""
    spec = spec_from_file_location("check_bundle", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STAND_ALONE = script()


@pytest.fixture
def kept(log: str) -> Kept:
    return keep(log, "main", [], MEMBER)


def test_a_bundle_is_sound_and_every_entry_is_decided_again(kept: Kept) -> None:
    found = check(kept.bundle, kept.keys, signed_by)
    assert found.wrong == []
    assert (found.entries, found.equal, found.not_redecidable, found.older_engine) == (8, 8, 0, 0)
    assert found.checkpoint is not None
    assert found.checkpoint.size == 12 * 8 + 3
    assert found.balances["points"].lifetime == 521


def test_the_script_says_the_same_in_an_empty_environment(kept: Kept, tmp_path: Path) -> None:
    """A Python without any package; nothing of this checkout is importable but the script."""
    venv.create(tmp_path / "empty", with_pip=False)
    file = tmp_path / "member.bundle"
    file.write_bytes(kept.bundle)
    (tmp_path / "check_bundle.py").write_bytes(SCRIPT.read_bytes())

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [tmp_path / "empty" / "bin" / "python", "-I", "check_bundle.py", "member.bundle", *more],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    count = "from importlib.metadata import distributions as all_of; print(len(list(all_of())))"
    packages = subprocess.run(
        [tmp_path / "empty" / "bin" / "python", "-I", "-c", count], capture_output=True, text=True, check=True
    )
    assert packages.stdout == "0\n"
    done = run("--key", str(kept.keys[0]))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"signed by {kept.keys[0].name}, which then had 99 entries\n8 entries of the member")
    found = check(kept.bundle, kept.keys, signed_by).balances["points"]
    assert f"points after the last: {found.available} available, {found.pending} pending" in done.stdout
    assert "own keys were believed" in run().stderr
    stranger = Verifier(kept.keys[0].name, bytes(32))
    assert "not signed by a key of this log" in run("--key", str(stranger)).stdout
    file.write_bytes(kept.bundle.replace(b'\\"points\\":', b'\\"points\\":1', 1))
    assert run("--key", str(kept.keys[0])).returncode == 1


def test_the_script_checks_signatures_as_the_library_does() -> None:
    """RFC 8032, 7.1: keys, messages and signatures; and what is none."""
    ed25519 = script().ed25519
    vectors = [
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ]  # fmt: skip
    for public, message, signature in vectors:
        key, said, signed = (bytes.fromhex(part) for part in (public, message, signature))
        assert ed25519(key, said, signed)
        assert not ed25519(key, said + b"x", signed)
        assert not ed25519(key, said, signed[:-1] + b"\x10")
        assert not ed25519(key, said, signed[:63])
        # The same signature with its number made larger by the order of the group.
        order = script().ORDER
        larger = (int.from_bytes(signed[32:], "little") + order).to_bytes(32, "little")
        assert not ed25519(key, said, signed[:32] + larger)


def test_a_bundle_holds_nothing_personal_and_every_rulebook(kept: Kept) -> None:
    document = json.loads(kept.bundle)
    program, member = document["streams"]
    events = [event["event"] for row in program["rows"] for event in json.loads(row["state"])["events"]]
    assert events.count("RulebookPublished") == 2
    assert "@" not in "".join(row["state"] for row in member["rows"])


def test_a_bundle_under_another_key_is_told(kept: Kept) -> None:
    stranger = Verifier(kept.keys[0].name, bytes(32))
    (wrong,) = check(kept.bundle, [stranger], signed_by).wrong
    assert wrong.detail == "the checkpoint is not signed by a key of this log"


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b'{"format":"x"}', b"\xff", b"[" * 10_000])
def test_what_is_no_bundle_is_told(kept: Kept, raw: bytes) -> None:
    assert not check(raw, kept.keys, signed_by).sound
    assert script().check(raw, [str(key) for key in kept.keys])[0]


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_stands_in_a_file_is_judged_and_nothing_breaks(kept: Kept, data: st.DataObject) -> None:
    document = json.loads(kept.bundle)
    values: st.SearchStrategy[Any] = (
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False) | st.just([])
    )
    place = data.draw(st.sampled_from(list(places_of(document))))
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    was, holder[place[-1]] = holder[place[-1]], data.draw(values)
    raw = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    sound = json.dumps(was) == json.dumps(holder[place[-1]])
    assert check(raw, kept.keys, signed_by).sound is sound
    assert (not STAND_ALONE.check(raw, [str(key) for key in kept.keys])[0]) is sound


def places_of(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a document."""
    if above:
        yield above
    for step, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places_of(inner, (*above, step))


def test_the_command_line_checks_a_file_without_a_database(kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "member.bundle"
    file.write_bytes(kept.bundle + b"\n")
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{key}\n" for key in kept.keys))
    command = [sys.executable, "-m", "api.cli.main", "audit", "check-bundle", str(file), "--key", str(keys)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={"PATH": ""})
    assert done.returncode == 0, done.stderr
    assert "8 entries of the member, all in it; 8 decided again to the byte" in done.stdout
    file.write_bytes(kept.bundle.replace(b"2026-01-02", b"2026-01-03", 1))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={"PATH": ""})
    assert done.returncode == 1
    assert "position" in done.stdout
