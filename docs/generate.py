"""Write the generated parts of docs/reference: `python docs/generate.py`. tests/docs fails when they differ.

Whole files: rulebook.schema.json, entry.schema.json and events/*.json. In pages, what stands between
`<!-- generated: NAME -->` and `<!-- end -->`.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from docs import client
from docs.contract import broken
from domain.log import Entry, Event, Input
from domain.rules import rulebook
from domain.rules.rulebook import Rulebook
from infrastructure.tables import columns
from projections import ANALYTICS

REFERENCE = Path(__file__).parent / "reference"
CLIENT = Path(__file__).parent.parent / "guerdon_client"

Meanings = Mapping[str, Mapping[str, str]]

SECTIONS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "the document": ("Rulebook", rulebook.Rulebook),
    "`members`": ("Members", rulebook.Members),
    "`currencies.<id>`": ("Currency", rulebook.Currency),
    "`available` as an object": ("Availability", rulebook.Availability),
    "`expires` as an object": ("Expiry", rulebook.Expiry),
    "`currencies.<id>.value`": ("MoneyValue", rulebook.MoneyValue),
    "`currencies.<id>.returns`": ("Returns", rulebook.Returns),
    "`activities.<type>`": ("ActivityType", rulebook.ActivityType),
    "`rules[]`": ("Rule", rulebook.Rule),
    "`rules[].calendar`": ("PromotionCalendar", rulebook.PromotionCalendar),
    "`rules[].variant`": ("Variant", rulebook.Variant),
    "`rules[].lines`": ("Lines", rulebook.Lines),
    "`rules[].award`": ("Award", rulebook.Award),
    "`rules[].award.per`": ("Per", rulebook.Per),
    "`rules[].cap[]`": ("Cap", rulebook.Cap),
    "`budgets.<id>`": ("Budget", rulebook.Budget),
    "`experiments.<id>`": ("Experiment", rulebook.Experiment),
    "`stacking`": ("Stacking", rulebook.Stacking),
    "`tiers.<set>`": ("TierSet", rulebook.TierSet),
    "`tiers.<set>.levels[]`": ("Level", rulebook.Level),
    "`offers.<id>`": ("Offer", rulebook.Offer),
    "`offers.<id>.goal`": ("Goal", rulebook.Goal),
    "`offers.<id>.reward`": ("Reward", rulebook.Reward),
    "`offers.<id>.coupon`": ("Coupon", rulebook.Coupon),
    "`leaderboards.<id>`": ("Leaderboard", rulebook.Leaderboard),
    "`leaderboards.<id>.prizes[]`": ("Prize", rulebook.Prize),
    "`streaks.<id>`": ("Streak", rulebook.Streak),
    "`streaks.<id>.awards[]`": ("StreakAward", rulebook.StreakAward),
    "`badges.<id>`": ("Badge", rulebook.Badge),
    "`referrals.<id>`": ("Referral", rulebook.Referral),
    "`referrals.<id>.owner`, `.friend`": ("ReferralReward", rulebook.ReferralReward),
    "`late`": ("Late", rulebook.Late),
}

_LATER = "Refused: see [not supported yet](#not-supported-yet)."

MEANINGS: Meanings = tomllib.loads((Path(__file__).parent / "meanings.toml").read_text("utf-8"))


def rulebook_keys() -> str:
    """Every key of a rulebook: type, default, meaning."""
    parts = []
    for place, (name, section) in SECTIONS.items():
        hints = get_type_hints(section, include_extras=True)
        meanings = dict(MEANINGS[name])
        lines = [f"### {place}\n", "| key | type | default | meaning |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(section):
            kind = _type(hints[field.name])
            meaning = meanings.pop(field.encode_name)
            meaning = _LATER if meaning == "later" else meaning
            lines.append(f"| `{field.encode_name}` | {kind} | {_default(field)} | {_cell(meaning)} |")
        if meanings:
            raise LookupError(f"{name} has no {sorted(meanings)}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def events() -> str:
    """Every stored event with its fields."""
    parts = []
    for kind, union in (("Members", _members(Event, "domain.member")), ("Programs", _members(Event, "domain.program"))):
        parts.append(f"## {kind}")
        parts += [_struct(one) for one in union]
    return "\n\n".join(parts)


def inputs() -> str:
    """Every stored command with its fields."""
    return "\n\n".join(_struct(one) for one in get_args(Input))


def entry_fields() -> str:
    """The fields of an entry."""
    return _fields(Entry)


def tables() -> str:
    """The tables for analysts, from their declarations."""
    parts = []
    for table in ANALYTICS.tables:
        lines = [f"## {table.name}\n", f"{table.comment} Key: {', '.join(f'`{name}`' for name in table.key)}.\n"]
        lines += ["| column | type | null | meaning |", "|---|---|---|---|"]
        for column in columns(table):
            null = "yes" if column.optional else ""
            lines.append(f"| `{column.name}` | {column.type} | {null} | {_cell(column.comment)} |")
        parts.append("\n".join(lines))
    for view in ANALYTICS.views:
        lines = [f"## {view.name} (view)\n", f"{view.comment}\n", "| column | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {_cell(comment)} |" for name, comment in view.columns.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def commands() -> str:
    """The command line's own help, command by command."""
    import rich_click as click

    from api.cli.main import guerdon

    parts = []

    def told(command: click.Command, path: str, parent: click.Context | None) -> None:
        context = click.Context(command, info_name=path.rsplit(" ", 1)[-1], parent=parent)
        parts.append(_command(command, path, context))
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found is not None:
                    told(found, f"{path} {name}", context)

    told(guerdon, "guerdon", None)
    return "\n\n".join(parts)


def endpoints() -> str:
    """The routes as they are declared."""
    from api.http.app import HANDLERS

    lines = ["| request | scope | what | refused with |", "|---|---|---|---|"]
    for handler in HANDLERS:
        (path,) = handler.paths
        (method,) = (one for one in handler.http_methods if one not in ("HEAD", "OPTIONS"))
        place = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        declared = handler.opt.get("route")
        if declared is None:
            said = (handler.fn.__doc__ or "").strip().partition("\n")[0]
            lines.append(f"| `{method} {place}` | none | {_cell(said)} | |")
        else:
            codes = ", ".join(f"`{code}`" for code in declared.codes)
            lines.append(f"| `{method} {place}` | {declared.scope} | {_cell(declared.summary)} | {codes} |")
    return "\n".join(lines)


def contract() -> dict[str, Any]:
    """The OpenAPI document, without the version of the release that serves it."""
    from api.http.app import HANDLERS
    from api.http.openapi import document

    found: dict[str, Any] = msgspec.json.decode(document(HANDLERS, "v1"))
    return found


def queries() -> str:
    """The query parameters of each route."""
    from api.http.app import HANDLERS

    lines = ["| request | parameter | meaning |", "|---|---|---|"]
    for handler in HANDLERS:
        declared = handler.opt.get("route")
        (path,) = handler.paths
        for name, meaning in declared.query.items() if declared is not None else ():
            lines.append(f"| `{re.sub(r':[a-z]+', '', path)}` | `{name}` | {_cell(meaning)} |")
    return "\n".join(lines)


def problems() -> str:
    """The codes by status."""
    from api.http.problems import PROBLEMS

    lines = ["| status | code | title |", "|---|---|---|"]
    lines += [
        f"| {kind.status} | [`{code}`](problems/{code}.md) | {kind.title} |"
        for code, kind in sorted(PROBLEMS.items(), key=lambda one: one[1].status)
    ]
    return "\n".join(lines)


def _command(command: Any, path: str, context: Any) -> str:
    lines = [f"## {path}\n", (command.help or "").strip().replace("\n    ", "\n")]
    usage = " ".join(command.collect_usage_pieces(context))
    lines += ["", "```", f"{path} {usage}", "```"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    if options:
        lines += ["", "| option | default | meaning |", "|---|---|---|"]
    for one in options:
        names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
        plain = isinstance(one.default, str | int) and not isinstance(one.default, bool) and one.default != ""
        default = f"`{one.default}`" if plain else ""
        lines.append(f"| {names} | {default} | {_cell(one.help or '')} |")
    return "\n".join(lines)


def _members(union: Any, module: str) -> list[type[msgspec.Struct]]:
    return [one for one in get_args(union) if one.__module__.startswith(module)]


def _struct(struct: type[msgspec.Struct]) -> str:
    doc = " ".join((struct.__doc__ or "").split())
    tag = struct.__struct_config__.tag
    return f"### {tag}\n\n{doc + chr(10) * 2 if doc else ''}{_fields(struct)}"


def _fields(struct: type[msgspec.Struct]) -> str:
    hints = get_type_hints(struct, include_extras=True)
    lines = ["| field | type | default |", "|---|---|---|"]
    lines += [
        f"| `{field.encode_name}` | {_type(hints[field.name])} | {_default(field)} |"
        for field in msgspec.structs.fields(struct)
    ]
    return "\n".join(lines) if len(lines) > 2 else "No fields."


_NAMES = {"str": "text", "int": "whole number", "bool": "true or false", "NoneType": "null", "datetime": "instant",
          "bytes": "base64", "Any": "JSON", "UUID": "UUID"}  # fmt: skip


def _type(hint: Any) -> str:
    """A type in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        if len(arguments) > 4:
            return "an event" if arguments[0].__struct_config__.tag_field == "event" else "a command"
        return " or ".join(_type(one) for one in arguments if one is not type(None)) or "null"
    if origin is dict:
        return f"object of {_type(arguments[1])}"
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    name = getattr(hint, "__name__", str(hint))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"object ({name})"
    return _NAMES.get(name, name)


def _default(field: Any) -> str:
    if field.default is not msgspec.NODEFAULT:
        value = field.default
    elif field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    else:
        return "required"
    if value is None or value in ({}, [], (), "", b"") or isinstance(value, msgspec.Struct):
        return ""
    return f"`{msgspec.json.encode(value).decode().strip(chr(34))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _schema(kind: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(kind), order="sorted"), indent=2).decode() + "\n"


def _described(schema: str) -> str:
    """The schema of a rulebook with the meaning of every key."""
    document = msgspec.json.decode(schema)
    for name, meanings in MEANINGS.items():
        for key, meaning in meanings.items():
            part = document["$defs"][name]["properties"][key]
            # Beside a reference other words count in this draft of JSON Schema.
            part["description"] = "Refused: not supported yet." if meaning == "later" else meaning.replace("`", "")
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2).decode() + "\n"


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "rulebook-keys": ("rulebook.md", rulebook_keys),
    "events": ("events.md", events),
    "inputs": ("events.md", inputs),
    "entry": ("events.md", entry_fields),
    "tables": ("tables.md", tables),
    "commands": ("cli.md", commands),
    "endpoints": ("http.md", endpoints),
    "queries": ("http.md", queries),
    "problems": ("http.md", problems),
}


def pages() -> dict[Path, str]:
    """What each generated file should hold."""
    found: dict[Path, str] = {
        REFERENCE / "rulebook.schema.json": _described(_schema(Rulebook)),
        REFERENCE / "entry.schema.json": _schema(Entry),
    }
    openapi = contract()
    found[REFERENCE / "openapi.json"] = msgspec.json.format(msgspec.json.encode(openapi), indent=1).decode() + "\n"
    found |= {CLIENT / name: text for name, text in client.package(openapi).items()}
    for event in get_args(Event):
        found[REFERENCE / "events" / f"{event.__struct_config__.tag}.json"] = _schema(event)
    for name, (page, made) in PARTS.items():
        path = REFERENCE / page
        text = found.get(path) or path.read_text("utf-8")
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        if text.count(begin) != 1:
            raise LookupError(f"{page} has no place for {name}")
        before, rest = text.split(begin)
        found[path] = f"{before}{begin}\n{made()}\n\n{end}{rest.partition(end)[2]}"
    return found


def main() -> None:
    """Write what differs, unless the API breaks what it promised."""
    promised = REFERENCE / "openapi.json"
    lost = broken(msgspec.json.decode(promised.read_bytes()), contract()) if promised.exists() else []
    if lost:
        sys.exit("\n".join(("The API no longer keeps what docs/reference/openapi.json promises:", *lost)))
    for path, text in pages().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"wrote {path.relative_to(REFERENCE.parent.parent)}\n")


if __name__ == "__main__":
    main()
