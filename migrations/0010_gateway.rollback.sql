DROP TABLE notices, notice_settings, gateway_waits, gateway_inbox, gateway_mappings, gateway_sources;
DELETE FROM parked WHERE follower IN ('gateway', 'notices');
DELETE FROM positions WHERE follower IN ('gateway', 'notices');
