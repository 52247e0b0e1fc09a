"""The certificate of determinism: everything that follows from the log, made again, in a handful of digests.

The same log gives the same certificate on any machine, in any number of processes, whatever its time zone, language or
hash seed. What it was made with stands beside it, and is no part of its digest.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import msgspec

from application.audit import Connect as Rows
from application.audit import verify
from application.folding import Connect as Streams
from application.folding import fold_all
from application.follow import Boards, Log, Positions
from application.proofs import hashes
from application.replay import Rebuilding, replay
from application.trees import Gardener, Trees
from domain.log import ENGINE

Json = dict[str, Any]


async def certificate(
    boards: Boards,
    store: Log,
    positions: Positions,
    tables: Rebuilding,
    trees: Trees,
    rows: Rows,
    streams: Streams,
    *,
    executor: Executor,
    workers: int,
    made_with: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Json:
    """Rebuild the tables and the trees, fold every member, decide every entry again: of a log that stands still."""
    position = await replay(
        boards, store=store, positions=positions, tables=tables, progress=progress, afresh=True, executor=executor
    )
    gardener = Gardener(trees, positions)
    await gardener.afresh()
    await gardener.catch_up()
    with rows() as reader:
        sizes = {program: reader.tree(program).size for program in reader.programs(None)}
    roots = {program: (await hashes(trees, program, [(0, size)]))[0] for program, size in sizes.items()}
    folded = await asyncio.to_thread(fold_all, streams, None, executor=executor, workers=workers)
    verdicts = await asyncio.to_thread(verify, rows, executor=executor)
    results = {
        "engine": ENGINE,
        "position": position,
        "entries": sum(sizes.values()),
        "verdicts": {name: count for name, count in verdicts.items() if isinstance(count, int)},
        "members": folded.hex,
        "trees": {program: {"size": sizes[program], "root": root.hex()} for program, root in sorted(roots.items())},
        "tables": dict(sorted((await tables.digests()).items())),
    }
    digest = hashlib.sha256(msgspec.json.encode(results, order="sorted")).hexdigest()
    return {"certificate": f"sha256:{digest}", "results": results, "made_with": dict(sorted(made_with.items()))}
