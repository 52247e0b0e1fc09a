"""What can be asked of a program: the inputs that entries keep for ever."""

from datetime import date, datetime

import msgspec


class ProgramInput(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of all program commands."""


class CreateProgram(ProgramInput, frozen=True, kw_only=True, tag="CreateProgram"):
    """Open a program. `money` is an ISO 4217 code, `time_zone` an IANA name; neither changes later."""

    program: str
    sandbox: bool
    money: str
    time_zone: str


class PublishRulebook(ProgramInput, frozen=True, kw_only=True, tag="PublishRulebook"):
    """Put a checked document in force from `effective_from` on (None: at once; the first: from the beginning).

    `expects` is the version the editor saw last: another one since is a conflict. The document stands in the event.
    """

    digest: str
    effective_from: datetime | None = None
    expects: int | None = None
    note: str = ""


class CloseLeaderboard(ProgramInput, frozen=True, kw_only=True, tag="CloseLeaderboard"):
    """Freeze a board of a leaderboard for a period, so that prizes can be paid from it."""

    leaderboard: str
    period: str
    board: str = ""


class NotePrizes(ProgramInput, frozen=True, kw_only=True, tag="NotePrizes"):
    """Note that the prizes of a closed board are paid: `paid` of them, while `passed_over` had nobody to take them."""

    leaderboard: str
    period: str
    paid: int
    passed_over: int
    board: str = ""


class EstimateBreakage(ProgramInput, frozen=True, kw_only=True, tag="EstimateBreakage"):
    """State how many points of a currency will be redeemed, and what of the price of a sale is deferred for each.

    `redeemed_share` is a decimal from 0 to 1, of all points issued and not taken back. `deferred_per_point` is money in
    minor units, a decimal. It counts from `effective_on` on.
    """

    currency: str
    redeemed_share: str
    deferred_per_point: str
    effective_on: date
    reason: str = ""


ProgramCommand = CreateProgram | PublishRulebook | CloseLeaderboard | NotePrizes | EstimateBreakage
