"""A rulebook as it stands in an editor: judged, compared with what rules, tried on activities. Writes nothing."""

import json
from datetime import datetime
from typing import Any

import msgspec

from application.activities import told, trying
from application.answers import awards, rulebook
from application.explanations import entries_until
from application.handle import Handler
from application.programs import KnownProgram
from application.recent import Loaded
from application.rulebooks import judged
from domain.errors import UnknownActivity
from domain.log import fold
from domain.member.commands import RecordActivity
from domain.member.state import Member
from domain.rules.check import Finding
from domain.rules.diff import Change, diff
from domain.rules.places import Place
from domain.rules.rulebook import Rulebook, read

Json = dict[str, Any]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of a text. `changes` are those from version `against`; None: they cannot be told."""

    findings: list[Json]
    against: int
    changes: tuple[Change, ...] | None
    worst_case: list[Json]
    document: Any = None

    @property
    def ok(self) -> bool:
        return all(one["severity"] != "error" for one in self.findings)


def judge(handler: Handler, known: KnownProgram, text: str) -> Judged:
    """Findings and changes against the newest version. The text need not even be JSON."""
    newest = known.newest
    against = newest.number if newest is not None else 0
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        wrong = Finding("error", "malformed-json", "", error.msg, place=Place(error.lineno, error.colno))
        return Judged(findings=[msgspec.to_builtins(wrong)], against=against, changes=None, worst_case=[])
    found = judged(handler, known, text.encode())
    return Judged(
        findings=found["findings"],
        against=against,
        changes=_changes(newest.document, document) if newest is not None else None,
        worst_case=found["worst_case"] or [],
        document=document,
    )


def _changes(before: Rulebook, document: Any) -> tuple[Change, ...] | None:
    try:
        return diff(before, read(document))
    except msgspec.ValidationError:
        return None


def readable(document: bytes) -> str:
    """The text of a document as people edit it: what was sent on one line gets more of them."""
    text = document.decode()
    return text if "\n" in text.strip() else json.dumps(json.loads(text), indent=2, ensure_ascii=False)


async def tried_again(handler: Handler, program: str, ref: str, document: Any) -> Json:
    """A recorded activity as the document would have judged it, with its member as they stood before it.

    `recorded` are the awards it had. Shared budgets are as they are now. Raises UnknownActivity, InvalidPayload.
    """
    entries = await entries_until(handler, program, ref)
    entry = entries[-1]
    if not isinstance(entry.input, RecordActivity):
        raise UnknownActivity("that entry is not an activity")
    before = Member()
    for earlier in entries[:-1]:
        fold(before, earlier)
    known = trying(await handler.programs.get(program), document, entry.recorded_at)
    loaded = Loaded(entry.stream_id, before, b"")
    tried = await told(handler, loaded, known, entry.input, entry.recorded_at)
    asked = {"source": entry.input.source, "id": entry.input.id, "type": entry.input.type}
    return tried | {"activity": asked, "recorded": awards(entry), "recorded_under": rulebook(entry)}


# --- an activity to begin with -------------------------------------------------------------------


def example(document: Any, member: str | None, now: datetime) -> Json:
    """An activity of the document's first type that could come in."""
    types = document.get("activities") if isinstance(document, dict) else None
    name, declared = next(iter(types.items()), ("purchase", {})) if isinstance(types, dict) else ("purchase", {})
    schema = declared.get("data") if isinstance(declared, dict) else None
    return {
        "id": "try-1",
        "source": "studio",
        "type": name,
        "member": member or "somebody",
        "occurred_at": now.replace(microsecond=0).isoformat(),
        "data": _required(schema),
    }


_EXAMPLES: Json = {"integer": 5_000, "number": 5_000, "string": "text", "boolean": True, "array": [], "object": {}}


def _required(schema: Any) -> Json:
    """The fields that a payload must have, each with some value of its type. It need not fit in every detail."""
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        return {}
    found = {}
    for name in schema.get("required", ()):
        field = schema["properties"].get(name)
        if not isinstance(field, dict):
            continue
        kind = field.get("type")
        value = _required(field) if kind == "object" else _EXAMPLES.get(kind if isinstance(kind, str) else "", None)
        if isinstance(field.get("enum"), list) and field["enum"]:
            value = field["enum"][0]
        elif kind == "integer" and isinstance(field.get("maximum"), int):
            value = min(value, field["maximum"])
        found[name] = value
    return found
