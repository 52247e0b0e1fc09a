"""How much of the points of each month was redeemed by which month, and how much is left of them?

A view over lots and movements. A cohort is the month, in UTC, in which the activity that earned the points occurred;
points that came back count in the month of their redemption's end as less redeemed.
"""

from application.follow import View

_QUERY = """
WITH moved AS (
    SELECT l.program, l.currency, date_trunc('month', l.occurred_at AT TIME ZONE 'UTC')::date AS cohort,
           date_trunc('month', m.effective_at AT TIME ZONE 'UTC')::date AS month,
           sum(m.points) FILTER (WHERE m.kind IN ('award', 'adjustment') AND m.points > 0) AS issued,
           -sum(m.points) FILTER (WHERE m.kind IN ('spend', 'given_back')) AS redeemed,
           -sum(m.points) FILTER (WHERE m.kind = 'expiry') AS expired,
           -sum(m.points) FILTER (WHERE m.kind IN ('claw_back', 'repayment')
               OR (m.kind = 'adjustment' AND m.points < 0)) AS taken_back
    FROM {schema}.movements m JOIN {schema}.lots l ON l.stream = m.stream AND l.lot = m.lot
    WHERE m.account IN ('member', 'pending', 'reserve')
    GROUP BY 1, 2, 3, 4
)
SELECT program, currency, cohort, month,
       ((extract(year FROM month) - extract(year FROM cohort)) * 12
           + extract(month FROM month) - extract(month FROM cohort))::int AS age,
       coalesce(issued, 0)::bigint AS issued, coalesce(redeemed, 0)::bigint AS redeemed,
       coalesce(expired, 0)::bigint AS expired, coalesce(taken_back, 0)::bigint AS taken_back
FROM moved WHERE coalesce(issued, 0) <> 0 OR coalesce(redeemed, 0) <> 0 OR coalesce(expired, 0) <> 0
    OR coalesce(taken_back, 0) <> 0
"""

BREAKAGE_COHORTS = View(
    name="breakage_cohorts",
    comment="Points by the month that earned them, and what became of them in each month since.",
    columns={
        "program": "The program.",
        "currency": "The loyalty currency. Points are in its smallest unit.",
        "cohort": "The month, in UTC, whose activities earned the points: its first day.",
        "month": "The month, in UTC, in which it happened: its first day.",
        "age": "Months from the cohort to the month.",
        "issued": "Points of the cohort that were granted then.",
        "redeemed": "Points of the cohort that were spent then, less those that came back.",
        "expired": "Points of the cohort that ended unspent then.",
        "taken_back": "Points of the cohort that returns took back or that repaid a debt then.",
    },
    query=_QUERY,
)
