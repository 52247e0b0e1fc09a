"""Drafts are edited under their etag, published once each in turn, and published versions stay."""

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.wiring import Wired, wired
from application import rulebooks
from application.rulebooks import (
    DraftBody,
    PreconditionFailed,
    PreconditionRequired,
    ProgramBody,
    PublishBody,
    publish_document,
)
from application.samples import COFFEE
from domain.errors import (
    BadId,
    BadTime,
    KeyReused,
    ProgramExists,
    RulebookInvalid,
    UnknownMoney,
    UnknownRulebook,
    VersionConflict,
)
from infrastructure.settings import Settings

Json = Any
PROGRAM = "main"
BROKEN: Json = {**COFFEE, "rules": [{"id": "base", "on": "purchase", "when": "activity.amount > 0"}]}


def with_program(database_url: str, work: Callable[[Wired], Awaitable[None]]) -> None:
    """Do the work in a fresh program."""
    settings = Settings(
        database_url=database_url,
        data_dir=Path(),
        host="127.0.0.1",
        port=8080,
        master_key=bytes(range(32)),
        log_level="INFO",
        workers=1,
        drain_seconds=20,
    )

    async def done() -> None:
        async with wired(settings) as application:
            await rulebooks.create_program(application.handler, ProgramBody(id=PROGRAM), actor="test")
            await work(application)

    asyncio.run(done())


def sent(document: Json) -> msgspec.Raw:
    """A document as a client sends it."""
    return msgspec.Raw(json.dumps(document).encode())


def dearer() -> Json:
    document: Json = copy.deepcopy(COFFEE)
    document["rules"][1]["award"]["per"]["points"] = 2
    return document


def test_a_draft_becomes_a_version_with_document_and_digest(database_url: str) -> None:
    async def work(app: Wired) -> None:
        draft = await rulebooks.create(app.handler, app.drafts, PROGRAM, DraftBody(document=sent(COFFEE), note="first"))
        assert (draft["draft"], draft["findings"]) == ("rb_1", ())
        published = await rulebooks.publish(
            app.handler, app.drafts, PROGRAM, "rb_1", PublishBody(expects=0), actor="test"
        )
        assert (published.status, published.body["version"]) == (201, 1)
        assert published.body["digest"] == draft["digest"]
        version = await rulebooks.version(app.handler, PROGRAM, 1)
        assert (version["document"], version["note"]) == (COFFEE, "first")
        listing = await rulebooks.listing(app.handler, app.drafts, PROGRAM)
        assert [item["version"] for item in listing["items"]] == [1]
        assert [(one["draft"], one["published_version"]) for one in listing["drafts"]] == [("rb_1", 1)]

    with_program(database_url, work)


def test_of_two_that_publish_at_once_one_conflicts(database_url: str) -> None:
    async def work(app: Wired) -> None:
        outcomes = await asyncio.gather(
            *(publish_document(app.handler, PROGRAM, COFFEE, PublishBody(), actor="test") for _ in range(2)),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Answered", "VersionConflict"]
        assert await app.store.timeline(PROGRAM) == 1

    with_program(database_url, work)


def test_an_editor_who_saw_an_older_version_conflicts(database_url: str) -> None:
    async def work(app: Wired) -> None:
        await publish_document(app.handler, PROGRAM, COFFEE, PublishBody(), actor="test")
        with pytest.raises(VersionConflict):
            await publish_document(app.handler, PROGRAM, dearer(), PublishBody(expects=0), actor="test")

    with_program(database_url, work)


def test_a_rulebook_with_errors_is_kept_as_a_draft_and_not_published(database_url: str) -> None:
    async def work(app: Wired) -> None:
        draft = await rulebooks.create(app.handler, app.drafts, PROGRAM, DraftBody(document=sent(BROKEN)))
        assert "/rules/0/when" in [finding["at"] for finding in draft["findings"]]
        with pytest.raises(RulebookInvalid) as refused:
            await rulebooks.publish(app.handler, app.drafts, PROGRAM, "rb_1", PublishBody(), actor="test")
        told = dict(refused.value.errors)
        assert told["/rules/0/when"].startswith("line 1, column 10: there is no field 'amount'")
        assert await app.store.timeline(PROGRAM) == 0

    with_program(database_url, work)


@pytest.mark.parametrize("document", [None, 3, "text", [], {"currencies": {"points": {"scale": 0.5}}}])
def test_a_draft_may_be_anything(database_url: str, document: Json) -> None:
    async def work(app: Wired) -> None:
        draft = await rulebooks.create(app.handler, app.drafts, PROGRAM, DraftBody(document=sent(document)))
        assert [finding["code"] for finding in draft["findings"]] == ["shape"]
        kept = await rulebooks.read(app.handler, app.drafts, PROGRAM, "rb_1")
        assert kept["document"] == document

    with_program(database_url, work)


def test_an_edit_names_what_it_edits(database_url: str) -> None:
    async def work(app: Wired) -> None:
        handler, drafts = app.handler, app.drafts
        first = await rulebooks.create(handler, drafts, PROGRAM, DraftBody(document=sent(COFFEE)))
        with pytest.raises(PreconditionRequired):
            await rulebooks.update(handler, drafts, PROGRAM, "rb_1", DraftBody(document=sent({})), etag=None)
        second = await rulebooks.update(
            handler, drafts, PROGRAM, "rb_1", DraftBody(document=sent(dearer())), etag=first["etag"]
        )
        assert second["etag"] != first["etag"]
        with pytest.raises(PreconditionFailed):
            await rulebooks.update(handler, drafts, PROGRAM, "rb_1", DraftBody(document=sent({})), etag=first["etag"])
        with pytest.raises(UnknownRulebook):
            await rulebooks.update(handler, drafts, PROGRAM, "rb_2", DraftBody(document=sent({})), etag=first["etag"])

    with_program(database_url, work)


def test_drafts_made_at_once_have_numbers_of_their_own(database_url: str) -> None:
    async def work(app: Wired) -> None:
        made = await asyncio.gather(
            *(rulebooks.create(app.handler, app.drafts, PROGRAM, DraftBody(document=sent({}))) for _ in range(8))
        )
        assert sorted(draft["draft"] for draft in made) == sorted(f"rb_{number}" for number in range(1, 9))

    with_program(database_url, work)


def test_the_same_request_under_the_same_key_publishes_once(database_url: str) -> None:
    async def work(app: Wired) -> None:
        async def publish(document: Json) -> Any:
            return await publish_document(app.handler, PROGRAM, document, PublishBody(), actor="test", key="k1")

        first, second = await publish(COFFEE), await publish(COFFEE)
        assert (first.status, second.status, second.replayed) == (201, 200, True)
        assert first.body == second.body
        with pytest.raises(KeyReused):
            await publish(dearer())

    with_program(database_url, work)


def test_the_first_version_rules_from_the_beginning_and_later_ones_never_in_the_past(database_url: str) -> None:
    async def work(app: Wired) -> None:
        first = await publish_document(app.handler, PROGRAM, COFFEE, PublishBody(), actor="test")
        assert first.body["effective_from"].year == 1
        yesterday = datetime.now(UTC) - timedelta(days=1)
        with pytest.raises(RulebookInvalid):
            await publish_document(app.handler, PROGRAM, COFFEE, PublishBody(effective_from=yesterday), actor="test")
        naive = PublishBody(effective_from=datetime(2100, 1, 1))  # noqa: DTZ001 - that is the point
        with pytest.raises(BadTime):
            await publish_document(app.handler, PROGRAM, COFFEE, naive, actor="test")

    with_program(database_url, work)


def test_the_difference_of_versions_is_told_in_words(database_url: str) -> None:
    async def work(app: Wired) -> None:
        await publish_document(app.handler, PROGRAM, COFFEE, PublishBody(), actor="test")
        await publish_document(app.handler, PROGRAM, dearer(), PublishBody(), actor="test")
        found = await rulebooks.diff(app.handler, app.drafts, PROGRAM, "1", "2")
        assert [change["text"] for change in found["changes"]] == ["rule base: points per step 1 -> 2"]
        with pytest.raises(UnknownRulebook):
            await rulebooks.diff(app.handler, app.drafts, PROGRAM, "1", "3")

    with_program(database_url, work)


def test_a_program_is_opened_once_and_with_names_that_exist(database_url: str) -> None:
    async def work(app: Wired) -> None:
        for body, refusal in (
            (ProgramBody(id=PROGRAM), ProgramExists),
            (ProgramBody(id="a/b"), BadId),
            (ProgramBody(id="p", money="euro"), UnknownMoney),
            (ProgramBody(id="p", time_zone="Mars/Olympus"), BadTime),
        ):
            with pytest.raises(refusal):
                await rulebooks.create_program(app.handler, body, actor="test")
        opened = await asyncio.gather(
            *(rulebooks.create_program(app.handler, ProgramBody(id="p"), actor="test") for _ in range(3)),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in opened) == ["Answered", "ProgramExists", "ProgramExists"]

    with_program(database_url, work)
