"""Problems: what a refused, malformed or failed request is answered with (RFC 9457).

`PROBLEMS` is the one place where a code becomes an HTTP status. Codes are frozen: added to, never renamed.
Each has a page in docs/reference/problems, served at `/problems/<code>`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from application.ports import Unavailable
from domain.errors import RateLimited, Refused
from infrastructure.logging import where

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 1
"""Seconds after which to try again what was refused for being busy."""

MAX_ERRORS = 100
LONGEST = 500

log = structlog.get_logger()


class Kind(NamedTuple):
    status: int
    title: str


PROBLEMS: Mapping[str, Kind] = {
    "malformed-json": Kind(400, "The body is not acceptable JSON"),
    "unknown-field": Kind(400, "A field is not known here"),
    "unauthenticated": Kind(401, "No valid API key was given"),
    "bad-signature": Kind(401, "The message is not signed as it should be"),
    "signature-too-old": Kind(401, "The message was signed too long ago"),
    "missing-scope": Kind(403, "The API key may not do this"),
    "not-found": Kind(404, "Nothing is at this address"),
    "unknown-member": Kind(404, "No such member"),
    "unknown-activity": Kind(404, "No such activity"),
    "unknown-program": Kind(404, "No such program"),
    "unknown-rulebook": Kind(404, "No such rulebook"),
    "unknown-leaderboard": Kind(404, "No such leaderboard"),
    "unknown-offer": Kind(404, "No such offer"),
    "unknown-tier": Kind(404, "No such tier"),
    "unknown-adjustment": Kind(404, "No such adjustment"),
    "unknown-lot": Kind(404, "No such lot"),
    "unknown-segment": Kind(404, "No such segment"),
    "unknown-position": Kind(404, "No such entry"),
    "unknown-redemption": Kind(404, "No such redemption"),
    "unknown-reward": Kind(404, "No such reward"),
    "unknown-household": Kind(404, "No such household"),
    "unknown-transfer": Kind(404, "No such transfer"),
    "unknown-code": Kind(404, "No such code"),
    "unknown-key": Kind(404, "No such API key"),
    "unknown-job": Kind(404, "No such job"),
    "unknown-correction": Kind(404, "No such correction"),
    "unknown-webhook": Kind(404, "No such webhook"),
    "unknown-inbox-entry": Kind(404, "No such entry of the inbox"),
    "unknown-source": Kind(404, "No such source"),
    "unknown-letter": Kind(404, "No such letter"),
    "method-not-allowed": Kind(405, "This address does not take this method"),
    "member-exists": Kind(409, "The member exists"),
    "program-exists": Kind(409, "The program exists"),
    "reward-exists": Kind(409, "The reward exists"),
    "identity-taken": Kind(409, "Another member has this identity"),
    "activity-differs": Kind(409, "The activity is recorded with another body"),
    "in-progress": Kind(409, "The same request is being worked on"),
    "not-enough-points": Kind(409, "Not enough points"),
    "sold-out": Kind(409, "Sold out"),
    "limit-reached": Kind(409, "A limit is reached"),
    "not-tried": Kind(409, "The dry run is not over"),
    "same-actor": Kind(409, "Somebody else has to do this"),
    "not-eligible": Kind(409, "Not eligible"),
    "hold-expired": Kind(409, "The hold has expired"),
    "already-confirmed": Kind(409, "Already confirmed"),
    "already-reversed": Kind(409, "Already reversed"),
    "code-not-targeted": Kind(409, "The code is for another member"),
    "code-outside-window": Kind(409, "The code is not valid now"),
    "code-not-in-campaign": Kind(409, "The code belongs to another campaign"),
    "self-referral": Kind(409, "A member's own code brings nobody"),
    "code-used": Kind(409, "The code has been used"),
    "return-exceeds-activity": Kind(409, "More is returned than was bought"),
    "version-conflict": Kind(409, "Another version came first"),
    "member-merged": Kind(409, "The member was merged into another"),
    "member-suspended": Kind(409, "The member is not active"),
    "floor-not-allowed": Kind(409, "The rules allow no floor here"),
    "letter-closed": Kind(409, "The letter is closed"),
    "not-a-sandbox": Kind(409, "The program is not a sandbox"),
    "clock-backwards": Kind(409, "The clock only goes forward"),
    "member-erased": Kind(410, "The member was erased"),
    "precondition-failed": Kind(412, "It was edited meanwhile"),
    "too-large": Kind(413, "The body is too large"),
    "unsupported-media-type": Kind(415, "The body is in a format not taken here"),
    "invalid-payload": Kind(422, "A field does not fit"),
    "bad-id": Kind(422, "Not an acceptable id"),
    "bad-time": Kind(422, "Not an acceptable time"),
    "too-old": Kind(422, "The activity is too old"),
    "from-the-future": Kind(422, "The activity lies in the future"),
    "amount-out-of-range": Kind(422, "An amount is out of range"),
    "unknown-activity-type": Kind(422, "No such activity type"),
    "unknown-currency": Kind(422, "No such currency"),
    "unknown-money": Kind(422, "Not the money of this program"),
    "below-minimum": Kind(422, "Less than the minimum"),
    "idempotency-key-reused": Kind(422, "The idempotency key belongs to another request"),
    "rulebook-invalid": Kind(422, "The rulebook has errors"),
    "mapping-invalid": Kind(422, "The mapping has errors"),
    "mapping-failed": Kind(422, "The message has not what the mapping looks for"),
    "precondition-required": Kind(428, "An edit must say what it edits"),
    "rate-limited": Kind(429, "Too many requests"),
    "internal": Kind(500, "Something broke here"),
    "behind": Kind(503, "The answer is not ready yet"),
    "backlog-full": Kind(503, "Too much waits to be recorded"),
    "unavailable": Kind(503, "Cannot answer now"),
}


class AtTheDoor(Refused):
    """A request that never reached the domain. `code` is one of PROBLEMS."""

    def __init__(
        self, code: str, message: str, *, errors: Sequence[tuple[str, str]] = (), reasons: Sequence[str] = ()
    ) -> None:
        super().__init__(message, errors=errors, reasons=reasons)
        assert code in PROBLEMS
        self.code = code


class FieldError(msgspec.Struct, frozen=True):
    """Where in the request, as a JSON pointer, and what is wrong there."""

    at: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is not a success."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] = []
    reasons: list[str] = []


_BY_STATUS = {
    400: "malformed-json",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}
_CUT_OFF = (Unavailable, psycopg.OperationalError, psycopg.InterfaceError)


def problem(error: Exception) -> Problem:
    """What to say about any exception. What is nobody's refusal is told as `internal`, with no detail."""
    if isinstance(error, Refused):
        code = error.code if error.code in PROBLEMS else "not-eligible"
        return _problem(code, error.message, error.errors, error.reasons)
    if isinstance(error, _CUT_OFF):
        return _problem("unavailable", "The log cannot be reached at the moment. Repeat the request with its key.")
    if isinstance(error, HTTPException) and error.status_code < 500:
        code = _BY_STATUS.get(error.status_code, "malformed-json")
        return _problem(code, PROBLEMS[code].title + ".")
    return _problem("internal", "The fault is ours and has been logged. Repeating the request is safe.")


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The exception handler for everything."""
    told = problem(error)
    request.app.state.metrics.problem(told.code)
    if told.code == "internal":
        # The route, never the address: ids and queries may be personal. Locals stay out of the traceback.
        log.error(
            "request failed",
            method=request.scope["method"],
            route=request.scope.get("path_template"),
            error=type(error).__name__,
            at=where(error),
        )
    elif isinstance(error, Refused):
        note_refusal(request, told)
    headers = {"cache-control": "no-store"}
    if told.status in (429, 503):
        headers["retry-after"] = str(error.seconds if isinstance(error, RateLimited) else RETRY_AFTER)
    if told.status == 401:
        headers["www-authenticate"] = 'Bearer realm="guerdon"'
    if isinstance(error, HTTPException) and error.headers:
        headers |= {name.lower(): value for name, value in error.headers.items() if name.lower() == "allow"}
    return Response(msgspec.json.encode(told), status_code=told.status, media_type=MEDIA_TYPE, headers=headers)


def note_refusal(request: Request[Any, Any, Any], told: Problem) -> None:
    """Keep it for the console, where operators see what their clients run into."""
    who = request.scope.get("user")
    if who is not None:
        request.app.state.wired.refusals.note(who.program, who.actor, told.code, told.detail)


def _problem(code: str, detail: str, errors: Sequence[tuple[str, str]] = (), reasons: Sequence[str] = ()) -> Problem:
    status, title = PROBLEMS[code]
    return Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        code=code,
        detail=_short(detail),
        errors=[FieldError(_short(at), _short(message)) for at, message in errors[:MAX_ERRORS]],
        reasons=list(reasons),
    )


def _short(text: str) -> str:
    """Sentences quote what was sent, which may be long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
