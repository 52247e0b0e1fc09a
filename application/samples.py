"""The sample program that `guerdon run` opens on an empty database: a coffee shop.

`examples/coffee/rulebook.json` is the same document, to start a rulebook of one's own from.
"""

from typing import Any

PROGRAM = "main"
MONEY = "EUR"
TIME_ZONE = "Europe/Berlin"
MEMBER = "ann"

COFFEE: dict[str, Any] = {
    "time_zone": TIME_ZONE,
    "members": {
        "attributes": {
            "type": "object",
            "properties": {"favourite": {"type": "string"}, "staff": {"type": "boolean"}},
        }
    },
    "currencies": {
        "points": {
            "expires": {"after": "P12M", "round_up": "month"},
            "value": {"per_point": "1", "round": "down", "minimum": 100, "step": 50},
        }
    },
    "activities": {
        "purchase": {
            "data": {
                "type": "object",
                "properties": {
                    "amount_minor": {"type": "integer", "minimum": 0},
                    "currency": {"type": "string"},
                    "store": {"type": "string"},
                },
                "required": ["amount_minor"],
            },
            "money": "/currency",
            "measures": {"spend": "activity.amount_minor", "visits": "1"},
        },
        "purchase.refunded": {
            "role": "reverses",
            "of": "purchase",
            "original": "activity.order",
            "amount": "activity.amount_minor",
            "data": {
                "type": "object",
                "properties": {
                    "order": {"type": "string"},
                    "amount_minor": {"type": "integer", "minimum": 1},
                },
                "required": ["order", "amount_minor"],
            },
        },
        "review": {
            "data": {
                "type": "object",
                "properties": {"stars": {"type": "integer", "minimum": 1, "maximum": 5}},
                "required": ["stars"],
            },
            "measures": {"reviews": "1"},
        },
        "login": {"measures": {"logins": "1"}},
    },
    "rules": [
        {"id": "welcome", "on": "member.enrolled", "award": {"currency": "points", "points": 50}},
        {
            "id": "base",
            "on": "purchase",
            "award": {
                "currency": "points",
                "per": {"amount": "activity.amount_minor", "step": 100, "points": 1},
            },
        },
        {
            "id": "gold-bonus",
            "on": "purchase",
            "phase": "multiply",
            "when": "member.tiers.status.level == 'gold'",
            "by": "1.5",
        },
        {
            "id": "tenth-visit",
            "on": "purchase",
            "phase": "add",
            "when": "history.count('purchase', 'P30D') == 9",
            "award": {"currency": "points", "points": 100},
        },
        {
            "id": "review",
            "on": "review",
            "award": {"currency": "points", "points": 25},
            "cap": [{"times": 1, "per": "member", "period": "day"}],
        },
        {
            "id": "login",
            "on": "login",
            "award": {"currency": "points", "points": 2},
            "cap": [{"times": 1, "per": "member", "period": "day"}],
        },
    ],
    "tiers": {
        "status": {
            "measure": "points_earned",
            "window": "rolling P12M",
            "levels": [{"id": "silver", "at": 1000}, {"id": "gold", "at": 3000}],
        }
    },
}
