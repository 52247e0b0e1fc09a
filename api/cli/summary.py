"""What `guerdon demo` says at the end: read from the tables for analysts and the use cases, as any user would."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from api.wiring import Wired
    from infrastructure.settings import Settings

TOP = 10
BOARD = "year"
_MONTHLY = (
    "SELECT to_char(at, 'YYYY-MM') AS month, count(*) FILTER (WHERE to_level = 'silver') AS silver,"
    " count(*) FILTER (WHERE to_level = 'gold') AS gold"
    " FROM analytics.tier_history WHERE program = '{program}' GROUP BY 1 ORDER BY 1"
)


class Place(msgspec.Struct, frozen=True):
    """A household's place by points. Households with equal points share one, and the places after it stay empty."""

    rank: int
    household: str
    points: int


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One household. `steps` are the levels it reached, when, and with which basket; amounts are cents."""

    household: str
    baskets: int
    first: datetime
    last: datetime
    spent_minor: int
    mailings: int
    coupons: int
    points: int
    steps: list[tuple[str, datetime, str]]
    last_basket: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """`levels` counts households by level, None for those below all; `earned` points by currency."""

    program: str
    activities: dict[str, int]
    earned: dict[str, int]
    levels: dict[str | None, int]
    upgrades: int
    places: list[Place]
    story: Story
    until: datetime


async def summarise(wired: "Wired", program: str) -> Summary:
    """The program as the tables have it now."""
    async with wired.pool.connection() as connection:
        activities = await _pairs(
            connection, "SELECT type, count(*) FROM analytics.activities WHERE program = %s GROUP BY 1", program
        )
        earned = await _pairs(
            connection,
            "SELECT currency, sum(lifetime)::bigint FROM analytics.balances WHERE program = %s GROUP BY 1",
            program,
        )
        levels = await _pairs(
            connection,
            "SELECT t.to_level, count(*) FROM analytics.members m LEFT JOIN LATERAL (SELECT to_level"
            " FROM analytics.tier_history t WHERE t.stream = m.stream ORDER BY version DESC, number DESC LIMIT 1) t"
            " ON true WHERE m.program = %s GROUP BY 1",
            program,
        )
        upgrades = await _all(connection, "SELECT count(*) FROM analytics.tier_history WHERE program = %s", program)
        places = await _places(wired, program)
        story = await _story(wired, connection, program)
    return Summary(
        program=program,
        activities=activities,
        earned=earned,
        levels=levels,
        upgrades=upgrades[0][0],
        places=places,
        story=story,
        until=await wired.clock.now(program),
    )


async def _places(wired: "Wired", program: str) -> list[Place]:
    """The first households on the board, down to the first rank that is shared."""
    from application.leaderboards import Asked, read

    found: list[Place] = []
    cursor: str | None = "0"
    while cursor is not None and (len(found) <= TOP or not _shared(found)):
        page = await read(wired.handler, wired.scores, program, Asked(board=BOARD), cursor=int(cursor))
        found += [Place(item["rank"], item["member"], item["score"]) for item in page["items"]]
        cursor = page["next_cursor"]
    return found


async def _story(wired: "Wired", connection: "AsyncConnection[Any]", program: str) -> Story:
    """The household that used the most coupons; of several, the one with the most points."""
    from application.members import read

    ((stream, household, baskets, first, last, mailings, coupons),) = await _all(
        connection,
        "SELECT m.stream, m.member, count(*) FILTER (WHERE a.type = 'purchase'),"
        " min(a.occurred_at) FILTER (WHERE a.type = 'purchase'),"
        " max(a.occurred_at) FILTER (WHERE a.type = 'purchase'),"
        " count(*) FILTER (WHERE a.type = 'campaign.received'), count(*) FILTER (WHERE a.type = 'coupon.redeemed')"
        " FROM analytics.activities a JOIN analytics.members m USING (stream) WHERE a.program = %s"
        " GROUP BY m.stream, m.member ORDER BY 7 DESC, 3 DESC, m.member LIMIT 1",
        program,
    )
    steps = await _all(
        connection,
        "SELECT t.to_level, t.at, a.source || '/' || a.id FROM analytics.tier_history t"
        " JOIN analytics.activities a USING (stream, version) WHERE t.stream = %s ORDER BY t.version, t.number",
        stream,
    )
    ((last_basket,),) = await _all(
        connection,
        "SELECT source || '/' || id FROM analytics.activities WHERE stream = %s AND type = 'purchase'"
        " ORDER BY version DESC LIMIT 1",
        stream,
    )
    view = await read(wired.handler, program, household)
    return Story(
        household=household,
        baskets=baskets,
        first=first,
        last=last,
        spent_minor=view["counters"]["spend"]["ever"],
        mailings=mailings,
        coupons=coupons,
        points=view["balances"]["points"]["lifetime"],
        steps=steps,
        last_basket=last_basket,
    )


async def _all(connection: "AsyncConnection[Any]", query: str, *values: Any) -> list[Any]:
    return await (await connection.execute(query.encode(), values)).fetchall()


async def _pairs(connection: "AsyncConnection[Any]", query: str, program: str) -> dict[Any, int]:
    return dict(await _all(connection, query, program))


# --- in words --------------------------------------------------------------------------------------


def printed(summary: Summary, settings: "Settings", key: str | None) -> None:
    """Print the summary, and what to do with it. Commands stay on one line each, so that they can be pasted."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    for line in (*told(summary), *questions(summary, settings, key)):
        console.print(line, style="bold" if line and not line.startswith(" ") else None)


def told(summary: Summary) -> Iterator[str]:
    """The year in lines. Headings stand at the margin."""
    households = sum(summary.levels.values())
    kinds = summary.activities
    yield ""
    yield "The Complete Journey: a year of a grocery"
    yield ""
    yield f"  {households:>9,} households"
    yield f"  {kinds.get('purchase', 0):>9,} baskets"
    yield f"  {kinds.get('campaign.received', 0):>9,} mailings of campaigns"
    yield f"  {kinds.get('coupon.redeemed', 0):>9,} coupons redeemed"
    yield ""
    yield f"  {summary.earned.get('points', 0):>9,} points, 1 for each whole dollar of a basket"
    yield f"  {summary.earned.get('stamps', 0):>9,} stamps, 1 for each coupon"
    yield ""
    yield "Levels, by points over the whole time"
    yield ""
    for level, name in (("gold", "gold, from 3,000"), ("silver", "silver, from 1,000"), (None, "base")):
        count = summary.levels.get(level, 0)
        yield f"  {count:>9,} {name:<20} {'#' * round(40 * count / max(households, 1))}"
    yield f"  {summary.upgrades:>9,} times a household went up a level"
    yield ""
    yield from _ranking(summary.places)
    yield ""
    yield from _story_told(summary.story)


def _ranking(places: list[Place]) -> Iterator[str]:
    yield f"The first {TOP} by points"
    yield ""
    yield f"  {'rank':>9} {'household':>10} {'points':>9}"
    shown = [place for place in places if place.rank <= TOP]
    for place in shown:
        yield f"  {place.rank:>9} {place.household:>10} {place.points:>9,}"
    if shared := _shared(places):
        names = " and ".join(place.household for place in shared)
        yield (
            f"  {shared[0].rank:>9} is the first rank that is shared: households {names} have"
            f" {shared[0].points:,} points each; rank {shared[0].rank + 1} is empty"
        )


def _shared(places: list[Place]) -> list[Place]:
    """Those who share the first rank that is shared."""
    groups = (list(group) for _, group in groupby(places, attrgetter("rank")))
    return next((group for group in groups if len(group) > 1), [])


def _story_told(story: Story) -> Iterator[str]:
    yield f"One household: {story.household}"
    yield ""
    yield (
        f"  It came {story.baskets} times from {_day(story.first)} to {_day(story.last)}"
        f" and spent ${story.spent_minor // 100:,}.{story.spent_minor % 100:02}."
    )
    for level, at, _ in story.steps:
        yield f"  On {_day(at)} it became {level}."
    campaigns = "1 campaign" if story.mailings == 1 else f"{story.mailings} campaigns"
    yield f"  It was sent {campaigns} and redeemed {story.coupons} coupons; nobody redeemed more."
    yield f"  Today it has {story.points:,} points."


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def questions(summary: Summary, settings: "Settings", key: str | None) -> Iterator[str]:
    """What to ask next, as commands for the shell."""
    from api.cli.output import called

    guerdon, program, story = called(), summary.program, summary.story
    server = f"http://127.0.0.1:{settings.port}"
    member = f"{server}/v1/members/{story.household}"
    bearer = '-H "Authorization: Bearer $KEY"'
    yield ""
    yield "Three questions to ask next"
    yield ""
    level, _, basket = story.steps[-1] if story.steps else (None, None, story.last_basket)
    which = f"the basket that made it {level}" if level else "its last basket"
    yield f"  1. Why did {which} earn what it did?"
    yield ""
    yield f"     {guerdon} audit explain {basket} --program {program}"
    yield ""
    yield "  2. Is every byte as it was written, and is every decision what the rules say?"
    yield ""
    yield f"     {guerdon} audit verify --program {program}"
    yield ""
    running = "" if _is_given() else f" (in SQL, while `{guerdon} serve` runs in another terminal)"
    yield f"  3. How many households went up in each month?{running}"
    yield ""
    yield f'     {_psql()} {_database(settings)} -c "{_MONTHLY.format(program=program)}"'
    yield ""
    yield "Serve it"
    yield ""
    yield f"     {guerdon} serve"
    yield ""
    if key is None:
        yield "  Its key was shown once. Another one, to set in KEY:"
        yield ""
        yield f"     {guerdon} keys create --program {program} --scopes client,operator,admin,auditor"
        yield ""
    else:
        yield "  and in another terminal, with its key, which is shown this one time:"
        yield ""
        yield f"     KEY={key}"
    yield f"     curl -sS '{member}?as_of=2017-07-01T00:00:00Z' {bearer}"
    yield f"     curl -sS '{member}/history' {bearer}"
    yield f"     curl -sS '{server}/v1/leaderboards/{BOARD}?limit={TOP}' {bearer}"
    yield ""


def _psql() -> str:
    """A psql that is there: one on the path, or the one beside the embedded database."""
    from infrastructure.database import programs

    return "psql" if shutil.which("psql") else os.path.relpath(programs() / "psql")


def _database(settings: "Settings") -> str:
    """The database's URL. One that was given may hold a password, and is not repeated."""
    return '"$GUERDON_DATABASE_URL"' if _is_given() else f"'{settings.database_url}'"


def _is_given() -> bool:
    return bool(os.environ.get("GUERDON_DATABASE_URL"))
