DROP INDEX sync_items_refused;
ALTER TABLE connections DROP COLUMN has_incidents;
DROP TABLE incidents;
