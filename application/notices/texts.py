"""The words of notices: templates by kind and locale, rendered in a sandbox."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
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
            "{% if valid_until %} until {{ valid_until.date() }}{% endif %}.\n",
        ),
        "de": Words(
            subject="Deine Stufe: {{ to or 'die erste' }}",
            body=_HALLO + "deine Stufe ist jetzt {{ to or 'die erste' }}"
            "{% if valid_until %} bis {{ valid_until.date() }}{% endif %}.\n",
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


_FILTERS = ("capitalize", "default", "first", "join", "last", "length", "lower", "title", "trim", "upper")
_ATTRIBUTES: tuple[tuple[type, frozenset[str]], ...] = (
    (dict, frozenset({"items", "keys", "values", "get"})),
    (date, frozenset({"date", "day", "hour", "isoformat", "minute", "month", "year"})),
)


class _Sandbox(SandboxedEnvironment):
    """Templates reach nothing but what they are given, and can make nothing large of it, in space or in time."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, int) or not isinstance(right, int) or operator == "**":
            raise ArithmeticError(f"{operator} is for whole numbers, and ** is not there")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - as the sandbox asks
        return any(isinstance(obj, kind) and attr in names for kind, names in _ATTRIBUTES)

    def wrap_str_format(self, value: Any) -> None:
        """Texts have no `format`: widths make them as long as anybody likes."""

    def compiled(self, text: str) -> Template:
        """Raises TemplateError for words that run on: only what is given is looped over, and one loop in another."""
        for loop in (tree := self.parse(text)).find_all(nodes.For):
            inside = list(loop.find_all(nodes.For))
            if isinstance(loop.iter, nodes.Const | nodes.List | nodes.Filter) or len(inside) > 1 or loop.recursive:
                raise TemplateSyntaxError("a loop is over what is given, with at most one in it", loop.lineno)
        if any(tree.find(kind) for kind in (nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.Concat)):
            raise TemplateSyntaxError("set and macro are not there, and ~ is not; write values side by side", 1)
        return self.from_string(text)


_environment = _Sandbox(undefined=StrictUndefined, autoescape=False)  # plain text
_environment.globals.clear()
_environment.filters = {name: _environment.filters[name] for name in _FILTERS}


class TextFails(Exception):
    """A template cannot be read, or names what is not there."""


def render(words: Words, about: Json) -> tuple[str, str]:
    """Subject, on one line, and body. Raises TextFails."""
    try:
        subject, body = (_environment.compiled(text).render(about) for text in (words.subject, words.body))
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
