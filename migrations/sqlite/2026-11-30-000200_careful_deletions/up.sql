-- Who deleted a record: 'host', or 'partner' when it was gone there. What a partner shows again lives
-- again only in the second case. Records deleted before stay deleted.
ALTER TABLE records ADD COLUMN deleted_by TEXT;
-- Since when an item is missing at its partner without that being believed yet.
ALTER TABLE sync_items ADD COLUMN missing_since BIGINT;
