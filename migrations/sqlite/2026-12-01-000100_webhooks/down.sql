DROP TABLE webhook_deliveries;
DROP TABLE webhook_messages;
DROP TABLE webhook_endpoints;
ALTER TABLE connections DROP COLUMN failing_since;
ALTER TABLE changes DROP COLUMN partner;
ALTER TABLE changes DROP COLUMN cause;
