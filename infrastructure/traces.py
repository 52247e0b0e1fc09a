"""What stands of a person beside the log, and goes in the transaction that erases the person there.

Beside the log are activities that were parked, and letters of the gateway. Whose they are is told by the identities
that an erasure frees: the member's id, and fingerprints of e-mail address and external ids.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from domain.log import Claim

_PARKED = "DELETE FROM inbox WHERE program = %(program)s AND state = 'parked' AND lane = ANY(%(lanes)s)"
_LETTERS = """
UPDATE gateway_inbox SET state = 'dead', code = 'member-erased', detail = '', member = '', sealed = NULL, due_at = NULL,
    ended_at = coalesce(ended_at, clock_timestamp())
WHERE state <> 'recorded' AND id IN (
    SELECT w.letter FROM gateway_waits w JOIN unnest(%(kinds)s::text[], %(keys)s::text[]) AS t(kind, key)
    ON w.program = %(program)s AND w.kind = t.kind AND w.key = t.key)
"""
_NAMED = "UPDATE gateway_inbox SET member = '' WHERE program = %(program)s AND member <> '' AND member = ANY(%(keys)s)"


async def forget(connection: psycopg.AsyncConnection[Any], program: str, identities: Sequence[Claim]) -> None:
    """Inside the transaction of the erasure that frees these identities."""
    of = {
        "program": program,
        "kinds": [one.kind for one in identities],
        "keys": [one.key for one in identities],
        "lanes": [f"{one.kind}:{one.key}" for one in identities],
    }
    for statement in (_PARKED, _LETTERS, _NAMED):
        await connection.execute(statement, of)
