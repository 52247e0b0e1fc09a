-- The role belongs to the whole server and may be in use elsewhere: it stays.
DROP SCHEMA IF EXISTS analytics, analytics_next, analytics_old CASCADE;
DELETE FROM parked WHERE follower IN ('analytics', 'analytics_next');
DELETE FROM positions WHERE follower IN ('analytics', 'analytics_next');
