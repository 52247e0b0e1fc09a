"""The words of notices: templates by kind and locale, rendered in a sandbox."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from jinja2 import StrictUndefined, TemplateError
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

Json = dict[str, Any]
Kind = Literal["earned", "expiring", "tier", "reward", "correction"]

KINDS: tuple[Kind, ...] = ("earned", "expiring", "tier", "reward", "correction")
MAX_TEMPLATE = 20_000


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notice of one kind in one language, as Jinja templates of plain text."""

    subject: str
    body: str


Templates = Mapping[str, Mapping[str, Words]]

_HELLO = "Hello{{ ' ' + name if name }},\n\n"
_HALLO = "Hallo{{ ' ' + name if name }},\n\n"
_POINTS = "{% for c, n in points.items() %} {{ n }} {{ c }}{% endfor %}"
_BALANCE = "{% for c, n in balance.items() %} {{ n }} {{ c }}{% endfor %}"

BUILT_IN: dict[str, dict[str, Words]] = {
    "earned": {
        "en": Words(
            subject="You earned" + _POINTS,
            body=_HELLO + "you earned" + _POINTS + ". You have now:" + _BALANCE + ".\n",
        ),
        "de": Words(
            subject=_POINTS + " für dich",
            body=_HALLO + "du hast" + _POINTS + " gesammelt. Dein Stand:" + _BALANCE + ".\n",
        ),
    },
    "expiring": {
        "en": Words(
            subject="{{ points }} {{ currency }} expire on {{ expires_at.date() }}",
            body=_HELLO + "{{ points }} {{ currency }} expire on {{ expires_at.date() }} "
            "unless you spend them before.\n",
        ),
        "de": Words(
            subject="{{ points }} {{ currency }} verfallen am {{ expires_at.date() }}",
            body=_HALLO + "{{ points }} {{ currency }} verfallen am {{ expires_at.date() }}, "
            "wenn du sie vorher nicht ausgibst.\n",
        ),
    },
    "tier": {
        "en": Words(
            subject="Your level is {{ to or 'the first' }}",
            body=_HELLO + "your level is now {{ to or 'the first' }}"
            "{{ ' until ' ~ valid_until.date() if valid_until }}.\n",
        ),
        "de": Words(
            subject="Deine Stufe: {{ to or 'die erste' }}",
            body=_HALLO + "deine Stufe ist jetzt {{ to or 'die erste' }}"
            "{{ ' bis ' ~ valid_until.date() if valid_until }}.\n",
        ),
    },
    "reward": {
        "en": Words(
            subject="Your reward: {{ reward }}",
            body=_HELLO + "your reward: {{ quantity }} x {{ reward }}."
            "{% if codes %} Show this: {{ codes | join(', ') }}.{% endif %}\n",
        ),
        "de": Words(
            subject="Deine Prämie: {{ reward }}",
            body=_HALLO + "deine Prämie: {{ quantity }} x {{ reward }}."
            "{% if codes %} Zum Vorzeigen: {{ codes | join(', ') }}.{% endif %}\n",
        ),
    },
    "correction": {
        "en": Words(
            subject="We corrected your balance",
            body=_HELLO + "we found a mistake of ours and corrected it. You have now:" + _BALANCE + ".\n",
        ),
        "de": Words(
            subject="Wir haben deinen Stand berichtigt",
            body=_HALLO + "wir haben einen Fehler von uns berichtigt. Dein Stand:" + _BALANCE + ".\n",
        ),
    },
}


class _Sandbox(SandboxedEnvironment):
    """Templates reach nothing but what they are given, and make nothing large of it."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, int) or not isinstance(right, int) or operator == "**":
            raise ArithmeticError(f"{operator} is for whole numbers, and ** is not there")
        return super().call_binop(context, operator, left, right)


_environment = _Sandbox(undefined=StrictUndefined, autoescape=False)  # plain text


class TextFails(Exception):
    """A template cannot be read, or names what is not there."""


def render(words: Words, about: Json) -> tuple[str, str]:
    """Subject, on one line, and body. Raises TextFails."""
    try:
        subject, body = (_environment.from_string(text).render(about) for text in (words.subject, words.body))
    except (TemplateError, TypeError, ValueError, AttributeError, OverflowError, ArithmeticError) as error:
        raise TextFails(str(error)[:200]) from None
    return " ".join(subject.split())[:200], body


def chosen(own: Templates, kind: str, locale: str, default: str) -> Words:
    """The words for a reader: in their language if there are any, else in the program's, else in English."""
    for language in (locale, locale.partition("-")[0], default, "en"):
        for templates in (own, BUILT_IN):
            if (words := templates.get(kind, {}).get(language)) is not None:
                return words
    return BUILT_IN[kind]["en"]
