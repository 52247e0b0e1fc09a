DROP TABLE webhook_deliveries, webhooks;
DELETE FROM parked WHERE follower = 'webhooks';
DELETE FROM positions WHERE follower = 'webhooks';
