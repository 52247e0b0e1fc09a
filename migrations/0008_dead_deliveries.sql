-- Deliveries that were given up are counted and sent again without a look at those that went well.

CREATE INDEX webhook_deliveries_dead_idx ON webhook_deliveries (webhook, position, number) WHERE state = 'dead';
