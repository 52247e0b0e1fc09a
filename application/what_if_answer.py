"""What telling history again came to, as an answer: JSON, and tables for those who go on in a spreadsheet."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from application.what_if import Question
from application.what_if_sums import Moved, Sums, worth
from domain.calendar import BEGINNING, FOREVER
from domain.numbers import exact
from domain.rules.compiled import BUDGET, BUDGET_USES
from domain.rules.rulebook import digest_of, read
from domain.rules.worst_case import worst_case
from domain.what_if import RuleSum

Json = dict[str, Any]

TABLES = ("members", "currencies", "rules", "budgets", "tiers", "segments", "cohorts")


def answer(asked: Question, found: Sums) -> Json:
    """What came of it: in all, by rule, by tier, by budget, by cohort, and who wins and loses most."""
    book = read(asked.document)
    return {
        "window": {
            "from": asked.begins if asked.begins > BEGINNING else None,
            "to": asked.ends if asked.ends < FOREVER else None,
        },
        "compared_at": asked.now,
        "digest": digest_of(asked.document),
        "members": found.members,
        "entries": found.entries,
        "decided": found.decided,
        "different": found.different,
        "older_engine": found.older_engine,
        "refused": dict(sorted(found.refused.items())),
        "currencies": [
            _currency(asked, currency, pair, found.counts[currency])
            for currency, pair in sorted(found.balances.items())
        ],
        "rules": list(_rules(asked, found)),
        "budgets": [
            {
                "budget": name,
                "points": declared.points,
                "uses": declared.uses,
                "taken": _pair(*(side[BUDGET, name] for side in found.takes)),
                "used": _pair(*(side[BUDGET_USES, name] for side in found.takes)),
            }
            for name, declared in sorted(book.budgets.items())
        ],
        "tiers": [
            {"set": name, "recorded": before, "tried": after, "members": count}
            for (name, before, after), count in sorted(found.levels.items(), key=lambda one: [str(x) for x in one[0]])
        ],
        "segments": [{"segment": name, "members": _pair(*members)} for name, members in sorted(found.segments.items())],
        "cohorts": list(_cohorts(found)),
        "winners": [row(one) for one in found.winners],
        "losers": [row(one) for one in found.losers],
    }


def row(one: Moved) -> Json:
    """A member that moved, in the answer's shape."""
    return {
        "member": one.member,
        "currency": one.currency or None,
        "recorded": worth(one.recorded),
        "tried": worth(one.tried),
        "difference": one.difference,
        "debt": _pair(one.recorded.debt, one.tried.debt),
        "tiers": {name: _pair(*pair) for name, pair in one.tiers.items()},
    }


def _currency(asked: Question, currency: str, pair: list[dict[str, int]], counts: Counter[str]) -> Json:
    owed = [side.get("available", 0) + side.get("pending", 0) + side.get("held", 0) for side in pair]
    declared = read(asked.document).currencies.get(currency)
    per_point = exact(declared.value.per_point) if declared is not None and declared.value is not None else None
    return {
        "currency": currency,
        **{name: _pair(*(side.get(name, 0) for side in pair)) for name in ("lifetime", "available", "pending", "debt")},
        "liability": {
            "points": _pair(*owed),
            "value_minor": _pair(*(points * per_point.n // per_point.d for points in owed)) if per_point else None,
        },
        "winners": counts["winners"],
        "losers": counts["losers"],
        "same": counts["same"],
    }


def _rules(asked: Question, found: Sums) -> Iterator[Json]:
    """Each rule that did anything in either story, or could have in the trial."""
    unheard = {(one.rule, one.currency) for one in worst_case(read(asked.document), asked.trees)}
    for rule, currency in sorted(found.rules.keys() | unheard):
        pair = found.rules.get((rule, currency)) or [RuleSum(), RuleSum()]
        yield {
            "rule": rule,
            "currency": currency,
            **{
                name: _pair(*(getattr(side, name) for side in pair))
                for name in ("times", "wanted", "granted", "taken_back")
            },
            "failed": _pair(*(side[rule] for side in found.failed)),
        }


def _cohorts(found: Sums) -> Iterator[Json]:
    for name, cohort in sorted(found.cohorts.items()):
        yield {
            "enrolled": name,
            "members": cohort.members,
            "other_level": cohort.other_level,
            "points": {currency: _pair(*pair) for currency, pair in sorted(cohort.points.items())},
        }


def _pair(recorded: Any, tried: Any) -> Json:
    return {"recorded": recorded, "tried": tried}


# --- tables --------------------------------------------------------------------------------------


def as_csv(rows: Sequence[Json]) -> Iterator[str]:
    """Rows under a head, a line at a time; what is nested has its path as the name of a column: `points_recorded`."""
    text = io.StringIO()
    names = dict.fromkeys(name for one in rows for name, _ in _flat(one, ""))
    writer = csv.DictWriter(text, list(names), lineterminator="\r\n", restval="")
    writer.writeheader()
    for one in rows:
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        writer.writerow(dict(_flat(one, "")))
    yield text.getvalue()


def table(found: Json, name: str) -> list[Json]:
    """A table of an answer: of the members, those that it names."""
    rows: list[Json] = found["winners"] + found["losers"] if name == "members" else found[name]
    return rows


def _flat(one: Json, before: str) -> Iterator[tuple[str, Any]]:
    for name, value in one.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}_")
        else:
            yield f"{before}{name}", value
