"""How many points does each member have now, also where time has passed and nobody has written it down?

A view over lots, by the same reckoning as `settle`: what became spendable repays debt first, in the order of its
instants; what expired is gone. "Now" is the program's clock: a sandbox may have set it.
"""

from application.follow import View

_QUERY = """
WITH alive AS (
    SELECT l.*, coalesce(p.clock, now()) AS now,
           l.state = 'pending' AND l.available_at <= coalesce(p.clock, now())
               AND (l.expires_at IS NULL OR l.available_at < l.expires_at) AS activated
    FROM {schema}.lots l LEFT JOIN programs p ON p.id = l.program
    WHERE l.remaining > 0
), repaying AS (
    SELECT a.program, a.stream, a.currency, a.now, a.available_at, a.expires_at, a.remaining,
           CASE WHEN a.activated THEN least(a.remaining, greatest(0, b.debt - coalesce(sum(a.remaining)
               FILTER (WHERE a.activated) OVER (PARTITION BY a.stream, a.currency ORDER BY a.available_at, a.lot
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)))
           ELSE 0 END::bigint AS repaid
    FROM alive a LEFT JOIN {schema}.balances b USING (stream, currency)
), settled AS (
    SELECT stream, currency,
           sum(remaining - repaid) FILTER (WHERE available_at <= now AND (expires_at IS NULL OR now < expires_at))
               AS available,
           sum(remaining) FILTER (WHERE (available_at IS NULL OR now < available_at)
               AND (expires_at IS NULL OR now < expires_at)) AS pending,
           sum(repaid) AS repaid
    FROM repaying GROUP BY stream, currency
)
SELECT b.program, b.stream, m.member, b.currency,
       coalesce(s.available, 0)::bigint AS available,
       coalesce(s.pending, 0)::bigint AS pending,
       b.held,
       (b.debt - coalesce(s.repaid, 0))::bigint AS debt,
       b.lifetime
FROM {schema}.balances b
LEFT JOIN settled s USING (stream, currency)
LEFT JOIN {schema}.members m USING (stream)
"""

BALANCES_NOW = View(
    name="balances_now",
    comment="Balances per member and currency at this moment of the program's clock, swept or not.",
    columns={
        "program": "The program.",
        "stream": "The member's stream.",
        "member": "The client's id of the member. Null once the member was erased.",
        "currency": "The loyalty currency. Points are in its smallest unit.",
        "available": "Points that can be spent now.",
        "pending": "Points granted that cannot be spent yet.",
        "held": "Points held for redemptions that are not confirmed yet.",
        "debt": "Points owed; the next award repays them first.",
        "lifetime": "All that rules ever granted, less what returns took back.",
    },
    query=_QUERY,
)
