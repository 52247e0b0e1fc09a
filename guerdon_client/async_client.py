"""The client for asyncio: every route as a method. Generated; see `docs/client.py`."""

from collections.abc import AsyncIterator
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

import httpx2
from msgspec import UNSET, UnsetType

from guerdon_client import models
from guerdon_client.transport import AsyncTransport, Call, Patience, in_path, only_given


class AsyncClient:
    """A program of a server, through one of its keys.

    `patience` says how often to try again, `http` replaces the connections, for proxies and certificates of your own:
    then `timeout` is its matter.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 10.0,
        patience: Patience | None = None,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self._http = http if http is not None else httpx2.AsyncClient(timeout=timeout)
        self._http.base_url = httpx2.URL(url)
        self._http.headers["authorization"] = f"Bearer {key}"
        transport = AsyncTransport(self._http, patience or Patience())
        self.activities = AsyncActivities(transport)
        self.adjustments = AsyncAdjustments(transport)
        self.analytics = AsyncAnalytics(transport)
        self.audit = AsyncAudit(transport)
        self.clock = AsyncClock(transport)
        self.codes = AsyncCodes(transport)
        self.corrections = AsyncCorrections(transport)
        self.gateway = AsyncGateway(transport)
        self.households = AsyncHouseholds(transport)
        self.jobs = AsyncJobs(transport)
        self.keys = AsyncKeys(transport)
        self.leaderboards = AsyncLeaderboards(transport)
        self.log = AsyncLog(transport)
        self.lots = AsyncLots(transport)
        self.members = AsyncMembers(transport)
        self.merges = AsyncMerges(transport)
        self.notices = AsyncNotices(transport)
        self.offers = AsyncOffers(transport)
        self.pending = AsyncPending(transport)
        self.programs = AsyncPrograms(transport)
        self.redemptions = AsyncRedemptions(transport)
        self.refusals = AsyncRefusals(transport)
        self.returns = AsyncReturns(transport)
        self.rewards = AsyncRewards(transport)
        self.rulebooks = AsyncRulebooks(transport)
        self.segments = AsyncSegments(transport)
        self.transfers = AsyncTransfers(transport)
        self.webhooks = AsyncWebhooks(transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()


class AsyncActivities:
    """`/v1/activities`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self, *, source: str | None = None, id: str | None = None, at_least: int | None = None
    ) -> models.Activity:
        """Find an activity by source and id: `GET /v1/activities`.

        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/activities",
                answer=models.Activity,
                repeats="safe",
                query={"source": source, "id": id, "at_least": at_least},
            )
        )

    async def record(
        self,
        *,
        id: str,
        source: str,
        type: str,
        occurred_at: str,
        member: str | UnsetType | None = UNSET,
        member_email: str | UnsetType | None = UNSET,
        data: dict[str, Any] | UnsetType = UNSET,
        metadata: dict[str, Any] | UnsetType = UNSET,
        time_zone: str | UnsetType | None = UNSET,
        prefer: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Activity:
        """Record an activity: `POST /v1/activities`.

        Durable before it is answered. The same (source, id) again gives the first answer again. With `Prefer:
        respond-async` it is kept, answered with 202, and recorded soon after. Also takes CloudEvents 1.0:
        structured, batched (answered like a batch), and binary (`ce-` headers). Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/activities",
                answer=models.Activity,
                repeats="keyed",
                headers={"Prefer": prefer},
                body=only_given(
                    {
                        "id": id,
                        "source": source,
                        "type": type,
                        "occurred_at": occurred_at,
                        "member": member,
                        "member_email": member_email,
                        "data": data,
                        "metadata": metadata,
                        "time_zone": time_zone,
                    }
                ),
                key=idempotency_key,
            )
        )

    async def batch(
        self, *, items: list[dict[str, Any]], prefer: str | None = None, idempotency_key: str | None = None
    ) -> models.Batch:
        """Record many activities, each on its own: `POST /v1/activities/batch`.

        An array, or a line of JSON each (then the answer has a line for each). Up to 10,000. Activities of one
        member are recorded in the order given. One that is refused stops no other. With `Prefer: respond-async`
        they are kept, answered with 202, and recorded soon after. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/activities/batch",
                answer=models.Batch,
                repeats="keyed",
                headers={"Prefer": prefer},
                body=items,
                key=idempotency_key,
            )
        )

    async def list_taken(
        self,
        *,
        state: str | None = None,
        code: str | None = None,
        member: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.InboxList:
        """List activities that wait, or could not be recorded: `GET /v1/activities/inbox`.

        In the order in which they came. Parked ones are kept for 90 days. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/activities/inbox",
                answer=models.InboxList,
                repeats="safe",
                query={
                    "state": state,
                    "code": code,
                    "member": member,
                    "limit": limit,
                    "cursor": cursor,
                    "at_least": at_least,
                },
            )
        )

    async def iter_list_taken(
        self,
        *,
        state: str | None = None,
        code: str | None = None,
        member: str | None = None,
        limit: int | None = None,
        at_least: int | None = None,
    ) -> AsyncIterator[models.InboxEntry]:
        """Every item of `list_taken`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.list_taken(
                state=state, code=code, member=member, limit=limit, at_least=at_least, cursor=cursor
            )
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def retry_taken(
        self,
        *,
        inbox: list[str] | UnsetType | None = UNSET,
        code: str | UnsetType | None = UNSET,
        member: str | UnsetType | None = UNSET,
    ) -> models.Retried:
        """Try parked activities again: `POST /v1/activities/inbox/retry`.

        Those named by `inbox`, with a `code`, of a `member`, or all: 10,000 at once. They keep their place. Scope:
        operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/activities/inbox/retry",
                answer=models.Retried,
                repeats="once",
                body=only_given({"inbox": inbox, "code": code, "member": member}),
            )
        )

    async def discard_taken(self, entry: str) -> models.InboxEntry:
        """Discard a parked activity: `DELETE /v1/activities/inbox/{entry}`.

        The answer is what it was. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="DELETE", path=f"/v1/activities/inbox/{in_path(entry)}", answer=models.InboxEntry, repeats="once"
            )
        )

    async def read_taken(self, entry: str, *, at_least: int | None = None) -> models.InboxEntry:
        """What became of an activity that was taken: `GET /v1/activities/inbox/{entry}`.

        `recorded` for 7 days after it was, then it is found by its source and id alone. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/activities/inbox/{in_path(entry)}",
                answer=models.InboxEntry,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def simulate(
        self,
        *,
        id: str,
        source: str,
        type: str,
        occurred_at: str,
        member: str | UnsetType | None = UNSET,
        member_email: str | UnsetType | None = UNSET,
        data: dict[str, Any] | UnsetType = UNSET,
        metadata: dict[str, Any] | UnsetType = UNSET,
        time_zone: str | UnsetType | None = UNSET,
        rulebook: str | int | UnsetType | None = UNSET,
    ) -> models.Simulated:
        """Try an activity: `POST /v1/activities/simulate`.

        The answer it would get, with the explanation. Writes nothing. `rulebook` tries a draft (rb_7). Scope:
        client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/activities/simulate",
                answer=models.Simulated,
                repeats="safe",
                body=only_given(
                    {
                        "id": id,
                        "source": source,
                        "type": type,
                        "occurred_at": occurred_at,
                        "member": member,
                        "member_email": member_email,
                        "data": data,
                        "metadata": metadata,
                        "time_zone": time_zone,
                        "rulebook": rulebook,
                    }
                ),
            )
        )

    async def read(self, ref: str, *, at_least: int | None = None) -> models.Activity:
        """Read an activity: `GET /v1/activities/{ref}`.

        As it was answered when it was recorded. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/activities/{in_path(ref)}",
                answer=models.Activity,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def explain(self, ref: str, *, at_least: int | None = None) -> models.Explanation:
        """Why these points?: `GET /v1/activities/{ref}/explanation`.

        Decided again from the log under its pinned rulebook: each rule, each clause, each value. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/activities/{in_path(ref)}/explanation",
                answer=models.Explanation,
                repeats="safe",
                query={"at_least": at_least},
            )
        )


class AsyncAdjustments:
    """`/v1/adjustments`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def adjust(
        self,
        *,
        id: str,
        member: str,
        currency: str,
        points: int,
        reason: str,
        allow_negative: bool | UnsetType = UNSET,
        expires_at: str | UnsetType | None = UNSET,
        available_at: str | UnsetType | None = UNSET,
        available: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Adjusted:
        """Give or take points by hand: `POST /v1/adjustments`.

        With a reason, which the member's history shows. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/adjustments",
                answer=models.Adjusted,
                repeats="keyed",
                body=only_given(
                    {
                        "id": id,
                        "member": member,
                        "currency": currency,
                        "points": points,
                        "reason": reason,
                        "allow_negative": allow_negative,
                        "expires_at": expires_at,
                        "available_at": available_at,
                        "available": available,
                    }
                ),
                key=idempotency_key,
            )
        )

    async def reverse_adjustment(
        self, adjustment: str, *, force: bool | UnsetType = UNSET, idempotency_key: str | None = None
    ) -> models.AdjustmentReversed:
        """Reverse an adjustment: `POST /v1/adjustments/{adjustment}/reverse`.

        Once. Points that have moved on are only taken with `force`. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/adjustments/{in_path(adjustment)}/reverse",
                answer=models.AdjustmentReversed,
                repeats="keyed",
                body=only_given({"force": force}),
                key=idempotency_key,
            )
        )


class AsyncAnalytics:
    """`/v1/analytics`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def breakage(self, *, currency: str | None = None, at_least: int | None = None) -> models.Breakage:
        """Points by the month that earned them: `GET /v1/analytics/breakage`.

        What was redeemed by each age in months, and how it will end by the chain ladder. CSV by `Accept`. Scope:
        analyst.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/analytics/breakage",
                answer=models.Breakage,
                repeats="safe",
                query={"currency": currency, "at_least": at_least},
            )
        )

    async def arms(self, *, experiment: str | None = None, at_least: int | None = None) -> models.Experiments:
        """What came of the arms of experiments: `GET /v1/analytics/experiments`.

        Per member since the first exposure: activities, points granted, redeemed; 95 % intervals. CSV by `Accept`.
        Scope: analyst.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/analytics/experiments",
                answer=models.Experiments,
                repeats="safe",
                query={"experiment": experiment, "at_least": at_least},
            )
        )

    async def liability(
        self,
        *,
        currency: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        known_on: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.LiabilityDays:
        """What members can ask for, and what of it is revenue, day by day: `GET /v1/analytics/liability`.

        Days with something in them, in UTC. `restated` is what became known of a day after it. CSV by `Accept`.
        Scope: analyst.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/analytics/liability",
                answer=models.LiabilityDays,
                repeats="safe",
                query={
                    "currency": currency,
                    "from": from_,
                    "to": to,
                    "known_on": known_on,
                    "limit": limit,
                    "cursor": cursor,
                    "at_least": at_least,
                },
            )
        )

    async def iter_liability(
        self,
        *,
        currency: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        known_on: str | None = None,
        limit: int | None = None,
        at_least: int | None = None,
    ) -> AsyncIterator[models.LiabilityDay]:
        """Every item of `liability`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.liability(
                currency=currency, from_=from_, to=to, known_on=known_on, limit=limit, at_least=at_least, cursor=cursor
            )
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def estimates(
        self, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Estimates:
        """Estimates of breakage, every version: `GET /v1/analytics/liability/estimates`.

        Scope: analyst.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/analytics/liability/estimates",
                answer=models.Estimates,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_estimates(
        self, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.Estimate]:
        """Every item of `estimates`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.estimates(limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def estimate(
        self,
        *,
        currency: str,
        redeemed_share: str,
        deferred_per_point: str,
        effective_on: str | UnsetType | None = UNSET,
        reason: str | UnsetType = UNSET,
    ) -> models.EstimateMade:
        """State how many points will be redeemed: `POST /v1/analytics/liability/estimates`.

        A fact of the program from a day on; earlier versions stay. What it changes is caught up on that day. Scope:
        admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/analytics/liability/estimates",
                answer=models.EstimateMade,
                repeats="once",
                body=only_given(
                    {
                        "currency": currency,
                        "redeemed_share": redeemed_share,
                        "deferred_per_point": deferred_per_point,
                        "effective_on": effective_on,
                        "reason": reason,
                    }
                ),
            )
        )

    async def movements(
        self,
        *,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.Page:
        """Double-entry lines in the order of the log: `GET /v1/analytics/movements`.

        Every pair of lines sums to zero. Members are named by their streams. CSV by `Accept`. Scope: analyst.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/analytics/movements",
                answer=models.Page,
                repeats="safe",
                query={"after": after, "before": before, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_movements(
        self,
        *,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        limit: int | None = None,
        at_least: int | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `movements`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.movements(after=after, before=before, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def rules(
        self,
        *,
        from_: str | None = None,
        to: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.Page:
        """What each rule did on each day: `GET /v1/analytics/rules`.

        Awards, what they wanted and were granted, how often they were cut, failures. CSV by `Accept`. Scope:
        analyst.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/analytics/rules",
                answer=models.Page,
                repeats="safe",
                query={"from": from_, "to": to, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_rules(
        self, *, from_: str | None = None, to: str | None = None, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `rules`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.rules(from_=from_, to=to, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return


class AsyncAudit:
    """`/v1/audit`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def listing(
        self,
        *,
        member: str | None = None,
        actor: str | None = None,
        after: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.AccessList:
        """Who looked at members, and who administered: `GET /v1/audit/access`.

        The newest first: reads by operators, auditors and in the console, and administrative acts. Scope: auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/audit/access",
                answer=models.AccessList,
                repeats="safe",
                query={
                    "member": member,
                    "actor": actor,
                    "after": after,
                    "limit": limit,
                    "cursor": cursor,
                    "at_least": at_least,
                },
            )
        )

    async def iter_listing(
        self,
        *,
        member: str | None = None,
        actor: str | None = None,
        after: datetime | str | None = None,
        limit: int | None = None,
        at_least: int | None = None,
    ) -> AsyncIterator[models.Access]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(
                member=member, actor=actor, after=after, limit=limit, at_least=at_least, cursor=cursor
            )
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def checkpoint(self, *, at_least: int | None = None) -> models.SignedCheckpoint:
        """What the log commits itself to: `GET /v1/audit/checkpoint`.

        The size and the root of the program's tree, signed. Kept elsewhere, it holds the log to what it is now.
        Scope: auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/audit/checkpoint",
                answer=models.SignedCheckpoint,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def consistency(
        self, *, from_: str | None = None, to: str | None = None, at_least: int | None = None
    ) -> models.Consistency:
        """Prove that the log has only grown: `GET /v1/audit/consistency`.

        The hashes that lead from the root of an older checkpoint to that of a newer one. Scope: auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/audit/consistency",
                answer=models.Consistency,
                repeats="safe",
                query={"from": from_, "to": to, "at_least": at_least},
            )
        )

    async def inclusion(self, *, position: str | None = None, at_least: int | None = None) -> models.Inclusion:
        """Prove that an entry is in the log: `GET /v1/audit/inclusion`.

        The hashes that lead from an entry to the root of a signed checkpoint. A new entry is waited for. Scope:
        auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/audit/inclusion",
                answer=models.Inclusion,
                repeats="safe",
                query={"position": position, "at_least": at_least},
            )
        )

    async def keys(self, *, at_least: int | None = None) -> models.PublicKeys:
        """The keys that sign checkpoints: `GET /v1/audit/keys`.

        Public keys, the oldest first. What a key signed before it was retired stays signed. Scope: auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/audit/keys",
                answer=models.PublicKeys,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def member(
        self,
        member: str,
        *,
        as_of: datetime | str | None = None,
        known_at: datetime | str | None = None,
        at_least: int | None = None,
    ) -> models.AuditedMember:
        """A member's entries, and the state they lead to: `GET /v1/audit/members/{member}`.

        Folded from the log on each request, never from a cache. Scope: auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/audit/members/{in_path(member)}",
                answer=models.AuditedMember,
                repeats="safe",
                query={"as_of": as_of, "known_at": known_at, "at_least": at_least},
            )
        )

    async def bundle(self, member: str, *, at_least: int | None = None) -> models.Bundle:
        """A member's proof in one file: `GET /v1/audit/members/{member}/bundle`.

        Stored bytes, rulebooks, proofs and a signed checkpoint: checked offline by `guerdon audit check-bundle`, or
        by a script that needs nothing but Python. A new entry is waited for. Scope: auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/audit/members/{in_path(member)}/bundle",
                answer=models.Bundle,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def verify(self) -> models.JobStarted:
        """Verify the whole log: `POST /v1/audit/verify`.

        Every digest, every fold, every decision made again under its pinned rules. A job: look at /v1/jobs/{id}.
        Scope: auditor.
        """
        return await self._transport.send(
            Call(method="POST", path="/v1/audit/verify", answer=models.JobStarted, repeats="safe")
        )


class AsyncClock:
    """`/v1/clock`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def read_clock(self, *, at_least: int | None = None) -> models.ClockAnswer:
        """Read the program's clock: `GET /v1/clock`.

        The instant that requests are recorded at: real time, or what a sandbox was set to. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET", path="/v1/clock", answer=models.ClockAnswer, repeats="safe", query={"at_least": at_least}
            )
        )

    async def set_clock(self, *, now: str) -> models.ClockAnswer:
        """Set a sandbox's clock: `POST /v1/clock`.

        Forward only. What falls due by then (expiries, activations, reviews) is written down before the answer.
        Leaderboards whose period is over are closed, too, if that is done in two seconds; else shortly after.
        Scope: operator.
        """
        return await self._transport.send(
            Call(method="POST", path="/v1/clock", answer=models.ClockAnswer, repeats="once", body={"now": now})
        )


class AsyncCodes:
    """`/v1/codes`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def redeem_code(
        self,
        *,
        code: str,
        member: str,
        campaign: str | UnsetType | None = UNSET,
        at: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.CodeRedeemed:
        """Use the code of a coupon, or of a unit of a reward: `POST /v1/codes/redeem`.

        A coupon's for the first slot it is good for, a unit's once. Refused, nothing is done: the code stays as it
        is. Who tries codes in vain waits longer each time; `Retry-After` says how long. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/codes/redeem",
                answer=models.CodeRedeemed,
                repeats="keyed",
                body=only_given({"code": code, "member": member, "campaign": campaign, "at": at}),
                key=idempotency_key,
            )
        )


class AsyncCorrections:
    """`/v1/corrections`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def propose(
        self,
        *,
        rulebook: str | int | UnsetType | None = UNSET,
        from_: str | UnsetType | None = UNSET,
        to: str | UnsetType | None = UNSET,
        rules: list[str] | UnsetType = UNSET,
        members: list[str] | UnsetType = UNSET,
        cascade: Literal["none", "to_now"] | UnsetType = UNSET,
        reverses: str | UnsetType | None = UNSET,
        reason: str | UnsetType = UNSET,
    ) -> models.CorrectionStarted:
        """Try dry what other rules would correct: `POST /v1/corrections`.

        Decide a window again under a draft or a version; nothing of a member's is written. A job: see
        /v1/jobs/{id}. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/corrections",
                answer=models.CorrectionStarted,
                repeats="once",
                body=only_given(
                    {
                        "rulebook": rulebook,
                        "from": from_,
                        "to": to,
                        "rules": rules,
                        "members": members,
                        "cascade": cascade,
                        "reverses": reverses,
                        "reason": reason,
                    }
                ),
            )
        )

    async def read(
        self, correction: str, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Correction:
        """Look at a correction: `GET /v1/corrections/{correction}`.

        How far it is, its sums, and a page of what it changes, by activity and rule. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/corrections/{in_path(correction)}",
                answer=models.Correction,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_read(
        self, correction: str, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.Corrected]:
        """Every item of `read`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.read(correction, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def approve(self, correction: str) -> models.CorrectionStarted:
        """Approve a correction, and have it applied: `POST /v1/corrections/{correction}/approve`.

        By somebody other than its proposer. A job, which is started again by approving again where it was broken
        off. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/corrections/{in_path(correction)}/approve",
                answer=models.CorrectionStarted,
                repeats="once",
            )
        )

    async def as_csv(self, correction: str, *, at_least: int | None = None) -> str:
        """All that a correction changes, as CSV: `GET /v1/corrections/{correction}/csv`.

        One line per activity and rule. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/corrections/{in_path(correction)}/csv",
                answer=str,
                repeats="safe",
                query={"at_least": at_least},
            )
        )


class AsyncGateway:
    """`/v1/gateway`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def check(
        self,
        *,
        mapping: str | dict[str, Any],
        headers: dict[str, str] | UnsetType = UNSET,
        body: Any | UnsetType = UNSET,
    ) -> models.GatewayChecked:
        """Check a mapping, and try it on a message: `POST /v1/gateway/check`.

        Findings, and what the message would mean. Nothing is written, and no signature is looked at. Scope:
        operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/gateway/check",
                answer=models.GatewayChecked,
                repeats="safe",
                body=only_given({"mapping": mapping, "headers": headers, "body": body}),
            )
        )

    async def letters(
        self,
        *,
        state: str | None = None,
        source: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.LetterList:
        """What was taken in, and what became of it: `GET /v1/gateway/inbox`.

        The latest first. Recorded letters are kept for 30 days. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/gateway/inbox",
                answer=models.LetterList,
                repeats="safe",
                query={"state": state, "source": source, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_letters(
        self,
        *,
        state: str | None = None,
        source: str | None = None,
        limit: int | None = None,
        at_least: int | None = None,
    ) -> AsyncIterator[models.Letter]:
        """Every item of `letters`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.letters(state=state, source=source, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def letter(self, letter: str, *, at_least: int | None = None) -> models.LetterShown:
        """Read a letter: `GET /v1/gateway/inbox/{letter}`.

        With what it says, as long as that is kept. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/gateway/inbox/{in_path(letter)}",
                answer=models.LetterShown,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def claim(self, letter: str, *, member: str) -> models.Letter:
        """Give a letter's activity to a member: `POST /v1/gateway/inbox/{letter}/claim`.

        It earns as of its own time. Once: a letter that is recorded is closed. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/gateway/inbox/{in_path(letter)}/claim",
                answer=models.Letter,
                repeats="once",
                body={"member": member},
            )
        )

    async def retry(self, letter: str) -> models.Letter:
        """Try a letter again: `POST /v1/gateway/inbox/{letter}/retry`.

        One that waits or is dead, by the mapping and the rules of now. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/gateway/inbox/{in_path(letter)}/retry",
                answer=models.Letter,
                repeats="once",
                body={},
            )
        )

    async def listing(
        self, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.GatewaySourceList:
        """List sources: `GET /v1/gateway/sources`.

        With the mapping in use, without secrets. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/gateway/sources",
                answer=models.GatewaySourceList,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_listing(
        self, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.GatewaySource]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def create(self, *, name: str, mapping: str | dict[str, Any], secret: str) -> models.GatewaySource:
        """Take in messages of another system: `POST /v1/gateway/sources`.

        The answer holds the `address` to give to the sender. The secret is never shown again. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/gateway/sources",
                answer=models.GatewaySource,
                repeats="once",
                body={"name": name, "mapping": mapping, "secret": secret},
            )
        )

    async def remove(self, source: str) -> models.GatewaySource:
        """Delete a source: `DELETE /v1/gateway/sources/{source}`.

        With all its letters. What they became stays. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="DELETE",
                path=f"/v1/gateway/sources/{in_path(source)}",
                answer=models.GatewaySource,
                repeats="once",
            )
        )

    async def read(self, source: str, *, at_least: int | None = None) -> models.GatewaySource:
        """Read a source: `GET /v1/gateway/sources/{source}`.

        With the mapping in use. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/gateway/sources/{in_path(source)}",
                answer=models.GatewaySource,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def change_mapping(self, source: str, *, mapping: str | dict[str, Any]) -> models.GatewaySource:
        """Read a source's messages in another way: `PUT /v1/gateway/sources/{source}/mapping`.

        From now on; the one before is kept under its number. Letters that wait are read by the new one, too. Scope:
        admin.
        """
        return await self._transport.send(
            Call(
                method="PUT",
                path=f"/v1/gateway/sources/{in_path(source)}/mapping",
                answer=models.GatewaySource,
                repeats="once",
                body={"mapping": mapping},
            )
        )

    async def mappings(
        self, source: str, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Page:
        """Every mapping a source has had: `GET /v1/gateway/sources/{source}/mappings`.

        The latest first, whole. The log names them as `gateway:SOURCE@NUMBER`. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/gateway/sources/{in_path(source)}/mappings",
                answer=models.Page,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_mappings(
        self, source: str, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `mappings`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.mappings(source, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def rotate(
        self, source: str, *, secret: str, overlap_seconds: int | UnsetType = UNSET
    ) -> models.GatewaySource:
        """Give a source another secret: `POST /v1/gateway/sources/{source}/secret`.

        For a while messages signed with the old one are taken, too. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/gateway/sources/{in_path(source)}/secret",
                answer=models.GatewaySource,
                repeats="once",
                body=only_given({"secret": secret, "overlap_seconds": overlap_seconds}),
            )
        )


class AsyncHouseholds:
    """`/v1/households`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def form(
        self,
        *,
        id: str,
        spenders: Literal["all", "owner"] | UnsetType = UNSET,
        leaving: Literal["stay", "take"] | UnsetType = UNSET,
        limit: models.LimitBody | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.HouseholdWritten:
        """Form a household: `POST /v1/households`.

        It is an account with a pool of points. Nobody belongs to it yet; its id is one of the ids of members.
        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/households",
                answer=models.HouseholdWritten,
                repeats="keyed",
                body=only_given({"id": id, "spenders": spenders, "leaving": leaving, "limit": limit}),
                key=idempotency_key,
            )
        )

    async def read(self, household: str, *, at_least: int | None = None) -> models.Household:
        """Read a household: `GET /v1/households/{household}`.

        Who belongs to it and has put in how much, and what is in the pool now. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/households/{in_path(household)}",
                answer=models.Household,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def change(
        self,
        household: str,
        *,
        spenders: Literal["all", "owner"] | UnsetType = UNSET,
        leaving: Literal["stay", "take"] | UnsetType = UNSET,
        limit: models.LimitBody | UnsetType | None = UNSET,
        owner: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.HouseholdWritten:
        """Put a household on other terms: `PATCH /v1/households/{household}`.

        All terms at once: what is left out is as at first, but for the `owner`, who stays. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="PATCH",
                path=f"/v1/households/{in_path(household)}",
                answer=models.HouseholdWritten,
                repeats="keyed",
                body=only_given({"spenders": spenders, "leaving": leaving, "limit": limit, "owner": owner}),
                key=idempotency_key,
            )
        )

    async def contributions(
        self, household: str, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Contributions:
        """List what was put into a household's pool: `GET /v1/households/{household}/contributions`.

        Who put in what, from which lot, when it ends, and what is left of it; oldest first. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/households/{in_path(household)}/contributions",
                answer=models.Contributions,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_contributions(
        self, household: str, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.Contribution]:
        """Every item of `contributions`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.contributions(household, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def dissolve(
        self, household: str, *, reason: str | UnsetType = UNSET, idempotency_key: str | None = None
    ) -> models.HouseholdGone:
        """Dissolve a household: `POST /v1/households/{household}/dissolve`.

        Everybody leaves, the owner last, and the account is closed. Refused while points are held. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/households/{in_path(household)}/dissolve",
                answer=models.HouseholdGone,
                repeats="keyed",
                body=only_given({"reason": reason}),
                key=idempotency_key,
            )
        )

    async def join(
        self,
        household: str,
        *,
        member: str,
        role: Literal["member", "owner"] | UnsetType = UNSET,
        idempotency_key: str | None = None,
    ) -> models.HouseholdJoined:
        """Take a member into a household: `POST /v1/households/{household}/join`.

        Of one household at a time (`in-household`); a household has at most one owner (`has-owner`). Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/households/{in_path(household)}/join",
                answer=models.HouseholdJoined,
                repeats="keyed",
                body=only_given({"member": member, "role": role}),
                key=idempotency_key,
            )
        )

    async def leave(self, household: str, *, member: str, idempotency_key: str | None = None) -> models.HouseholdLeft:
        """Let a member leave a household: `POST /v1/households/{household}/leave`.

        With what is left of its own points, if the terms say `take`; the last one takes all that is left. Scope:
        client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/households/{in_path(household)}/leave",
                answer=models.HouseholdLeft,
                repeats="keyed",
                body={"member": member},
                key=idempotency_key,
            )
        )


class AsyncJobs:
    """`/v1/jobs`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def job(self, job: str, *, at_least: int | None = None) -> models.Job:
        """Look at a job: `GET /v1/jobs/{job}`.

        Long work: how far it is, and what came of it. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/jobs/{in_path(job)}",
                answer=models.Job,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def as_table(self, job: str, *, table: str | None = None, at_least: int | None = None) -> str:
        """A table of what came of a what-if, as CSV: `GET /v1/jobs/{job}/csv`.

        Once the job is done. Pairs of numbers are columns `..._recorded` and `..._tried`. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/jobs/{in_path(job)}/csv",
                answer=str,
                repeats="safe",
                query={"table": table, "at_least": at_least},
            )
        )


class AsyncKeys:
    """`/v1/keys`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list_keys(
        self,
        *,
        program: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.KeyList:
        """List keys: `GET /v1/keys`.

        Keys of the program, revoked ones too, without the keys themselves. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/keys",
                answer=models.KeyList,
                repeats="safe",
                query={"program": program, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_list_keys(
        self, *, program: str | None = None, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.KeyShown]:
        """Every item of `list_keys`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.list_keys(program=program, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def create_key(
        self,
        *,
        scopes: list[str],
        name: str | UnsetType = UNSET,
        program: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.KeyMade:
        """Make a key: `POST /v1/keys`.

        The answer holds the key itself, which is shown this one time: only its hash is stored. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/keys",
                answer=models.KeyMade,
                repeats="keyed",
                body=only_given({"scopes": scopes, "name": name, "program": program}),
                key=idempotency_key,
            )
        )

    async def revoke_key(self, key_id: str) -> models.KeyShown:
        """Revoke a key: `DELETE /v1/keys/{key_id}`.

        Once this is answered, the key opens nothing. It takes a second. Revoking again changes nothing. Scope:
        admin.
        """
        return await self._transport.send(
            Call(method="DELETE", path=f"/v1/keys/{in_path(key_id)}", answer=models.KeyShown, repeats="once")
        )


class AsyncLeaderboards:
    """`/v1/leaderboards`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def listing(
        self, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Page:
        """List leaderboards: `GET /v1/leaderboards`.

        Those of the newest rulebook, and older ones that have boards; `boards` are the values of `by` so far.
        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/leaderboards",
                answer=models.Page,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_listing(
        self, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def read(
        self,
        board: str,
        *,
        by: str | None = None,
        period: str | None = None,
        as_of: datetime | str | None = None,
        known_at: datetime | str | None = None,
        restated: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.Board:
        """Read a leaderboard: `GET /v1/leaderboards/{board}`.

        `board` is a leaderboard's id, or directly the name of one of its boards. A member who was erased, or whose
        consents say `leaderboard: false`, keeps the place without id and name. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/leaderboards/{in_path(board)}",
                answer=models.Board,
                repeats="safe",
                query={
                    "by": by,
                    "period": period,
                    "as_of": as_of,
                    "known_at": known_at,
                    "restated": restated,
                    "limit": limit,
                    "cursor": cursor,
                    "at_least": at_least,
                },
            )
        )

    async def iter_read(
        self,
        board: str,
        *,
        by: str | None = None,
        period: str | None = None,
        as_of: datetime | str | None = None,
        known_at: datetime | str | None = None,
        restated: str | None = None,
        limit: int | None = None,
        at_least: int | None = None,
    ) -> AsyncIterator[models.Standing]:
        """Every item of `read`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.read(
                board,
                by=by,
                period=period,
                as_of=as_of,
                known_at=known_at,
                restated=restated,
                limit=limit,
                at_least=at_least,
                cursor=cursor,
            )
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def close(
        self,
        board: str,
        *,
        period: str | UnsetType | None = UNSET,
        by: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.BoardClosed:
        """Close a leaderboard's period: `POST /v1/leaderboards/{board}/close`.

        Freezes the board and pays its prizes. What comes later changes neither; closing again answers the same.
        Calendar periods close by themselves when they are over. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/leaderboards/{in_path(board)}/close",
                answer=models.BoardClosed,
                repeats="keyed",
                body=only_given({"period": period, "by": by}),
                key=idempotency_key,
            )
        )

    async def read_own(
        self,
        board: str,
        member: str,
        *,
        neighbours: str | None = None,
        by: str | None = None,
        period: str | None = None,
        as_of: datetime | str | None = None,
        known_at: datetime | str | None = None,
        restated: str | None = None,
        at_least: int | None = None,
    ) -> models.OwnPlace:
        """A member's own place on a leaderboard: `GET /v1/leaderboards/{board}/members/{member}`.

        With the rows around it. `rank` is null for a member who is not on the board. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/leaderboards/{in_path(board)}/members/{in_path(member)}",
                answer=models.OwnPlace,
                repeats="safe",
                query={
                    "neighbours": neighbours,
                    "by": by,
                    "period": period,
                    "as_of": as_of,
                    "known_at": known_at,
                    "restated": restated,
                    "at_least": at_least,
                },
            )
        )


class AsyncLog:
    """`/v1/log`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def log(
        self,
        *,
        after: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.Page:
        """Read the log: `GET /v1/log`.

        Entries of the program in order of position, each as it is stored, with its digest in hex. Scope: auditor.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/log",
                answer=models.Page,
                repeats="safe",
                query={"after": after, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_log(
        self, *, after: datetime | str | None = None, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `log`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.log(after=after, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return


class AsyncLots:
    """`/v1/lots`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def extend(
        self, *, member: str, lots: list[str], expires_at: str, reason: str, idempotency_key: str | None = None
    ) -> models.Lots:
        """Let open lots end later: `POST /v1/lots/extend`.

        Open lots end at `expires_at`, which is later than they did. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/lots/extend",
                answer=models.Lots,
                repeats="keyed",
                body={"member": member, "lots": lots, "expires_at": expires_at, "reason": reason},
                key=idempotency_key,
            )
        )

    async def reinstate(
        self, *, member: str, lots: list[str], expires_at: str, reason: str, idempotency_key: str | None = None
    ) -> models.Lots:
        """Bring expired lots back: `POST /v1/lots/reinstate`.

        What expired of lots can be spent again until `expires_at`. It repays debt first. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/lots/reinstate",
                answer=models.Lots,
                repeats="keyed",
                body={"member": member, "lots": lots, "expires_at": expires_at, "reason": reason},
                key=idempotency_key,
            )
        )


class AsyncMembers:
    """`/v1/members`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def enrol(
        self,
        *,
        id: str,
        external_ids: list[str] | dict[str, str] | UnsetType | None = UNSET,
        email: str | UnsetType | None = UNSET,
        profile: dict[str, Any] | UnsetType | None = UNSET,
        attributes: dict[str, Any] | UnsetType = UNSET,
        consents: dict[str, bool] | UnsetType = UNSET,
        time_zone: str | UnsetType | None = UNSET,
        referral_code: str | UnsetType | None = UNSET,
        enrolled_at: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Enrolled:
        """Enrol a member: `POST /v1/members`.

        Enrolling is an activity of the type `member.enrolled`, so rules may award points for it. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/members",
                answer=models.Enrolled,
                repeats="keyed",
                body=only_given(
                    {
                        "id": id,
                        "external_ids": external_ids,
                        "email": email,
                        "profile": profile,
                        "attributes": attributes,
                        "consents": consents,
                        "time_zone": time_zone,
                        "referral_code": referral_code,
                        "enrolled_at": enrolled_at,
                    }
                ),
                key=idempotency_key,
            )
        )

    async def lookup(
        self, *, email: str | UnsetType | None = UNSET, external_id: str | UnsetType | None = UNSET
    ) -> models.Member:
        """Find a member by e-mail address or external id: `POST /v1/members/lookup`.

        In the body, not in the address: addresses end up in logs. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/members/lookup",
                answer=models.Member,
                repeats="safe",
                body=only_given({"email": email, "external_id": external_id}),
            )
        )

    async def erase(self, member: str, *, idempotency_key: str | None = None) -> models.MemberErased:
        """Erase a member: `DELETE /v1/members/{member}`.

        Destroys the key of the personal fields. What was earned stays counted; the id may be used again. Scope:
        admin.
        """
        return await self._transport.send(
            Call(
                method="DELETE",
                path=f"/v1/members/{in_path(member)}",
                answer=models.MemberErased,
                repeats="keyed",
                key=idempotency_key,
            )
        )

    async def read(
        self,
        member: str,
        *,
        as_of: datetime | str | None = None,
        known_at: datetime | str | None = None,
        at_least: int | None = None,
    ) -> models.Member:
        """Read a member: `GET /v1/members/{member}`.

        Always current: also what was written a moment ago, and what time has made true since. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}",
                answer=models.Member,
                repeats="safe",
                query={"as_of": as_of, "known_at": known_at, "at_least": at_least},
            )
        )

    async def change(
        self,
        member: str,
        *,
        external_ids: list[str] | dict[str, str] | UnsetType | None = UNSET,
        email: str | UnsetType | None = UNSET,
        profile: dict[str, Any] | UnsetType | None = UNSET,
        attributes: dict[str, Any] | UnsetType | None = UNSET,
        consents: dict[str, bool] | UnsetType | None = UNSET,
        time_zone: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.MemberWritten:
        """Change a member: `PATCH /v1/members/{member}`.

        What is given is replaced, what is left out stays. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="PATCH",
                path=f"/v1/members/{in_path(member)}",
                answer=models.MemberWritten,
                repeats="keyed",
                body=only_given(
                    {
                        "external_ids": external_ids,
                        "email": email,
                        "profile": profile,
                        "attributes": attributes,
                        "consents": consents,
                        "time_zone": time_zone,
                    }
                ),
                key=idempotency_key,
            )
        )

    async def read_badges(
        self, member: str, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Page:
        """Badges a member was granted: `GET /v1/members/{member}/badges`.

        Oldest first; `state` is held or revoked. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/badges",
                answer=models.Page,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_read_badges(
        self, member: str, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `read_badges`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.read_badges(member, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def read_expiring(
        self, member: str, *, until: datetime | str | None = None, at_least: int | None = None
    ) -> models.Expiring:
        """What will expire, and when: `GET /v1/members/{member}/expiring`.

        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/expiring",
                answer=models.Expiring,
                repeats="safe",
                query={"until": until, "at_least": at_least},
            )
        )

    async def whole(self, member: str, *, at_least: int | None = None) -> models.Export:
        """All that is kept about a member: `GET /v1/members/{member}/export`.

        In the clear: profile and consents as they were and are, sentences, lots, redemptions, codes, activities.
        Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/export",
                answer=models.Export,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def read_history(
        self,
        member: str,
        *,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.Page:
        """What happened to a member, as sentences: `GET /v1/members/{member}/history`.

        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/history",
                answer=models.Page,
                repeats="safe",
                query={
                    "after": after,
                    "before": before,
                    "kind": kind,
                    "limit": limit,
                    "cursor": cursor,
                    "at_least": at_least,
                },
            )
        )

    async def iter_read_history(
        self,
        member: str,
        *,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        at_least: int | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `read_history`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.read_history(
                member, after=after, before=before, kind=kind, limit=limit, at_least=at_least, cursor=cursor
            )
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def read_lots(
        self, member: str, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Page:
        """A member's lots of points: `GET /v1/members/{member}/lots`.

        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/lots",
                answer=models.Page,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_read_lots(
        self, member: str, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `read_lots`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.read_lots(member, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def of_member(
        self, member: str, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Page:
        """A member's offers: `GET /v1/members/{member}/offers`.

        Every slot there ever was, in the order of assignment, with how far it came. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/offers",
                answer=models.Page,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_of_member(
        self, member: str, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `of_member`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.of_member(member, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def use_code(self, member: str, *, code: str, idempotency_key: str | None = None) -> models.Referred:
        """Note whose code a member came with: `POST /v1/members/{member}/referral`.

        For members who are there already; who enrols gives it as `referral_code`. A member comes with one code
        only. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/members/{in_path(member)}/referral",
                answer=models.Referred,
                repeats="keyed",
                body={"code": code},
                key=idempotency_key,
            )
        )

    async def issue_code(self, member: str, *, idempotency_key: str | None = None) -> models.ReferralCode:
        """Give a member a code to bring friends with: `POST /v1/members/{member}/referral-codes`.

        A member has one code, for all referrals of the rulebook: asked again, the answer is the same, with 200.
        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/members/{in_path(member)}/referral-codes",
                answer=models.ReferralCode,
                repeats="keyed",
                key=idempotency_key,
            )
        )

    async def read_referrals(
        self, member: str, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Referrals:
        """What a member's code has brought: `GET /v1/members/{member}/referrals`.

        Oldest first, without naming a friend; `state` is rewarded, taken_back or passed_over. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/referrals",
                answer=models.Referrals,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_read_referrals(
        self, member: str, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `read_referrals`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.read_referrals(member, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def read_statement(
        self,
        member: str,
        *,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        at_least: int | None = None,
    ) -> models.Statement:
        """Opening balance, movements, closing balance: `GET /v1/members/{member}/statement`.

        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/members/{in_path(member)}/statement",
                answer=models.Statement,
                repeats="safe",
                query={"start": start, "end": end, "at_least": at_least},
            )
        )

    async def set_status(
        self, member: str, *, status: str, reason: str, idempotency_key: str | None = None
    ) -> models.MemberWritten:
        """Suspend, close or reactivate a member: `POST /v1/members/{member}/status`.

        A member who is not active neither earns nor spends. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/members/{in_path(member)}/status",
                answer=models.MemberWritten,
                repeats="keyed",
                body={"status": status, "reason": reason},
                key=idempotency_key,
            )
        )

    async def lift_floor(
        self, member: str, tier_set: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> models.MemberWritten:
        """Lift the floor under a member's level: `DELETE /v1/members/{member}/tiers/{tier_set}/floor`.

        Who was held by it alone stands where its counters say, at once. Without a floor, nothing changes. Scope:
        operator.
        """
        return await self._transport.send(
            Call(
                method="DELETE",
                path=f"/v1/members/{in_path(member)}/tiers/{in_path(tier_set)}/floor",
                answer=models.MemberWritten,
                repeats="keyed",
                query={"reason": reason},
                key=idempotency_key,
            )
        )

    async def set_floor(
        self,
        member: str,
        tier_set: str,
        *,
        level: str,
        reason: str,
        until: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.MemberWritten:
        """Set a level below which a member does not fall: `PUT /v1/members/{member}/tiers/{tier_set}/floor`.

        Until an instant or for good, in place of a floor that is there. Who is below is raised at once. Scope:
        operator.
        """
        return await self._transport.send(
            Call(
                method="PUT",
                path=f"/v1/members/{in_path(member)}/tiers/{in_path(tier_set)}/floor",
                answer=models.MemberWritten,
                repeats="keyed",
                body=only_given({"level": level, "reason": reason, "until": until}),
                key=idempotency_key,
            )
        )


class AsyncMerges:
    """`/v1/merges`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def merge(self, *, id: str, survivor: str, loser: str, idempotency_key: str | None = None) -> models.Merged:
        """Merge a member into another: `POST /v1/merges`.

        For good. The survivor has all that both had; the loser's id is another name of the survivor from then on.
        Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/merges",
                answer=models.Merged,
                repeats="keyed",
                body={"id": id, "survivor": survivor, "loser": loser},
                key=idempotency_key,
            )
        )


class AsyncNotices:
    """`/v1/notices`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def read(self, *, at_least: int | None = None) -> models.Notices:
        """Read what members are told: `GET /v1/notices`.

        `document` is null while nobody is told anything. Scope: operator.
        """
        return await self._transport.send(
            Call(method="GET", path="/v1/notices", answer=models.Notices, repeats="safe", query={"at_least": at_least})
        )

    async def change(
        self,
        *,
        from_: str,
        kinds: list[str] | UnsetType = UNSET,
        consent: str | UnsetType = UNSET,
        locale: str | UnsetType = UNSET,
        locale_attribute: str | UnsetType = UNSET,
        quiet: models.Quiet | UnsetType | None = UNSET,
        expiring_days: int | UnsetType = UNSET,
        templates: dict[str, dict[str, models.Words]] | UnsetType = UNSET,
    ) -> models.Notices:
        """Say what members are told: `PUT /v1/notices`.

        The whole document. Members are told of what is written from the first one on. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="PUT",
                path="/v1/notices",
                answer=models.Notices,
                repeats="once",
                body=only_given(
                    {
                        "from": from_,
                        "kinds": kinds,
                        "consent": consent,
                        "locale": locale,
                        "locale_attribute": locale_attribute,
                        "quiet": quiet,
                        "expiring_days": expiring_days,
                        "templates": templates,
                    }
                ),
            )
        )

    async def log(
        self,
        *,
        state: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.NoticeList:
        """What was and is to be told: `GET /v1/notices/log`.

        The latest first, with the reason of what was not sent. Kept for 30 days. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/notices/log",
                answer=models.NoticeList,
                repeats="safe",
                query={"state": state, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_log(
        self, *, state: str | None = None, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.NoticeShown]:
        """Every item of `log`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.log(state=state, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def preview(
        self, *, kind: str, locale: str | UnsetType = UNSET, words: models.Words | UnsetType | None = UNSET
    ) -> models.NoticePreview:
        """Try the words of a notice: `POST /v1/notices/preview`.

        With made-up numbers. Nothing is sent. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/notices/preview",
                answer=models.NoticePreview,
                repeats="safe",
                body=only_given({"kind": kind, "locale": locale, "words": words}),
            )
        )


class AsyncOffers:
    """`/v1/offers`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def listing(
        self,
        *,
        member: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.Page:
        """List offers: `GET /v1/offers`.

        Those of the rulebook in force. Codes of coupons are not told. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/offers",
                answer=models.Page,
                repeats="safe",
                query={"member": member, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_listing(
        self, *, member: str | None = None, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(member=member, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def assign(
        self, offer: str, *, member: str, at: str | UnsetType | None = UNSET, idempotency_key: str | None = None
    ) -> models.OfferAssigned:
        """Assign an offer to a member: `POST /v1/offers/{offer}/assignments`.

        Opens a slot, also where another one of the same offer is open. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/offers/{in_path(offer)}/assignments",
                answer=models.OfferAssigned,
                repeats="keyed",
                body=only_given({"member": member, "at": at}),
                key=idempotency_key,
            )
        )


class AsyncPending:
    """`/v1/pending`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def activate(
        self,
        *,
        member: str,
        lots: list[str] | UnsetType | None = UNSET,
        activity: models.ActivityName | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Pending:
        """Make pending points spendable: `POST /v1/pending/activate`.

        Some lots, or what an activity earned. A lot that waited for this begins its life now. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/pending/activate",
                answer=models.Pending,
                repeats="keyed",
                body=only_given({"member": member, "lots": lots, "activity": activity}),
                key=idempotency_key,
            )
        )

    async def cancel(
        self,
        *,
        member: str,
        lots: list[str] | UnsetType | None = UNSET,
        activity: models.ActivityName | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Pending:
        """Cancel pending points: `POST /v1/pending/cancel`.

        As if they had never been granted: caps and budgets get back what they took. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/pending/cancel",
                answer=models.Pending,
                repeats="keyed",
                body=only_given({"member": member, "lots": lots, "activity": activity}),
                key=idempotency_key,
            )
        )


class AsyncPrograms:
    """`/v1/programs`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        *,
        id: str,
        sandbox: bool | UnsetType = UNSET,
        money: str | UnsetType = UNSET,
        time_zone: str | UnsetType = UNSET,
        idempotency_key: str | None = None,
    ) -> models.ProgramMade:
        """Open a program: `POST /v1/programs`.

        The answer holds the program's first key, which has all scopes on it. It is shown this one time. Scope:
        admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/programs",
                answer=models.ProgramMade,
                repeats="keyed",
                body=only_given({"id": id, "sandbox": sandbox, "money": money, "time_zone": time_zone}),
                key=idempotency_key,
            )
        )


class AsyncRedemptions:
    """`/v1/redemptions`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def redeem(
        self,
        *,
        id: str,
        member: str,
        currency: str | UnsetType | None = UNSET,
        points: int | UnsetType | None = UNSET,
        value_minor: int | UnsetType | None = UNSET,
        order: models.Order | UnsetType | None = UNSET,
        reward: str | UnsetType | None = UNSET,
        quantity: int | UnsetType | None = UNSET,
        hold: models.Hold | UnsetType | None = UNSET,
        by: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Redeemed:
        """Spend points: `POST /v1/redemptions`.

        By number, or by the money they are worth; with `hold`, set aside. Lots are spent in the currency's order.
        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/redemptions",
                answer=models.Redeemed,
                repeats="keyed",
                body=only_given(
                    {
                        "id": id,
                        "member": member,
                        "currency": currency,
                        "points": points,
                        "value_minor": value_minor,
                        "order": order,
                        "reward": reward,
                        "quantity": quantity,
                        "hold": hold,
                        "by": by,
                    }
                ),
                key=idempotency_key,
            )
        )

    async def read_redemption(self, redemption: str, *, at_least: int | None = None) -> models.RedemptionNow:
        """Read a redemption: `GET /v1/redemptions/{redemption}`.

        As it stands now: `points` and `draws` are what is held or spent, `returned` what has come back of it.
        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/redemptions/{in_path(redemption)}",
                answer=models.RedemptionNow,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def cancel(self, redemption: str, *, idempotency_key: str | None = None) -> models.RedemptionChanged:
        """Let go what a redemption holds: `POST /v1/redemptions/{redemption}/cancel`.

        The points are in their lots again, with the ends these have. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/redemptions/{in_path(redemption)}/cancel",
                answer=models.RedemptionChanged,
                repeats="keyed",
                body={},
                key=idempotency_key,
            )
        )

    async def confirm(
        self, redemption: str, *, points: int | UnsetType | None = UNSET, idempotency_key: str | None = None
    ) -> models.RedemptionChanged:
        """Spend what a redemption holds: `POST /v1/redemptions/{redemption}/confirm`.

        All of it, or `points`: then the rest is free again. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/redemptions/{in_path(redemption)}/confirm",
                answer=models.RedemptionChanged,
                repeats="keyed",
                body=only_given({"points": points}),
                key=idempotency_key,
            )
        )

    async def give_back(
        self,
        redemption: str,
        *,
        points: int | UnsetType | None = UNSET,
        mode: Literal["reissue", "reverse"] | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.RedemptionChanged:
        """Give back what a redemption spent: `POST /v1/redemptions/{redemption}/return`.

        All that is left of it, or `points`. Send a key: another request gives back more. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/redemptions/{in_path(redemption)}/return",
                answer=models.RedemptionChanged,
                repeats="keyed",
                body=only_given({"points": points, "mode": mode}),
                key=idempotency_key,
            )
        )


class AsyncRefusals:
    """`/v1/refusals`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def refusals(self, *, at_least: int | None = None) -> models.Refusals:
        """The latest refusals: `GET /v1/refusals`.

        What clients ran into, the newest first. Kept for a while, and no part of the log. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET", path="/v1/refusals", answer=models.Refusals, repeats="safe", query={"at_least": at_least}
            )
        )


class AsyncReturns:
    """`/v1/returns`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def return_activity(
        self,
        *,
        id: str,
        source: str,
        activity: models.ActivityName,
        occurred_at: str,
        amount_minor: int | UnsetType | None = UNSET,
        lines: list[models.ReturnLine] | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Returned:
        """Return an activity, or part of it: `POST /v1/returns`.

        Takes back what it earned, under the rules it was earned by. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/returns",
                answer=models.Returned,
                repeats="keyed",
                body=only_given(
                    {
                        "id": id,
                        "source": source,
                        "activity": activity,
                        "occurred_at": occurred_at,
                        "amount_minor": amount_minor,
                        "lines": lines,
                    }
                ),
                key=idempotency_key,
            )
        )


class AsyncRewards:
    """`/v1/rewards`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def listing(
        self,
        *,
        member: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.Page:
        """List the catalogue: `GET /v1/rewards`.

        By id; `left` is what is neither redeemed nor held, null where there is no limit. Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/rewards",
                answer=models.Page,
                repeats="safe",
                query={"member": member, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_listing(
        self, *, member: str | None = None, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(member=member, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def create(
        self,
        *,
        id: str,
        kind: Literal["code", "credit", "discount", "gift", "product"],
        price: models.Price,
        name: str | UnsetType = UNSET,
        stock: int | UnsetType | None = UNSET,
        per_member: int | UnsetType | None = UNSET,
        starts: str | UnsetType | None = UNSET,
        ends: str | UnsetType | None = UNSET,
        when: str | UnsetType | None = UNSET,
        codes: Literal["generate", "list"] | list[str] | UnsetType | None = UNSET,
        valid: models.ValidBody | UnsetType | None = UNSET,
        gives: models.Price | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.RewardWritten:
        """Put a reward into the catalogue: `POST /v1/rewards`.

        What a unit costs, how many there are, how many a member may have, and when. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/rewards",
                answer=models.RewardWritten,
                repeats="keyed",
                body=only_given(
                    {
                        "id": id,
                        "kind": kind,
                        "price": price,
                        "name": name,
                        "stock": stock,
                        "per_member": per_member,
                        "starts": starts,
                        "ends": ends,
                        "when": when,
                        "codes": codes,
                        "valid": valid,
                        "gives": gives,
                    }
                ),
                key=idempotency_key,
            )
        )

    async def read(self, reward: str, *, at_least: int | None = None) -> models.Reward:
        """Read a reward: `GET /v1/rewards/{reward}`.

        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/rewards/{in_path(reward)}",
                answer=models.Reward,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def change(
        self,
        reward: str,
        *,
        price: models.Price | UnsetType = UNSET,
        name: str | UnsetType = UNSET,
        stock: int | UnsetType | None = UNSET,
        per_member: int | UnsetType | None = UNSET,
        starts: str | UnsetType | None = UNSET,
        ends: str | UnsetType | None = UNSET,
        when: str | UnsetType | None = UNSET,
        codes: list[str] | UnsetType = UNSET,
        valid: models.ValidBody | UnsetType | None = UNSET,
        gives: models.Price | UnsetType | None = UNSET,
        withdrawn: bool | UnsetType = UNSET,
        if_match: str | None = None,
    ) -> models.RewardWritten:
        """Change a reward: `PATCH /v1/rewards/{reward}`.

        `If-Match` carries the ETag that was read. What is held or redeemed keeps the terms it was redeemed on.
        Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="PATCH",
                path=f"/v1/rewards/{in_path(reward)}",
                answer=models.RewardWritten,
                repeats="once",
                headers={"If-Match": if_match},
                body=only_given(
                    {
                        "price": price,
                        "name": name,
                        "stock": stock,
                        "per_member": per_member,
                        "starts": starts,
                        "ends": ends,
                        "when": when,
                        "codes": codes,
                        "valid": valid,
                        "gives": gives,
                        "withdrawn": withdrawn,
                    }
                ),
            )
        )


class AsyncRulebooks:
    """`/v1/rulebooks`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def listing(
        self, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Rulebooks:
        """List versions and drafts: `GET /v1/rulebooks`.

        Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/rulebooks",
                answer=models.Rulebooks,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_listing(
        self, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def create(self, *, document: Any, note: str | UnsetType = UNSET) -> models.Draft:
        """Write a draft: `POST /v1/rulebooks`.

        A draft may be wrong: the findings say where. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/rulebooks",
                answer=models.Draft,
                repeats="once",
                body=only_given({"document": document, "note": note}),
            )
        )

    async def diff(self, before: str, after: str, *, at_least: int | None = None) -> models.Difference:
        """What changed between two versions or drafts: `GET /v1/rulebooks/{before}/diff/{after}`.

        In words. Either may be a version (4) or a draft (rb_7). Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/rulebooks/{in_path(before)}/diff/{in_path(after)}",
                answer=models.Difference,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def read(self, rulebook: str, *, at_least: int | None = None) -> models.Rulebook:
        """Read a version (4) or a draft (rb_7): `GET /v1/rulebooks/{rulebook}`.

        Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/rulebooks/{in_path(rulebook)}",
                answer=models.Rulebook,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def update(
        self, rulebook: str, *, document: Any, note: str | UnsetType = UNSET, if_match: str | None = None
    ) -> models.Draft:
        """Replace a draft: `PUT /v1/rulebooks/{rulebook}`.

        `If-Match` carries the ETag that was read, so that nobody's edit is lost. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="PUT",
                path=f"/v1/rulebooks/{in_path(rulebook)}",
                answer=models.Draft,
                repeats="once",
                headers={"If-Match": if_match},
                body=only_given({"document": document, "note": note}),
            )
        )

    async def check(self, rulebook: str) -> models.Draft:
        """Check a draft: `POST /v1/rulebooks/{rulebook}/check`.

        Types, cost, references, and what would change for open things. Writes nothing. Scope: operator.
        """
        return await self._transport.send(
            Call(method="POST", path=f"/v1/rulebooks/{in_path(rulebook)}/check", answer=models.Draft, repeats="safe")
        )

    async def publish(
        self,
        rulebook: str,
        *,
        effective_from: str | UnsetType | None = UNSET,
        expects: int | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Published:
        """Put a draft in force: `POST /v1/rulebooks/{rulebook}/publish`.

        Published versions never change. Rolling back is publishing the old document again. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/rulebooks/{in_path(rulebook)}/publish",
                answer=models.Published,
                repeats="keyed",
                body=only_given({"effective_from": effective_from, "expects": expects}),
                key=idempotency_key,
            )
        )

    async def simulate(
        self,
        rulebook: str,
        *,
        from_: str | UnsetType | None = UNSET,
        to: str | UnsetType | None = UNSET,
        top: int | UnsetType = UNSET,
    ) -> models.JobStarted:
        """Try a draft (rb_7) or a version (4) on history: `POST /v1/rulebooks/{rulebook}/simulate`.

        What every member would have, had it ruled in the window. Writes nothing. A job: look at /v1/jobs/{id}.
        Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/rulebooks/{in_path(rulebook)}/simulate",
                answer=models.JobStarted,
                repeats="safe",
                body=only_given({"from": from_, "to": to, "top": top}),
            )
        )


class AsyncSegments:
    """`/v1/segments`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def listing(
        self, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.Page:
        """List segments: `GET /v1/segments`.

        Those in force, with their conditions and how many members are in each as of its last entry. Scope:
        operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/segments",
                answer=models.Page,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_listing(
        self, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def read(self, segment: str, *, at_least: int | None = None) -> models.Segment:
        """Count the members of a segment: `GET /v1/segments/{segment}`.

        Counted in the table of memberships, whatever the number of members. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/segments/{in_path(segment)}",
                answer=models.Segment,
                repeats="safe",
                query={"at_least": at_least},
            )
        )


class AsyncTransfers:
    """`/v1/transfers`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def transfer(
        self,
        *,
        id: str,
        from_: str,
        to: str,
        currency: str,
        points: int,
        to_currency: str | UnsetType | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.Transferred:
        """Give points to another member: `POST /v1/transfers`.

        Lots keep their end and are split where need be. Reasons: `same-member`, `cross-currency`, `not-spendable`.
        Scope: client.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/transfers",
                answer=models.Transferred,
                repeats="keyed",
                body=only_given(
                    {
                        "id": id,
                        "from": from_,
                        "to": to,
                        "currency": currency,
                        "points": points,
                        "to_currency": to_currency,
                    }
                ),
                key=idempotency_key,
            )
        )

    async def reverse(
        self, transfer: str, *, force: bool | UnsetType = UNSET, idempotency_key: str | None = None
    ) -> models.Transferred:
        """Reverse a transfer: `POST /v1/transfers/{transfer}/reverse`.

        The points go back with their first end. Once; with `force` even when they are spent. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/transfers/{in_path(transfer)}/reverse",
                answer=models.Transferred,
                repeats="keyed",
                body=only_given({"force": force}),
                key=idempotency_key,
            )
        )


class AsyncWebhooks:
    """`/v1/webhooks`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def listing(
        self, *, limit: int | None = None, cursor: str | None = None, at_least: int | None = None
    ) -> models.WebhookList:
        """List webhooks: `GET /v1/webhooks`.

        Disabled ones too, without their secrets. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path="/v1/webhooks",
                answer=models.WebhookList,
                repeats="safe",
                query={"limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_listing(
        self, *, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.Webhook]:
        """Every item of `listing`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.listing(limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def create(
        self,
        *,
        url: str,
        events: list[str] | UnsetType = UNSET,
        filter: dict[str, str | int | bool | list[str | int]] | UnsetType = UNSET,
        ordered: bool | UnsetType = UNSET,
        description: str | UnsetType = UNSET,
    ) -> models.WebhookMade:
        """Make a webhook: `POST /v1/webhooks`.

        It is told of what is written from now on. The answer holds its secret, which is shown this one time. Scope:
        admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path="/v1/webhooks",
                answer=models.WebhookMade,
                repeats="once",
                body=only_given(
                    {"url": url, "events": events, "filter": filter, "ordered": ordered, "description": description}
                ),
            )
        )

    async def remove(self, webhook: str) -> models.Webhook:
        """Delete a webhook: `DELETE /v1/webhooks/{webhook}`.

        With all that waits for it. The answer is what it was. Scope: admin.
        """
        return await self._transport.send(
            Call(method="DELETE", path=f"/v1/webhooks/{in_path(webhook)}", answer=models.Webhook, repeats="once")
        )

    async def read(self, webhook: str, *, at_least: int | None = None) -> models.Webhook:
        """Read a webhook: `GET /v1/webhooks/{webhook}`.

        Whether it is enabled, and since when deliveries fail, if they do. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/webhooks/{in_path(webhook)}",
                answer=models.Webhook,
                repeats="safe",
                query={"at_least": at_least},
            )
        )

    async def change(
        self,
        webhook: str,
        *,
        url: str | UnsetType | None = UNSET,
        events: list[str] | UnsetType | None = UNSET,
        filter: dict[str, str | int | bool | list[str | int]] | UnsetType | None = UNSET,
        ordered: bool | UnsetType | None = UNSET,
        description: str | UnsetType | None = UNSET,
        enabled: bool | UnsetType | None = UNSET,
    ) -> models.Webhook:
        """Change a webhook: `PATCH /v1/webhooks/{webhook}`.

        What is left out stays. One that is enabled again goes on with what waits; see `redeliver` for what it
        missed. Scope: admin.
        """
        return await self._transport.send(
            Call(
                method="PATCH",
                path=f"/v1/webhooks/{in_path(webhook)}",
                answer=models.Webhook,
                repeats="once",
                body=only_given(
                    {
                        "url": url,
                        "events": events,
                        "filter": filter,
                        "ordered": ordered,
                        "description": description,
                        "enabled": enabled,
                    }
                ),
            )
        )

    async def deliveries(
        self,
        webhook: str,
        *,
        state: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> models.DeliveryList:
        """What a webhook was and is to be told: `GET /v1/webhooks/{webhook}/deliveries`.

        The latest first. Delivered ones are kept for 30 days. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="GET",
                path=f"/v1/webhooks/{in_path(webhook)}/deliveries",
                answer=models.DeliveryList,
                repeats="safe",
                query={"state": state, "limit": limit, "cursor": cursor, "at_least": at_least},
            )
        )

    async def iter_deliveries(
        self, webhook: str, *, state: str | None = None, limit: int | None = None, at_least: int | None = None
    ) -> AsyncIterator[models.Delivery]:
        """Every item of `deliveries`, page after page of `limit` items."""
        cursor: str | None = None
        while True:
            page = await self.deliveries(webhook, state=state, limit=limit, at_least=at_least, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def redeliver(
        self,
        webhook: str,
        *,
        ids: list[str] | UnsetType | None = UNSET,
        state: Literal["dead"] | UnsetType | None = UNSET,
        after: int | UnsetType | None = UNSET,
        until: int | UnsetType | None = UNSET,
    ) -> models.Redelivery:
        """Send events again: `POST /v1/webhooks/{webhook}/redeliver`.

        Some by id, what was given up, or whatever lies in the log behind a position: 10,000 entries at once. Scope:
        operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/webhooks/{in_path(webhook)}/redeliver",
                answer=models.Redelivery,
                repeats="once",
                body=only_given({"ids": ids, "state": state, "after": after, "until": until}),
            )
        )

    async def rotate(self, webhook: str, *, overlap_seconds: int | UnsetType = UNSET) -> models.WebhookRotated:
        """Give a webhook a new secret: `POST /v1/webhooks/{webhook}/rotate`.

        For a while deliveries are signed with both, so that a receiver can change over without missing any. Scope:
        admin.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/webhooks/{in_path(webhook)}/rotate",
                answer=models.WebhookRotated,
                repeats="once",
                body=only_given({"overlap_seconds": overlap_seconds}),
            )
        )

    async def test(self, webhook: str, *, type: str | UnsetType | None = UNSET) -> models.WebhookReply:
        """Send a made-up event: `POST /v1/webhooks/{webhook}/test`.

        At once, and once; the answer is what the receiver said. Its id begins with `sample_`. Scope: operator.
        """
        return await self._transport.send(
            Call(
                method="POST",
                path=f"/v1/webhooks/{in_path(webhook)}/test",
                answer=models.WebhookReply,
                repeats="once",
                body=only_given({"type": type}),
            )
        )
