"""Messages made up after the public descriptions of each system, and signed as each signs. Nobody's data."""

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook

Json = dict[str, Any]

SECRET = "whsec_" + b64encode(b"s" * 24).decode()
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
PAID_AT = int(NOW.timestamp())

STRIPE_PAYMENT: Json = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "created": PAID_AT,
    "livemode": False,
    "pending_webhooks": 1,
    "data": {
        "object": {
            "id": "pi_1",
            "object": "payment_intent",
            "amount": 10_500,
            "amount_received": 10_500,
            "currency": "eur",
            "customer": "cus_1",
            "invoice": None,
            "metadata": {},
            "receipt_email": "ann@example.org",
        }
    },
}
STRIPE_REFUND: Json = {
    "id": "evt_2",
    "object": "event",
    "type": "refund.created",
    "created": PAID_AT + 60,
    "data": {
        "object": {
            "id": "re_1",
            "object": "refund",
            "amount": 2_500,
            "created": PAID_AT + 60,
            "currency": "eur",
            "payment_intent": "pi_1",
            "status": "succeeded",
        }
    },
}
STRIPE_INVOICE: Json = {
    "id": "evt_3",
    "object": "event",
    "type": "invoice.paid",
    "created": PAID_AT,
    "data": {
        "object": {
            "id": "in_1",
            "object": "invoice",
            "amount_paid": 999,
            "billing_reason": "subscription_cycle",
            "currency": "eur",
            "customer": "cus_1",
            "customer_email": "ann@example.org",
        }
    },
}
STRIPE_SESSION: Json = {
    "id": "evt_4",
    "object": "event",
    "type": "checkout.session.completed",
    "created": PAID_AT,
    "data": {
        "object": {
            "id": "cs_1",
            "mode": "payment",
            "payment_status": "paid",
            "payment_intent": "pi_1",
            "amount_total": 10_500,
            "currency": "eur",
            "client_reference_id": "ann",
            "customer": None,
            "customer_details": {"email": "ann@example.org"},
        }
    },
}
SHOPIFY_ORDER: Json = {
    "id": 820_982_911,
    "email": "ann@example.org",
    "currency": "EUR",
    "total_price": "105.00",
    "processed_at": "2026-11-21T11:00:00+01:00",
    "customer": {"id": 115_310_627},
    "line_items": [{"id": 1, "quantity": 1, "price": "105.00"}],
}
SHOPIFY_REFUND: Json = {
    "id": 890_088_186,
    "order_id": 820_982_911,
    "processed_at": "2026-11-21T12:00:00+01:00",
    "transactions": [{"amount": "20.00", "currency": "EUR"}, {"amount": "5.00", "currency": "EUR"}],
}
WOO_ORDER: Json = {
    "id": 727,
    "status": "completed",
    "currency": "EUR",
    "total": "105.00",
    "customer_id": 0,
    "date_paid_gmt": "2026-11-21T10:00:00",
    "date_modified_gmt": "2026-11-22T10:00:00",
    "billing": {"email": "ann@example.org"},
}
SQUARE_PAYMENT: Json = {
    "merchant_id": "M1",
    "type": "payment.updated",
    "event_id": "e-1",
    "created_at": "2026-11-21T10:00:01Z",
    "data": {
        "type": "payment",
        "id": "sq_1",
        "object": {
            "payment": {
                "id": "sq_1",
                "status": "COMPLETED",
                "created_at": "2026-11-21T10:00:00Z",
                "customer_id": "C1",
                "amount_money": {"amount": 10_500, "currency": "EUR"},
            }
        },
    },
}
SQUARE_REFUND: Json = {
    "type": "refund.updated",
    "event_id": "e-2",
    "data": {
        "object": {
            "refund": {
                "id": "sq_r1",
                "payment_id": "sq_1",
                "status": "COMPLETED",
                "created_at": "2026-11-21T11:00:00Z",
                "amount_money": {"amount": 2_500, "currency": "EUR"},
            }
        }
    },
}
MESSAGE: Json = {
    "id": "m-1",
    "type": "message.posted",
    "message": {
        "id": "991",
        "channel": "help",
        "length": 120,
        "reply": True,
        "posted_at": "2026-11-21T10:00:00Z",
        "author": {"id": "u1"},
    },
}
CLOUDEVENT: Json = {
    "specversion": "1.0",
    "id": "ce-1",
    "source": "/till/7",
    "type": "purchase",
    "subject": "ann",
    "time": "2026-11-21T10:00:00Z",
    "data": {"amount_minor": 10_500, "currency": "EUR"},
}


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


def stripe(body: Any, at: datetime, secret: str = SECRET) -> dict[str, str]:
    time = int(at.timestamp())
    signed = hmac.digest(secret.encode(), b"%d." % time + encoded(body), sha256).hex()
    return {"stripe-signature": f"t={time},v1={signed},v0=old"}


def base64(body: Any, header: str, secret: str = SECRET, before: str = "") -> dict[str, str]:
    return {header: b64encode(hmac.digest(secret.encode(), before.encode() + encoded(body), sha256)).decode()}


def shopify(body: Any, topic: str, event: str, secret: str = SECRET) -> dict[str, str]:
    return base64(body, "x-shopify-hmac-sha256", secret) | {
        "x-shopify-topic": topic,
        "x-shopify-webhook-id": event,
    }


def woocommerce(body: Any, topic: str, event: str) -> dict[str, str]:
    return base64(body, "x-wc-webhook-signature") | {"x-wc-webhook-topic": topic, "x-wc-webhook-delivery-id": event}


def community(body: Any) -> dict[str, str]:
    return {"x-signature-256": "sha256=" + hmac.digest(SECRET.encode(), encoded(body), sha256).hex()}


def standard(body: Any, at: datetime, name: str = "msg_1") -> dict[str, str]:
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(name, at, encoded(body).decode()),
    }
