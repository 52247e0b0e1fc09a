"""The Merkle trees in PostgreSQL: a row for each tile, and one for each tree."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.follow import Transaction
from application.trees import Kept, Leaf, Place, Tree
from domain.tiles import WIDTH, Tile
from infrastructure.positions import database_errors


class PostgresTrees:
    """The `Trees` port."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def leaves(self, after: int, limit: int) -> list[Leaf]:
        query = """SELECT program, notification_id, seal FROM stored_events
                   WHERE notification_id > %s ORDER BY notification_id LIMIT %s"""
        return [Leaf(*row) for row in await self._all(query, (after, limit))]

    # --- inside the follower's transaction -------------------------------------------------------

    async def grown(self, transaction: Transaction, programs: Collection[str]) -> dict[str, Tree]:
        found = await transaction.connection.execute(
            "SELECT program, size, position FROM trees WHERE program = ANY(%s)", (list(programs),)
        )
        return {program: Tree(*rest) for program, *rest in await found.fetchall()}

    async def begun(self, transaction: Transaction, places: Collection[Place]) -> dict[Place, Kept]:
        found = await transaction.connection.cursor(binary=True).execute(
            """SELECT program, level, number, hashes, positions FROM tree_tiles
               JOIN unnest(%s::text[], %s::int[], %s::bigint[]) AS w(program, level, number)
               USING (program, level, number)""",
            [list(column) for column in zip(*places, strict=True)],
        )
        return {(program, level, number): Kept(*rest) for program, level, number, *rest in await found.fetchall()}

    async def write(self, transaction: Transaction, trees: Mapping[str, Tree], changed: Mapping[Place, Kept]) -> None:
        async with transaction.connection.cursor() as cursor:
            await cursor.executemany(
                """INSERT INTO trees (program, size, position) VALUES (%b, %b, %b)
                   ON CONFLICT (program) DO UPDATE SET size = excluded.size, position = excluded.position""",
                [(program, tree.size, tree.position) for program, tree in trees.items()],
            )
            await cursor.executemany(
                """INSERT INTO tree_tiles (program, level, number, hashes, positions)
                   VALUES (%b, %b::int, %b, %b, %b::bigint[]) ON CONFLICT (program, level, number)
                   DO UPDATE SET hashes = excluded.hashes, positions = excluded.positions""",
                [(*place, kept.hashes, kept.positions) for place, kept in changed.items()],
            )

    async def clear(self, transaction: Transaction) -> None:
        await transaction.connection.execute("WITH gone AS (DELETE FROM trees) DELETE FROM tree_tiles")

    # --- for proofs ------------------------------------------------------------------------------

    async def tree(self, program: str) -> Tree:
        found = await self._all("SELECT size, position FROM trees WHERE program = %s", (program,))
        return Tree(*found[0]) if found else Tree()

    async def tiles(self, program: str, wanted: Collection[Tile]) -> dict[Tile, bytes]:
        query = """SELECT level, number, hashes FROM tree_tiles
                   JOIN unnest(%s::int[], %s::bigint[]) AS w(level, number) USING (level, number) WHERE program = %s"""
        levels, numbers = [level for level, _ in wanted], [number for _, number in wanted]
        return {(level, number): hashes for level, number, hashes in await self._all(query, (levels, numbers, program))}

    async def indexes(self, program: str, positions: Collection[int]) -> dict[int, int]:
        found = await self._all(
            """SELECT DISTINCT t.number, t.positions FROM unnest(%s::bigint[]) AS w(position) CROSS JOIN LATERAL (
                   SELECT number, positions FROM tree_tiles
                   WHERE program = %s AND level = 0 AND positions[1] <= w.position ORDER BY positions[1] DESC LIMIT 1
               ) t""",
            (list(positions), program),
        )
        wanted = set(positions)
        return {
            position: number * WIDTH + offset
            for number, leaves in found
            for offset, position in enumerate(leaves)
            if position in wanted
        }

    async def _all(self, query: str, params: Sequence[Any]) -> list[Any]:
        with database_errors():
            async with self._pool.connection() as connection:
                found: list[Any] = await (
                    await connection.cursor(binary=True).execute(query.encode(), params)
                ).fetchall()
                return found
