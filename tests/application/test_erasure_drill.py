"""M8, the drill: a backup from before an erasure is restored, and the person stays erased; proofs and totals hold."""

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from application import members
from application.audit import verify
from application.erasures import Applied, BadList, apply, listed, read
from application.export import export
from domain.errors import MemberErasedAlready
from infrastructure.database import connect, open_pool, programs
from infrastructure.erasures import PostgresErasures
from infrastructure.row_reader import readers
from tests.application.engine import START, Engine, Json, opened, process, run
from tests.application.test_erasure import SECRETS, everything
from tests.conftest import fresh_database

ANN: Json = {"email": SECRETS[0], "profile": {"name": SECRETS[1]}, "external_ids": [SECRETS[2]]}


def _dumped(url: str, to: Path) -> None:
    subprocess.run([programs() / "pg_dump", "--format=custom", f"--file={to}", url], check=True)


def _restored(url: str, from_: Path) -> None:
    with connect(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    subprocess.run([programs() / "pg_restore", "--no-owner", f"--dbname={url}", from_], check=True)


async def _list(url: str) -> list[str]:
    async with open_pool(url, 1, 2) as pool:
        return await listed(PostgresErasures(pool), None)


async def _applied(url: str, engine: Engine, lines: list[str]) -> Applied:
    async with open_pool(url, 1, 2) as pool:
        return await apply(engine.handler, PostgresErasures(pool), read(lines), actor="operator")


async def _totals(engine: Engine) -> tuple[int, int]:
    return await engine.available("bob"), (await engine.read("bob"))["balances"]["points"]["lifetime"]


def test_m8_a_restored_backup_does_not_bring_an_erased_person_back(
    database_url: str, database_server: str, tmp_path: Path
) -> None:
    async def lived() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", **ANN)
            await engine.enrol("bob", email="bob@example.org")
            await engine.buy(20_000, name="o1", note=SECRETS[3])
            await engine.buy(5_000, name="o2", member="bob")

    async def erased() -> list[str]:
        async with process(database_url) as engine:
            await members.erase(engine.handler, "main", "ann", actor="operator")
        return await _list(database_url)

    run(lived)
    _dumped(database_url, tmp_path / "backup")
    lines = asyncio.run(erased())
    assert [line.rpartition("/")[0] for line in lines] == ["main/member"]
    assert not [secret for secret in SECRETS if secret in "".join(lines)]

    with fresh_database(database_server) as elsewhere:
        _restored(elsewhere, tmp_path / "backup")
        before = _digest(elsewhere)

        async def drill() -> None:
            async with process(elsewhere) as engine:
                # The danger: the backup has the key.
                assert (await engine.read())["profile"] == ANN["profile"]
                totals = await _totals(engine)
                assert await _list(elsewhere) == []
                assert await _applied(elsewhere, engine, lines) == Applied(erased=1)
                with pytest.raises(MemberErasedAlready):
                    await engine.read()
                with pytest.raises(MemberErasedAlready):
                    await export(engine.handler, "main", "ann", at=START)
                assert await _totals(engine) == totals
                assert await _list(elsewhere) == lines
                # Again, as after a kill: nothing is left to do.
                assert await _applied(elsewhere, engine, lines) == Applied(already=1)

        run(drill)
        assert not [secret for secret in SECRETS if secret in everything(elsewhere)]
        assert before in _digests(elsewhere)
        with ThreadPoolExecutor(1) as here:
            found = verify(readers(elsewhere), "main", executor=here)
        assert (found["different"], found["first"]) == (0, None)


def _digest(url: str) -> bytes:
    """The end of what was in the backup: every stored byte is still there."""
    return _digests(url)[-1]


def _digests(url: str) -> list[bytes]:
    with connect(url) as connection:
        rows = connection.execute("SELECT digest FROM stored_events ORDER BY notification_id").fetchall()
    return [bytes(digest) for (digest,) in rows]


def test_points_of_everybody_together_do_not_move_by_an_erasure(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", **ANN)
            await engine.buy(20_000, name="o1")
            before = await _held(engine)
            await members.erase(engine.handler, "main", "ann", actor="operator")
            assert await _held(engine) == before

    async def _held(engine: Engine) -> int:
        (stream,) = await engine.handler.store.members("main", None, 10)
        loaded, _ = await engine.handler.load_itself("main", stream)
        return sum(lot.remaining for lot in loaded.member.lots)

    run(story)


def test_keys_from_an_older_backup_than_the_log_are_destroyed(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", **ANN)
            await engine.enrol("bob")
            with connect(database_url) as connection:
                kept = connection.execute("SELECT stream, program, key FROM member_keys").fetchall()
                await members.erase(engine.handler, "main", "ann", actor="operator")
                connection.execute("DELETE FROM member_keys")
                connection.cursor().executemany("INSERT INTO member_keys VALUES (%s, %s, %s)", kept)
            assert await _applied(database_url, engine, []) == Applied(keys=1)
            assert len(await _list(database_url)) == 1
            assert (await engine.read("bob"))["status"] == "active"

    run(story)


def test_members_whom_the_backup_does_not_know_are_counted(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            lines = [f"main/member/{engine.handler.new_id()}", "", f"elsewhere/member/{engine.handler.new_id()}\n"]
            assert await _applied(database_url, engine, lines) == Applied(unknown=2)

    run(story)


@pytest.mark.parametrize("line", ["ann", "main/member/ann", "main/program/00000000-0000-0000-0000-000000000001"])
def test_what_is_no_such_list_is_refused_before_anything_is_erased(line: str) -> None:
    with pytest.raises(BadList, match="line 2"):
        read(["main/member/00000000-0000-0000-0000-000000000001", line])
