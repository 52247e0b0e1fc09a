"""All that proves one member's points, in one file that is checked without a database.

It holds the stored bytes of the member's stream and of the program's own stream, where the rulebooks are; a checkpoint;
for every row the proof that leads to it; and a statement of where the streams end at that checkpoint. Personal fields
are in it as they are in the log, as cipher text.

`examples/audit/check_bundle.py` checks such a file with nothing but Python. `check` here does the same, and decides
every entry of the member again.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from application.handle import Handler
from application.ports import EventStore, Unavailable
from application.programs import KnownProgram, fold_program, program_stream
from application.proofs import SignedBy, Signer, hashes
from application.trees import Trees
from domain.errors import MemberErasedAlready, UnknownMember, UnknownPosition
from domain.log import NO_DIGEST, Row, decode, row_digest, row_seal, stream_name
from domain.member.wallet import Balance
from domain.merkle import inclusion, leaf_hash, proves_inclusion
from domain.notes import (
    BadNote,
    Checkpoint,
    Head,
    Note,
    Statement,
    Verifier,
    read_checkpoint,
    read_notes,
    read_verifier,
)
from domain.program.state import Program
from domain.redecide import redecide

FORMAT = "guerdon.bundle.1"
MOST = 2**62
"""Numbers beyond this are in no log."""


class Proven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row as it is stored, and the hashes that lead from it to the root of the checkpoint."""

    version: Annotated[int, msgspec.Meta(ge=0, le=MOST)]
    position: Annotated[int, msgspec.Meta(ge=-MOST, le=MOST)]
    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    topic: str
    state: str
    index: Annotated[int, msgspec.Meta(ge=0, le=MOST)]
    proof: list[str]


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stream from its first entry on."""

    kind: str
    id: UUID
    rows: list[Proven]


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. `keys` are those that the installation publishes: whoever checks should know them from elsewhere."""

    format: str
    program: str
    checkpoint: str
    statement: str
    keys: list[str]
    streams: list[Stream]


def encoded(bundle: Bundle) -> bytes:
    """The file."""
    return msgspec.json.encode(bundle)


async def stream_of(handler: Handler, program: str, member: str) -> tuple[UUID, int]:
    """A member's stream and how many entries it has. Who was erased is found by the stream's own id, as the log has it.

    Raises UnknownMember, MemberErasedAlready.
    """
    try:
        loaded, _ = await handler.find(program, member)
    except (UnknownMember, MemberErasedAlready):
        try:
            stream = UUID(member)
        except ValueError:
            stream = None
        if stream is None:
            raise
        loaded, _ = await handler.load(program, stream)
    return loaded.stream, loaded.member.version


async def bundle(
    store: EventStore, trees: Trees, signer: Signer, keys: Sequence[Verifier], program: str, member: UUID
) -> Bundle:
    """The bundle of a member's stream, as far as the tree has grown. Raises UnknownPosition."""
    tree = await trees.tree(program)
    streams, heads = [], []
    for kind, stream in (("program", program_stream(program)), ("member", member)):
        rows = [row for row in await store.rows(stream) if row.position <= tree.position]
        if not rows:
            raise UnknownPosition("the tree of this program has not grown to this member yet")
        indexes = await trees.indexes(program, [row.position for row in rows])
        if len(indexes) != len(rows) or max(indexes.values()) >= tree.size:
            raise Unavailable("the tree of this log is being made again")
        # What is no text any more was changed: it goes in as far as it can be written, and the check names it.
        proven = [
            Proven(
                row.version, row.position, row.recorded_at, row.topic, row.state.decode(errors="replace"),
                indexes[row.position], [],
            )
            for row in rows
        ]  # fmt: skip
        streams.append(Stream(kind, stream, proven))
        heads.append(Head(stream_name(program, kind, stream), len(rows), rows[-1].digest))
    spans = [inclusion(row.index, (0, tree.size)) for stream in streams for row in stream.rows]
    root, *steps = await hashes(trees, program, [(0, tree.size), *(span for some in spans for span in some)])
    proofs = iter(steps)
    made = Checkpoint(await signer.origin(program), tree.size, root)
    return Bundle(
        FORMAT,
        program,
        await signer.sign(program, made.text),
        await signer.sign(program, Statement(made.origin, made.size, tuple(heads)).text),
        [str(key) for key in keys],
        [msgspec.structs.replace(stream, rows=_with(stream.rows, tree.size, proofs)) for stream in streams],
    )


def _with(rows: Iterable[Proven], size: int, steps: Iterator[bytes]) -> list[Proven]:
    return [
        msgspec.structs.replace(row, proof=[next(steps).hex() for _ in inclusion(row.index, (0, size))]) for row in rows
    ]


# --- checking, without a database ------------------------------------------------------------------


Step = Literal["file", "signatures", "proofs", "streams", "decisions"]
"""The steps of a check. One of the first two that fails leaves the others undone; any that fails, the last."""


class Wrong(msgspec.Struct, frozen=True):
    """Something in a bundle that is not so; `position` where it is about an entry. `step` is that which found it."""

    detail: str
    position: int | None = None
    step: Step = "file"


class Checked(msgspec.Struct):
    """What came of a check. `balances` are those after the member's last entry, to be believed if it is `sound`."""

    checkpoint: Checkpoint | None = None
    entries: int = 0
    wrong: list[Wrong] = []
    equal: int = 0
    not_redecidable: int = 0
    older_engine: int = 0
    recorded_at: datetime | None = None
    balances: dict[str, Balance] = {}

    @property
    def sound(self) -> bool:
        return not self.wrong


def check(raw: bytes, keys: Sequence[Verifier], signed_by: SignedBy) -> Checked:
    """Check a bundle against public keys that are known from elsewhere; and decide all of the member again."""
    found = Checked()
    step: Step = "file"
    try:
        bundle = msgspec.json.decode(raw, type=Bundle)
        if encoded(bundle) != raw:
            raise BadNote("it is not written as bundles are")
        step = "signatures"
        if not {read_verifier(key) for key in bundle.keys} & set(keys):
            raise BadNote("the checkpoint is not signed by a key of this log")
        found.checkpoint, statement = _notes(bundle, keys, signed_by)
    except (msgspec.DecodeError, BadNote, ValueError) as error:
        found.wrong.append(Wrong(str(error)[:300], step=step))
        return found
    if [stream.kind for stream in bundle.streams] != ["program", "member"]:
        found.wrong.append(Wrong("it does not hold the program's stream and a member's"))
        return found
    rows = [_rows(bundle, stream, found.checkpoint, found.wrong) for stream in bundle.streams]
    heads = tuple(
        Head(stream_name(bundle.program, stream.kind, stream.id), len(some), some[-1].digest if some else NO_DIGEST)
        for stream, some in zip(bundle.streams, rows, strict=True)
    )
    expected = Statement(found.checkpoint.origin, found.checkpoint.size, heads)
    if bundle.streams[0].id != program_stream(bundle.program):
        found.wrong.append(Wrong("the program's stream is not the one of its name", step="streams"))
    if statement != expected.text:
        found.wrong.append(Wrong("its streams do not end where the signed statement says", _last(rows), "streams"))
    if found.sound:
        _decide_again(rows[0], rows[1], found)
    return found


def _notes(bundle: Bundle, keys: Sequence[Verifier], signed_by: SignedBy) -> tuple[Checkpoint, str]:
    if bundle.format != FORMAT:
        raise BadNote(f"{bundle.format!r} is no format that this code knows")
    texts = []
    for what, text in (("checkpoint", bundle.checkpoint), ("statement", bundle.statement)):
        (note, *more) = read_notes(text)
        if more or not _signed(note, bundle.program, keys, signed_by):
            raise BadNote(f"the {what} is not signed by a key of this log")
        texts.append(note.text)
    checkpoint = read_checkpoint(texts[0])
    if texts[0] != checkpoint.text:
        raise BadNote("the checkpoint says more than a checkpoint does")
    return checkpoint, texts[1]


def _signed(note: Note, program: str, keys: Sequence[Verifier], signed_by: SignedBy) -> bool:
    origin = note.text.partition("\n")[0]
    return origin.rpartition("/")[2] == program and any(signed_by(note, key) for key in keys if key.name == origin)


def _rows(bundle: Bundle, stream: Stream, checkpoint: Checkpoint, wrong: list[Wrong]) -> list[Row]:
    """The rows of a stream with the digests that they have; what is wrong with them is noted."""
    found: list[Row] = []
    digest = NO_DIGEST
    for number, one in enumerate(stream.rows):
        state = one.state.encode()
        digest = row_digest(
            digest, program=bundle.program, kind=stream.kind, stream=stream.id, version=one.version,
            recorded_at=one.recorded_at, topic=one.topic, state=state,
        )  # fmt: skip
        seal = row_seal(digest, one.position)
        if one.version != number + 1:
            wrong.append(Wrong(f"version {one.version} stands where {number + 1} belongs", one.position, "streams"))
        if not _included(one, seal, checkpoint):
            wrong.append(Wrong("its entry is not in the log of the checkpoint", one.position, "proofs"))
        found.append(
            Row(
                bundle.program, stream.kind, stream.id, one.version, one.position, one.recorded_at, one.topic, state,
                digest, seal,
            )
        )  # fmt: skip
    return found


def _included(row: Proven, seal: bytes, checkpoint: Checkpoint) -> bool:
    try:
        proof = [bytes.fromhex(step) for step in row.proof]
    except ValueError:
        return False
    # Letters of a proof are written in one way.
    if [step.hex() for step in proof] != row.proof:
        return False
    return proves_inclusion(leaf_hash(seal), row.index, (0, checkpoint.size), proof, checkpoint.root)


def _last(rows: Sequence[Sequence[Row]]) -> int | None:
    return max((some[-1].position for some in rows if some), default=None)


def _decide_again(program: Sequence[Row], member: Sequence[Row], found: Checked) -> None:
    known = fold_program(KnownProgram(Program(), 0, b"", None, {}, {}, b""), list(program))
    entries = [decode(row.state) for row in member]
    for row, difference in zip(member, redecide(entries, known.timeline()), strict=True):
        if difference.verdict == "different":
            found.wrong.append(Wrong(difference.detail, row.position, "decisions"))
        elif difference.verdict == "equal":
            found.equal += 1
        elif difference.verdict == "not_redecidable":
            found.not_redecidable += 1
        else:
            found.older_engine += 1
    found.entries = len(entries)
    found.recorded_at = entries[-1].recorded_at
    found.balances = dict(entries[-1].after.balances) if entries[-1].after else {}
