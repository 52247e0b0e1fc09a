"""The generated part of `guerdon_client`, from the OpenAPI document. `docs/generate.py` writes it with the references.

Methods are named as the routes' functions and grouped by the first word of their address: `POST /v1/redemptions` is
`client.redemptions.redeem(...)`. The fields of a body are its keyword arguments.
"""

import keyword
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_REF = "#/components/schemas/"
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_NOT_ARGUMENTS = frozenset({"Idempotency-Key"})
_MODELS = '''"""What answers hold, and the parts of bodies. Generated; see `docs/client.py`.

Times are texts (RFC 3339), amounts smallest units. A server may send more than this client knows.
"""

from typing import Any, Literal

import msgspec
'''
_CODES = '''"""An exception per code of a problem. Generated; see `docs/client.py`."""

from guerdon_client.problems import Problem
'''
_CLIENT = '''"""The client{for_asyncio}: every route as a method. Generated; see `docs/client.py`."""

from collections.abc import {async_}Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

import httpx2
from msgspec import UNSET, UnsetType

from guerdon_client import models
from guerdon_client.transport import {imported}, in_path, only_given


class {async_}Client:
    """A program of a server, through one of its keys.

    `patience` says how often to try again, `http` replaces the connections, for proxies and certificates of your own:
    then `timeout` is its matter.
    """

    def __init__(
        self, url: str, key: str, *, timeout: float = 10.0, patience: Patience | None = None,
        http: httpx2.{async_}Client | None = None,
    ) -> None:
        self._http = http if http is not None else httpx2.{async_}Client(timeout=timeout)
        self._http.base_url = httpx2.URL(url)
        self._http.headers["authorization"] = f"Bearer {{key}}"
        transport = {async_}Transport(self._http, patience or Patience())
        {groups}

    {define} __{a}enter__(self) -> Self:
        return self

    {define} __{a}exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        {wait}self.{a}close()

    {define} {a}close(self) -> None:
        {wait}self._http.{a}close()
'''
_GROUP = '''
class {name}:
    """`/v1/{group}`."""

    def __init__(self, transport: {async_}Transport) -> None:
        self._transport = transport
'''


def package(document: Json) -> dict[str, str]:
    """What each generated module holds."""
    return {
        "models.py": _formatted(_models(document)),
        "codes.py": _formatted(_codes(document)),
        "sync_client.py": _formatted(_clients(document, waits=False)),
        "async_client.py": _formatted(_clients(document, waits=True)),
    }


# --- types -------------------------------------------------------------------------------------


def _type(schema: Json, home: str = "models.") -> str:
    """A JSON schema as a Python type. A model is named by its module, except inside it."""
    if "$ref" in schema:
        return home + _class(schema["$ref"].removeprefix(_REF))
    if "anyOf" in schema:
        return _union(*(_type(one, home) for one in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_type(schema.get('items', {}), home)}]"
    if kind == "object":
        inside = schema.get("additionalProperties")
        return f"dict[str, {_type(inside, home) if isinstance(inside, dict) else 'Any'}]"
    return _PLAIN.get(kind, "Any") if isinstance(kind, str) else "Any"


def _union(*kinds: str) -> str:
    """Each once, None last."""
    parts = dict.fromkeys(part for kind in kinds for part in kind.split(" | "))
    return " | ".join(sorted(parts, key=lambda part: part == "None"))


def _class(component: str) -> str:
    """`application.members.ChangeBody` tells its module only where names clash."""
    *modules, name = component.split(".")
    return "".join(word.title() for word in modules[-1].split("_")) + name if modules else name


def _name(given: str) -> str:
    name = given.replace("-", "_").lower() if given[0].isupper() else given
    return f"{name}_" if keyword.iskeyword(name) else name


def _models(document: Json) -> str:
    schemas = document["components"]["schemas"]
    bodies = {body["$ref"].removeprefix(_REF) for *_, one in _operations(document) if "$ref" in (body := _body(one))}
    parts = [_MODELS]
    # A body's fields are arguments; what it is made of are models.
    parts += [_model(one, schemas[one]) for one in sorted(schemas.keys() - bodies - {"Problem", "FieldError"})]
    used = "".join(parts[1:])
    if "Problem" in re.findall(r"\bProblem\b", used):
        parts.insert(1, _model("FieldError", schemas["FieldError"]))
        parts.insert(2, _model("Problem", schemas["Problem"]))
    return "\n\n".join(parts)


def _model(component: str, schema: Json) -> str:
    lines = [f"class {_class(component)}(msgspec.Struct, kw_only=True, omit_defaults=True):"]
    if "description" in schema:
        lines.append(_doc(schema["description"], "    "))
    required = set(schema.get("required", ()))
    for name, one in schema["properties"].items():
        default = "" if name in required else f" = {one['default']!r}" if "default" in one else " = msgspec.UNSET"
        kind = _union(_type(one, ""), *(["msgspec.UnsetType"] if default == " = msgspec.UNSET" else []))
        renamed = _name(name)
        if renamed != name:
            given = f"default={default.removeprefix(' = ')}, " if default else ""
            default = f' = msgspec.field({given}name="{name}")'
        # Models name each other before they are defined.
        quoted = f'"{kind}"' if re.search(r"\b[A-Z]\w+(?<!Any)(?<!Literal)(?<!UnsetType)\b", kind) else kind
        lines.append(f"    {renamed}: {quoted}{default}")
    if len(lines) == 1:
        lines.append("    pass")
    return "\n".join(lines)


def _doc(text: str, indent: str) -> str:
    text = "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))
    lines = [line for part in text.split("\n\n") for line in (*_wrapped(part, 108), "")][:-1]
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""'
    return "\n".join([f'{indent}"""{lines[0]}', *(f"{indent}{line}".rstrip() for line in lines[1:]), f'{indent}"""'])


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


# --- codes -------------------------------------------------------------------------------------


def _codes(document: Json) -> str:
    titles = {
        code: title
        for *_, operation in _operations(document)
        for status, answer in operation["responses"].items()
        if status >= "400"
        for code, _, title in (said.partition(": ") for said in answer["description"].split(" · "))
    }
    parts = [_CODES]
    for code, title in sorted(titles.items()):
        name = "".join(word.title() for word in code.split("-"))
        parts.append(f'class {name}(Problem, code="{code}"):\n    """{title}."""')
    return "\n\n".join(parts)


# --- clients -----------------------------------------------------------------------------------


def _clients(document: Json, *, waits: bool) -> str:
    kind = "Async" if waits else ""
    groups: dict[str, list[str]] = {}
    named = set()
    for path, method, operation in _operations(document):
        tag = operation["tags"][0]
        if (tag, operation["x-name"]) in named:
            raise LookupError(f"{method} {path} has the name of another method of {tag}: {operation['x-name']}")
        named.add((tag, operation["x-name"]))
        groups.setdefault(tag, []).extend(_methods(path, method, operation, document, waits=waits))
    imported = ", ".join(sorted((f"{kind}Transport", "Call", "Patience")))
    made = [f"self.{group} = {_group(group, kind)}(transport)" for group in groups]
    head = _CLIENT.format(
        for_asyncio=" for asyncio" if waits else "", async_=kind, a="a" if waits else "", imported=imported,
        define="async def" if waits else "def", wait="await " if waits else "", groups=f"\n{' ' * 8}".join(made),
    )  # fmt: skip
    parts = [head]
    for group, methods in groups.items():
        parts += [_GROUP.format(name=_group(group, kind), group=group, async_=kind), *methods]
    return "\n".join(parts)


def _group(group: str, kind: str) -> str:
    return kind + "".join(word.title() for word in re.split("[-_]", group))


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


def _body(operation: Json) -> Json:
    found: Json = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return found


class _Argument:
    """A parameter of a method: how it is declared, and how it is passed on."""

    def __init__(self, name: str, kind: str, default: str = "") -> None:
        self.wire = name
        self.name = _name(name)
        self.declared = f"{self.name}: {kind}{default}"


def _arguments(places: list[_Argument], named: list[_Argument]) -> str:
    return ", ".join(
        ("self", *(one.declared for one in places), *("*" for _ in named[:1]), *(one.declared for one in named))
    )


def _methods(path: str, method: str, operation: Json, document: Json, *, waits: bool) -> Iterator[str]:
    name = _name(operation["x-name"])
    given = {
        place: [one for one in operation["parameters"] if one["in"] == place] for place in ("path", "query", "header")
    }
    places = [_Argument(one["name"], "str") for one in given["path"]]
    fields, body = _fields(operation, document)
    query = [_Argument(one["name"], f"{_query_type(one['schema'])} | None", " = None") for one in given["query"]]
    headers = [
        _Argument(one["name"], "str | None", " = None") for one in given["header"] if one["name"] not in _NOT_ARGUMENTS
    ]
    keyed = [_Argument("idempotency_key", "str | None", " = None")] if operation["x-repeats"] == "keyed" else []
    named = [*fields, *query, *headers, *keyed]
    if len({one.name for one in (*places, *named)}) != len(places) + len(named):
        raise LookupError(f"{method} {path} names an argument twice")
    arguments = _arguments(places, named)
    status = next(one for one in operation["responses"] if one < "300")
    content = operation["responses"][status].get("content", {})
    answer = _type(content["application/json"]["schema"]) if content else "str"
    shown = re.sub(r"\{(\w+)\}", r"{in_path(\1)}", path)
    passed = [
        f'method="{method}"',
        f'path={"f" if places else ""}"{shown}"',
        f"answer={answer}",
        f'repeats="{operation["x-repeats"]}"',
        *([f"query={_dict(query)}"] if query else []),
        *([f"headers={_dict(headers)}"] if headers else []),
        *([f"body={body}"] if body else []),
        *(["key=idempotency_key"] if keyed else []),
    ]
    define, wait = ("async def", "await ") if waits else ("def", "")
    said = _doc(f"{operation['summary']}: `{method} {path}`.\n\n{operation['description']}", "        ")
    yield (
        f"    {define} {name}({arguments}) -> {answer}:\n{said}\n"
        f"        return {wait}self._transport.send(Call({', '.join(passed)}))\n"
    )
    if any(one.name == "cursor" for one in query):
        yield _pages(name, places, query, _items(content, document), waits=waits)


def _pages(name: str, places: list[_Argument], query: list[_Argument], item: str, *, waits: bool) -> str:
    """The same list as an iterator over all its pages."""
    asked = [one for one in query if one.name != "cursor"]
    arguments = _arguments(places, asked)
    again = ", ".join([*(one.name for one in places), *(f"{one.name}={one.name}" for one in asked), "cursor=cursor"])
    define, wait, kind = ("async def", "await ", "AsyncIterator") if waits else ("def", "", "Iterator")
    each = "for item in page.items:\n                yield item" if waits else "yield from page.items"
    return (
        f"    {define} iter_{name}({arguments}) -> {kind}[{item}]:\n"
        f'        """Every item of `{name}`, page after page of `limit` items."""\n'
        "        cursor: str | None = None\n        while True:\n"
        f"            page = {wait}self.{name}({again})\n            {each}\n"
        "            cursor = page.next_cursor\n            if cursor is None:\n                return\n"
    )


def _items(content: Mapping[str, Json], document: Json) -> str:
    schema = content["application/json"]["schema"]
    shape = document["components"]["schemas"][schema["$ref"].removeprefix(_REF)]
    return _type(shape["properties"]["items"]["items"])


def _fields(operation: Json, document: Json) -> tuple[list[_Argument], str]:
    """The arguments that make the body, and the expression that makes it of them."""
    body = _body(operation)
    if body.get("type") == "array":
        return [_Argument("items", "list[dict[str, Any]]")], "items"
    if not body:
        return [], ""
    shape = document["components"]["schemas"][body["$ref"].removeprefix(_REF)]
    required = set(shape.get("required", ()))
    fields = [
        _Argument(name, _type(one))
        if name in required
        else _Argument(name, _union(_type(one), "UnsetType"), " = UNSET")
        for name, one in shape["properties"].items()
    ]
    # Those that must be given come first.
    fields.sort(key=lambda one: one.declared.endswith(" = UNSET"))
    optional = len(required) < len(fields)
    return fields, f"only_given({_dict(fields)})" if optional else _dict(fields)


def _query_type(schema: Json) -> str:
    if schema.get("format") == "date-time":
        return "datetime | str"
    return _type(schema)


def _dict(arguments: list[_Argument]) -> str:
    return "{" + ", ".join(f'"{one.wire}": {one.name}' for one in arguments) + "}"


def _formatted(source: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "format", "--stdin-filename", "guerdon_client/generated.py", "-"],
        input=source, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    if done.returncode:
        raise SyntaxError(done.stderr)
    return done.stdout
