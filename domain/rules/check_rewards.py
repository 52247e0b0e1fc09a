"""Judge the condition of a reward against the rulebook in force: typed as a rule's is, about members alone."""

from domain.rules.compiled import ENROLLED
from domain.rules.expression import Environment, Tree
from domain.rules.rulebook import Rulebook
from domain.rules.streaks import streak_names


def check_condition(book: Rulebook, source: str) -> Tree:
    """The tree of a reward's `when`. It reads no activity, but segments. Raises CheckFailed."""
    environment = Environment.build(
        activity=None,
        attributes=book.members.attributes,
        tier_sets=book.tiers,
        currencies=book.currencies,
        measures={name for kind in book.activities.values() for name in kind.measures},
        types={*book.activities, ENROLLED},
        streaks=streak_names(book),
        segments=book.segments,
    )
    return environment.check(source, "bool")
