"""Who signs how, within which window, and with which of two secrets."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from application.gateway.mapping import Signature
from application.gateway.signatures import BadSignature, SignatureTooOld, verify
from tests.gateway import messages
from tests.gateway.messages import NOW, SECRET

BODY = b'{"id": "evt_1"}'
URL = "https://loyalty.example.org/v1/gateway/gw_1"

SCHEMES: dict[str, tuple[Signature, Callable[[], dict[str, str]]]] = {
    "stripe": (Signature(scheme="stripe"), lambda: messages.stripe(BODY, NOW)),
    "standard": (Signature(scheme="standard"), lambda: messages.standard(BODY, NOW)),
    "square": (
        Signature(scheme="square", url=URL),
        lambda: messages.base64(BODY, "x-square-hmacsha256-signature", before=URL),
    ),
    "base64": (Signature(scheme="hmac", header="X-Sig"), lambda: messages.base64(BODY, "x-sig")),
    "hex": (
        Signature(scheme="hmac", header="x-signature-256", encoding="hex", prefix="sha256="),
        lambda: messages.community(BODY),
    ),
}
WINDOWED = ("stripe", "standard")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_the_sender_signed_is_genuine_and_nothing_else_is(scheme: str) -> None:
    signature, headers = SCHEMES[scheme]
    verify(signature, [SECRET], headers(), BODY, NOW)
    with pytest.raises(BadSignature):
        verify(signature, [SECRET], headers(), BODY + b" ", NOW)
    with pytest.raises(BadSignature):
        verify(signature, ["whsec_another"], headers(), BODY, NOW)
    with pytest.raises(BadSignature):
        verify(signature, [SECRET], {}, BODY, NOW)
    with pytest.raises(BadSignature):
        verify(signature, [SECRET], dict.fromkeys(headers(), "v1,é"), BODY, NOW)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_while_secrets_change_either_is_good(scheme: str) -> None:
    signature, headers = SCHEMES[scheme]
    verify(signature, ["whsec_bmV3", SECRET], headers(), BODY, NOW)


@pytest.mark.parametrize("scheme", WINDOWED)
@pytest.mark.parametrize(("seconds", "good"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_signature_is_good_for_five_minutes_either_way(scheme: str, seconds: int, good: bool) -> None:
    signature, headers = SCHEMES[scheme]
    now = NOW + timedelta(seconds=seconds)
    if good:
        verify(signature, [SECRET], headers(), BODY, now)
    else:
        with pytest.raises(SignatureTooOld):
            verify(signature, [SECRET], headers(), BODY, now)


def test_the_time_of_a_stripe_signature_cannot_be_moved() -> None:
    old = messages.stripe(BODY, NOW - timedelta(hours=1))["stripe-signature"]
    moved = old.replace(str(int((NOW - timedelta(hours=1)).timestamp())), str(int(NOW.timestamp())))
    with pytest.raises(BadSignature):
        verify(Signature(scheme="stripe"), [SECRET], {"stripe-signature": moved}, BODY, NOW)
