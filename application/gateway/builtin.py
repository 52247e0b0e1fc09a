"""Mappings that come with Guerdon, written after the public descriptions of the systems' webhooks.

Each is a starting point: an operator reads one, changes it and sends it back as their own.
"""

from typing import Any

Json = dict[str, Any]

_STRIPE_HEAD: Json = {
    "source": "stripe",
    "signature": {"scheme": "stripe", "tolerance_seconds": 300},
    "type": "/type",
    "id": "/id",
}
_STRIPE_MEMBER: list[Json] = [
    {"id": "/data/object/metadata/member"},
    {"external_id": {"at": "/data/object/customer", "as": "text", "prefix": "stripe:"}},
]
_STRIPE_RETURN: Json = {
    "on": ["refund.created"],
    "return": {
        "id": "/data/object/id",
        "of": "/data/object/payment_intent",
        "amount_minor": "/data/object/amount",
        "occurred_at": "/data/object/created",
    },
}
_STRIPE_SUBSCRIPTION: Json = {
    "on": ["invoice.paid"],
    "activity": {
        "type": "subscription.paid",
        "id": "/data/object/id",
        "occurred_at": "/created",
        "member": [*_STRIPE_MEMBER, {"email": "/data/object/customer_email"}],
        "data": {
            "amount_minor": "/data/object/amount_paid",
            "currency": {"at": "/data/object/currency", "as": "upper"},
            "reason": "/data/object/billing_reason",
        },
    },
}

STRIPE: Json = _STRIPE_HEAD | {
    "rules": [
        {
            "on": ["payment_intent.succeeded"],
            # An invoice's payment is told as the invoice.
            "where": {"/data/object/invoice": None},
            "activity": {
                "type": "purchase",
                "id": "/data/object/id",
                "occurred_at": "/created",
                "member": [*_STRIPE_MEMBER, {"email": "/data/object/receipt_email"}],
                "data": {
                    "amount_minor": "/data/object/amount_received",
                    "currency": {"at": "/data/object/currency", "as": "upper"},
                },
            },
        },
        _STRIPE_RETURN,
        _STRIPE_SUBSCRIPTION,
    ],
}

STRIPE_CHECKOUT: Json = _STRIPE_HEAD | {
    "rules": [
        {
            "on": ["checkout.session.completed", "checkout.session.async_payment_succeeded"],
            "where": {"/data/object/mode": "payment", "/data/object/payment_status": "paid"},
            "activity": {
                "type": "purchase",
                # Refunds name the payment, not the session.
                "id": "/data/object/payment_intent",
                "occurred_at": "/created",
                "member": [
                    {"id": "/data/object/client_reference_id"},
                    *_STRIPE_MEMBER,
                    {"email": "/data/object/customer_details/email"},
                ],
                "data": {
                    "amount_minor": "/data/object/amount_total",
                    "currency": {"at": "/data/object/currency", "as": "upper"},
                },
            },
        },
        _STRIPE_RETURN,
        _STRIPE_SUBSCRIPTION,
    ],
}

SHOPIFY: Json = {
    "source": "shopify",
    "signature": {"scheme": "hmac", "header": "x-shopify-hmac-sha256", "encoding": "base64"},
    "type": "header:x-shopify-topic",
    "id": "header:x-shopify-webhook-id",
    "rules": [
        {
            "on": ["orders/paid"],
            "activity": {
                "type": "purchase",
                "id": "/id",
                "occurred_at": "/processed_at",
                "member": [
                    {"external_id": {"at": "/customer/id", "as": "text", "prefix": "shopify:"}},
                    {"email": "/email"},
                ],
                "data": {
                    "amount_minor": {"at": "/total_price", "as": "minor", "currency": "/currency"},
                    "currency": "/currency",
                },
            },
        },
        {
            "on": ["refunds/create"],
            "return": {
                "id": "/id",
                "of": "/order_id",
                "occurred_at": "/processed_at",
                "amount_minor": {
                    "each": "/transactions",
                    "of": {"at": "/amount", "as": "minor", "currency": "/currency"},
                    "sum": True,
                },
            },
        },
    ],
}

WOOCOMMERCE: Json = {
    "source": "woocommerce",
    "signature": {"scheme": "hmac", "header": "x-wc-webhook-signature", "encoding": "base64"},
    "type": "header:x-wc-webhook-topic",
    "id": "header:x-wc-webhook-delivery-id",
    "rules": [
        {
            "on": ["order.updated", "order.created"],
            "where": {"/status": "completed"},
            "activity": {
                "type": "purchase",
                "id": "/id",
                "occurred_at": {"at": "/date_paid_gmt", "as": "utc"},
                "member": [
                    # Guests are customer 0.
                    {"external_id": {"at": "/customer_id", "as": "text", "prefix": "woocommerce:", "nothing": 0}},
                    {"email": "/billing/email"},
                ],
                "data": {
                    "amount_minor": {"at": "/total", "as": "minor", "currency": "/currency"},
                    "currency": "/currency",
                },
            },
        },
        {
            "on": ["order.updated"],
            "where": {"/status": "refunded"},
            "return": {
                "id": {"at": "/id", "as": "text", "prefix": "refunded-"},
                "of": "/id",
                "occurred_at": {"at": "/date_modified_gmt", "as": "utc"},
            },
        },
    ],
}

SQUARE: Json = {
    "source": "square",
    # The address is part of what Square signs: put the source's own here.
    "signature": {"scheme": "square", "url": "https://loyalty.example.org/v1/gateway/SOURCE"},
    "type": "/type",
    "id": "/event_id",
    "rules": [
        {
            "on": ["payment.created", "payment.updated"],
            "where": {"/data/object/payment/status": "COMPLETED"},
            "activity": {
                "type": "purchase",
                "id": "/data/object/payment/id",
                "occurred_at": "/data/object/payment/created_at",
                "member": [
                    {"external_id": {"at": "/data/object/payment/customer_id", "as": "text", "prefix": "square:"}},
                    {"email": "/data/object/payment/buyer_email_address"},
                ],
                "data": {
                    "amount_minor": "/data/object/payment/amount_money/amount",
                    "currency": "/data/object/payment/amount_money/currency",
                },
            },
        },
        {
            "on": ["refund.created", "refund.updated"],
            "where": {"/data/object/refund/status": "COMPLETED"},
            "return": {
                "id": "/data/object/refund/id",
                "of": "/data/object/refund/payment_id",
                "occurred_at": "/data/object/refund/created_at",
                "amount_minor": "/data/object/refund/amount_money/amount",
            },
        },
    ],
}

COMMUNITY: Json = {
    "source": "community",
    "signature": {"scheme": "hmac", "header": "x-signature-256", "encoding": "hex", "prefix": "sha256="},
    "type": "/type",
    "id": "/id",
    "rules": [
        {
            "on": ["message.posted"],
            "activity": {
                "type": "message",
                "id": "/message/id",
                "occurred_at": "/message/posted_at",
                "member": [{"external_id": {"at": "/message/author/id", "as": "text", "prefix": "community:"}}],
                "data": {"channel": "/message/channel", "length": "/message/length", "reply": "/message/reply"},
            },
        },
        {
            "on": ["message.deleted"],
            "return": {
                "id": {"at": "/message/id", "as": "text", "prefix": "deleted-"},
                "of": "/message/id",
                "occurred_at": "/message/deleted_at",
            },
        },
    ],
}

CLOUDEVENTS: Json = {
    "source": "cloudevents",
    "signature": {"scheme": "standard", "tolerance_seconds": 300},
    "type": "/type",
    "id": "/id",
    "rules": [
        {
            "on": ["purchase"],
            "activity": {
                "type": "purchase",
                "id": "/id",
                "occurred_at": "/time",
                "member": [{"id": "/subject"}, {"external_id": "/externalid"}, {"email": "/memberemail"}],
                "data": {"amount_minor": "/data/amount_minor", "currency": "/data/currency"},
            },
        },
        {
            "on": ["purchase.returned"],
            "return": {
                "id": "/id",
                "of": "/data/order",
                "occurred_at": "/time",
                "amount_minor": "/data/amount_minor",
            },
        },
    ],
}

BUILT_IN: dict[str, Json] = {
    "stripe": STRIPE,
    "stripe-checkout": STRIPE_CHECKOUT,
    "shopify": SHOPIFY,
    "woocommerce": WOOCOMMERCE,
    "square": SQUARE,
    "community": COMMUNITY,
    "cloudevents": CLOUDEVENTS,
}
