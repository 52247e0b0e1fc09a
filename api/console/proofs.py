"""Proofs: that an entry is in the log, that the log has only grown. The page shows each step, and the browser takes it.

Everything that a browser needs to come to the root by itself stands in the page; `audit.js` does so. Where it cannot,
the page says that the server has.
"""

from base64 import b64encode
from typing import Any

from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.audit import entry_of
from api.console.page import SAFE, render, to
from api.http.problems import AtTheDoor, problem
from api.http.proofs import bundling, proving
from api.http.route import Req, caller, number, parts, path_id
from application import bundle as bundles
from application import proofs
from application.access import seen
from domain.calendar import EPOCH, MICROSECOND
from domain.errors import InvalidPayload, Refused
from domain.ladder import climbed, grown
from domain.log import NO_DIGEST, Row, row_digest, row_seal
from domain.merkle import proves_consistency, proves_inclusion
from domain.notes import Checkpoint
from infrastructure.signing import signed_by

Json = dict[str, Any]

LONGEST = 5_000
"""Letters of a checkpoint that somebody kept: there are a few hundred."""


@get("/audit/proof", **door.page())
async def inclusion(request: Req) -> ASGIResponse:
    """An entry, and how its hash leads to the root that is signed."""
    wired, program = parts(request), caller(request).program
    position = number(request, "position", 0)
    if position == 0:
        return to("/console/audit")
    row, proof = await proving(request, position)
    if row.kind == "member":
        seen(row.stream)
    before = await wired.store.rows(row.stream, after=row.version - 2, upto=row.version - 1) if row.version > 1 else []
    named = await wired.overview.named([row.stream])
    previous = before[0].digest if before else NO_DIGEST
    steps = [bytes.fromhex(step) for step in proof["proof"]]
    leaf, root, size = bytes.fromhex(proof["leaf"]), bytes.fromhex(proof["root"]), proof["size"]
    return await render(
        request,
        "proof.html",
        place="Audit",
        entry=entry_of(row, named.get(row.stream)),
        row=row,
        instant=(row.recorded_at - EPOCH) // MICROSECOND,
        state=b64encode(row.state).decode(),
        previous=previous.hex(),
        proof=proof,
        rungs=climbed(leaf, proof["index"], size, steps),
        holds=_sealed(row, previous) and proves_inclusion(leaf, proof["index"], (0, size), steps, root),
        keys=await _keys(request),
        program_id=program,
    )


@get("/audit/checkpoints", **door.page())
async def consistency(request: Req) -> ASGIResponse:
    """The newest checkpoint; and that the log of one that somebody kept is the beginning of it."""
    wired, program = parts(request), caller(request).program
    signed = await proofs.checkpoint(wired.trees, wired.signing, program)
    given = request.query_params.get("older", "").strip(), request.query_params.get("newer", "").strip()
    shown: Json | None = None
    told = None
    if given[0]:
        try:
            shown = await _compared(request, *given)
        except (Refused, AtTheDoor) as error:
            told = problem(error)
    page = await render(
        request,
        "checkpoints.html",
        place="Audit",
        newest=signed,
        shown=shown,
        problem=told,
        given=given,
        keys=await _keys(request),
    )
    if told is not None:
        page.status_code = told.status
    return page


@get("/audit/members/{member:str}/bundle", **door.page())
async def bundle(request: Req) -> ASGIResponse:
    """A member's proof in one file."""
    found = await bundling(request, path_id(request, "member"))
    named = {"content-disposition": f'attachment; filename="{found.streams[-1].id}.bundle.json"'}
    return ASGIResponse(body=bundles.encoded(found), media_type="application/json", headers={**SAFE, **named})


async def _compared(request: Req, older: str, newer: str) -> Json:
    """How two checkpoints hang together. Raises InvalidPayload."""
    wired, program = parts(request), caller(request).program
    old, new = await _size(request, "older", older), await _size(request, "newer", newer) if newer else None
    size = (await wired.trees.tree(program)).size
    for field, one in (("older", old), ("newer", new)):
        if isinstance(one, Checkpoint) and one.size > size:
            raise InvalidPayload(
                f"This log has signed a checkpoint of {one.size} entries, and its tree has {size}: entries are gone,"
                " or the tree is being made again.",
                errors=[(f"/{field}", "has more entries than the tree")],
            )
    found = await proofs.consistent(wired.trees, wired.signing, program, _of(old), _of(new) if new else None)
    roots = [bytes.fromhex(found[name]) for name in ("from_root", "to_root")]
    steps = [bytes.fromhex(step) for step in found["proof"]]
    # What somebody kept is held against the log, never the other way round.
    kept = [
        one.root if isinstance(one, Checkpoint) else root for one, root in zip((old, new), roots, strict=True)
    ]  # fmt: skip
    begun, rungs = grown(found["from"], found["to"], steps, kept[0])
    return {
        "from": found["from"],
        "to": found["to"],
        "note": found["checkpoint"],
        "proof": found["proof"],
        "old_root": kept[0].hex(),
        "new_root": kept[1].hex(),
        "was_kept": isinstance(old, Checkpoint),
        "begun": begun.hex(),
        "rungs": rungs,
        "holds": proves_consistency(found["from"], found["to"], steps, *kept),
    }


async def _size(request: Req, field: str, given: str) -> Checkpoint | int:
    """A whole checkpoint, which must be signed by a key of this log, or just a size. Raises InvalidPayload."""
    if given.isascii() and given.isdecimal() and len(given) < len(str(2**53)):
        return int(given)
    wired, program = parts(request), caller(request).program
    known = [key.verifier(program) for key in await wired.signing.published()]
    try:
        if len(given) > LONGEST:
            raise proofs.Forged("a checkpoint is a few lines")
        # Forms write line ends in their own way, and a field is sent without the last one.
        (checkpoint,) = proofs.kept(given.replace("\r\n", "\n") + "\n", known, signed_by)
    except (proofs.Forged, ValueError) as error:
        why = str(error) if isinstance(error, proofs.Forged) else "one checkpoint is wanted"
        raise InvalidPayload(f"{field}: {why}", errors=[(f"/{field}", why)]) from None
    return checkpoint


def _of(given: Checkpoint | int) -> int:
    return given.size if isinstance(given, Checkpoint) else given


def _sealed(row: Row, previous: bytes) -> bool:
    """Whether the row's digest and seal are those of its bytes."""
    digest = row_digest(
        previous, program=row.program, kind=row.kind, stream=row.stream, version=row.version,
        recorded_at=row.recorded_at, topic=row.topic, state=row.state,
    )  # fmt: skip
    return (digest, row_seal(digest, row.position)) == (row.digest, row.seal)


async def _keys(request: Req) -> list[str]:
    program = caller(request).program
    return [str(key.verifier(program)) for key in await parts(request).signing.published()]


HANDLERS = (inclusion, consistency, bundle)
