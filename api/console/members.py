"""Members: find one, and see one at any moment of either clock, with every reason."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.charts import Stepped, stepped
from api.console.lots import LISTED as LOTS
from api.console.lots import by_month
from api.console.page import render, to, viewer
from api.http.body import check_time
from api.http.problems import AtTheDoor
from api.http.route import PATH_ID, Req, caller, number, parts, path_id
from application import explanations
from application.answers import parse_ref
from application.dossier import Dossier, dossier
from application.members import LookupBody, lookup
from domain.errors import InvalidPayload, MemberErasedAlready, UnknownMember

LISTED = 50
SLIDES = 1_000
"""Steps of the slider, from the member's beginning to now."""

_REFUSED = {
    "unknown-member": "Nobody has this id, e-mail address or external id.",
    "member-erased": "The member with this id was erased.",
}


class Balance(msgspec.Struct, frozen=True):
    """One currency of a member: what it holds, and its picture."""

    currency: str
    scale: int
    held: dict[str, int]
    chart: Stepped
    ending: list[tuple[datetime, int]]


class Moment(msgspec.Struct, frozen=True):
    """What the page is asked to show: `clock` says whether the world's or the program's was turned back."""

    clock: str
    at: datetime | None

    @property
    def asked(self) -> dict[str, datetime]:
        if self.at is None:
            return {}
        return {"known_at": self.at} if self.clock == "known" else {"as_of": self.at}

    def query(self, **more: Any) -> str:
        at = {"at": self.at.isoformat()} if self.at is not None else {}
        return "?" + urlencode({"clock": self.clock} | at | more)


@get("/members", **door.page("client", many=True))
async def listing(request: Req) -> ASGIResponse:
    return await _listing(request)


@post("/members", **door.change("client", "auditor"))
async def find(request: Req) -> ASGIResponse:
    """By id, e-mail address or external id; by POST, because addresses end up in logs."""
    wired, program = parts(request), caller(request).program
    wanted = door.form(request).get("q", "").strip()
    code = "unknown-member"
    try:
        if PATH_ID.fullmatch(wanted):
            try:
                await wired.handler.find(program, wanted)
                return to(address(wanted))
            except (UnknownMember, MemberErasedAlready) as error:
                code = error.code
        if wanted:
            body = LookupBody(email=wanted) if "@" in wanted else LookupBody(external_id=wanted)
            found = await lookup(wired.handler, program, body)
            return to(address(found["id"]))
    except (UnknownMember, InvalidPayload):
        pass
    return await _listing(request, wanted=wanted, problem=_REFUSED[code] if wanted else "Type an id or an address.")


async def _listing(request: Req, wanted: str = "", problem: str = "") -> ASGIResponse:
    newest = await parts(request).overview.newest(caller(request).program, LISTED)
    return await render(request, "members.html", place="Members", newest=newest, wanted=wanted, problem=problem)


@get("/members/{member:str}", **door.page("client"))
async def show(request: Req) -> ASGIResponse:
    wired, program, member = parts(request), caller(request).program, path_id(request, "member")
    moment = await _moment(request)
    slide = request.query_params.get("slide")
    if slide is not None:
        return to(await _slid(request, member, moment.clock, slide))
    before = number(request, "before", 0) or None
    passed = max(0, number(request, "lots", 0))
    seen = await dossier(wired.handler, program, member, **moment.asked, before=before)
    enrolled = seen.view["enrolled_at"]
    return await render(
        request,
        "member.html",
        place="Members",
        member=member,
        seen=seen,
        moment=moment,
        slide=_slide(enrolled, seen.now, moment.at or seen.now),
        slides=SLIDES,
        lots=seen.lots[passed : passed + LOTS],
        passed=passed,
        more_lots=passed + LOTS if len(seen.lots) > passed + LOTS else None,
        months=by_month(seen.lots, (await viewer(request)).local) if len(seen.lots) > LOTS else [],
        balances=[await _balance(request, seen, name, held) for name, held in seen.view["balances"].items()],
        address=address(member),
        refers=parse_ref,
    )


@get("/activities/{ref:str}", **door.page("client"))
async def explain(request: Req) -> ASGIResponse:
    """Why an activity earned what it earned, clause by clause."""
    wired, program, ref = parts(request), caller(request).program, path_id(request, "ref")
    why = await explanations.explain(wired.handler, program, ref)
    stream, _ = explanations.parsed(ref)
    loaded, _ = await wired.handler.load(program, stream)
    return await render(
        request, "explanation.html", place="Members", why={"returns": None} | why, member=loaded.member.id
    )


def address(member: str) -> str:
    return f"/console/members/{quote(member, safe='')}"


async def _moment(request: Req) -> Moment:
    query = request.query_params
    clock = "known" if query.get("clock") == "known" else "world"
    at = (query.get("at") or "").replace(" ", "+")
    if not at:
        return Moment(clock, None)
    try:
        found = (await viewer(request)).read_field(at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise AtTheDoor("bad-time", "That is no date and time.", errors=[("/at", "not a time")]) from None
    check_time("/at", found)
    return Moment(clock, found)


async def _slid(request: Req, member: str, clock: str, slide: str) -> str:
    """Where the slider's place is a moment."""
    wired = parts(request)
    if not slide.isascii() or not slide.isdigit() or int(slide) > SLIDES:
        raise AtTheDoor("bad-time", f"slide is 0 to {SLIDES}.", errors=[("/slide", "not such a place")])
    if int(slide) == SLIDES:
        return address(member) + Moment(clock, None).query()
    loaded, _ = await wired.handler.find(caller(request).program, member)
    began, now = loaded.member.enrolled_at or wired.handler.now(loaded), wired.handler.now(loaded)
    at = began + max(timedelta(), (now - began) * int(slide) / SLIDES)
    return address(member) + Moment(clock, at.replace(microsecond=0) + timedelta(seconds=1)).query()


def _slide(began: datetime, now: datetime, at: datetime) -> int:
    span = max((now - began) / timedelta(seconds=1), 1)
    return min(SLIDES, max(0, round((at - began) / timedelta(seconds=1) * SLIDES / span)))


async def _balance(request: Req, seen: Dossier, currency: str, held: dict[str, int]) -> Balance:
    """The movements up to the moment make the line, which ends in the view's own number."""
    steps = await parts(request).overview.balance_steps(UUID(seen.stream), currency, seen.as_of, seen.known_at)
    lots = [lot for lot in seen.lots if lot.currency == currency and lot.state == "open"]
    soonest: dict[datetime, int] = {}
    for lot in lots:
        if lot.expires_at is not None:
            soonest[lot.expires_at] = soonest.get(lot.expires_at, 0) + lot.remaining
    ending = [(at, -points) for at, points in soonest.items()]
    start = min([at for at, _ in steps] + [seen.view["enrolled_at"], seen.as_of])
    picture = stepped(steps, held["available"], start, seen.as_of, ending)
    return Balance(currency, seen.scales.get(currency, 0), held, picture, list(soonest.items())[:3])


HANDLERS = (listing, find, show, explain)
