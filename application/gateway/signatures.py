"""Whether a message is what its sender sent, lately.

Schemes that sign a time have a window against replays; those that do not are covered by the ids of messages, which are
taken once, and of activities, which are taken once for ever.
"""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from application.gateway.mapping import Signature
from domain.errors import Refused


class BadSignature(Refused):
    code = "bad-signature"


class SignatureTooOld(Refused):
    code = "signature-too-old"


def verify(
    signature: Signature, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    """Raises BadSignature, SignatureTooOld. Names of headers are in lower case."""
    time: str | None = None
    given: list[str] = []
    wanted: list[str] = []
    match signature.scheme:
        case "stripe":
            parts = [part.strip().partition("=") for part in headers.get("stripe-signature", "").split(",")]
            time = next((value for name, _, value in parts if name == "t"), "")
            given = [value for name, _, value in parts if name == "v1"]
            wanted = [_hex(secret.encode(), f"{time}.".encode() + body) for secret in secrets]
        case "standard":
            time, name = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
            given = [
                one.removeprefix("v1,") for one in headers.get("webhook-signature", "").split() if one[:3] == "v1,"
            ]
            wanted = [_base64(_standard(secret), f"{name}.{time}.".encode() + body) for secret in secrets]
        case "square":
            given = [headers.get("x-square-hmacsha256-signature", "")]
            wanted = [_base64(secret.encode(), signature.url.encode() + body) for secret in secrets]
        case "hmac":
            given = [headers.get(signature.header.lower(), "").removeprefix(signature.prefix)]
            digest = _hex if signature.encoding == "hex" else _base64
            wanted = [digest(secret.encode(), body) for secret in secrets]
    if not _any_equal(given, wanted):
        raise BadSignature("the message is not signed with the secret of this source")
    # The time only counts once it is known to be the sender's.
    if time is not None and not _lately(time, now, signature.tolerance_seconds):
        raise SignatureTooOld(f"the message was signed more than {signature.tolerance_seconds} seconds ago, or ahead")


def headers_of(signature: Signature) -> str:
    """The header that has to be there, to say so in a check."""
    names = {
        "stripe": "stripe-signature",
        "standard": "webhook-signature",
        "square": "x-square-hmacsha256-signature",
    }
    return names.get(signature.scheme, signature.header.lower())


def _any_equal(given: Iterable[str], wanted: Sequence[str]) -> bool:
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in given for other in wanted)


def _lately(time: str, now: datetime, tolerance: int) -> bool:
    return time.isdigit() and len(time) < 12 and abs(now.timestamp() - int(time)) <= tolerance


def _standard(secret: str) -> bytes:
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True)
    except Error:
        return secret.encode()


def _hex(key: bytes, signed: bytes) -> str:
    return hmac.digest(key, signed, sha256).hex()


def _base64(key: bytes, signed: bytes) -> str:
    return b64encode(hmac.digest(key, signed, sha256)).decode()
