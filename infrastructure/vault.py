"""Keys and cipher text.

The log holds personal fields only as cipher text under one key per member. The keys live in tables
outside the log, wrapped by the master key, so deleting a key is erasure. A second kind of key, one
per program, turns e-mail addresses and external ids into fingerprints that can be claimed and
compared but not read.
"""

import hmac
import os
from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
# The context of a wrapped key: it keeps a wrapped key from passing for a sealed field and back.
_WRAP = b"guerdon/key"


class Unreadable(Exception):
    """Cipher text does not belong to this key and context, or was changed."""


class Vault:
    """Makes, wraps and uses keys. Holds the master key, and while it is rotated another one; nothing else.

    `previous` opens what the master key does not, and wraps nothing.
    """

    def __init__(self, master_key: bytes, previous: bytes | None = None) -> None:
        for key in (master_key, previous):
            if key is not None and len(key) != KEY_BYTES:
                raise ValueError(f"the master key must have {KEY_BYTES} bytes, not {len(key)}")
        self._master_key = master_key
        self._previous = previous

    def __repr__(self) -> str:
        return "Vault(...)"

    def new_key(self) -> bytes:
        """A fresh key, wrapped: what the key tables store."""
        return self.wrap(os.urandom(KEY_BYTES))

    def wrap(self, key: bytes) -> bytes:
        return self.seal(self._master_key, key, _WRAP)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key itself. `Unreadable` under another master key than the one that wrapped it."""
        try:
            return self.open(self._master_key, wrapped, _WRAP)
        except Unreadable:
            if self._previous is None:
                raise
            return self.open(self._previous, wrapped, _WRAP)

    def rewrapped(self, wrapped: bytes) -> bytes | None:
        """The same key under the master key; None if it is that already."""
        try:
            self.open(self._master_key, wrapped, _WRAP)
        except Unreadable:
            return self.wrap(self.unwrap(wrapped))
        return None

    def seal(self, key: bytes, plain: bytes, context: bytes) -> bytes:
        """Cipher text of `plain`, with its random nonce in front.

        `context` says where it belongs (stream and field, for instance). It is not stored: the same
        bytes have to be given to open it, so cipher text moved elsewhere doesn't open there.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, plain, context)

    def open(self, key: bytes, sealed: bytes, context: bytes) -> bytes:
        """The plain bytes of what `seal` made with the same key and context, or `Unreadable`."""
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        # ValueError: too short to hold a nonce.
        except (InvalidTag, ValueError) as error:
            raise Unreadable("this cipher text does not open with this key in this context") from error

    def fingerprint(self, key: bytes, *parts: str | bytes) -> str:
        """HMAC-SHA-256 of the parts, as URL-safe text without padding.

        Each part goes in behind its length, so ("ab", "c") and ("a", "bc") differ.
        """
        mac = hmac.new(key, digestmod=sha256)
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            mac.update(len(raw).to_bytes(8, "big"))
            mac.update(raw)
        return urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()
