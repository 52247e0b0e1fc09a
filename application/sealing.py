"""Personal fields of payloads: cut out where the rulebook declares them, and kept as cipher text."""

from typing import Any
from uuid import UUID

import msgspec

from application.ports import Crypto
from domain.log import stream_name
from domain.rules.rulebook import ActivityType

Json = dict[str, Any]


def seal_payload(
    crypto: Crypto, data: Json, declared: ActivityType | None, *, key: bytes, program: str, stream: UUID
) -> tuple[Json, bytes]:
    """The payload without its personal fields, and these as cipher text under the member's key.

    The cipher text holds the values by exact JSON pointer. It opens only with the context of its stream.
    """
    if declared is None or not declared.personal:
        return data, b""
    open_data: Json = msgspec.json.decode(msgspec.json.encode(data))
    hidden = {at: value for pointer in declared.personal for at, value in _cut(open_data, pointer)}
    if not hidden:
        return data, b""
    context = f"{stream_name(program, 'member', stream)}/activity".encode()
    return open_data, crypto.seal(key, msgspec.json.encode(hidden), context)


def open_payload(crypto: Crypto, data: Json, sealed: bytes, *, key: bytes, program: str, stream: UUID) -> Json:
    """The payload with its personal fields where they were."""
    if not sealed:
        return data
    context = f"{stream_name(program, 'member', stream)}/activity".encode()
    whole: Json = msgspec.json.decode(msgspec.json.encode(data))
    for at, value in msgspec.json.decode(crypto.open(key, sealed, context)).items():
        # Names stand in these pointers as they are: those with a slash in them are found by trying.
        _put(whole, at.split("/")[1:], value)
    return whole


def _put(holder: Any, path: list[str], value: Any) -> bool:
    """Whether the value has found its place: the last name of a path is one that is missing."""
    if isinstance(holder, list):
        if len(path) > 1:
            return _put(holder[int(path[0])], path[1:], value)
        holder[int(path[0])] = value
        return True
    for length in range(1, len(path)):
        name = "/".join(path[:length])
        if isinstance(holder.get(name), dict | list) and _put(holder[name], path[length:], value):
            return True
    holder["/".join(path)] = value
    return True


def _cut(data: Any, pointer: str) -> list[tuple[str, Any]]:
    """Remove what a JSON pointer names, `*` meaning every element of a list; (exact pointer, value) of each."""
    *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    holders: list[tuple[str, Any]] = [("", data)]
    for part in path:
        holders = [below for at, holder in holders for below in _below(at, holder, part)]
    found = []
    for at, holder in holders:
        if isinstance(holder, dict) and last in holder:
            found.append((f"{at}/{last}", holder.pop(last)))
        elif isinstance(holder, list) and (last == "*" or last.isdigit()):
            # Elements of a list keep their places, or what is left would be told apart wrongly.
            for number, value in enumerate(holder):
                if last in ("*", str(number)) and value is not None:
                    found.append((f"{at}/{number}", value))
                    holder[number] = None
    return found


def _below(at: str, holder: Any, part: str) -> list[tuple[str, Any]]:
    if isinstance(holder, dict):
        return [(f"{at}/{part}", holder[part])] if part in holder else []
    if isinstance(holder, list):
        return [(f"{at}/{number}", one) for number, one in enumerate(holder) if part in ("*", str(number))]
    return []
