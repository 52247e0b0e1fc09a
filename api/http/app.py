"""The HTTP application: routes, and what stands around them.

    GUERDON_DATABASE_URL=... granian --interface asgi --factory api.http.app:from_environment

Read `route.py` for what a request passes before it reaches a handler.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from api.broker import asyncapi
from api.console.app import ROUTER as CONSOLE
from api.http import (
    access,
    activities,
    analytics,
    audit,
    corrections,
    export,
    gateway,
    households,
    inbox,
    leaderboards,
    lots,
    members,
    moves,
    notices,
    offers,
    pages,
    pending,
    points,
    programs,
    proofs,
    rewards,
    rulebooks,
    segments,
    system,
    tiers,
    webhooks,
    what_if,
)
from api.http.body import MAX_BODY
from api.http.hot import hot
from api.http.metrics import Metrics
from api.http.observed import observed
from api.http.openapi import document
from api.http.problems import answer_problem
from api.wiring import Wired, wired
from application import collector
from infrastructure import logging
from infrastructure.settings import Settings
from infrastructure.settings import from_environment as settings_from_environment

HANDLERS: tuple[HTTPRouteHandler, ...] = (
    activities.record,
    activities.batch,
    activities.simulate,
    inbox.list_taken,
    inbox.retry_taken,
    inbox.read_taken,
    inbox.discard_taken,
    activities.find,
    activities.read,
    activities.explain,
    members.enrol,
    members.lookup,
    members.read,
    members.change,
    members.erase,
    members.set_status,
    members.read_history,
    members.read_lots,
    members.read_statement,
    members.read_expiring,
    members.read_badges,
    export.whole,
    tiers.set_floor,
    tiers.lift_floor,
    members.issue_code,
    members.use_code,
    members.read_referrals,
    points.return_activity,
    points.redeem,
    points.read_redemption,
    points.confirm,
    points.cancel,
    points.give_back,
    rewards.listing,
    rewards.create,
    rewards.read,
    rewards.change,
    points.adjust,
    moves.transfer,
    moves.reverse,
    moves.merge,
    households.form,
    households.read,
    households.change,
    households.contributions,
    households.join,
    households.leave,
    households.dissolve,
    points.reverse_adjustment,
    pending.activate,
    pending.cancel,
    lots.extend,
    lots.reinstate,
    offers.listing,
    offers.assign,
    offers.redeem_code,
    offers.of_member,
    leaderboards.listing,
    leaderboards.read,
    leaderboards.read_own,
    leaderboards.close,
    segments.listing,
    segments.read,
    rulebooks.create,
    rulebooks.listing,
    rulebooks.read,
    rulebooks.update,
    rulebooks.check,
    rulebooks.publish,
    rulebooks.diff,
    what_if.simulate,
    corrections.propose,
    corrections.read,
    corrections.as_csv,
    corrections.approve,
    audit.log,
    audit.member,
    audit.verify,
    access.listing,
    analytics.liability,
    analytics.estimates,
    analytics.estimate,
    analytics.breakage,
    analytics.movements,
    analytics.rules,
    analytics.arms,
    proofs.checkpoint,
    proofs.inclusion,
    proofs.consistency,
    proofs.bundle,
    proofs.keys,
    audit.job,
    what_if.as_table,
    audit.refusals,
    programs.create,
    programs.create_key,
    programs.list_keys,
    programs.revoke_key,
    programs.set_clock,
    programs.read_clock,
    webhooks.create,
    webhooks.listing,
    webhooks.read,
    webhooks.change,
    webhooks.remove,
    webhooks.rotate,
    webhooks.test,
    webhooks.deliveries,
    webhooks.redeliver,
    gateway.receive,
    gateway.create,
    gateway.listing,
    gateway.read,
    gateway.change_mapping,
    gateway.mappings,
    gateway.rotate,
    gateway.remove,
    gateway.check,
    gateway.letters,
    gateway.letter,
    gateway.claim,
    gateway.retry,
    notices.change,
    notices.read,
    notices.preview,
    notices.log,
    system.livez,
    system.readyz,
    system.metrics,
    pages.openapi,
    pages.asyncapi,
    pages.root,
    pages.docs,
    pages.docs_asset,
    pages.problem_page,
)
"""Every route there is."""


def create_app(settings: Settings) -> Litestar:
    """The application of one process. The database of `settings.database_url` is migrated by the caller."""
    metrics = Metrics()
    return assemble(partial(wired, settings, metrics), metrics)


def from_environment() -> Litestar:
    """The application for an ASGI server that is told where to find it."""
    settings = settings_from_environment()
    logging.configure(settings.log_level)
    app = create_app(settings)
    app.on_startup.append(collector.rest)
    return app


def assemble(wire: Callable[[], AbstractAsyncContextManager[Wired]], metrics: Metrics) -> Litestar:
    """The application over whatever `wire` opens, for as long as the application runs."""

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        async with wire() as parts:
            app.state.wired = parts
            yield

    app = Litestar(
        route_handlers=[*HANDLERS, CONSOLE],
        lifespan=[running],
        exception_handlers={Exception: answer_problem},
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.state.in_flight = set()
    app.state.metrics = metrics
    # Around the router, not a middleware of its routes: what finds no route is a request too.
    app.asgi_handler = observed(hot(app.asgi_handler, HANDLERS), metrics)
    app.state.openapi = document(HANDLERS, _version())
    app.state.asyncapi = asyncapi.document(_version())
    return app


def _version() -> str:
    try:
        return version("guerdon")
    except PackageNotFoundError:
        return "0"
