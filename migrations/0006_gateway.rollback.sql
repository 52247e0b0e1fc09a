DROP TABLE gateway_waits, gateway_inbox, gateway_mappings, gateway_sources;
DELETE FROM parked WHERE follower = 'gateway';
DELETE FROM positions WHERE follower = 'gateway';
