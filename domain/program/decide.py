"""Every command a program understands."""

from datetime import datetime
from typing import Any

from domain.calendar import BEGINNING
from domain.errors import ProgramExists, RulebookInvalid, UnknownProgram, VersionConflict
from domain.program.commands import CreateProgram, PublishRulebook
from domain.program.events import ProgramCreated, RulebookPublished
from domain.program.state import Program
from domain.rules.rulebook import digest_of


def create_program(command: CreateProgram, program: Program) -> tuple[ProgramCreated, ...]:
    if program.exists:
        raise ProgramExists(f"program {program.id!r} exists")
    return (
        ProgramCreated(
            program=command.program, sandbox=command.sandbox, money=command.money, time_zone=command.time_zone
        ),
    )


def publish_rulebook(
    command: PublishRulebook,
    program: Program,
    now: datetime,
    document: dict[str, Any],
    trees: dict[str, Any],
) -> tuple[RulebookPublished, ...]:
    """Publish a document that `check` has passed, with the trees it gave.

    A version never begins before it is published, except the first: history that is imported needs rules too.
    `now` is the program's clock.
    """
    if not program.exists:
        raise UnknownProgram("no such program")
    number = len(program.published)
    if command.expects is not None and command.expects != number:
        raise VersionConflict(f"version {number} is the latest, {command.expects} was expected")
    if digest_of(document) != command.digest:
        raise RulebookInvalid("the document is not the one that was checked")
    effective_from = command.effective_from
    if effective_from is None:
        effective_from = now if number else BEGINNING
    elif number and effective_from < now:
        raise RulebookInvalid(
            "effective_from lies in the past: what has been decided stays decided",
            errors=[("/effective_from", f"not before {now.isoformat()}")],
        )
    return (
        RulebookPublished(
            number=number + 1,
            digest=command.digest,
            effective_from=effective_from,
            document=document,
            trees=trees,
            note=command.note,
        ),
    )
