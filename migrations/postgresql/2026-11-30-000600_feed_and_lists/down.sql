DROP INDEX records_by_type;
DROP INDEX connections_by_status;
DROP INDEX connections_of_partner;
DROP TABLE feed;
DELETE FROM changes WHERE record_id IS NULL;
ALTER TABLE changes DROP COLUMN connection_id;
ALTER TABLE changes ALTER COLUMN record_id SET NOT NULL;
