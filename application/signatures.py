"""Signatures of what goes out, after Standard Webhooks: https://www.standardwebhooks.com"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

PREFIX = "whsec_"


def shown(secret: bytes) -> str:
    """A secret as its receiver is told it."""
    return PREFIX + b64encode(secret).decode()


def secret_of(text: str) -> bytes:
    """The secret in such a text. Raises ValueError."""
    return b64decode(text.removeprefix(PREFIX), validate=True)


def headers(id_: str, now: datetime, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """The three headers of a message. With several secrets it is signed by each: the receiver has one of them."""
    timestamp = int(now.timestamp())
    signed = b"%s.%d.%s" % (id_.encode(), timestamp, body)
    signatures = (b64encode(hmac.digest(secret, signed, sha256)).decode() for secret in secrets)
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
