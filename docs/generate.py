"""Write the generated parts of docs/reference: `python docs/generate.py`. tests/docs fails when they differ.

Whole files: rulebook.schema.json, entry.schema.json and events/*.json. In pages, what stands between
`<!-- generated: NAME -->` and `<!-- end -->`.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from domain.log import Entry, Event, Input
from domain.rules import rulebook
from domain.rules.rulebook import Rulebook
from infrastructure.tables import columns
from projections import ANALYTICS

REFERENCE = Path(__file__).parent / "reference"

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
    "`rules[].award`": ("Award", rulebook.Award),
    "`rules[].award.per`": ("Per", rulebook.Per),
    "`rules[].cap[]`": ("Cap", rulebook.Cap),
    "`tiers.<set>`": ("TierSet", rulebook.TierSet),
    "`tiers.<set>.levels[]`": ("Level", rulebook.Level),
    "`late`": ("Late", rulebook.Late),
}

_LATER = "Refused: see [not supported yet](#not-supported-yet)."

MEANINGS: Meanings = {
    "Rulebook": {
        "members": "What members carry.",
        "time_zone": "IANA name of the zone whose calendar counts. Without it, the program's own.",
        "zone_policy": "Whose calendar counts: the program's, the member's own, the one an activity names in `time_zone`, or UTC. Where a member or an activity names none, the program's.",
        "day_starts": "Time of day (`HH:MM`) at which a local day begins: with `04:00`, a purchase at 02:30 belongs to the day before.",
        "currencies": "Loyalty currencies by id. A currency that was published stays: removing it or changing its `scale` is refused.",
        "activities": "Activity types by name. Enrolling is the type `member.enrolled`; it exists without being declared.",
        "late": "What happens to activities that arrive late or early.",
        "unknown_member": "An activity of a member nobody knows: refused, or the member is enrolled with the activity's own `occurred_at`. `hold` is refused.",
        "before_enrolment": "An activity that happened before its member's `enrolled_at`: taken, or refused with `not-eligible`.",
        "rules": "The rules. Their order in the document has no meaning.",
        "groups": _LATER,
        "stacking": _LATER,
        "budgets": _LATER,
        "segments": _LATER,
        "experiments": _LATER,
        "tiers": "Tier sets by id.",
        "offers": _LATER,
        "streaks": _LATER,
        "badges": _LATER,
        "referrals": _LATER,
        "leaderboards": _LATER,
    },
    "Members": {
        "attributes": "JSON Schema of a member's `attributes`, which rules read as `member.attributes.<name>`. The newest published version checks what is sent.",
    },
    "Currency": {
        "scale": "Decimal places, 0 to 9, for display only: amounts everywhere count the smallest unit.",
        "spendable": "Whether redemptions are taken at all; otherwise `not-eligible`.",
        "available": "When a lot can be spent: `at_once`, or an object. `on_action` is refused.",
        "expires": "When a lot ends: `never`, or an object.",
        "expires_applies_to": "`new`: lots keep the end they were opened with. `existing` is refused.",
        "spend_order": "Which lots pay first: the one that ends soonest (ties: the older; never-ending last), the oldest, the newest, or all in proportion.",
        "overdraft": "What a spending activity may do that is not covered: be refused, or leave a debt. Redemptions over HTTP never go below zero.",
        "value": "What points are worth in money. Without it points have no money value and `value_minor` is refused.",
        "returns": "What a return takes back, and from where.",
    },
    "Availability": {
        "after": "An ISO 8601 period from `occurred_at`. Days and months are counted on the local calendar and keep the time of day; hours are exact.",
        "at": "A fixed instant (RFC 3339), but never before `occurred_at`.",
    },
    "Expiry": {
        "after": "An ISO 8601 period. Days, months and years run to the end of the local day they reach, then up to `round_up`; hours are exact.",
        "from": "What the period is counted from: when it happened, when it was recorded, or when the lot becomes available.",
        "round_up": "`day`, `week`, `month`, `quarter`, `half`, `year`, or a day of the year as `MM-DD` (`02-29` is the last of February).",
        "inactive_for": _LATER,
        "at": "A fixed instant (RFC 3339).",
    },
    "MoneyValue": {
        "per_point": "Money minor units per smallest unit of the currency, a decimal in a string.",
        "round": "How the worth of one redemption is rounded, once.",
        "round_to": "The multiple of minor units it is rounded to.",
        "minimum": "Fewest points of one redemption.",
        "step": "Points of a redemption are a multiple of this. `value_minor` rounds up to it.",
        "max_share": _LATER,
    },
    "Returns": {
        "recompute": "How many points the kept part is worth: in proportion to the money, by running the pinned rule on what was kept, or `auto` (steps, thresholds and computed amounts re-evaluate; plain rates and flat grants are proportional).",
        "recovery": "Where points come from that the order's own lots no longer have: other lots and then debt, other lots only (the rest is written off), or nowhere (only pending points are taken).",
        "points_paid": "`reverse` is the only word taken, and nothing reads it yet. `reissue` is refused.",
        "over_return": "A return beyond what is left of the order: counted as far as it goes and reported in `excess_minor`, or refused. One return above the whole order is always refused.",
        "absorb": _LATER,
    },
    "ActivityType": {
        "data": "JSON Schema (draft 2020-12, whole numbers only) of the activity's `data`.",
        "personal": "JSON pointers to personal fields, such as `/shipping/name`. They are stored as cipher text under the member's key, and rules cannot read them.",
        "money": "JSON pointer to the currency code in `data`; another code than the program's is refused with `unknown-money`.",
        "measures": "Named whole numbers this activity counts, each a CEL expression. Read them as `member.counters.<measure>.<window>` and `history.sum`.",
        "role": "What it does besides earning: `reverses` returns an earlier activity, `spends` reports points spent elsewhere. `assigns` and `views` are refused.",
        "of": "With `reverses`: the type that is returned.",
        "original": "With `reverses`: CEL text, the id of the returned activity. Its source is the returning activity's own.",
        "amount": "With `reverses`: CEL whole number, the money returned. Without it, all that is left.",
        "currency": "With `spends`: the currency.",
        "points": "With `spends`: CEL whole number of points.",
        "offer": "Read by roles that are refused.",
    },
    "Rule": {
        "id": "Its name, for ever: caps count by it across versions.",
        "on": "The activity type it looks at.",
        "phase": "`base` rules grant, `multiply` rules add to what base rules granted, `add` rules grant on top.",
        "when": "A CEL condition. Without one the rule always matches. A condition that fails does not match, and the entry says so (`RuleFailed`).",
        "group": _LATER,
        "priority": "Within a phase, 1 comes first; ties go by id.",
        "stop": "`true` is refused.",
        "starts": "First instant of the activity (RFC 3339) it applies to.",
        "ends": "First instant it no longer applies to.",
        "calendar": _LATER,
        "award": "What it grants. A multiplier may name only `currency` here, to multiply that one alone.",
        "by": "The factor of a multiplier, a decimal from 1 in a string.",
        "lines": _LATER,
        "round": "How the exact amount becomes whole points, once per grant.",
        "available": "In place of the currency's `available`, for this rule's lots.",
        "expires": "In place of the currency's `expires`, for this rule's lots.",
        "cap": "Upper bounds; each applies to what the one before left.",
        "budget": _LATER,
        "variant": _LATER,
    },
    "Award": {
        "currency": "The currency.",
        "points": "A whole number, or a CEL expression that gives one.",
        "per": "So many points for each whole step of an amount.",
        "rate": "A share of `amount`, a decimal in a string.",
        "amount": "What `rate` is a share of, CEL.",
    },
    "Per": {
        "amount": "What is counted in steps, CEL.",
        "step": "The step, in the unit of `amount` (cents, usually). What is left over earns nothing.",
        "points": "Points per whole step.",
    },
    "Cap": {
        "points": "At most so many points in the period, or",
        "times": "at most so many grants.",
        "per": "`member`: what this rule granted to one member. The other words are refused.",
        "period": "`day`, `week`, `month`, `quarter`, `half`, `year`, `ever`, or the last days as `P30D`. Local days of the activity.",
        "partial": "Whether a grant that does not fit is cut to what is left, or falls away.",
    },
    "TierSet": {
        "measure": "What is counted: `points_earned` (with one currency), `points_earned:<currency>`, or a declared measure.",
        "window": "Over what: `lifetime`, `calendar_year`, `year`, `half`, `quarter`, `month`, `week`, `day`, `rolling P12M`, `P90D` or `last_90d`.",
        "upgrade": "`at_once`; `next_period` is refused.",
        "validity": "How long a level holds before it is reviewed: a period, `end_of_period`, `end_of_next_period`, `forever`. Default by window: `lifetime` for ever, calendar windows to the end of the period, rolling windows one window long.",
        "downgrade": "What a review does when the counter is short: nothing, one level down, to the level reached, or below all.",
        "grace": _LATER,
        "min_stay": _LATER,
        "count_pending": "Has no effect: pending points count from the moment they are granted.",
        "count_current": "`true`; `false` is refused.",
        "demote": "`at_review`; `at_once` is refused.",
        "on_edit": "`next_review`; `now` is refused.",
        "floor": "Has no effect yet.",
        "levels": "The levels, each with a threshold of its own.",
    },
    "Level": {
        "id": "Its name, as in `member.tiers.<set>.level`.",
        "at": "The counter's value from which it is reached.",
    },
    "Late": {
        "rule_time": "Which version rules: the one in force when it happened, or when it was recorded.",
        "tier_time": "Which level `member.tiers` shows: the one held when it happened, or now.",
        "max_age": "Older activities are refused with `too-old`. A month counts 30 days here.",
        "future_skew": "How far ahead of the program's clock an activity may lie; beyond, `from-the-future`.",
        "mode": "`append`: awards already made stand. `restate` is refused.",
    },
}


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
    for field in msgspec.structs.fields(struct):
        lines.append(f"| `{field.encode_name}` | {_type(hints[field.name])} | {_default(field)} |")
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
        REFERENCE / "rulebook.schema.json": _schema(Rulebook),
        REFERENCE / "entry.schema.json": _schema(Entry),
    }
    for event in get_args(Event):
        found[REFERENCE / "events" / f"{event.__struct_config__.tag}.json"] = _schema(event)
    for name, (page, made) in PARTS.items():
        path = REFERENCE / page
        text = found.get(path) or path.read_text("utf-8")
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        if text.count(begin) != 1:
            raise LookupError(f"{page} has no place for {name}")
        pattern = re.escape(begin) + r".*?" + re.escape(end)
        block = f"{begin}\n{made()}\n\n{end}"
        found[path] = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
    return found


def main() -> None:
    """Write what differs."""
    for path, text in pages().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"wrote {path.relative_to(REFERENCE.parent.parent)}\n")


if __name__ == "__main__":
    main()
