"""Sessions of the console: who signed in with a key, as a cookie that only this installation can have written.

Nothing is stored. A session names its key, and every request looks at the key: revoking it ends every session that
was opened with it.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

import msgspec

LIFE = timedelta(hours=12)
_LONGEST = 500


class Session(msgspec.Struct, frozen=True):
    """An open session. `token` is the cookie, `csrf` what its own pages send back with every change."""

    key: str
    until: datetime
    token: str
    csrf: str


class Sessions:
    """The sessions of this installation. `master_key` is turned into the secret that signs them."""

    def __init__(self, master_key: bytes) -> None:
        self._secret = hmac.digest(master_key, b"guerdon/console-sessions", "sha256")

    def begin(self, key: str, now: datetime) -> Session:
        until = (now + LIFE).replace(microsecond=0)
        body = f"{key}.{int(until.timestamp())}.{secrets.token_urlsafe(12)}"
        return self._session(key, until, f"{body}.{self._mac('session', body)}")

    def opened(self, token: str, now: datetime) -> Session | None:
        """The session of a cookie, if it was written here and is not over."""
        body, _, mac = token.rpartition(".")
        if len(token) > _LONGEST or not token.isascii() or not hmac.compare_digest(mac, self._mac("session", body)):
            return None
        key, seconds, _ = body.split(".")
        until = datetime.fromtimestamp(int(seconds), now.tzinfo)
        return self._session(key, until, token) if now < until else None

    def _session(self, key: str, until: datetime, token: str) -> Session:
        return Session(key, until, token, self._mac("csrf", token))

    def _mac(self, purpose: str, text: str) -> str:
        raw = hmac.digest(self._secret, f"{purpose}\0{text}".encode(), "sha256")
        return urlsafe_b64encode(raw).rstrip(b"=").decode()
