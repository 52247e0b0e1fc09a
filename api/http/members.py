"""Routes of members."""

from litestar import delete, get, patch, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, answer, caller, instant, number, once, page, parts, path_id, route, text, written
from application import games, history, members, referrals
from application.members import ChangeBody, EnrolBody, LookupBody, StatusBody
from application.referrals import UseBody

_AT = {
    "as_of": "As of this instant of the world; `known_at` when left out",
    "known_at": "As known at this instant of the program's clock; now when left out",
}
_GONE = ("unknown-member", "member-erased")


@post(
    "/v1/members",
    **route(
        "client",
        "Enrol a member",
        body=EnrolBody,
        answer=shapes.Enrolled,
        status=201,
        codes=(
            "member-exists",
            "identity-taken",
            "invalid-payload",
            "unknown-code",
            "code-outside-window",
            "limit-reached",
            "not-eligible",
        ),
    ),
)
async def enrol(request: Req) -> ASGIResponse:
    """Enrolling is an activity of the type `member.enrolled`, so rules may award points for it."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, EnrolBody)
        return written(
            await members.enrol(
                parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
            )
        )


@post(
    "/v1/members/lookup",
    **route(
        "client",
        "Find a member by e-mail address or external id",
        reads=True,
        body=LookupBody,
        answer=shapes.Member,
        codes=("unknown-member", "invalid-payload"),
    ),
)
async def lookup(request: Req) -> ASGIResponse:
    """In the body, not in the address: addresses end up in logs."""
    body = await read_json(request, LookupBody)
    return answer(await members.lookup(parts(request).handler, caller(request).program, body))


@get(
    "/v1/members/{member:str}",
    **route("client", "Read a member", answer=shapes.Member, query=_AT, codes=_GONE),
)
async def read(request: Req) -> ASGIResponse:
    """Always current: also what was written a moment ago, and what time has made true since."""
    found = await members.read(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        as_of=instant(request, "as_of"),
        known_at=instant(request, "known_at"),
    )
    return answer(found)


@patch(
    "/v1/members/{member:str}",
    **route(
        "client",
        "Change a member",
        body=ChangeBody,
        answer=shapes.MemberWritten,
        codes=(*_GONE, "identity-taken", "invalid-payload"),
    ),
)
async def change(request: Req) -> ASGIResponse:
    """What is given is replaced, what is left out stays."""
    who, member = caller(request), path_id(request, "member")
    with once(request) as key:
        body = await read_json(request, ChangeBody)
        done = await members.change(
            parts(request).handler, who.program, member, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@delete(
    "/v1/members/{member:str}",
    **route("admin", "Erase a member", answer=shapes.MemberErased, codes=(*_GONE, "not-eligible")),
)
async def erase(request: Req) -> ASGIResponse:
    """Destroys the key of the personal fields. What was earned stays counted; the id may be used again."""
    who, member = caller(request), path_id(request, "member")
    with once(request) as key:
        done = await members.erase(
            parts(request).handler,
            who.program,
            member,
            actor=who.actor,
            reason=text(request, "reason") or "",
            key=key,
            correlation=who.request,
        )
    return written(done)


@post(
    "/v1/members/{member:str}/status",
    **route(
        "client",
        "Suspend, close or reactivate a member",
        body=StatusBody,
        answer=shapes.MemberWritten,
        codes=(*_GONE, "invalid-payload"),
    ),
)
async def set_status(request: Req) -> ASGIResponse:
    """A member who is not active neither earns nor spends."""
    who, member = caller(request), path_id(request, "member")
    with once(request) as key:
        body = await read_json(request, StatusBody)
        done = await members.set_status(
            parts(request).handler, who.program, member, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


# --- what became of it -------------------------------------------------------------------------


@get(
    "/v1/members/{member:str}/history",
    **route(
        "client",
        "What happened to a member, as sentences",
        answer=shapes.Page,
        query={"after": "Recorded at this instant or later", "before": "Recorded before it", "kind": "Of this kind"},
        codes=_GONE,
    ),
)
async def read_history(request: Req) -> ASGIResponse:
    found = await history.history(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        after=instant(request, "after"),
        before=instant(request, "before"),
        kind=text(request, "kind"),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)


@get(
    "/v1/members/{member:str}/lots",
    **route("client", "A member's lots of points", answer=shapes.Page, codes=_GONE),
)
async def read_lots(request: Req) -> ASGIResponse:
    found = await history.lots(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)


@get(
    "/v1/members/{member:str}/statement",
    **route(
        "client",
        "Opening balance, movements, closing balance",
        answer=shapes.Statement,
        query={"start": "From this instant", "end": "Up to this instant, now when left out"},
        codes=_GONE,
    ),
)
async def read_statement(request: Req) -> ASGIResponse:
    found = await history.statement(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        start=instant(request, "start"),
        end=instant(request, "end"),
    )
    return answer(found)


@get(
    "/v1/members/{member:str}/expiring",
    **route(
        "client",
        "What will expire, and when",
        answer=shapes.Expiring,
        query={"until": "Up to this instant"},
        codes=_GONE,
    ),
)
async def read_expiring(request: Req) -> ASGIResponse:
    found = await history.expiring(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        until=instant(request, "until"),
    )
    return answer(found)


@get(
    "/v1/members/{member:str}/badges",
    **route("client", "Badges a member was granted", answer=shapes.Page, codes=_GONE),
)
async def read_badges(request: Req) -> ASGIResponse:
    """Oldest first; `state` is held or revoked."""
    found = await games.badges(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)


# --- referrals -----------------------------------------------------------------------------------


@post(
    "/v1/members/{member:str}/referral-codes",
    **route(
        "client",
        "Give a member a code to bring friends with",
        answer=shapes.ReferralCode,
        status=201,
        codes=(*_GONE, "not-eligible", "member-suspended"),
    ),
)
async def issue_code(request: Req) -> ASGIResponse:
    """A member has one code, for all referrals of the rulebook: asked again, the answer is the same, with 200."""
    who, member = caller(request), path_id(request, "member")
    with once(request) as key:
        done = await referrals.issue(
            parts(request).handler, who.program, member, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/members/{member:str}/referral",
    **route(
        "client",
        "Note whose code a member came with",
        body=UseBody,
        answer=shapes.Referred,
        status=201,
        codes=(*_GONE, "unknown-code", "self-referral", "code-outside-window", "limit-reached", "not-eligible"),
    ),
)
async def use_code(request: Req) -> ASGIResponse:
    """For members who are there already; who enrols gives it as `referral_code`. A member comes with one code only."""
    who, member = caller(request), path_id(request, "member")
    with once(request) as key:
        body = await read_json(request, UseBody)
        done = await referrals.use(
            parts(request).handler, who.program, member, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@get(
    "/v1/members/{member:str}/referrals",
    **route("client", "What a member's code has brought", answer=shapes.Referrals, codes=_GONE),
)
async def read_referrals(request: Req) -> ASGIResponse:
    """Oldest first, without naming a friend; `state` is rewarded, taken_back or passed_over."""
    found = await referrals.referrals(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)
