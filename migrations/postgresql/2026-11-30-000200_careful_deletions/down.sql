ALTER TABLE sync_items DROP COLUMN missing_since;
ALTER TABLE records DROP COLUMN deleted_by;
