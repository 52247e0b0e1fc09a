"""The AsyncAPI 3.0 document: what goes over a broker, made from the structs that do."""

from collections.abc import Iterable
from typing import Any

import msgspec

from api.http.problems import PROBLEMS
from application.messages import TYPES, fields_of
from infrastructure.brokers.names import PREFIX, TYPE, activities, dead, events

Json = dict[str, Any]

_PROGRAM = {"program": {"description": "A program's id."}}
_TIME = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string"}


def document(version: str) -> bytes:
    """Encoded. Names begin with the default prefix."""
    schemas: dict[str, Json] = {}
    told = {name: _told(name, schemas) for name in sorted(TYPES)}
    return msgspec.json.encode(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Guerdon",
                "version": version,
                "description": "What `guerdon bridge` carries. Messages are CloudEvents 1.0 in structured form. They"
                " are delivered at least once, under an id that never changes: deduplicate by it.",
                "license": {"name": "Apache-2.0"},
            },
            "defaultContentType": TYPE,
            "channels": {
                "activities": _channel(
                    activities(PREFIX, "{program}"),
                    "Activities to be recorded. The same source and id again has no effect.",
                    ["activity"],
                ),
                "dead": _channel(
                    dead(PREFIX, "{program}"), "What could not be recorded, as it came, and why.", ["deadLetter"]
                ),
                "events": _channel(
                    events(PREFIX, "{program}"),
                    "Every event of the log, a member's in order. On NATS the subject goes on with `.KIND.STREAM`; on"
                    " Kafka the stream is the key; on RabbitMQ the routing key is `KIND.STREAM`.",
                    told,
                ),
            },
            "operations": {
                "recordActivity": _operation("receive", "activities", ["activity"]),
                "buryActivity": _operation("send", "dead", ["deadLetter"]),
                "tellEvent": _operation("send", "events", told),
            },
            "components": {
                "messages": {"activity": _ACTIVITY, "deadLetter": _DEAD} | told,
                "schemas": schemas,
            },
        }
    )


_ENVELOPE: Json = {
    "specversion": {"const": "1.0"},
    "id": _TEXT,
    "source": _TEXT,
    "type": _TEXT,
    "subject": _TEXT,
    "time": _TIME,
    "datacontenttype": {"const": "application/json"},
}
_ACTIVITY: Json = {
    "title": "An activity",
    "contentType": TYPE,
    "payload": {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time"],
        "description": "`subject`, or `member`, or `memberemail` says whose it is; further extensions are metadata.",
        "properties": _ENVELOPE
        | {"member": _TEXT, "memberemail": _TEXT, "timezone": _TEXT, "data": {"type": "object"}},
    },
}
_DEAD: Json = {
    "title": "What could not be recorded",
    "description": "The bytes that came.",
    "headers": {
        "type": "object",
        "required": ["guerdon-code", "guerdon-detail"],
        "properties": {"guerdon-code": {"type": "string", "enum": sorted(PROBLEMS)}, "guerdon-detail": _TEXT},
    },
    "payload": {},
}


def _told(name: str, schemas: dict[str, Json]) -> Json:
    """An event as it is told, without what never leaves. What it refers to is added to the schemas."""
    _, found = msgspec.json.schema_components([TYPES[name]], ref_template="#/components/schemas/{name}")
    own = found.pop(name)
    schemas |= found
    fields = fields_of([name])
    data: Json = {
        "type": "object",
        "properties": {field: value for field, value in own["properties"].items() if field in fields},
    }
    payload: Json = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "stream", "position", "recordedat", "data"],
        "properties": _ENVELOPE
        | {"type": {"const": name}, "stream": _TEXT, "position": _TEXT, "recordedat": _TIME, "data": data},
    }
    about = " ".join((TYPES[name].__doc__ or name).split())
    return {"name": name, "title": name, "description": about, "contentType": TYPE, "payload": payload}


def _channel(address: str, description: str, messages: Iterable[str]) -> Json:
    return {
        "address": address,
        "description": description,
        "parameters": _PROGRAM,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, channel: str, messages: Iterable[str]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }
