"""Activities in CloudEvents 1.0 envelopes (JSON): structured, binary, batched.

`subject`, or the extension `member`, is the member; `time` is when it happened. Other extensions are metadata.
"""

from typing import Any
from urllib.parse import unquote

from litestar.datastructures import Headers

from api.http.body import check_json, convert
from api.http.problems import AtTheDoor
from application.payloads import UNPRINTABLE, ActivityBody

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"

Json = dict[str, Any]

_ENVELOPE = frozenset({"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data"})
_IDS = frozenset({"id", "source", "type", "subject", "member"})
_OURS = {"member": "member", "memberemail": "member_email", "timezone": "time_zone"}


def is_binary(headers: Headers) -> bool:
    return "ce-specversion" in headers or "ce-id" in headers


def structured(event: Any) -> ActivityBody:
    """The activity in an envelope that was read strictly. Raises AtTheDoor."""
    if not isinstance(event, dict):
        raise AtTheDoor("invalid-payload", "A CloudEvent is an object.", errors=[("", "not an object")])
    if "data_base64" in event:
        raise AtTheDoor(
            "invalid-payload", "An activity's data is JSON.", errors=[("/data_base64", "send `data` instead")]
        )
    return _activity(event, event.get("data"))


def binary(headers: Headers, raw: bytes) -> ActivityBody:
    """The activity whose envelope is in `ce-` headers and whose data is the body."""
    envelope = {name[3:]: _header(name[3:], value) for name, value in headers.items() if name.startswith("ce-")}
    return _activity(envelope, check_json(raw) if raw else None)


def _header(name: str, value: str) -> str:
    """A header's value, which is percent-encoded UTF-8. Raises AtTheDoor."""
    try:
        text = unquote(value, errors="strict")
    except UnicodeDecodeError:
        text = "\0"
    if UNPRINTABLE.search(text):
        raise AtTheDoor(
            "bad-id" if name in _IDS else "invalid-payload",
            "A header of a CloudEvent is percent-encoded UTF-8 without control characters.",
            errors=[(f"/{name}", "not such a text")],
        )
    return text


def _activity(event: Json, data: Any) -> ActivityBody:
    if event.get("specversion") != "1.0":
        raise AtTheDoor(
            "invalid-payload", "CloudEvents 1.0 is understood.", errors=[("/specversion", 'expected "1.0"')]
        )
    if "time" not in event:
        raise AtTheDoor("invalid-payload", "An activity has its time.", errors=[("/time", "required")])
    content = event.get("datacontenttype", "application/json")
    if not isinstance(content, str) or content.partition(";")[0].strip().lower() != "application/json":
        raise AtTheDoor(
            "unsupported-media-type",
            "An activity's data is JSON.",
            errors=[("/datacontenttype", "expected application/json")],
        )
    sent: Json = {
        "id": event.get("id"),
        "source": event.get("source"),
        "type": event.get("type"),
        "occurred_at": event["time"],
        "data": data if data is not None else {},
        "metadata": {name: value for name, value in event.items() if name not in _ENVELOPE and name not in _OURS},
    }
    sent |= {_OURS[name]: event[name] for name in _OURS if name in event}
    if "member" not in sent and "member_email" not in sent and "subject" in event:
        sent["member"] = event["subject"]
    return convert(sent, ActivityBody)
