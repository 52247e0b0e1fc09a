"""The OpenAPI 3.1 document, made from the declared routes and the structs they name."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from api.http.problems import MEDIA_TYPE, PROBLEMS, Problem
from api.http.route import Route

Json = dict[str, Any]

_PARAMETER = re.compile(r"\{(\w+):str\}")
_EVERYWHERE = ("unauthenticated", "missing-scope", "unavailable")
_WITH_BODY = ("malformed-json", "unknown-field", "too-large", "unsupported-media-type", "invalid-payload")
_ID = {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,128}$"}
_TIMES = frozenset({"as_of", "known_at", "after", "before", "start", "end", "until"})


def document(handlers: Iterable[HTTPRouteHandler], version: str) -> bytes:
    """The document of all handlers that declare a route, encoded."""
    routes = [
        (path, method, handler, handler.opt["route"])
        for handler in handlers
        if "route" in handler.opt
        for path in sorted(handler.paths)
        for method in sorted(handler.http_methods)
        if method != "OPTIONS"
    ]
    kinds = {
        kind for *_, declared in routes for kind in (declared.body, declared.answer, declared.later) if kind is not None
    }
    ordered = [*sorted(kinds, key=str), Problem]
    schemas, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Json] = {}
    for path, method, handler, declared in sorted(routes, key=lambda one: (one[0], one[1])):
        shown = _PARAMETER.sub(r"{\1}", path)
        paths.setdefault(shown, {})[method.lower()] = _operation(path, method, handler, declared, schema_of)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Guerdon",
                "version": version,
                "description": "Loyalty in which every point can be explained, replayed, corrected and proven.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{"key": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "key": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "A key of one program with scopes, such as gdn_...",
                    }
                },
            },
        }
    )


def _operation(
    path: str, method: str, handler: HTTPRouteHandler, declared: Route, schema_of: Mapping[Any, Json]
) -> Json:
    names = _PARAMETER.findall(path)
    codes = {*_EVERYWHERE, *declared.codes, *(("bad-id",) if names else ())}
    if declared.body is not None:
        codes |= set(_WITH_BODY)
    if method == "GET":
        codes |= {"behind", "invalid-payload"}
    else:
        codes |= {"in-progress", "idempotency-key-reused", "bad-id"}
    operation: Json = {
        "operationId": f"{handler.fn.__module__.rsplit('.', 1)[-1]}_{handler.fn.__name__}",
        "summary": declared.summary,
        "description": " ".join((handler.fn.__doc__ or "").split()) + f" Scope: {declared.scope}.",
        "tags": [path.split("/")[2]],
        "security": [{"key": []}],
        "x-scope": declared.scope,
        "x-name": handler.fn.__name__,
        "x-repeats": "safe" if method == "GET" or declared.reads else "keyed" if declared.remembers else "once",
        "parameters": [*_parameters(names, method, declared)],
        "responses": {
            str(declared.status): {
                "description": "Success.",
                "content": {"application/json": {"schema": schema_of[declared.answer]}} if declared.answer else {},
            },
            **({"202": _later(declared, schema_of)} if declared.later is not None else {}),
            **({"200": _repeat(declared, schema_of)} if declared.status == 201 else {}),
            **_problems(codes),
        },
    }
    if declared.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": _schema(kind, declared, schema_of)} for kind in declared.body_types},
        }
    return operation


def _repeat(declared: Route, schema_of: Mapping[Any, Json]) -> Json:
    return {
        "description": "The same request came before: its first answer again.",
        "headers": {"Idempotent-Replayed": {"schema": {"type": "string", "const": "true"}}},
        "content": {"application/json": {"schema": schema_of[declared.answer]}} if declared.answer else {},
    }


def _later(declared: Route, schema_of: Mapping[Any, Json]) -> Json:
    return {
        "description": "To `Prefer: respond-async`: taken, and recorded later.",
        "headers": {"Location": {"schema": {"type": "string"}}, "Preference-Applied": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": schema_of[declared.later]}},
    }


def _schema(kind: str, declared: Route, schema_of: Mapping[Any, Json]) -> Json:
    if kind == "application/json":
        return schema_of[declared.body]
    if kind == "application/x-ndjson":
        return {"type": "string", "description": "One activity per line."}
    event: Json = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time"],
        "properties": {"specversion": {"const": "1.0"}, "subject": {"type": "string"}},
    }
    return {"type": "array", "items": event} if "batch" in kind else event


def _parameters(names: list[str], method: str, declared: Route) -> Iterable[Json]:
    for name in names:
        yield {"name": name, "in": "path", "required": True, "schema": _ID}
    for name, meaning in declared.query.items():
        yield {
            "name": name,
            "in": "query",
            "description": meaning,
            "schema": {"type": "string", "format": "date-time"} if name in _TIMES else {"type": "string"},
        }
    paged = declared.answer is not None and "next_cursor" in {
        field.name for field in msgspec.structs.fields(declared.answer)
    }
    if method == "GET":
        if paged:
            yield {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}}
            yield {"name": "cursor", "in": "query", "schema": {"type": "string"}}
        yield {
            "name": "at_least",
            "in": "query",
            "description": "Wait up to 2 seconds until what was written at this position can be read",
            "schema": {"type": "integer", "minimum": 0},
        }
    elif not declared.reads:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key and request again gives the first answer again",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }
    for header in declared.headers:
        yield {"name": header, "in": "header", "schema": {"type": "string"}}


def _problems(codes: set[str]) -> dict[str, Json]:
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        str(status): {
            "description": " · ".join(f"{code}: {PROBLEMS[code].title}" for code in found),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, found in sorted(by_status.items())
    }
