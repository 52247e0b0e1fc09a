"""Signatures are those of Standard Webhooks: its own library verifies them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from application.signatures import headers, secret_of, shown

SECRETS = st.binary(min_size=24, max_size=64)


@given(
    secrets=st.lists(SECRETS, min_size=1, max_size=3, unique=True),
    body=st.recursive(st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)),
    id_=st.from_regex(r"evt_[0-9a-f]{32}_[0-9]{1,9}_[0-9]{1,3}", fullmatch=True),
)
def test_a_receiver_with_any_of_the_secrets_verifies_a_message(secrets: list[bytes], body: object, id_: str) -> None:
    raw = msgspec.json.encode({"body": body})
    signed = headers(id_, datetime.now(UTC), raw, secrets)
    for secret in secrets:
        assert Webhook(shown(secret)).verify(raw, signed) == {"body": body}
        assert secret_of(shown(secret)) == secret


@given(secret=SECRETS, other=SECRETS, body=st.integers().map(lambda number: b"[%d]" % number))
def test_a_changed_message_another_secret_and_another_moment_are_not_verified(
    secret: bytes, other: bytes, body: bytes
) -> None:
    now = datetime.now(UTC)
    signed = headers("evt_1", now, body, [secret])
    wrong = [
        (secret, body + b" ", signed),
        (secret, body, signed | {"webhook-id": "evt_2"}),
        (secret, body, signed | {"webhook-timestamp": str(int(now.timestamp()) + 1)}),
        (secret, body, headers("evt_1", now - timedelta(hours=1), body, [secret])),
    ]
    if other != secret:
        wrong.append((other, body, signed))
    for key, raw, given_headers in wrong:
        with pytest.raises(WebhookVerificationError):
            Webhook(shown(key)).verify(raw, given_headers)


def test_the_example_of_the_specification() -> None:
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        [secret],
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
