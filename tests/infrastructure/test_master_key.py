"""A master key that is rotated: what it wrapped opens under the new one, and nothing else changes."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import psycopg
import pytest

from application.gateway.sources import SourceBody, create
from infrastructure.api_keys import ApiKeys
from infrastructure.clock import utc_now
from infrastructure.database import connect, open_pool
from infrastructure.gateway import PostgresGateway
from infrastructure.master_key import WRAPPED, rewrap
from infrastructure.signing import SigningKeys
from infrastructure.vault import Unreadable, Vault
from tests.application.engine import MASTER_KEY, opened

NEW = bytes(range(1, 33))
SECRET = "whsec_of_the_till"


class Killed(Exception):
    pass


def _wrapped(connection: psycopg.Connection) -> list[bytes]:
    return [
        bytes(row[0])
        for table, _, column in WRAPPED
        for row in connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
    ]


def _opened_by(vault: Vault, wrapped: list[bytes]) -> int:
    found = 0
    for one in wrapped:
        try:
            vault.unwrap(one)
        except Unreadable:
            continue
        found += 1
    return found


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def _lived(url: str) -> tuple[str, str]:
    """A program with members, a key and a checkpoint's signature; the text of the key, and one that was made once."""
    async with opened(url) as engine:
        for name in ("ann", "bob", "eve"):
            await engine.enrol(name, email=f"{name}@example.org")
    async with open_pool(url, 1, 2) as pool:
        keys = ApiKeys(pool, MASTER_KEY)
        _, text = await keys.create("main", ["client"], "pos")
        _, once = await keys.create("main", ["client"], "once", once="k1")
        await SigningKeys(pool, Vault(MASTER_KEY)).sign("main", "x\n")
        stripe = SourceBody(name="till", mapping="stripe", secret=SECRET)
        await create(PostgresGateway(pool), Vault(MASTER_KEY), "main", stripe, new_id="gs_1", now=utc_now(), types=None)
        return text, once


def test_what_was_wrapped_opens_under_the_new_key_alone_and_api_keys_stay(database_url: str) -> None:
    text, once = _run(_lived(database_url))
    with connect(database_url) as connection:
        changed = rewrap(connection, Vault(NEW, MASTER_KEY))
        wrapped = _wrapped(connection)
    assert changed == {
        "member_keys": 3,
        "programs": 1,
        "webhooks": 0,
        "signing_keys": 1,
        "secrets": 1,
        "gateway_sources": 1,
    }
    assert _opened_by(Vault(NEW), wrapped) == len(wrapped)
    assert _opened_by(Vault(MASTER_KEY), wrapped) == 0

    async def later() -> None:
        async with open_pool(database_url, 1, 2) as pool:
            source = await PostgresGateway(pool).source("gs_1")
            assert source is not None
            # What is sealed under the key that was wrapped anew opens as before.
            assert source.secrets(Vault(NEW), utc_now()) == [SECRET]
            keys = ApiKeys(pool, NEW)
            assert await keys.find(text) is not None
            # What was made once is the same key still, and no second one.
            _, again = await keys.create("main", ["client"], "once", once="k1")
            assert again == once
            assert len(await keys.listed("main")) == 2
            assert "main" in await SigningKeys(pool, Vault(NEW)).sign("main", "x\n")

    _run(later())


def test_while_it_is_rotated_processes_with_either_key_in_front_read_all(database_url: str) -> None:
    _run(_lived(database_url))
    with connect(database_url) as connection:
        old_in_front, new_in_front = Vault(MASTER_KEY, NEW), Vault(NEW, MASTER_KEY)
        connection.execute(
            "INSERT INTO member_keys (stream, program, key) VALUES (gen_random_uuid(), 'main', %s)",
            (new_in_front.new_key(),),
        )
        wrapped = _wrapped(connection)
    assert _opened_by(old_in_front, wrapped) == _opened_by(new_in_front, wrapped) == len(wrapped)


def test_one_that_was_broken_off_goes_on_and_ends(database_url: str) -> None:
    _run(_lived(database_url))
    vault = Vault(NEW, MASTER_KEY)

    def killed(done: int, total: int) -> None:
        if done >= 2:
            raise Killed

    with connect(database_url) as connection:
        with pytest.raises(Killed):
            rewrap(connection, vault, page=2, progress=killed)
        half = _opened_by(Vault(NEW), _wrapped(connection))
        assert 0 < half < len(_wrapped(connection))
        rest = rewrap(connection, vault, page=2)
        assert sum(rest.values()) == len(_wrapped(connection)) - half
        assert sum(rewrap(connection, vault).values()) == 0


def test_a_key_that_neither_opens_is_told(database_url: str) -> None:
    _run(_lived(database_url))
    with connect(database_url) as connection, pytest.raises(Unreadable):
        rewrap(connection, Vault(NEW, bytes(32)))


def test_every_column_that_is_wrapped_is_known(database_url: str) -> None:
    """A new table of wrapped keys must be in the list, or a rotation would lose what is in it."""
    _run(_lived(database_url))
    with connect(database_url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea' AND table_name NOT LIKE '%yoyo%'"
        ).fetchall()
        plain = {
            ("stored_events", "state"), ("stored_events", "digest"), ("stored_events", "seal"),
            ("state_rows", "digest"), ("state_rows", "hot"), ("cold_rows", "body"), ("api_keys", "hash"),
            ("drafts", "document"), ("jobs", "request"), ("jobs", "result"), ("tree_tiles", "hashes"),
            ("signing_keys", "public"), ("webhooks", "fields"), ("gateway_sources", "document"),
            ("gateway_mappings", "document"), ("notice_settings", "document"), ("notices", "about"),
            # Sealed under a key that is wrapped itself: the source's, the program's, the member's.
            ("gateway_sources", "secret"), ("gateway_sources", "previous_secret"), ("gateway_inbox", "sealed"),
            ("inbox", "body"),
        }  # fmt: skip
    assert {*columns} - plain == {(table, column) for table, _, column in WRAPPED}
