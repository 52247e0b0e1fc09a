"""The composition root: the only file that knows every room.

The server, the command line and the tests all get their parts from `wired`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec
from psycopg_pool import AsyncConnectionPool

from application.audit import Connect
from application.correction_report import Reports
from application.folding import Connect as Streams
from application.follow import Boards
from application.handle import Handler
from application.jobs import Worker
from application.ports import Watch
from application.programs import Programs
from application.recent import Recent
from infrastructure.access import AccessTable
from infrastructure.analytics import PostgresAnalytics
from infrastructure.api_keys import ApiKeys
from infrastructure.clock import utc_now
from infrastructure.code_misses import PostgresMisses
from infrastructure.database import open_pool
from infrastructure.drafts import PostgresDrafts
from infrastructure.erasures import PostgresErasures
from infrastructure.event_store import PostgresEventStore
from infrastructure.gateway import PostgresGateway
from infrastructure.inbox import PostgresInbox
from infrastructure.jobs import PostgresJobs
from infrastructure.keys import TableOfKeys
from infrastructure.leaderboards import PostgresScores
from infrastructure.listed_codes import PostgresListedCodes
from infrastructure.notices import PostgresNotices
from infrastructure.outgoing import Outgoing
from infrastructure.overview import Overview
from infrastructure.positions import PostgresPositions
from infrastructure.program_clock import ProgramClock
from infrastructure.refusals import Refusals
from infrastructure.row_reader import readers, states
from infrastructure.segments import PostgresSegments
from infrastructure.sessions import Sessions
from infrastructure.settings import Settings
from infrastructure.signing import SigningKeys
from infrastructure.tables import PostgresTables
from infrastructure.tracing import Traces
from infrastructure.trees import PostgresTrees
from infrastructure.vault import Vault
from infrastructure.webhooks import PostgresWebhooks
from infrastructure.zones import SystemZones
from projections import ANALYTICS

READERS = 16
PATIENCE = 5.0
"""Seconds that a request waits for a connection before it is told that the database is not there."""


class Wired(msgspec.Struct, frozen=True, kw_only=True):
    """All parts of one process, open and connected to each other."""

    settings: Settings
    dsn: str
    pool: AsyncConnectionPool[Any]
    store: PostgresEventStore
    vault: Vault
    keys: TableOfKeys
    api_keys: ApiKeys
    sessions: Sessions
    clock: ProgramClock
    zones: SystemZones
    programs: Programs
    handler: Handler
    drafts: PostgresDrafts
    positions: PostgresPositions
    boards: Boards
    tables: PostgresTables
    trees: PostgresTrees
    signing: SigningKeys
    scores: PostgresScores
    segments: PostgresSegments
    overview: Overview
    reports: Reports
    analytics: PostgresAnalytics
    rows: Connect
    streams: Streams
    jobs: PostgresJobs
    worker: Worker
    refusals: Refusals
    access: AccessTable
    erasures: PostgresErasures
    listed_codes: PostgresListedCodes
    misses: PostgresMisses
    webhooks: PostgresWebhooks
    inbox: PostgresInbox
    outgoing: Outgoing
    gateway: PostgresGateway
    notices: PostgresNotices
    traces: Traces | None


@asynccontextmanager
async def wired(settings: Settings, watch: Watch | None = None) -> AsyncIterator[Wired]:
    """The application over the database of `settings.database_url`, which must be running and migrated.

    It need not answer yet: requests are refused as unavailable until it does. `watch` counts what happens.
    """
    dsn = settings.database_url
    assert dsn is not None, "an embedded database is started by the caller, who then knows its URL"
    pool = open_pool(dsn, 1, READERS)
    pool.timeout = PATIENCE
    await pool.open(wait=False)
    vault = Vault(settings.master_key, settings.previous_master_key)
    store = PostgresEventStore(dsn, pool, watch)
    keys = TableOfKeys(pool, vault)
    clock = ProgramClock(pool)
    zones = SystemZones()
    programs = Programs(store, keys, vault, watch)
    positions = PostgresPositions(dsn, pool)
    jobs = PostgresJobs(pool)
    parts = Wired(
        settings=settings,
        dsn=dsn,
        pool=pool,
        store=store,
        vault=vault,
        keys=keys,
        api_keys=ApiKeys(pool, settings.master_key, settings.previous_master_key),
        sessions=Sessions(settings.master_key),
        clock=clock,
        zones=zones,
        programs=programs,
        handler=Handler(
            store=store,
            keys=keys,
            crypto=vault,
            clock=clock,
            wall=utc_now,
            zones=zones,
            programs=programs,
            new_id=uuid4,
            watch=watch,
            recent=Recent(settings.remembered_members),
        ),
        drafts=PostgresDrafts(pool),
        positions=positions,
        boards=ANALYTICS,
        tables=PostgresTables(ANALYTICS, pool),
        trees=PostgresTrees(pool),
        signing=SigningKeys(pool, vault),
        scores=PostgresScores(pool, ANALYTICS.name, ANALYTICS.name),
        segments=PostgresSegments(pool, ANALYTICS.name),
        overview=Overview(pool, ANALYTICS.name),
        reports=Reports(),
        analytics=PostgresAnalytics(pool, ANALYTICS.name),
        rows=readers(dsn),
        streams=states(dsn),
        jobs=jobs,
        worker=Worker(jobs),
        refusals=Refusals(pool),
        access=AccessTable(pool, settings.access_days),
        erasures=PostgresErasures(pool),
        listed_codes=PostgresListedCodes(pool),
        misses=PostgresMisses(pool),
        webhooks=PostgresWebhooks(pool),
        inbox=PostgresInbox(dsn, pool),
        outgoing=Outgoing(to_loopback=settings.webhooks_to_loopback),
        gateway=PostgresGateway(pool),
        notices=PostgresNotices(pool, ANALYTICS.name),
        traces=Traces() if settings.traces else None,
    )
    try:
        await store.start()
        parts.refusals.start()
        parts.access.start()
        yield parts
    finally:
        await parts.worker.stop()
        await parts.refusals.stop()
        await parts.access.stop()
        await parts.outgoing.aclose()
        await store.stop()
        await pool.close()
        if parts.traces is not None:
            parts.traces.stop()
