"""A client of Guerdon's HTTP contract, for programs of any kind: `Client`, and `AsyncClient` for asyncio.

It knows nothing of the engine's code. `transport.py` sends, repeats and reads; `sync_client.py`, `async_client.py`,
`models.py` and `codes.py` are generated from the OpenAPI document, by `docs/client.py` of the repository.
"""

from guerdon_client import codes, models
from guerdon_client.async_client import AsyncClient
from guerdon_client.problems import Problem, Unreachable
from guerdon_client.sync_client import Client

__all__ = ["AsyncClient", "Client", "Problem", "Unreachable", "codes", "models"]
