"""Routes for whoever does not want to believe: checkpoints, what leads to them, and one member's proof in a file."""

from litestar import get
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.route import Json, Req, answer, caller, number, parts, path_id, reached, route
from application import bundle as bundles
from application import proofs
from application.trees import FOLLOWER
from domain.errors import InvalidPayload, UnknownPosition
from domain.log import Row


@get(
    "/v1/audit/checkpoint",
    **route("auditor", "What the log commits itself to", proven=True, answer=shapes.SignedCheckpoint),
)
async def checkpoint(request: Req) -> ASGIResponse:
    """The size and the root of the program's tree, signed. Kept elsewhere, it holds the log to what it is now."""
    wired, program = parts(request), caller(request).program
    signed = await proofs.checkpoint(wired.trees, wired.signing, program)
    tree = await wired.trees.tree(program)
    return answer(
        {
            "checkpoint": signed.note,
            "origin": signed.checkpoint.origin,
            "size": signed.checkpoint.size,
            "root": signed.checkpoint.root.hex(),
            "position": tree.position,
        }
    )


@get(
    "/v1/audit/inclusion",
    **route(
        "auditor",
        "Prove that an entry is in the log",
        proven=True,
        answer=shapes.Inclusion,
        query={"position": "Position of the entry"},
        codes=("unknown-position", "behind"),
    ),
)
async def inclusion(request: Req) -> ASGIResponse:
    """The hashes that lead from an entry to the root of a signed checkpoint. A new entry is waited for."""
    _, proof = await proving(request, number(request, "position", 0))
    return answer(proof)


async def proving(request: Req, position: int) -> tuple[Row, Json]:
    """The entry at a position of the caller's program, and its proof. Raises UnknownPosition, AtTheDoor (behind)."""
    wired, program = parts(request), caller(request).program
    rows = await wired.store.log(program, after=position - 1, limit=1)
    if not rows or rows[0].position != position:
        raise UnknownPosition(f"at position {position} stands no entry of this program")
    await reached(wired, position, [FOLLOWER])
    return rows[0], await proofs.included(wired.trees, wired.signing, program, position, rows[0].seal)


@get(
    "/v1/audit/consistency",
    **route(
        "auditor",
        "Prove that the log has only grown",
        proven=True,
        answer=shapes.Consistency,
        query={"from": "Size of the older checkpoint", "to": "Size of the newer one; all there is when left out"},
        codes=("invalid-payload",),
    ),
)
async def consistency(request: Req) -> ASGIResponse:
    """The hashes that lead from the root of an older checkpoint to that of a newer one."""
    wired, program = parts(request), caller(request).program
    if not request.query_params.get("from"):
        raise InvalidPayload("The query needs from.", errors=[("/from", "required")])
    old, new = number(request, "from", 0), number(request, "to", 0)
    return answer(await proofs.consistent(wired.trees, wired.signing, program, old, new or None))


@get(
    "/v1/audit/members/{member:str}/bundle",
    **route(
        "auditor",
        "A member's proof in one file",
        proven=True,
        answer=shapes.Bundle,
        codes=("unknown-member", "member-erased", "behind"),
    ),
)
async def bundle(request: Req) -> ASGIResponse:
    """Stored bytes, rulebooks, proofs and a signed checkpoint: checked offline by `guerdon audit check-bundle`, or by a
    script that needs nothing but Python. A new entry is waited for.
    """
    return answer(await bundling(request, path_id(request, "member")))


async def bundling(request: Req, member: str) -> bundles.Bundle:
    """The bundle of a member of the caller's program. Raises UnknownMember, MemberErasedAlready, AtTheDoor (behind)."""
    wired, program = parts(request), caller(request).program
    stream, version = await bundles.stream_of(wired.handler, program, member)
    position = await proofs.position_of(wired.store, stream, version)
    await reached(wired, position, [FOLLOWER])
    keys = [key.verifier(program) for key in await wired.signing.published()]
    return await bundles.bundle(wired.store, wired.trees, wired.signing, keys, program, stream)


@get("/v1/audit/keys", **route("auditor", "The keys that sign checkpoints", answer=shapes.PublicKeys))
async def keys(request: Req) -> ASGIResponse:
    """Public keys, the oldest first. What a key signed before it was retired stays signed."""
    program = caller(request).program
    items = [
        {"key": str(key.verifier(program)), "created_at": key.created_at, "retired_at": key.retired_at}
        for key in await parts(request).signing.published()
    ]
    return answer({"items": items})
