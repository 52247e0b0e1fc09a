"""Notice boards: each file asks one question of the log, and answers it in a table that analysts read.

A file has a row (whose fields are the table's columns), a fold (`apply`) and a version. Nothing here knows how rows
are stored. Raise a projection's version when the meaning of its rows changes, and all are made again from the
first entry; versions only go up, and the version of a table that is dropped is added to another's.
"""

from application.follow import Boards
from projections.activities import ACTIVITIES
from projections.awards import AWARDS
from projections.badges import BADGES
from projections.balances import BALANCES
from projections.balances_now import BALANCES_NOW
from projections.breakage_cohorts import BREAKAGE_COHORTS
from projections.experiments import EXPERIMENTS
from projections.household_members import HOUSEHOLD_MEMBERS
from projections.households import HOUSEHOLDS
from projections.leaderboard_counts import LEADERBOARD_COUNTS
from projections.leaderboard_entries import LEADERBOARD_ENTRIES
from projections.leaderboard_scores import LEADERBOARD_SCORES
from projections.leaderboard_snapshots import LEADERBOARD_SNAPSHOTS
from projections.leaderboard_totals import LEADERBOARD_TOTALS
from projections.liability_daily import LIABILITY_DAILY
from projections.lots import LOTS
from projections.member_counts import MEMBER_COUNTS
from projections.members import MEMBERS
from projections.movements import MOVEMENTS
from projections.offer_progress import OFFER_PROGRESS
from projections.redemptions import REDEMPTIONS
from projections.referral_rewards import REFERRAL_REWARDS
from projections.referrals import REFERRALS
from projections.rule_performance_daily import RULE_PERFORMANCE_DAILY
from projections.segments import SEGMENTS
from projections.streaks import STREAKS
from projections.tier_counts import TIER_COUNTS
from projections.tier_history import TIER_HISTORY

ANALYTICS = Boards(
    name="analytics",
    projections=(
        MEMBERS,
        BALANCES,
        LOTS,
        MOVEMENTS,
        ACTIVITIES,
        AWARDS,
        TIER_HISTORY,
        SEGMENTS,
        HOUSEHOLDS,
        HOUSEHOLD_MEMBERS,
        REDEMPTIONS,
        OFFER_PROGRESS,
        RULE_PERFORMANCE_DAILY,
        LIABILITY_DAILY,
        EXPERIMENTS,
        LEADERBOARD_ENTRIES,
        LEADERBOARD_SCORES,
        LEADERBOARD_TOTALS,
        LEADERBOARD_SNAPSHOTS,
        STREAKS,
        BADGES,
        REFERRALS,
        REFERRAL_REWARDS,
    ),
    tallies=(LEADERBOARD_COUNTS, MEMBER_COUNTS, TIER_COUNTS),
    views=(BALANCES_NOW, BREAKAGE_COHORTS),
)
"""What analysts read: the schema `analytics`."""
